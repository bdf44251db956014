//! Cancelling one message that waits.

use crate::auth::{Caller, Scope};
use crate::domain::message::{Dispatch, Message};
use crate::domain::status::{Event, EventKind};
use crate::error::{Error, Resource};
use crate::service::Service;
use crate::service::lookup::parse_message_id;
use crate::store::{Job, Pick};

impl Service {
    /// Cancels one of the caller's messages that waits for its time or in the queue. Returns it as it is then: cancelled, or unknown
    /// if an earlier try may have reached the provider, which ends the tries as well. Done again, it changes nothing.
    pub async fn cancel_message(&self, caller: &Caller, id: &str) -> Result<Message, Error> {
        caller.require(Scope::MessagesSend)?;
        let parsed = parse_message_id(id)?;
        let missing = || Error::NotFound(Resource::Message, id.to_owned());
        // Whose it is never changes, and neither does a message go away under its validity.
        self.inner.store.message(caller.user, parsed).await?.ok_or_else(missing)?;
        let job = Job { pick: Pick::Id(parsed), event: Event::Cancel };
        let moved = self.inner.store.apply(job).await?.into_iter().next().ok_or_else(missing)?;
        self.inner.stats.forget_of([&moved.message]).await;
        match moved.result {
            Ok(_) => Ok(moved.message),
            Err(_) if moved.message.state.dispatch == Dispatch::Cancelled => Ok(moved.message),
            Err(_) if self.was_cancelled(caller, &moved.message).await? => Ok(moved.message),
            Err(_) => Err(Error::Precondition {
                reason: "MESSAGE_STATE",
                message: format!("A message that is {} cannot be cancelled", moved.message.status().name()),
                metadata: vec![("status", moved.message.status().name().to_owned())],
            }),
        }
    }

    /// Whether the last thing that happened to a message whose answer was lost was that it was cancelled: no further try is to come.
    async fn was_cancelled(&self, caller: &Caller, message: &Message) -> Result<bool, Error> {
        if message.state.dispatch != Dispatch::Unknown {
            return Ok(false);
        }
        let history = self.inner.store.history(caller.user, message.id).await?;
        Ok(history.last().is_some_and(|last| last.kind == Some(EventKind::Cancelled)))
    }
}
