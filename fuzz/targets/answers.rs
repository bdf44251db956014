//! What the provider answers: a send counts as accepted only with a good status, a whole body and an id; what is quoted is bounded; and
//! nothing of it shows where outcomes are printed. The first byte chooses the status.

use std::sync::OnceLock;

use http::StatusCode;
use messaging::domain::outcome::Outcome;
use messaging::provider::mitto::{Config, Mitto, readers};
use secrecy::SecretString;

use super::tells_nothing;

const STATUSES: [u16; 17] = [200, 201, 202, 204, 301, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503];
/// How many messages a bulk call had.
const SENT: usize = 3;

/// See the module.
pub fn check(data: &[u8]) {
    static MITTO: OnceLock<Mitto> = OnceLock::new();
    let Some((kind, body)) = data.split_first() else { return };
    let status = STATUSES[usize::from(*kind) % STATUSES.len()];
    let status = StatusCode::from_u16(status).expect("a status");
    let mitto = MITTO.get_or_init(|| {
        let base = "http://127.0.0.1:9".parse().expect("a URL");
        Mitto::new(Config::new(base, SecretString::from("canary"))).expect("a client")
    });
    law(&readers::send(mitto, status, body), status, body);
    match readers::send_bulk(mitto, status, body, SENT) {
        Ok(outcomes) => {
            assert_eq!(outcomes.len(), SENT);
            for outcome in &outcomes {
                law(outcome, status, body);
            }
        }
        Err(outcome) => {
            assert!(!matches!(outcome, Outcome::Accepted(_)), "one acceptance for all of them");
            law(&outcome, status, body);
        }
    }
    let _ = readers::read(body);
}

fn law(outcome: &Outcome, status: StatusCode, body: &[u8]) {
    if let Outcome::Accepted(acceptance) = outcome {
        let text = std::str::from_utf8(body).expect("accepted, and no text").trim_start_matches('\u{feff}');
        assert!(status.is_success() && serde_json::from_str::<serde_json::Value>(text).is_ok(), "accepted");
        assert!(!acceptance.provider_message_id.to_string().is_empty());
    } else {
        tells_nothing(&format!("{outcome:?}"));
    }
}
