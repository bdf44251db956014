//! Handing messages to the provider: what is past the fence is sent, and settled whatever happens meanwhile.

use std::time::Duration;

use jiff::SignedDuration;

use crate::domain::gate::Signal;
use crate::domain::message::{Dispatch, Lease, Message};
use crate::domain::outcome::{Outcome, Quote, Reason};
use crate::domain::status::Event;
use crate::error::Error;
use crate::metrics::ProviderCall;
use crate::provider::Submission;
use crate::sender::{Sender, spans};
use crate::store::{Job, Pick};

/// How much of a lease has to be left for the fence: time for its commit and for noticing that it ran out.
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// The outcome of a call that its own limits should have ended.
pub(super) fn no_answer() -> Outcome {
    let description = Quote("the provider did not answer in time".to_owned());
    Outcome::Ambiguous(Reason { code: "PROVIDER_TIMEOUT", description })
}

impl Submission {
    /// The submission of a message.
    pub(super) fn of(message: &Message) -> Self {
        Self {
            reference: message.id,
            traffic_account_id: message.traffic_account_id.clone(),
            destination: message.destination.clone(),
            sender: message.sender.clone(),
            text: message.text.clone(),
            trace: None,
        }
    }
}

/// How much of a lease has to be left when a call begins, beyond the call itself: time for its answer's commit.
const ANSWER_MARGIN: SignedDuration = SignedDuration::from_secs(5);

impl Sender {
    /// How long a call may take that begins now under the message's lease; `None` if the longest would not end in time.
    pub(super) fn time_for_call(&self, message: &Message) -> Option<Duration> {
        let now = self.inner.clock.now();
        let left = message.state.due_at.map_or(SignedDuration::ZERO, |end| end.duration_since(now)) - ANSWER_MARGIN;
        Duration::try_from(left).ok().filter(|left| *left >= self.inner.settings.provider_timeout)
    }

    /// Sends a message that passed the fence under our lease, and settles it. Returns the message as it is then, and
    /// the provider's outcome.
    pub(super) async fn deliver(&self, message: Message) -> Result<(Message, Outcome), Error> {
        let Some(lease) = message.lease() else {
            return Err(Error::Internal { cause: "a message without a lease was to be sent".to_owned() });
        };
        let mut span = self.span_of(&message);
        let submission = Submission { trace: span.context(), ..Submission::of(&message) };
        // The provider's own limits end sooner. A call does not outlive its lease but by what the commit before it took of it.
        let limit = self.time_for_call(&message).unwrap_or(self.inner.settings.provider_timeout);
        let call = tokio::time::timeout(limit, self.inner.provider.send(&submission));
        let begun = tokio::time::Instant::now();
        let outcome = call.await.unwrap_or_else(|_| no_answer());
        self.inner.metrics.provider(ProviderCall::Send, begun.elapsed());
        self.inner.metrics.outcome(message.lane, (&outcome).into());
        spans::tell(&mut span, &outcome);
        drop(span);
        self.observe(&message.traffic_account_id, message.owner, Signal::of(&outcome)).await;
        let settled = self.settle(message, lease, outcome.clone()).await?;
        Ok((settled, outcome))
    }

    /// Writes down what a send came to.
    async fn settle(&self, message: Message, lease: Lease, outcome: Outcome) -> Result<Message, Error> {
        let id = message.id;
        let accepted_as = match &outcome {
            Outcome::Accepted(acceptance) => Some(acceptance.provider_message_id.to_string()),
            _ => None,
        };
        let event = Event::Settle { lease, outcome, random: (self.inner.random)() };
        let settled = self.persist(vec![Job { pick: Pick::Known(Box::new(message)), event }]).await;
        let moved = settled.inspect_err(|e| {
            tracing::error!(message = %id, accepted_as, cause = e.cause(), "a settle was given up");
        })?;
        let gone = || Error::Internal { cause: format!("message {id} vanished while it was sent") };
        let moved = moved.into_iter().flatten().next().ok_or_else(gone)?;
        if let Err(refused) = moved.result {
            self.inner.metrics.late_settle();
            tracing::warn!(message = %id, ?refused, "a settle came too late to decide");
        }
        Ok(moved.message)
    }

    /// Sends a message that is claimed or past the fence in a task of its own, in a slot: a kill leaves no more unknown than there are slots.
    pub(super) async fn begin(&self, message: Message) {
        let slot = self.inner.slots.take().await;
        let (sender, counted) = (self.clone(), self.count(message.owner, 1));
        self.inner.lifecycle.spawn(async move {
            let _held = (slot, counted);
            if let Err(e) = Box::pin(sender.fence_and_deliver(&message)).await {
                tracing::warn!(message = %message.id, cause = e.cause(), "a queued message could not be sent");
            }
        });
    }

    async fn fence_and_deliver(&self, message: &Message) -> Result<(), Error> {
        let Some(lease) = message.lease() else { return Ok(()) };
        if message.state.dispatch == Dispatch::Sending {
            return self.deliver_in_time(message.clone(), lease).await;
        }
        if self.inner.lifecycle.is_stopping() {
            return self.release(vec![(message.id, lease)]).await;
        }
        let event = Event::Fence { lease, until: self.lease_end(), margin: LEASE_MARGIN };
        let moved = match self.inner.store.apply(Job { pick: Pick::Id(message.id), event }).await {
            Ok(moved) => moved,
            // Whether it is past the fence or not: it was not sent, and the reaper is not to think otherwise.
            Err(e) => {
                self.release(vec![(message.id, lease)]).await?;
                return Err(e.into());
            }
        };
        for fenced in moved {
            // Too little of the lease is left for the fence, or none: nothing was sent under it.
            if fenced.result.is_err() {
                self.release(vec![(message.id, lease)]).await?;
            }
            if fenced.result.is_ok() && fenced.message.state.dispatch == Dispatch::Sending {
                self.deliver_in_time(fenced.message, lease).await?;
            }
        }
        Ok(())
    }

    /// Sends a message that passed the fence, or gives it back if its lease would not outlast the call: this process stood still
    /// meanwhile, and others may have sent the message, or nobody may want it any more.
    async fn deliver_in_time(&self, message: Message, lease: Lease) -> Result<(), Error> {
        if self.time_for_call(&message).is_none() {
            return self.release(vec![(message.id, lease)]).await;
        }
        let (message, _) = self.deliver(message).await?;
        self.inner.stats.forget_of([&message]).await;
        Ok(())
    }
}
