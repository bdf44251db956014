//! The Mitto adapter against a scripted server: what each observation comes to, and that nothing is sent twice.

mod answers;
mod read;
mod scripted;
mod table;
mod transport;

use std::time::Duration;

use jiff::Timestamp;
use messaging::domain::ids::MessageId;
use messaging::domain::outcome::{Backoff, Outcome};
use messaging::domain::phone::Msisdn;
use messaging::domain::sender::SenderId;
use messaging::domain::text::MessageText;
use messaging::provider::Submission;
use messaging::provider::mitto::{Config, Mitto};

/// The canaries: none of them may ever be printed.
const KEY: &str = "canary-key-5f3c";
const NUMBER: &str = "+306900000001";
const TEXT: &str = "canary text: your code is 4711";

fn config(base: &str) -> Config {
    let mut config = Config::new(base.parse().unwrap(), KEY.to_owned().into());
    config.connect_timeout = Duration::from_millis(400);
    config.timeout = Duration::from_millis(800);
    config
}

fn mitto(base: &str) -> Mitto {
    Mitto::new(config(base)).unwrap()
}

fn submission() -> Submission {
    Submission {
        reference: MessageId::new(Timestamp::UNIX_EPOCH),
        traffic_account_id: "5b0c0000-0000-4000-8000-000000000001".to_owned(),
        destination: Msisdn::parse(NUMBER).unwrap(),
        sender: SenderId::parse("MyCompany").unwrap(),
        text: MessageText::parse(TEXT).unwrap(),
        trace: None,
    }
}

/// An outcome in few words: its class, its backoff, and its code or id.
fn brief(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted(acceptance) => format!("accepted {}", acceptance.provider_message_id),
        Outcome::Rejected(reason) => format!("rejected {}", reason.code),
        Outcome::Ambiguous(reason) => format!("ambiguous {}", reason.code),
        Outcome::ServerFailed(reason) => format!("server failed {}", reason.code),
        Outcome::NotSent(not_sent) => match not_sent.backoff {
            Backoff::Unhealthy => format!("unhealthy {}", not_sent.reason.code),
            Backoff::Throttled { retry_after: None } => format!("throttled {}", not_sent.reason.code),
            Backoff::Throttled { retry_after: Some(wait) } => format!("throttled {wait:?} {}", not_sent.reason.code),
            Backoff::AccountBlocked => format!("blocked {}", not_sent.reason.code),
        },
    }
}

/// The description that an outcome carries.
fn description(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Accepted(_) => "",
        Outcome::Rejected(reason) | Outcome::ServerFailed(reason) | Outcome::Ambiguous(reason) => &reason.description.0,
        Outcome::NotSent(not_sent) => &not_sent.reason.description.0,
    }
}
