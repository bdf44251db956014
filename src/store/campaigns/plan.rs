//! What a campaign's plan is made from: its recipients page by page, and those who opted out.

use diesel::sql_types::{BigInt, Bool, Text};
use diesel::{QueryResult, QueryableByName, SqliteConnection};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::phone::Msisdn;
use crate::domain::recipient::Recipient;
use crate::domain::template::Variables;
use crate::store::pseudonyms::Keyed;
use crate::store::{Error, Store, opt_outs, run};

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

/// How many numbers are looked at together while they are counted.
const COUNTED: i64 = 1000;

/// Marks those as well that opted out and were erased then: they are on the list under a pseudonym.
pub(super) async fn mark_postgres(
    c: &mut AsyncPgConnection,
    keyed: &Keyed,
    owner: OwnerId,
    rows: &mut [CandidateRow],
) -> QueryResult<()> {
    if keyed.pseudonyms().is_some() {
        let asked = rows.iter().map(|row| (owner.0, row.destination.as_str()));
        let found = opt_outs::among_postgres(c, keyed, asked).await?;
        for row in rows.iter_mut() {
            row.opted_out |= found.names(owner, &row.destination);
        }
    }
    Ok(())
}

/// As [`mark_postgres`].
pub(super) fn mark_sqlite(
    c: &mut SqliteConnection,
    keyed: &Keyed,
    owner: OwnerId,
    mut rows: Vec<CandidateRow>,
) -> QueryResult<Vec<CandidateRow>> {
    if keyed.pseudonyms().is_some() {
        let asked = rows.iter().map(|row| (owner.0, row.destination.as_str()));
        let found = opt_outs::among_sqlite(c, keyed, asked)?;
        for row in &mut rows {
            row.opted_out |= found.names(owner, &row.destination);
        }
    }
    Ok(rows)
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
        let rows: Vec<CandidateRow> = run!(
            &self.db,
            |pg| {
                let mut rows = query.load(pg).await?;
                mark_postgres(pg, &self.keyed, owner, &mut rows).await?;
                rows
            },
            |lite| {
                let rows: Vec<CandidateRow> = query.load(lite).await?;
                let keyed = self.keyed.clone();
                lite.spawn_blocking(move |c| mark_sqlite(c, &keyed, owner, rows)).await?
            }
        );
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
