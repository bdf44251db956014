//! The answers of the provider.

use messaging::domain::ids::ProviderMessageId;
use messaging::domain::outcome::{Acceptance, Backoff, NotSent, Outcome, Quote, Reason};

fn reason(code: &'static str) -> Reason {
    Reason { code, description: Quote("why".to_owned()) }
}

/// The provider took it, under this id.
pub fn accepted(id: &str) -> Outcome {
    Outcome::Accepted(Acceptance {
        provider_message_id: ProviderMessageId::from_provider(id).unwrap(),
        bulk_id: None,
        raw: serde_json::json!({"id": id}),
    })
}

/// The provider refused it.
pub fn rejected() -> Outcome {
    Outcome::Rejected(reason("PROVIDER_REJECTED"))
}

/// The provider certainly did not take it.
pub fn not_sent(backoff: Backoff) -> Outcome {
    Outcome::NotSent(NotSent { reason: reason("PROVIDER_UNHEALTHY"), backoff })
}

/// The provider says that it failed.
pub fn server_failed() -> Outcome {
    Outcome::ServerFailed(reason("PROVIDER_ERROR"))
}

/// Nobody knows.
pub fn ambiguous() -> Outcome {
    Outcome::Ambiguous(reason("PROVIDER_TIMEOUT"))
}
