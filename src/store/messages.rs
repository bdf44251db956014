//! Reading messages and their history, always within one owner.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::ids::{CampaignId, MessageId, OwnerId, ProviderMessageId};
use crate::domain::message::{Dispatch, Message, Status};
use crate::domain::phone::Msisdn;
use crate::domain::status::EventKind;
use crate::domain::tags::Reference;
use crate::store::columns::{Guid, Instant};
use crate::store::db::Db;
use crate::store::prepared::Prepare as _;
use crate::store::rows::{EventRow, MessageRow};
use crate::store::schema::events;
use crate::store::schema::messages::{self, dsl};
use crate::store::transition::in_state;
use crate::store::{Error, Store, run};

/// Which of an owner's messages to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this campaign.
    pub campaign: Option<CampaignId>,
    /// Only those with this status.
    pub status: Option<Status>,
    /// Only those to this number.
    pub destination: Option<Msisdn>,
    /// Only those with this reference.
    pub reference: Option<Reference>,
    /// Only those with this id of the provider's.
    pub provider_id: Option<ProviderMessageId>,
    /// Only those with this error code.
    pub error_code: Option<String>,
    /// Only those accepted at this time or later.
    pub after: Option<Timestamp>,
    /// Only those accepted before this time.
    pub before: Option<Timestamp>,
    /// Only this one and those after it.
    pub down_to: Option<MessageId>,
}

impl Filter {
    /// Whether it is one of the few kinds that each connection keeps a statement for.
    fn is_usual(&self) -> bool {
        let named = self.reference.is_some() || self.provider_id.is_some() || self.error_code.is_some();
        !named && self.after.is_none() && self.before.is_none()
    }
}

