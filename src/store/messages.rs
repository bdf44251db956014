//! Reading messages and their history, always within one owner.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::ids::{MessageId, OwnerId, ProviderMessageId};
use crate::domain::message::Message;
use crate::domain::status::EventKind;
use crate::store::accept::SEND_SINGLE;
use crate::store::columns::{Guid, columns_of};
use crate::store::rows::{EventRow, MessageRow};
use crate::store::schema::messages::dsl;
use crate::store::schema::{events, idempotency_keys as keys};
use crate::store::{Error, Store, run};

/// One thing that happened to a message.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// Its number: later ones of the message have greater ones.
    pub version: i32,
    /// When.
    pub at: Timestamp,
    /// The kind; `None` for a kind that this version of the program does not know.
    pub kind: Option<EventKind>,
    /// The number of the status before; 0 for the first entry.
    pub from: i16,
    /// The number of the status after.
    pub to: i16,
    /// The attempt it belongs to.
    pub attempt: i32,
    /// The evidence.
    pub evidence: serde_json::Value,
}

impl Store {
    /// The owner's message with this id.
    pub async fn message(&self, owner: OwnerId, id: MessageId) -> Result<Option<Message>, Error> {
        let query = dsl::messages.filter(dsl::id.eq(Guid(id.0)).and(dsl::owner_id.eq(owner.0)));
        let row = run!(&self.db, |c| query.select(columns_of::<MessageRow>()).get_result(c).await.optional()?);
        Ok(row.map(MessageRow::into_message))
    }

    /// The owner's message that was sent with this idempotency key, while the key is kept.
    pub async fn message_sent_with(&self, owner: OwnerId, key: &str) -> Result<Option<Message>, Error> {
        let query = keys::table.find((owner.0, SEND_SINGLE, key.to_owned())).select(keys::message_id);
        let id: Option<Option<Guid>> = run!(&self.db, |c| query.get_result(c).await.optional()?);
        match id.flatten() {
            Some(id) => self.message(owner, MessageId(id.0)).await,
            None => Ok(None),
        }
    }

    /// The message with this id, whoever's it is: for operators alone.
    pub async fn message_of_anyone(&self, id: MessageId) -> Result<Option<Message>, Error> {
        let query = dsl::messages.find(Guid(id.0));
        let row = run!(&self.db, |c| query.select(columns_of::<MessageRow>()).get_result(c).await.optional()?);
        Ok(row.map(MessageRow::into_message))
    }

    /// Whether the owner has a message with this id of the provider's.
    pub async fn owns_provider_id(&self, owner: OwnerId, id: &ProviderMessageId) -> Result<bool, Error> {
        let mine = dsl::owner_id.eq(owner.0).and(dsl::provider_message_id.eq(id.as_str().to_owned()));
        let query = diesel::select(diesel::dsl::exists(dsl::messages.filter(mine)));
        Ok(run!(&self.db, |c| query.get_result(c).await?))
    }

    /// The history of the owner's message, oldest first; empty if there is no such message.
    pub async fn history(&self, owner: OwnerId, id: MessageId) -> Result<Vec<HistoryEntry>, Error> {
        let mine = events::message_id.eq(Guid(id.0)).and(events::owner_id.eq(owner.0));
        let query = events::table.filter(mine).order(events::version);
        let rows: Vec<EventRow> = run!(&self.db, |c| query.select(columns_of::<EventRow>()).load(c).await?);
        Ok(rows.into_iter().map(EventRow::into_entry).collect())
    }
}

impl EventRow {
    fn into_entry(self) -> HistoryEntry {
        HistoryEntry {
            version: self.version,
            at: self.at.0,
            kind: EventKind::from_number(self.kind),
            from: self.from_status,
            to: self.to_status,
            attempt: self.attempt,
            evidence: serde_json::from_str(&self.evidence).unwrap_or_default(),
        }
    }
}
