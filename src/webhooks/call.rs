//! One call to an endpoint: its body is made, signed and posted.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::time::Instant;
use url::Url;

use crate::domain::ids;
use crate::domain::trace::TraceContext;
use crate::domain::webhook::health::{Called, Outcome};
use crate::receiver::Post;
use crate::store::{Endpoint, Error, Happening};
use crate::traces::{From, Kind, Span, Value};
use crate::webhooks::facts::Facts;
use crate::webhooks::{Inner, Webhooks, body};

/// Facts that several calls wait for.
pub(super) type Awaited = Shared<BoxFuture<'static, Option<Arc<Facts>>>>;

/// A call that was not made, or made and ended.
pub(super) enum Ended {
    /// It was made.
    Called(Called),
    /// It was not: the database did not answer, or the cursor may be another process's by now.
    NotCalled,
}

impl Inner {
    /// The facts of these events, for all the calls that are about them; none if the database does not answer.
    pub(super) fn facts(self: Arc<Self>, events: Vec<Happening>) -> Awaited {
        let facts =
            async move { Facts::read(&self.parts.store, &events).await.inspect_err(note_failure).ok().map(Arc::new) };
        facts.boxed().shared()
    }

    /// Calls the endpoint for these events, for the first time or `again`, unless `until` comes before the call could be begun.
    pub(super) async fn call(
        self: Arc<Self>,
        endpoint: Arc<Endpoint>,
        events: Vec<Happening>,
        facts: Awaited,
        again: bool,
        until: Instant,
    ) -> Ended {
        let Some(facts) = facts.await else { return Ended::NotCalled };
        let body = body::of_events(&events, &facts, &endpoint.calling);
        let links = facts.traces(&events);
        let _turn = self.in_flight.turn(endpoint.owner).await;
        if Instant::now() >= until {
            return Ended::NotCalled;
        }
        let began = Instant::now();
        let called = self.post(&endpoint, body.id, body.bytes, self.span(&links, events.len(), again)).await;
        self.parts.metrics.webhook_call(called.outcome, began.elapsed());
        if called.outcome == Outcome::Taken {
            let now = self.parts.clock.now();
            for event in &events {
                let lag = now.duration_since(event.at);
                self.parts.metrics.webhook_taken(lag.try_into().unwrap_or_default());
            }
        }
        Ended::Called(called)
    }

    /// The span of a call. What is told of one message for the first time belongs to the trace in which it was accepted.
    fn span(&self, links: &[TraceContext], events: usize, again: bool) -> Span {
        let from = match links {
            [] => return Span::default(),
            [one] if events == 1 && !again => From::Parent(Some(*one)),
            many => From::Links(many),
        };
        let mut span = self.parts.traces.begin(Kind::Client, || "webhook call", from);
        span.tell("messaging.batch.message_count", Value::Number(i64::try_from(events).unwrap_or(i64::MAX)));
        span
    }

    async fn post(&self, endpoint: &Endpoint, id: String, body: Bytes, mut span: Span) -> Called {
        let not_called = |outcome| Called { outcome, status: None, retry_after: None };
        let secrets = self.secrets(endpoint);
        if secrets.is_empty() {
            return not_called(Outcome::NoKey);
        }
        let Ok(url) = Url::parse(&endpoint.url) else { return not_called(Outcome::Broken) };
        let seconds = self.parts.clock.now().as_second();
        let signatures: Vec<String> = secrets.iter().map(|secret| secret.sign(&id, seconds, &body)).collect();
        let (owner, signature, trace) = (endpoint.owner, signatures.join(" "), span.context());
        let called = self.parts.receiver.post(Post { owner, url, id, seconds, signature, body, trace }).await;
        span.tell("messaging.outcome", Value::Word(called.outcome.name()));
        if let Some(status) = called.status {
            span.tell("http.response.status_code", Value::Number(status.into()));
        }
        if called.outcome != Outcome::Taken {
            span.fail();
        }
        called
    }
}

impl Webhooks {
    /// Calls an endpoint once with an event of the type `endpoint.test`, whether or not it is enabled. Nothing of it is written down.
    pub async fn test(&self, endpoint: &Endpoint) -> Called {
        let inner = &self.inner;
        let now = inner.parts.clock.now();
        let id = format!("test_{}", ids::ordered(now).as_simple());
        let body = body::of_test(&id, endpoint.id.0, now);
        let _turn = inner.in_flight.turn(endpoint.owner).await;
        let began = Instant::now();
        let span = inner.parts.traces.begin(Kind::Client, || "webhook test", From::Nothing);
        let called = inner.post(endpoint, id, body, span).await;
        inner.parts.metrics.webhook_call(called.outcome, began.elapsed());
        called
    }
}

/// Notes that the database failed; the same is tried again.
pub(super) fn note_failure(e: &Error) {
    tracing::debug!(error = %e, "webhooks wait for the database");
}
