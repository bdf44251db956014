//! Cancelling one message that waits.

use crate::auth::{Caller, Scope};
use crate::domain::ids::MessageId;
use crate::domain::message::{Dispatch, Message};
use crate::domain::status::{Event, EventKind};
use crate::error::{Error, Resource, Violation};
use crate::service::Service;
use crate::service::lookup::parse_message_id;
use crate::service::send::{IDEMPOTENCY_KEY, is_idempotency_key};
use crate::store::{Job, Pick};

/// Which message to cancel: by its id or by its key, one of which is empty.
#[derive(Clone, Default)]
pub struct CancelMessage {
    /// Our id of it.
    pub id: String,
    /// The idempotency key that it was sent with.
    pub sent_idempotency_key: String,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
}

/// The name of a message, as a caller gives it.
enum Named<'a> {
    Id(MessageId),
    Key(&'a str),
}

impl CancelMessage {
    fn named(&self) -> Result<Named<'_>, Error> {
        match (self.id.as_str(), self.sent_idempotency_key.as_str()) {
            ("", "") => Err(Error::Invalid(vec![
                Violation::new("id", "is required, or sent_idempotency_key"),
                Violation::new("sent_idempotency_key", "is required, or id"),
            ])),
            (id, "") => parse_message_id(id).map(Named::Id),
            ("", key) if is_idempotency_key(key) => Ok(Named::Key(key)),
            ("", _) => Err(Error::invalid("sent_idempotency_key", IDEMPOTENCY_KEY)),
            _ => Err(Error::invalid("sent_idempotency_key", "must be empty beside an id")),
        }
    }

    /// A key is the caller's own word, and may hold a number: it is not told.
    fn missing(&self) -> Error {
        let name = if self.id.is_empty() { "none was sent with this idempotency key" } else { self.id.as_str() };
        Error::NotFound(Resource::Message, name.to_owned())
    }
}

impl Service {
    /// Cancels a message that waits for its time or in the queue. Returns it as it is then: cancelled, or unknown if an earlier try
    /// may have reached the provider, which ends the tries as well. Done again, it changes nothing.
    pub async fn cancel_message(&self, caller: &Caller, request: &CancelMessage) -> Result<Message, Error> {
        caller.require(Scope::MessagesSend)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let missing = || request.missing();
        // Whose it is never changes, and neither does a message go away under its validity.
        let found = match request.named()? {
            Named::Id(id) => self.inner.store.message(owner, id).await?,
            Named::Key(key) => self.inner.store.message_sent_with(owner, key).await?,
        };
        let found = found.ok_or_else(missing)?;
        let job = Job { pick: Pick::Id(found.id), event: Event::Cancel };
        let moved = self.inner.store.apply(job).await?.into_iter().next().ok_or_else(missing)?;
        self.inner.stats.forget_of([&moved.message]).await;
        match moved.result {
            Ok(_) => Ok(moved.message),
            Err(_) if moved.message.state.dispatch == Dispatch::Cancelled => Ok(moved.message),
            Err(_) if self.was_cancelled(&moved.message).await? => Ok(moved.message),
            Err(_) => Err(Error::Precondition {
                reason: "MESSAGE_STATE",
                message: format!("A message that is {} cannot be cancelled", moved.message.status().name()),
                metadata: vec![("status", moved.message.status().name().to_owned())],
            }),
        }
    }

    /// Whether the last thing that happened to a message whose answer was lost was that it was cancelled: no further try is to come.
    async fn was_cancelled(&self, message: &Message) -> Result<bool, Error> {
        if message.state.dispatch != Dispatch::Unknown {
            return Ok(false);
        }
        let history = self.inner.store.history(message.owner, message.id).await?;
        Ok(history.last().is_some_and(|last| last.kind == Some(EventKind::Cancelled)))
    }
}
