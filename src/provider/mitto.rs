//! The adapter to Mitto's Messaging API: one call per question, and an outcome for whatever comes back.

mod answer;
pub mod classify;
mod config;
mod description;
pub mod readers;
mod snapshot;
mod transport;
mod wire;

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::ids::ProviderMessageId;
use crate::domain::outcome::{Acceptance, Outcome};
use crate::provider::{Provider, ReadError, Snapshot, Submission};

use classify::{Body, Class, Observed};
pub use config::{Config, Error};
use transport::{Answer, Endpoint};

/// Mitto. Cheap to share, not to make: it holds the connections.
pub struct Mitto {
    endpoint: Endpoint,
    max_answer_bytes: usize,
    max_bulk_answer_bytes: usize,
    send_reference: bool,
    server_errors_ambiguous: bool,
}

impl Mitto {
    /// Checks the configuration and builds the client; nothing is connected yet.
    #[expect(clippy::needless_pass_by_value, reason = "the key is wiped here instead of living on with the caller")]
    pub fn new(config: Config) -> Result<Self, Error> {
        Ok(Self {
            endpoint: Endpoint::new(&config)?,
            max_answer_bytes: config.max_answer_bytes,
            max_bulk_answer_bytes: config.max_bulk_answer_bytes,
            send_reference: config.send_reference,
            server_errors_ambiguous: config.server_errors_ambiguous,
        })
    }

    /// The outcome of what the table says about an answer that accepted nothing readable.
    fn outcome(&self, answer: &Answer, body: Body, parsed: Option<&Value>) -> Outcome {
        let row = classify::lookup(Observed::Status(answer.status.as_u16(), body));
        let words = match parsed {
            Some(value) => description::of_value(value),
            None => answer.body.as_ref().ok().and_then(|bytes| description::of_bytes(bytes)),
        };
        row.outcome(None, words, answer.retry_after, self.server_errors_ambiguous)
    }

    /// The outcome of a send whose answer never came.
    fn failed(&self, fault: classify::Fault) -> Outcome {
        classify::lookup(Observed::Fault(fault)).outcome(None, None, None, self.server_errors_ambiguous)
    }

    /// The outcome of one send, from its answer.
    fn settle(&self, answer: &Answer) -> Outcome {
        let parsed = answer.json();
        if answer.status.is_success()
            && let Some(raw) = &parsed
            && let Some(provider_message_id) = answer::single(raw)
        {
            let row = classify::lookup(Observed::Status(answer.status.as_u16(), Body::Id));
            let acceptance = parsed.map(|raw| Acceptance { provider_message_id, bulk_id: None, raw });
            return row.outcome(acceptance, None, None, self.server_errors_ambiguous);
        }
        self.outcome(answer, answer.completeness(), parsed.as_ref())
    }

    /// The outcomes of `expected` sends, from the one answer to all of them; or the one that they share.
    fn settle_bulk(&self, answer: &Answer, expected: usize) -> Result<Vec<Outcome>, Outcome> {
        let parsed = answer.json();
        if !answer.status.is_success() {
            return Err(self.outcome(answer, answer.completeness(), parsed.as_ref()));
        }
        // Results pair with requests by position alone: one too few or too many, and every pairing is a guess.
        match parsed.map(answer::bulk) {
            Some(Ok(bulk)) if bulk.elements.len() == expected => {
                Ok(bulk.elements.into_iter().map(|element| element.outcome(bulk.bulk_id.as_ref())).collect())
            }
            Some(Ok(_)) => Err(classify::UNREADABLE.outcome(None, None, None, false)),
            Some(Err(other)) => Err(self.outcome(answer, answer.completeness(), Some(&other))),
            None => Err(self.outcome(answer, answer.completeness(), None)),
        }
    }
}

/// An outcome that quotes neither the message's number nor its text.
fn hide(outcome: Outcome, message: &Submission) -> Outcome {
    let number = message.destination.as_str();
    outcome.without(&[message.text.as_str(), number, number.trim_start_matches('+')])
}

/// Shows nothing: what is inside is configuration.
impl std::fmt::Debug for Mitto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mitto")
    }
}

#[async_trait]
impl Provider for Mitto {
    async fn send(&self, message: &Submission) -> Outcome {
        let Ok(body) = wire::single(message, self.send_reference) else {
            return self.failed(classify::Fault::Unsendable);
        };
        match self.endpoint.send(body, message.trace, self.max_answer_bytes).await {
            Ok(answer) => hide(self.settle(&answer), message),
            Err(fault) => self.failed(fault),
        }
    }

    async fn send_bulk(&self, messages: &[Submission]) -> Result<Vec<Outcome>, Outcome> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let body = wire::bulk(messages, self.send_reference).map_err(|_| self.failed(classify::Fault::Unsendable))?;
        let called = self.endpoint.send_bulk(body, self.max_bulk_answer_bytes).await;
        let answer = called.map_err(|fault| self.failed(fault))?;
        // What meets all of them may quote any of them.
        let hide_all = |outcome| messages.iter().fold(outcome, hide);
        let outcomes = self.settle_bulk(&answer, messages.len()).map_err(hide_all)?;
        Ok(outcomes.into_iter().zip(messages).map(|(outcome, message)| hide(outcome, message)).collect())
    }

    async fn read(&self, id: &ProviderMessageId) -> Result<Snapshot, ReadError> {
        let unavailable = |observed| ReadError::Unavailable { code: classify::lookup(observed).code };
        let answer = match self.endpoint.read(id.as_str(), self.max_answer_bytes).await {
            Some(Ok(answer)) => answer,
            Some(Err(fault)) => return Err(unavailable(Observed::Fault(fault))),
            None => return Err(ReadError::NotFound),
        };
        let observed = Observed::Status(answer.status.as_u16(), answer.completeness());
        if answer.status.is_success() {
            return answer.json().and_then(snapshot::read).ok_or_else(|| unavailable(observed));
        }
        match classify::lookup(observed).class {
            Class::Rejected if matches!(answer.status.as_u16(), 404 | 410) => Err(ReadError::NotFound),
            Class::Throttled => Err(ReadError::Throttled { retry_after: answer.retry_after }),
            Class::AccountBlocked => Err(ReadError::AccountBlocked),
            Class::Accepted | Class::Rejected | Class::Unhealthy | Class::ServerFailed | Class::Ambiguous => {
                Err(unavailable(observed))
            }
        }
    }
}
