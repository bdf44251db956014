//! Handing messages to the provider: what is past the fence is sent, and settled whatever happens meanwhile.

use std::time::Duration;

use jiff::SignedDuration;

use crate::domain::message::{Dispatch, Hold, Message};
use crate::domain::outcome::{Outcome, Quote, Reason};
use crate::domain::status::Event;
use crate::error::Error;
use crate::planted;
use crate::provider::Submission;
use crate::service::Service;
use crate::store::{self, Job, Moved, Pick};

/// How much of a lease has to be left for the fence: time for its commit and for noticing that it ran out.
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(5);
/// How long a settle is tried again while the database is out of reach. After that the reaper calls the message
/// unknown, which is what it then is.
const SETTLE_TRIES: Duration = Duration::from_mins(5);

impl Service {
    /// When a lease that begins now ends.
    pub(super) fn lease_end(&self) -> jiff::Timestamp {
        let now = self.inner.clock.now();
        let lease = SignedDuration::try_from(self.inner.settings.lease).unwrap_or(SignedDuration::from_mins(1));
        now.checked_add(lease).unwrap_or(now)
    }

    /// Sends a message that passed the fence under our hold, and settles it. Answers the message as it is then, and
    /// the provider's outcome.
    pub(super) async fn deliver(&self, message: Message) -> Result<(Message, Outcome), Error> {
        let Some(hold) = message.hold() else {
            return Err(Error::Internal { cause: "a message without a hold reached the provider's door".to_owned() });
        };
        let submission = Submission {
            reference: message.id,
            traffic_account_id: message.traffic_account_id.clone(),
            destination: message.destination.clone(),
            sender: message.sender.clone(),
            text: message.text.clone(),
        };
        // The provider's own limits end sooner; this one holds the promise that no call outlives its lease.
        let call = tokio::time::timeout(self.inner.settings.lease, self.inner.provider.send(&submission));
        let outcome = call.await.unwrap_or_else(|_| {
            Outcome::Ambiguous(Reason {
                code: "PROVIDER_TIMEOUT",
                description: Quote("the provider did not answer in time".to_owned()),
            })
        });
        if planted::now_and_then("lost-settle") {
            return Ok((message, outcome));
        }
        let settled = self.settle(message, hold, outcome.clone()).await?;
        Ok((settled, outcome))
    }

    /// Writes down what a send came to, trying again while the database is away.
    async fn settle(&self, message: Message, hold: Hold, outcome: Outcome) -> Result<Message, Error> {
        let id = message.id;
        let accepted_as = match &outcome {
            Outcome::Accepted(acceptance) => Some(acceptance.provider_message_id.to_string()),
            _ => None,
        };
        let event = Event::Settle { hold, outcome, random: (self.inner.random)() };
        let job = Job { pick: Pick::Known(Box::new(message)), event };
        let begun = tokio::time::Instant::now();
        let mut wait = Duration::from_millis(100);
        loop {
            match self.inner.store.apply(job.clone()).await {
                Ok(moved) => {
                    let gone = || Error::Internal { cause: format!("message {id} vanished while it was sent") };
                    let moved = moved.into_iter().next().ok_or_else(gone)?;
                    if let Err(refused) = moved.result {
                        tracing::warn!(message = %id, ?refused, "a settle came too late to decide");
                    }
                    return Ok(moved.message);
                }
                Err(store::Error::Unavailable(cause)) if begun.elapsed() < SETTLE_TRIES => {
                    tracing::warn!(message = %id, %cause, "a settle waits for the database");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
                Err(e) => {
                    tracing::error!(message = %id, accepted_as, error = %e, "a settle was given up");
                    return Err(e.into());
                }
            }
        }
    }

    /// Waits until another queued message can be in flight, or the process stops.
    pub async fn slot_free(&self) {
        tokio::select! {
            // The semaphore is never closed; if it were, looking for work would be right, too.
            slot = self.inner.slots.acquire() => drop(slot),
            () = self.inner.stopping.cancelled() => {}
        }
    }

    /// Takes as many queued messages whose time has come as there are free slots, and begins to send them. Answers
    /// how many it dealt with; [`Service::drain`] waits for their ends.
    pub async fn send_due(&self) -> Result<usize, Error> {
        let free = self.inner.slots.available_permits();
        let mut dealt_with = 0;
        for dispatch in [Dispatch::Queued, Dispatch::Scheduled] {
            let limit = i64::try_from(free - dealt_with).unwrap_or(i64::MAX);
            if limit == 0 || self.inner.stopping.is_cancelled() {
                break;
            }
            let event = Event::Claim { by: self.inner.holder, until: self.lease_end() };
            let moved = self.inner.store.apply(Job { pick: Pick::Due { dispatch, limit }, event }).await?;
            self.forget_stats(&moved).await;
            let moved = moved.into_iter().filter(|m| m.result.is_ok());
            for Moved { message, .. } in moved {
                dealt_with += 1;
                // One whose validity has ended is not claimed but expired.
                if message.state.dispatch == Dispatch::Claimed {
                    self.begin(message).await;
                }
            }
        }
        Ok(dealt_with)
    }

    /// Sends a claimed message in a task of its own, in a slot: a kill leaves no more unknown than there are slots.
    async fn begin(&self, message: Message) {
        let slot = self.inner.slots.clone().acquire_owned().await;
        let service = self.clone();
        self.inner.sends.spawn(async move {
            let _slot = slot;
            if let Err(e) = service.fence_and_deliver(&message).await {
                tracing::warn!(message = %message.id, cause = e.cause(), "a queued message could not be sent");
            }
        });
    }

    /// From here on nothing more is claimed, and what is claimed is given back instead of sent.
    pub fn stop_sending(&self) {
        self.inner.stopping.cancel();
    }

    async fn fence_and_deliver(&self, message: &Message) -> Result<(), Error> {
        let Some(hold) = message.hold() else { return Ok(()) };
        let event = if self.inner.stopping.is_cancelled() {
            Event::Release { hold }
        } else {
            Event::Fence { hold, until: self.lease_end(), margin: LEASE_MARGIN }
        };
        let moved = self.inner.store.apply(Job { pick: Pick::Id(message.id), event }).await?;
        for fenced in moved {
            if fenced.result.is_ok() && fenced.message.state.dispatch == Dispatch::Sending {
                let (message, _) = self.deliver(fenced.message).await?;
                self.forget_stats_of(&message).await;
            }
        }
        Ok(())
    }

    /// Forgets the counters of the campaigns that these moves changed.
    pub(super) async fn forget_stats(&self, moved: &[Moved]) {
        for moved in moved.iter().filter(|m| m.result.is_ok()) {
            self.forget_stats_of(&moved.message).await;
        }
    }

    /// Forgets the counters of the message's campaign.
    pub(super) async fn forget_stats_of(&self, message: &Message) {
        if let Some(campaign) = message.campaign {
            self.inner.stats.invalidate(&(message.owner, campaign)).await;
        }
    }
}
