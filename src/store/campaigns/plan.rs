//! The material of a campaign's plan: its recipients page by page, and those who opted out.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel_async::RunQueryDsl;

use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::phone::Msisdn;
use crate::domain::recipient::Recipient;
use crate::domain::tags::Tags;
use crate::domain::template::Variables;
use crate::store::error::Failure;
use crate::store::opt_outs::OptedOut;
use crate::store::pseudonyms::Keyed;
use crate::store::transaction::{Tx, on};
use crate::store::{Error, Store, run};

/// A page of a campaign's recipients, in the order of their numbers.
const PAGE: &str = "SELECT r.destination, r.variables, r.reference, r.metadata, o.owner_id IS NOT NULL AS opted_out \
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
    #[diesel(sql_type = Nullable<Text>)]
    pub reference: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub metadata: Option<String>,
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
            tags: Tags::from_stored(row.reference, row.metadata.as_deref()),
        };
        Self { recipient, opted_out: row.opted_out }
    }
}

/// How many numbers are looked at together while they are counted.
const COUNTED: i64 = 1000;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Whether those opted out as well that were erased then, who are on the list under a pseudonym.
fn mark(rows: &mut [CandidateRow], owner: OwnerId, opted_out: &OptedOut) {
    for row in rows {
        row.opted_out |= opted_out.names(owner, &row.destination);
    }
}

/// Up to `limit` of the campaign's recipients, in the order of their numbers, after `after`.
pub(super) async fn page(
    tx: &mut Tx,
    keyed: &Keyed,
    (owner, campaign): (OwnerId, CampaignId),
    after: &str,
    limit: i64,
) -> Result<Vec<CandidateRow>, Failure> {
    let query = diesel::sql_query(PAGE).bind::<BigInt, _>(owner.0).bind::<BigInt, _>(campaign.0);
    let query = query.bind::<Text, _>(after).bind::<BigInt, _>(limit);
    let mut rows: Vec<CandidateRow> = on!(tx, |c| query.load(c).await?);
    if keyed.pseudonyms().is_some() {
        let asked = rows.iter().map(|row| (owner.0, row.destination.as_str()));
        let opted_out = OptedOut::among(tx, keyed, asked).await?;
        mark(&mut rows, owner, &opted_out);
    }
    Ok(rows)
}

impl Store {
    /// Up to `limit` of the campaign's recipients, in the order of their numbers, after `after`.
    pub async fn candidates(
        &self,
        owner: OwnerId,
        campaign: CampaignId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Candidate>, Error> {
        let query = diesel::sql_query(PAGE).bind::<BigInt, _>(owner.0).bind::<BigInt, _>(campaign.0);
        let query = query.bind::<Text, _>(after.to_owned()).bind::<BigInt, _>(limit);
        let mut rows: Vec<CandidateRow> = run!(&self.db, |c| query.load(c).await?);
        if self.keyed.pseudonyms().is_some() {
            let opted_out = self.opted_out(owner, rows.iter().map(|row| row.destination.as_str())).await?;
            mark(&mut rows, owner, &opted_out);
        }
        Ok(rows.into_iter().map(Candidate::from).collect())
    }

    /// How many of the campaign's recipients want no messages of this owner's.
    pub async fn count_opted_out(&self, owner: OwnerId, campaign: CampaignId) -> Result<i64, Error> {
        if self.keyed.pseudonyms().is_none() {
            let query = diesel::sql_query(OPTED_OUT).bind::<BigInt, _>(owner.0).bind::<BigInt, _>(campaign.0);
            let count: Count = run!(&self.db, |c| query.get_result(c).await?);
            return Ok(count.n);
        }
        // No join finds pseudonyms: the numbers are gone through.
        let (mut opted_out, mut after) = (0, String::new());
        loop {
            let page = self.candidates(owner, campaign, &after, COUNTED).await?;
            let Some(last) = page.last() else { return Ok(opted_out) };
            last.recipient.destination.as_str().clone_into(&mut after);
            opted_out += i64::try_from(page.iter().filter(|one| one.opted_out).count()).unwrap_or(0);
        }
    }
}
