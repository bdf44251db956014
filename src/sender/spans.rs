//! The spans of calls to the provider: which trace each belongs to, and what it tells. A message that nobody traces has none, and so has none of a
//! campaign, which are those that go out in bulk.

use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::metrics::SendOutcome;
use crate::sender::Sender;
use crate::traces::{From, Kind, Span, Value};

impl Sender {
    /// The span of a try. The first belongs to the trace in which the message was accepted. A later one, which may come after hours, begins one of
    /// its own and names the message's: no trace is open for as long as a message may be.
    pub(super) fn span_of(&self, message: &Message) -> Span {
        let Some(trace) = message.trace else { return Span::default() };
        let links = [trace];
        let from = if message.state.epoch <= 1 { From::Parent(message.trace) } else { From::Links(&links) };
        let mut span = self.inner.traces.begin(Kind::Client, || "provider send", from);
        span.tell("messaging.message.id", Value::Id(message.id.0));
        span.tell("messaging.attempt", Value::Number(message.state.attempts.into()));
        span
    }
}

/// Tells of the outcome. One that is not an acceptance failed.
pub(super) fn tell(span: &mut Span, outcome: &Outcome) {
    span.tell("messaging.outcome", Value::Word(SendOutcome::from(outcome).name()));
    if !matches!(outcome, Outcome::Accepted(_)) {
        span.fail();
    }
}
