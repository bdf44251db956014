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
    /// The history of a message of the caller's, or of the owner's that it names.
    pub async fn explain(&self, caller: &Caller, id: &str, owner_id: Option<i64>) -> Result<Explained, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, owner_id).await?;
        let parsed = parse_message_id(id)?;
        let message = self.inner.store.message(owner, parsed).await?;
        let message = message.ok_or_else(|| Error::NotFound(Resource::Message, id.to_owned()))?;
        let entries = self.inner.store.history(owner, parsed).await?;
        Ok(Explained { message, entries })
    }
}
