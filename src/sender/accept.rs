//! Storing a message that came. A commit whose answer is lost must leave neither a message that its caller knows nothing of
//! and that is sent nevertheless, nor one that nobody sends.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::message::{Dispatch, Lease, Message};
use crate::domain::status::Event;
use crate::error::Error;
use crate::sender::Sender;
use crate::store::{self, Accepted, IdempotencyKey, Job, Pick, Terms};

/// How long it is waited at most.
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// How long after a lost answer the commit may still happen: the server ends a transaction whose client is silent after
/// five seconds.
const LANDING: Duration = Duration::from_secs(10);

impl Sender {
    /// Stores a message, with its idempotency key if it has one, unless `cancel` is cancelled before. One that is to be sent
    /// at once takes its segments of its account's rate, or is queued instead; one whose owner is `limited` is stored only if
    /// the owner may spend it.
    pub async fn accept(
        &self,
        message: Message,
        key: Option<IdempotencyKey>,
        limited: bool,
        cancel: CancellationToken,
    ) -> Result<Accepted, Error> {
        let at_once = message.state.dispatch == Dispatch::Sending;
        let rate = if at_once { self.rate_of(&message) } else { None };
        let message =
            if rate.is_some() && self.has_backlog(&message) { message.queued(self.inner.clock.now()) } else { message };
        let terms = Terms { rate, limited };
        match self.inner.store.accept(message.clone(), key.clone(), terms, cancel).await {
            Err(store::Error::InDoubt(cause)) => {
                tracing::warn!(message = %message.id, %cause, "it is not known whether a message was stored; asking again");
                Box::pin(self.accept_again(message, key, terms)).await
            }
            known => Ok(known?),
        }
    }

    /// Tries again until the database says what became of it.
    async fn accept_again(
        &self,
        message: Message,
        key: Option<IdempotencyKey>,
        terms: Terms,
    ) -> Result<Accepted, Error> {
        let begun = tokio::time::Instant::now();
        let mut pause = self.inner.settings.first_pause;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
            match self.inner.store.accept_again(message.clone(), key.clone(), terms).await {
                Ok(Accepted::New(stored)) => return self.in_time(*stored, message.lease()).await,
                Ok(answer) => return Ok(answer),
                // An id that is taken meanwhile is found at the next try.
                Err(e) if begun.elapsed() > self.inner.settings.patience => {
                    self.withdraw(&message, key.is_some());
                    return Err(e.into());
                }
                Err(_) => {}
            }
        }
    }

    /// The message as it was stored under the lease that is `ours`; given back to the queue if its lease would not outlast the call. One
    /// that meanwhile somebody else sends is as any call's that was repeated.
    async fn in_time(&self, stored: Message, ours: Option<Lease>) -> Result<Accepted, Error> {
        let Some(lease) = stored.lease().filter(|_| stored.state.dispatch == Dispatch::Sending) else {
            return Ok(Accepted::New(Box::new(stored)));
        };
        if ours != Some(lease) {
            return Ok(Accepted::Repeat(Box::new(stored)));
        }
        if self.time_for_call(&stored).is_some() {
            return Ok(Accepted::New(Box::new(stored)));
        }
        let released = self.persist(vec![Job { pick: Pick::Id(stored.id), event: Event::Release { lease } }]).await?;
        self.wake();
        Ok(Accepted::New(Box::new(released.into_iter().flatten().next().map_or(stored, |moved| moved.message))))
    }

    /// Its caller hears that it was not stored, and may say it again. With a key that is the same message, which goes to the
    /// queue if it is there; without one it is not to be sent.
    fn withdraw(&self, message: &Message, keyed: bool) {
        let event = match message.lease() {
            Some(lease) if keyed => Event::Release { lease },
            None if keyed => return,
            lease => Event::Withdraw { lease },
        };
        let (sender, id) = (self.clone(), message.id);
        self.inner.lifecycle.spawn(async move {
            let job = || vec![Job { pick: Pick::Id(id), event: event.clone() }];
            let found = sender.persist(job()).await;
            if found.is_ok_and(|moved| moved.iter().all(Vec::is_empty)) {
                tokio::time::sleep(LANDING).await;
                let _ = sender.persist(job()).await;
            }
        });
    }
}
