//! How far one page of a list looks: what no index leads to is looked for among so many messages at a time, however few there are
//! of it.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::domain::ids::{MessageId, OwnerId};
use crate::domain::message::Status;
use crate::store::columns::Guid;
use crate::store::messages::Filter;
use crate::store::schema::messages::{self, dsl};
use crate::store::{Error, Store, run};

/// The messages that one page looks through at most: some milliseconds.
pub const LOOKED_THROUGH: i64 = 5000;

impl Filter {
    /// Whether an index leads to what it lets through and to little else. A status alone has one if it is one of those that few
    /// messages have; with each status of a campaign, or of all, an index would cost more than the lists are worth.
    fn is_served(&self) -> bool {
        let named = self.destination.is_some() || self.reference.is_some();
        let named = named || self.provider_id.is_some() || self.error_code.is_some();
        named
            || match self.status {
                None => true,
                Some(Status::Failed | Status::Unknown | Status::Cancelled | Status::Expired) => self.campaign.is_none(),
                Some(_) => false,
            }
    }
}

impl Store {
    /// The message down to which a page looks that begins behind `before`: [`Filter::down_to`] has it look no further, and the next
    /// page begins behind it. `None` if it is to look at all that there are: an index leads to them, or they are fewer than `most`.
    pub async fn search_end(
        &self,
        owner: OwnerId,
        filter: &Filter,
        before: Option<MessageId>,
        most: i64,
    ) -> Result<Option<MessageId>, Error> {
        if filter.is_served() {
            return Ok(None);
        }
        let ceiling = filter.before.map(MessageId::ceiling);
        let before = [before, ceiling].into_iter().flatten().min().map_or(uuid::Uuid::max(), |id| id.0);
        let all = dsl::owner_id.eq(owner.0).and(dsl::id.lt(Guid(before)));
        let campaign = filter.campaign;
        let found: Option<Guid> = run!(&self.db, |c| {
            let mut query = messages::table.filter(all).into_boxed();
            if let Some(campaign) = campaign {
                query = query.filter(dsl::campaign_id.eq(campaign.0));
            }
            query.order(dsl::id.desc()).offset(most - 1).limit(1).select(dsl::id).get_result(c).await.optional()?
        });
        Ok(found.map(|id| MessageId(id.0)))
    }
}
