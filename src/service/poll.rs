//! Asking the provider about messages that it took and of which nothing final was reported: a lane with a budget of its
//! own, beside the sends.

use std::sync::{Mutex, PoisonError};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;

use crate::domain::ids::{MessageId, OwnerId, ProviderMessageId};
use crate::domain::message::{Dispatch, Message};
use crate::domain::polling::unreported_from;
use crate::domain::rate::Rate;
use crate::domain::status::Event;
use crate::error::Error;
use crate::metrics::{PollOutcome, ProviderCall};
use crate::provider::ReadError;
use crate::service::Service;
use crate::store::{Job, Moved, Pick};

/// How many of these calls are in flight: few, so that the provider's answers to sends are not what waits.
const AT_ONCE: usize = 4;

/// The rest of this process's budget.
#[derive(Default)]
pub(super) struct PollBudget(Mutex<Option<Timestamp>>);

impl PollBudget {
    fn allowance(&self, rate: Rate, now: Timestamp) -> usize {
        let booked = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        usize::try_from(rate.allowance(booked, now)).unwrap_or(usize::MAX)
    }

    fn book(&self, rate: Rate, now: Timestamp, calls: usize) {
        let mut booked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *booked = Some(rate.book(*booked, now, u32::try_from(calls).unwrap_or(u32::MAX)));
    }
}

impl Service {
    /// How many messages [`Service::poll_unreported`] asks about, at most.
    pub const POLLS: usize = 100;

    /// Asks about messages whose time has come, as many as the budget allows; each of them once over all replicas, because
    /// taking one moves its time on. Returns how many were taken.
    pub async fn poll_unreported(&self) -> Result<usize, Error> {
        let (now, rate) = (self.inner.clock.now(), self.inner.settings.poll_rate);
        let limit = rate.map_or(Self::POLLS, |rate| self.inner.polls.allowance(rate, now)).min(Self::POLLS);
        if limit == 0 || self.inner.sender.is_provider_held() || self.inner.lifecycle.is_stopping() {
            return Ok(0);
        }
        let pick = Pick::Due { dispatch: Dispatch::Accepted, limit: i64::try_from(limit).unwrap_or(i64::MAX) };
        let moved = self.inner.store.apply(Job { pick, event: Event::Poll { asks: rate.is_some() } }).await?;
        self.inner.stats.forget_moved(&moved).await;
        let looked: Vec<Message> = moved.into_iter().filter(|m| m.result.is_ok()).map(|m| m.message).collect();
        let n = looked.len();
        if let Some(rate) = rate {
            self.inner.polls.book(rate, now, n);
        }
        let asked = looked.into_iter().map(|message| {
            let service = self.clone();
            async move { service.ask(&message, rate.is_some()).await }
        });
        let outcomes: Vec<Result<(), Error>> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
        outcomes.into_iter().collect::<Result<(), Error>>()?;
        Ok(n)
    }

    /// Asks about one message, and notes it if nothing final is known of it when it should be.
    async fn ask(&self, message: &Message, may_ask: bool) -> Result<(), Error> {
        let known = match &message.state.provider_message_id {
            Some(id) if may_ask => self.read_and_record(message.owner, id).await?,
            // There is nothing that could be asked.
            _ => true,
        };
        if known && unreported_from(message) <= self.inner.clock.now() {
            self.note_unreported(message.id).await?;
        }
        Ok(())
    }

    /// Whether the provider said what it knows.
    async fn read_and_record(&self, owner: OwnerId, id: &ProviderMessageId) -> Result<bool, Error> {
        let begun = tokio::time::Instant::now();
        let answer = self.inner.provider.read(id).await;
        self.inner.metrics.provider(ProviderCall::Poll, begun.elapsed());
        match answer {
            Ok(snapshot) => {
                let refreshed = self.record(owner, id, snapshot).await?;
                self.inner.metrics.poll(if refreshed.changed > 0 { PollOutcome::Changed } else { PollOutcome::Known });
                Ok(true)
            }
            Err(ReadError::NotFound) => {
                self.inner.metrics.poll(PollOutcome::NotFound);
                Ok(true)
            }
            Err(ReadError::Unavailable { .. } | ReadError::Throttled { .. } | ReadError::AccountBlocked) => {
                self.inner.metrics.poll(PollOutcome::Unanswered);
                Ok(false)
            }
        }
    }

    async fn note_unreported(&self, id: MessageId) -> Result<(), Error> {
        let moved: Vec<Moved> = self.inner.store.apply(Job { pick: Pick::Id(id), event: Event::Unreported }).await?;
        self.inner.stats.forget_moved(&moved).await;
        if moved.iter().any(|m| m.result.is_ok()) {
            self.inner.metrics.poll(PollOutcome::Unreported);
        }
        Ok(())
    }
}