/// One thing that happened to a message.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
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
        let row = run!(&self.db, |c| query.select(MessageRow::as_select()).get_result(c).await.optional()?);
        Ok(row.map(MessageRow::into_message))
    }

    /// Up to `limit` of the owner's messages, newest first, from right after `before` on. Those to a number are also those
    /// in which it was erased.
    pub async fn messages(
        &self,
        owner: OwnerId,
        filter: &Filter,
        before: Option<MessageId>,
        limit: i64,
    ) -> Result<Vec<Message>, Error> {
        let number = filter.destination.as_ref().map(Msisdn::as_str);
        let mut found = self.messages_to(owner, filter, number, before, limit).await?;
        if let Some(erased) = number.and_then(|number| self.keyed.other_form(number)) {
            // Each form is a range of the index; both together would have to be sorted.
            found.extend(self.messages_to(owner, filter, Some(&erased), before, limit).await?);
            found.sort_unstable_by_key(|message| std::cmp::Reverse(message.id));
            found.truncate(usize::try_from(limit).unwrap_or(0));
        }
        Ok(found)
    }

    async fn messages_to(
        &self,
        owner: OwnerId,
        filter: &Filter,
        number: Option<&str>,
        before: Option<MessageId>,
        limit: i64,
    ) -> Result<Vec<Message>, Error> {
        let before = Guid(before.map_or(uuid::Uuid::max(), |id| id.0));
        let (filter, number) = (filter.clone(), number.map(str::to_owned));
        let few = match self.db {
            Db::Pg(_) => "status IN (6, 7, 8, 9)",
            Db::Lite(_) => "status >= 6",
        };
        let usual = filter.is_usual();
        let rows: Vec<MessageRow> = run!(&self.db, |c| {
            let mut query = messages::table.filter(dsl::owner_id.eq(owner.0).and(dsl::id.lt(before))).into_boxed();
            if let Some(campaign) = filter.campaign {
                query = query.filter(dsl::campaign_id.eq(campaign.0));
            }
            if let Some(status) = filter.status {
                query = match status {
                    // In the words of the index that holds these few: whoever looks for them would read all others.
                    Status::Failed | Status::Unknown | Status::Cancelled | Status::Expired => {
                        let words = format!("{few} AND status = {}", status as i16);
                        query.filter(sql::<Bool>(&words))
                    }
                    _ => query.filter(dsl::status.eq(status as i16)),
                };
            }
            if let Some(number) = number {
                query = query.filter(dsl::destination.eq(number));
            }
            if let Some(reference) = filter.reference {
                query = query.filter(dsl::reference.eq(reference.as_str().to_owned()));
            }
            if let Some(id) = filter.provider_id {
                query = query.filter(dsl::provider_message_id.eq(id.as_str().to_owned()));
            }
            if let Some(code) = filter.error_code {
                query = query.filter(dsl::error_code.eq(code));
            }
            // Ids are ordered by time, which begins in 1970, and every index that a list is read by ends with them.
            if let Some(after) = filter.after {
                let floor = Guid(MessageId::floor(after).0);
                query =
                    query.filter(dsl::id.ge(floor).and(dsl::created_at.ge(Instant(after.max(Timestamp::UNIX_EPOCH)))));
            }
            if let Some(before) = filter.before {
                let ceiling = Guid(MessageId::ceiling(before).0);
                query = query
                    .filter(dsl::id.lt(ceiling).and(dsl::created_at.lt(Instant(before.max(Timestamp::UNIX_EPOCH)))));
            }
            if let Some(down_to) = filter.down_to {
                query = query.filter(dsl::id.ge(Guid(down_to.0)));
            }
            query.order(dsl::id.desc()).limit(limit).select(MessageRow::as_select()).prepared_if(usual).load(c).await?
        });
        Ok(rows.into_iter().map(MessageRow::into_message).collect())
    }

    /// The message with this id, whoever's it is: for operators alone.
    pub async fn message_of_anyone(&self, id: MessageId) -> Result<Option<Message>, Error> {
        let query = dsl::messages.find(Guid(id.0));
        let row = run!(&self.db, |c| query.select(MessageRow::as_select()).get_result(c).await.optional()?);
        Ok(row.map(MessageRow::into_message))
    }

    /// Up to `limit` messages that were given up, whoever's they are, oldest first, from right after `after` on.
    pub async fn dead(&self, after: Option<MessageId>, limit: i64) -> Result<Vec<Message>, Error> {
        let after = Guid(after.map_or(uuid::Uuid::nil(), |id| id.0));
        let query = messages::table.filter(in_state(Dispatch::Dead).and(dsl::id.gt(after))).order(dsl::id).limit(limit);
        let rows: Vec<MessageRow> = run!(&self.db, |c| query.select(MessageRow::as_select()).load(c).await?);
        Ok(rows.into_iter().map(MessageRow::into_message).collect())
    }

    /// Up to `limit` messages in this state that were accepted until `before`, this owner's or everybody's.
    pub async fn waiting(
        &self,
        dispatch: Dispatch,
        owner: Option<OwnerId>,
        before: Timestamp,
        limit: i64,
    ) -> Result<Vec<Message>, Error> {
        let rows: Vec<MessageRow> = run!(&self.db, |c| {
            let mut query =
                messages::table.filter(in_state(dispatch).and(dsl::created_at.le(Instant(before)))).into_boxed();
            if let Some(owner) = owner {
                query = query.filter(dsl::owner_id.eq(owner.0));
            }
            query.limit(limit).select(MessageRow::as_select()).load(c).await?
        });
        Ok(rows.into_iter().map(MessageRow::into_message).collect())
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
        let rows: Vec<EventRow> = run!(&self.db, |c| query.select(EventRow::as_select()).load(c).await?);
        Ok(rows.into_iter().map(EventRow::into_entry).collect())
    }
}

impl EventRow {
    fn into_entry(self) -> HistoryEntry {
        HistoryEntry {
            at: self.at.0,
            kind: EventKind::from_number(self.kind),
            from: self.from_status,
            to: self.to_status,
            attempt: self.attempt,
            evidence: serde_json::from_str(&self.evidence).unwrap_or_default(),
        }
    }
}
