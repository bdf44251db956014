//! The ids that a bulk refresh walks: the provider's ids of a campaign, or those of a list that are the owner's.

use std::collections::HashSet;

use diesel::dsl::count;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::domain::evidence::Rank;
use crate::domain::ids::{CampaignId, OwnerId, ProviderMessageId};
use crate::store::schema::messages::{self, dsl};
use crate::store::{Error, Store, run};

/// A campaign's messages that the provider took, below a rank.
#[diesel::dsl::auto_type]
fn targets(owner: i64, campaign: i64, below: i16) -> _ {
    messages::table
        .filter(dsl::campaign_id.eq(campaign).and(dsl::owner_id.eq(owner)))
        .filter(dsl::provider_message_id.is_not_null().and(dsl::delivery_rank.lt(below)))
}

/// The rank below which messages are asked about: with `only_pending` those that are not final.
fn below(only_pending: bool) -> i16 {
    if only_pending { Rank::Failed as i16 } else { i16::MAX }
}

impl Store {
    /// How many ids a refresh of the campaign has to ask about.
    pub async fn count_refresh_targets(&self, o: OwnerId, c: CampaignId, only_pending: bool) -> Result<i64, Error> {
        let query = targets(o.0, c.0, below(only_pending)).select(count(dsl::provider_message_id).aggregate_distinct());
        Ok(run!(&self.db, |c| query.get_result(c).await?))
    }

    /// Up to `limit` ids of the campaign's, in their order, after `after`.
    pub async fn refresh_targets(
        &self,
        owner: OwnerId,
        campaign: CampaignId,
        only_pending: bool,
        after: &str,
        limit: i64,
    ) -> Result<Vec<ProviderMessageId>, Error> {
        let query = targets(owner.0, campaign.0, below(only_pending))
            .filter(dsl::provider_message_id.gt(after.to_owned()))
            .select(dsl::provider_message_id)
            .distinct()
            .order(dsl::provider_message_id)
            .limit(limit);
        let ids: Vec<Option<String>> = run!(&self.db, |c| query.load(c).await?);
        Ok(ids.into_iter().flatten().filter_map(|id| ProviderMessageId::from_provider(&id)).collect())
    }

    /// Which of these ids are the owner's; with `only_final`, those of them that are delivered or failed.
    pub async fn owned_provider_ids(
        &self,
        owner: OwnerId,
        ids: &[ProviderMessageId],
        only_final: bool,
    ) -> Result<HashSet<ProviderMessageId>, Error> {
        let names: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let query = messages::table
            .filter(dsl::owner_id.eq(owner.0).and(dsl::provider_message_id.eq_any(names)))
            .filter(dsl::delivery_rank.ge(if only_final { Rank::Failed as i16 } else { 0 }))
            .select(dsl::provider_message_id)
            .distinct();
        let found: Vec<Option<String>> = run!(&self.db, |c| query.load(c).await?);
        Ok(found.into_iter().flatten().filter_map(|id| ProviderMessageId::from_provider(&id)).collect())
    }
}
