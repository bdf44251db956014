//! Everything that happened to one message.

use crate::auth::{Caller, Scope};
use crate::domain::message::Message;
use crate::error::{Error, Resource};
use crate::service::Service;
use crate::service::lookup::parse_message_id;
use crate::store::HistoryEntry;

/// A message and its history.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The message.
    pub message: Message,
    /// The events, oldest first.
    pub entries: Vec<HistoryEntry>,
}

impl Service {
    /// The history of one of the caller's messages.
    pub async fn explain(&self, caller: &Caller, id: &str) -> Result<Explained, Error> {
        caller.require(Scope::MessagesRead)?;
        let parsed = parse_message_id(id)?;
        let message = self.inner.store.message(caller.user, parsed).await?;
        let message = message.ok_or_else(|| Error::NotFound(Resource::Message, id.to_owned()))?;
        let entries = self.inner.store.history(caller.user, parsed).await?;
        Ok(Explained { message, entries })
    }
}
