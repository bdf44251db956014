//! Messages as operators pick them, of all owners: those that were given up, and those that wait.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::campaign::CampaignState;
use crate::domain::ids::{CampaignId, MessageId, OwnerId};
use crate::domain::message::{Dispatch, Message};
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::rows::MessageRow;
use crate::store::schema::campaigns;
use crate::store::schema::messages::{self, dsl};
use crate::store::transition::in_state;
use crate::store::{Error, Store, run};

/// Which of the messages that were given up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeadFilter {
    /// Only this owner's.
    pub owner: Option<OwnerId>,
    /// Only this campaign's.
    pub campaign: Option<CampaignId>,
    /// Only those with this error code.
    pub error_code: Option<String>,
    /// Only those that took this route account.
    pub account: Option<String>,
    /// Only those accepted at this time or later.
    pub after: Option<Timestamp>,
    /// Only those accepted before this time.
    pub before: Option<Timestamp>,
}

/// Which of the messages that wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaitingFilter {
    /// Only this owner's.
    pub owner: Option<OwnerId>,
    /// Only those accepted until then.
    pub until: Timestamp,
}

/// A campaign that was started, and of whose recipients some are still to become messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToCome {
    /// Whose it is.
    pub owner: OwnerId,
    /// Which one.
    pub campaign: CampaignId,
    /// How many recipients are left.
    pub recipients: i64,
}

/// The messages that were given up and that a filter lets through. They are few, and have an index of their own.
macro_rules! given_up {
    ($filter:expr) => {{
        let filter: DeadFilter = $filter;
        let mut query = messages::table.filter(in_state(Dispatch::Dead)).into_boxed();
        if let Some(owner) = filter.owner {
            // Not by the index of the owner, which has all that it ever sent: what is looked for here is a small part of everything.
            query = query.filter((dsl::owner_id + 0).eq(owner.0));
        }
        if let Some(campaign) = filter.campaign {
            query = query.filter(dsl::campaign_id.eq(campaign.0));
        }
        if let Some(code) = filter.error_code {
            query = query.filter(dsl::error_code.eq(code));
        }
        if let Some(account) = filter.account {
            query = query.filter(dsl::traffic_account_id.eq(account));
        }
        if let Some(after) = filter.after {
            query = query.filter(dsl::created_at.ge(Instant(after)));
        }
        if let Some(before) = filter.before {
            query = query.filter(dsl::created_at.lt(Instant(before)));
        }
        query
    }};
}

/// The messages in one of the states that wait, and that a filter lets through.
macro_rules! waits {
    ($dispatch:expr, $filter:expr) => {{
        let filter: WaitingFilter = $filter;
        // What waits is due at some time: the index of those that wait for theirs says so, and is not used otherwise.
        let accepted = dsl::created_at.le(Instant(filter.until)).and(dsl::due_at.is_not_null());
        let mut query = messages::table.filter(in_state($dispatch).and(accepted)).into_boxed();
        if let Some(owner) = filter.owner {
            // Not by the index of the owner, which has all that it ever sent: what is looked for here is a small part of everything.
            query = query.filter((dsl::owner_id + 0).eq(owner.0));
        }
        query
    }};
}

impl Store {
    /// Up to `limit` messages that were given up, oldest first, from right after `after` on.
    pub async fn dead(&self, filter: &DeadFilter, after: Option<MessageId>, limit: i64) -> Result<Vec<Message>, Error> {
        let (filter, after) = (filter.clone(), behind(after));
        let rows: Vec<MessageRow> = run!(&self.db, |c| {
            let query = given_up!(filter).filter(dsl::id.gt(after)).order(dsl::id).limit(limit);
            query.select(columns_of::<MessageRow>()).load(c).await?
        });
        Ok(rows.into_iter().map(MessageRow::into_message).collect())
    }

    /// The ids of up to `limit` of them, oldest first.
    pub async fn dead_ids(&self, filter: &DeadFilter, limit: i64) -> Result<Vec<MessageId>, Error> {
        let filter = filter.clone();
        let ids: Vec<Guid> =
            run!(&self.db, |c| { given_up!(filter).order(dsl::id).limit(limit).select(dsl::id).load(c).await? });
        Ok(ids.into_iter().map(|id| MessageId(id.0)).collect())
    }

    /// How many of them there are.
    pub async fn count_dead(&self, filter: &DeadFilter) -> Result<i64, Error> {
        let filter = filter.clone();
        Ok(run!(&self.db, |c| given_up!(filter).count().get_result(c).await?))
    }

    /// Up to `limit` messages in this state that wait, oldest first, from right after `after` on.
    pub async fn waiting(
        &self,
        dispatch: Dispatch,
        filter: WaitingFilter,
        after: Option<MessageId>,
        limit: i64,
    ) -> Result<Vec<Message>, Error> {
        let after = behind(after);
        let rows: Vec<MessageRow> = run!(&self.db, |c| {
            let query = waits!(dispatch, filter).filter(dsl::id.gt(after)).order(dsl::id).limit(limit);
            query.select(columns_of::<MessageRow>()).load(c).await?
        });
        Ok(rows.into_iter().map(MessageRow::into_message).collect())
    }

    /// The ids of up to `limit` of them.
    pub async fn waiting_ids(
        &self,
        dispatch: Dispatch,
        filter: WaitingFilter,
        limit: i64,
    ) -> Result<Vec<MessageId>, Error> {
        let ids: Vec<Guid> = run!(&self.db, |c| waits!(dispatch, filter).limit(limit).select(dsl::id).load(c).await?);
        Ok(ids.into_iter().map(|id| MessageId(id.0)).collect())
    }

    /// How many of them there are.
    pub async fn count_waiting(&self, dispatch: Dispatch, filter: WaitingFilter) -> Result<i64, Error> {
        Ok(run!(&self.db, |c| waits!(dispatch, filter).count().get_result(c).await?))
    }
}

impl Store {
    /// The campaigns that were started until then, if their messages are not all made. They are few.
    pub async fn to_come(&self, filter: WaitingFilter) -> Result<Vec<ToCome>, Error> {
        let goes_on =
            [CampaignState::Scheduled, CampaignState::Running, CampaignState::Paused].map(|state| state as i16);
        let rows: Vec<(i64, i64, i64, i64)> = run!(&self.db, |c| {
            let started = campaigns::state.eq_any(goes_on).and(campaigns::started_at.le(Instant(filter.until)));
            let mut query =
                campaigns::table.filter(started.and(campaigns::expanded.lt(campaigns::recipients))).into_boxed();
            if let Some(owner) = filter.owner {
                query = query.filter(campaigns::owner_id.eq(owner.0));
            }
            let columns = (campaigns::owner_id, campaigns::id, campaigns::recipients, campaigns::expanded);
            query.select(columns).order(campaigns::id).load(c).await?
        });
        let to_come = |(owner, campaign, recipients, expanded)| ToCome {
            owner: OwnerId(owner),
            campaign: CampaignId(campaign),
            recipients: recipients - expanded,
        };
        Ok(rows.into_iter().map(to_come).collect())
    }
}

/// The id behind which a page begins; the first one behind none.
fn behind(after: Option<MessageId>) -> Guid {
    Guid(after.map_or(uuid::Uuid::nil(), |id| id.0))
}
