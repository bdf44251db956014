//! Lists of an owner's messages: the index that each is read by, and how far a page looks for what no index leads to.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::ids::{CampaignId, MessageId, OwnerId, ProviderMessageId};
use crate::domain::message::{Message, Status};
use crate::domain::phone::Msisdn;
use crate::domain::tags::Reference;
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::db::Db;
use crate::store::prepared::Prepare as _;
use crate::store::rows::MessageRow;
use crate::store::schema::messages::{self, dsl};
use crate::store::{Error, Store, run};

/// The messages that one page looks through at most: some milliseconds.
pub const LOOKED_THROUGH: i64 = 5000;

/// Which of an owner's messages to list.
#[derive(Debug, Clone, Default, PartialEq)]
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

/// The owner's messages behind `before` that a filter lets through, newest first.
macro_rules! narrowed {
    ($owner:expr, $before:expr, $filter:expr, $few:expr) => {{
        let filter: Filter = $filter;
        let mut query = messages::table.filter(dsl::owner_id.eq($owner.0).and(dsl::id.lt($before))).into_boxed();
        if let Some(campaign) = filter.campaign {
            query = query.filter(dsl::campaign_id.eq(campaign.0));
        }
        if let Some(status) = filter.status {
            query = if is_rare(status) {
                // In the words of the index that holds these few.
                query.filter(sql::<Bool>(&format!("{} AND status = {}", $few, status as i16)))
            } else {
                query.filter(dsl::status.eq(status as i16))
            };
        }
        if let Some(number) = filter.destination {
            query = query.filter(dsl::destination.eq(number.as_str().to_owned()));
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
            let since = dsl::created_at.ge(Instant(after.max(Timestamp::UNIX_EPOCH)));
            query = query.filter(dsl::id.ge(Guid(MessageId::floor(after).0)).and(since));
        }
        if let Some(before) = filter.before {
            let until = dsl::created_at.lt(Instant(before.max(Timestamp::UNIX_EPOCH)));
            query = query.filter(dsl::id.lt(Guid(MessageId::ceiling(before).0)).and(until));
        }
        if let Some(down_to) = filter.down_to {
            query = query.filter(dsl::id.ge(Guid(down_to.0)));
        }
        query.order(dsl::id.desc())
    }};
}

/// Whether few messages have this status: they have an index of their own.
fn is_rare(status: Status) -> bool {
    matches!(status, Status::Failed | Status::Unknown | Status::Cancelled | Status::Expired)
}

impl Filter {
    /// The condition whose index the list is read by, if there are others, for which a page has to look among what that leads to.
    /// An index for all of them together would cost more with each message than such lists are worth.
    fn index(&self) -> Option<Self> {
        if self.provider_id.is_some() {
            return None;
        }
        let all = Self { after: self.after, before: self.before, ..Self::default() };
        let index = if self.reference.is_some() {
            Self { reference: self.reference.clone(), ..all }
        } else if self.error_code.is_some() {
            Self { error_code: self.error_code.clone(), ..all }
        } else if self.destination.is_some() {
            Self { destination: self.destination.clone(), ..all }
        } else if self.status.is_some_and(is_rare) {
            Self { status: self.status, ..all }
        } else {
            Self { campaign: self.campaign, ..all }
        };
        (index != *self).then_some(index)
    }

    /// Whether it is one of the few kinds that each connection keeps a statement for.
    fn is_usual(&self) -> bool {
        let named = self.reference.is_some() || self.provider_id.is_some() || self.error_code.is_some();
        !named && self.after.is_none() && self.before.is_none()
    }
}

impl Store {
    /// The filter in each form of its number: messages in which it was erased are under another. Each is a range of the index; both
    /// together would have to be sorted.
    fn forms(&self, filter: &Filter) -> Vec<Filter> {
        let erased = filter.destination.as_ref().and_then(|number| self.keyed.other_form(number.as_str()));
        let other = erased.map(|form| Filter { destination: Some(Msisdn::from_stored(form)), ..filter.clone() });
        std::iter::once(filter.clone()).chain(other).collect()
    }

    /// The words in which the index of the rare statuses says which they are.
    fn few(&self) -> &'static str {
        match self.db {
            Db::Pg(_) => "status IN (6, 7, 8, 9)",
            Db::Lite(_) => "status >= 6",
        }
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
        let (before, few, usual) = (behind(before), self.few(), filter.is_usual());
        let mut found = Vec::new();
        for form in self.forms(filter) {
            let rows: Vec<MessageRow> = run!(&self.db, |c| {
                let query = narrowed!(owner, before, form, few).limit(limit).select(columns_of::<MessageRow>());
                query.prepared_if(usual).load(c).await?
            });
            found.extend(rows.into_iter().map(MessageRow::into_message));
        }
        found.sort_unstable_by_key(|message| std::cmp::Reverse(message.id));
        found.truncate(usize::try_from(limit).unwrap_or(0));
        Ok(found)
    }

    /// The statuses of up to `limit` of the owner's messages, the newest first. Those to a number are also those in which it was erased.
    pub async fn statuses(&self, owner: OwnerId, filter: &Filter, limit: i64) -> Result<Vec<i16>, Error> {
        let (before, few, mut found) = (behind(None), self.few(), Vec::new());
        for form in self.forms(filter) {
            let statuses: Vec<i16> = run!(&self.db, |c| {
                narrowed!(owner, before, form, few).limit(limit).select(dsl::status).load(c).await?
            });
            found.extend(statuses);
        }
        found.truncate(usize::try_from(limit).unwrap_or(0));
        Ok(found)
    }

    /// The message down to which a page looks that begins behind `before`: [`Filter::down_to`] has it look no further, and the next
    /// page begins behind it. `None` if it is to look at all that there are: an index leads to them, or they are fewer than `most`.
    pub async fn search_end(
        &self,
        owner: OwnerId,
        filter: &Filter,
        before: Option<MessageId>,
        most: i64,
    ) -> Result<Option<MessageId>, Error> {
        let Some(index) = filter.index() else { return Ok(None) };
        let (before, few, mut nearest) = (behind(before), self.few(), None);
        for form in self.forms(&index) {
            let end: Option<Guid> = run!(&self.db, |c| {
                let query = narrowed!(owner, before, form, few).offset(most - 1).limit(1).select(dsl::id);
                query.get_result(c).await.optional()?
            });
            nearest = nearest.max(end.map(|id| MessageId(id.0)));
        }
        Ok(nearest)
    }
}

/// The id behind which a page begins; the first one behind all.
fn behind(before: Option<MessageId>) -> Guid {
    Guid(before.map_or(uuid::Uuid::max(), |id| id.0))
}
