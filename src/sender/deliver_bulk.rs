//! Handing many messages to the provider in one call, and finding the one that spoils it for the others.

use tokio::sync::OwnedSemaphorePermit;

use crate::domain::gate::Signal;
use crate::domain::message::Message;
use crate::domain::outcome::{Backoff, NotSent, Outcome, Quote, Reason};
use crate::domain::status::Event;
use crate::metrics::ProviderCall;
use crate::provider::Submission;
use crate::sender::Sender;
use crate::store::{Job, Pick};

impl Sender {
    /// Sends messages that passed the fence, in a task of its own. The slot is free again when all are settled.
    pub(super) fn begin_bulk(&self, messages: Vec<Message>, slot: OwnedSemaphorePermit) {
        let counted = messages.first().map(|m| self.count(m.owner, messages.len()));
        let sender = self.clone();
        self.inner.lifecycle.spawn(async move {
            let _held = (slot, counted);
            sender.deliver_bulk(messages).await;
        });
    }

    /// Calls until every message has an outcome. A call that is refused as a whole is divided: the provider refuses all
    /// for the sake of one, and the others must not be lost with it.
    async fn deliver_bulk(&self, messages: Vec<Message>) {
        let mut parts = vec![messages];
        while let Some(mut part) = parts.pop() {
            let outcomes = self.call_bulk(&part).await;
            match outcomes {
                Err(Outcome::Rejected(_)) if part.len() > 1 => {
                    self.inner.metrics.divided();
                    let rest = part.split_off(part.len() / 2);
                    parts.extend([rest, part]);
                }
                Err(outcome) => {
                    let all = vec![outcome; part.len()];
                    self.settle_all(part, all).await;
                }
                Ok(outcomes) => self.settle_all(part, outcomes).await,
            }
        }
    }

    async fn call_bulk(&self, messages: &[Message]) -> Result<Vec<Outcome>, Outcome> {
        let Some(first) = messages.first() else { return Ok(Vec::new()) };
        let Some(left) = self.time_for_call(first) else { return Err(out_of_time()) };
        let submissions: Vec<Submission> = messages.iter().map(Submission::of).collect();
        let begun = tokio::time::Instant::now();
        let called = match submissions.as_slice() {
            [one] => tokio::time::timeout(left, async { Ok(vec![self.inner.provider.send(one).await]) }).await,
            many => tokio::time::timeout(left, self.inner.provider.send_bulk(many)).await,
        };
        self.inner.metrics.provider(ProviderCall::Bulk, begun.elapsed());
        let outcomes = called.unwrap_or_else(|_| Err(super::deliver::no_answer()));
        let signal = match &outcomes {
            Ok(each) => each
                .first()
                .map_or(Signal::Healthy, |outcome| if each.len() == 1 { Signal::of(outcome) } else { Signal::Healthy }),
            Err(whole) => Signal::of(whole),
        };
        self.observe(&first.traffic_account_id, first.owner, signal).await;
        outcomes
    }

    async fn settle_all(&self, messages: Vec<Message>, outcomes: Vec<Outcome>) {
        let Some(first) = messages.first().cloned() else { return };
        for outcome in &outcomes {
            self.inner.metrics.outcome(first.lane, outcome.into());
        }
        let random = || (self.inner.random)();
        let jobs = messages.into_iter().zip(outcomes).filter_map(|(message, outcome)| {
            let lease = message.lease()?;
            Some(Job {
                pick: Pick::Known(Box::new(message)),
                event: Event::Settle { lease, outcome, random: random() },
            })
        });
        let settled = self.persist(jobs.collect()).await;
        if let Err(e) = settled {
            tracing::error!(
                cause = e.cause(),
                "the settling of a bulk call was given up; the messages will be found by their lease"
            );
        }
        self.inner.stats.forget_of([&first]).await;
    }
}

/// The outcome of messages whose lease would not outlast another call.
fn out_of_time() -> Outcome {
    let description = Quote("the call was divided so often that its time ran out".to_owned());
    Outcome::NotSent(NotSent {
        reason: Reason { code: "BULK_OUT_OF_TIME", description },
        backoff: Backoff::Throttled { retry_after: None },
    })
}
