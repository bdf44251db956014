//! What a campaign's plan is made from: its recipients page by page, and those who opted out.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::RunQueryDsl;

use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::phone::Msisdn;
use crate::domain::recipient::Recipient;
use crate::domain::template::Variables;
use crate::store::{Error, Store, run};

/// A page of a campaign's recipients, in the order of their numbers.
pub(super) const PAGE: &str = "SELECT r.destination, r.variables, o.owner_id IS NOT NULL AS opted_out \
    FROM recipients AS r LEFT JOIN opt_outs AS o ON o.owner_id = $1 AND o.destination = r.destination \
    WHERE r.campaign_id = $2 AND r.destination > $3 ORDER BY r.destination LIMIT $4";

const OPTED_OUT: &str = "SELECT count(*) AS n FROM recipients AS r \
    JOIN opt_outs AS o ON o.owner_id = $1 AND o.destination = r.destination WHERE r.campaign_id = $2";

/// A recipient as it is stored.
#[derive(QueryableByName)]
pub(super) struct CandidateRow {
    #[diesel(sql_type = Text)]
    pub destination: String,
    #[diesel(sql_type = Text)]
    pub variables: String,
    #[diesel(sql_type = Bool)]
    pub opted_out: bool,
}

/// A recipient, and whether it wants no messages of this owner's.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The recipient.
    pub recipient: Recipient,
    /// Whether it opted out.
    pub opted_out: bool,
}

impl From<CandidateRow> for Candidate {
    fn from(row: CandidateRow) -> Self {
        let recipient = Recipient {
            destination: Msisdn::from_stored(row.destination),
            variables: Variables::from_stored(&row.variables),
        };
        Self { recipient, opted_out: row.opted_out }
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// The statement for a page of recipients after `after`.
macro_rules! page {
    ($owner:expr, $campaign:expr, $after:expr, $limit:expr) => {
        diesel::sql_query($crate::store::campaigns::plan::PAGE)
            .bind::<diesel::sql_types::BigInt, _>($owner.0)
            .bind::<diesel::sql_types::BigInt, _>($campaign.0)
            .bind::<diesel::sql_types::Text, _>($after)
            .bind::<diesel::sql_types::BigInt, _>($limit)
    };
}
pub(super) use page;

impl Store {
    /// Up to `limit` of the campaign's recipients, in the order of their numbers, after `after`.
    pub async fn candidates(
        &self,
        owner: OwnerId,
        campaign: CampaignId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Candidate>, Error> {
        let query = page!(owner, campaign, after, limit);
        let rows: Vec<CandidateRow> = run!(&self.db, |c| query.load(c).await?);
        Ok(rows.into_iter().map(Candidate::from).collect())
    }

    /// How many of the campaign's recipients want no messages of this owner's.
    pub async fn count_opted_out(&self, owner: OwnerId, campaign: CampaignId) -> Result<i64, Error> {
        let query = diesel::sql_query(OPTED_OUT).bind::<BigInt, _>(owner.0).bind::<BigInt, _>(campaign.0);
        let count: Count = run!(&self.db, |c| query.get_result(c).await?);
        Ok(count.n)
    }
}
