//! A campaign's recipients: adding them while it is a draft, and letting go of them when it is over.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, Insertable, OptionalExtension as _, QueryDsl as _, QueryResult,
    QueryableByName, SqliteConnection,
};
use diesel_async::RunQueryDsl as _;

use crate::domain::campaign::CampaignState;
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::recipient::Recipient;
use crate::store::columns::Instant;
use crate::store::error::Failure;
use crate::store::pg_bulk::unnest;
use crate::store::rows::reference;
use crate::store::schema::{campaigns, recipients};
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store, run};

/// Recipients to add together, a thousand at most, and how many beside them could not be used.
#[derive(Debug, Clone)]
pub struct RecipientBatch {
    /// Whose campaign it is.
    pub owner: OwnerId,
    /// Which one.
    pub campaign: CampaignId,
    /// The recipients.
    pub recipients: Vec<Recipient>,
    /// How many could not be used.
    pub invalid: i64,
}

/// The result of adding recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// So many are new; the others were there already.
    Added(i64),
    /// Nothing was added: the campaign is no draft any more.
    Started(CampaignState),
}

#[derive(Clone, Insertable)]
#[diesel(table_name = recipients, treat_none_as_default_value = false)]
pub(super) struct RecipientRow {
    campaign_id: i64,
    destination: String,
    variables: String,
    reference: Option<String>,
    metadata: Option<String>,
}

unnest! {
    /// Adds the recipients that are not there.
    InsertRecipients of RecipientRow,
    "INSERT INTO recipients (campaign_id, destination, variables, reference, metadata) SELECT * FROM ",
    ") ON CONFLICT DO NOTHING",
    {
        campaign_id: i64 => BigInt,
        destination: String => Text,
        variables: String => Text,
        reference: Option<String> => Nullable<Text>,
        metadata: Option<String> => Nullable<Text>,
    }
}

impl RecipientBatch {
    fn len(&self) -> i64 {
        i64::try_from(self.recipients.len()).unwrap_or(i64::MAX)
    }

    fn rows(&self) -> impl Iterator<Item = RecipientRow> {
        self.recipients.iter().map(|recipient| RecipientRow {
            campaign_id: self.campaign.0,
            destination: recipient.destination.as_str().to_owned(),
            variables: recipient.variables.to_stored(),
            reference: reference(&recipient.tags),
            metadata: recipient.tags.metadata.to_stored(),
        })
    }
}

/// The state that the number means, unless recipients can be added in it.
fn started(state: i16) -> Option<Added> {
    let state = CampaignState::from_number(state).unwrap_or(CampaignState::Completed);
    (state != CampaignState::Draft).then_some(Added::Started(state))
}

fn counted(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

async fn add(tx: &mut Tx, batch: &RecipientBatch) -> Result<Option<Added>, Failure> {
    let mine = campaigns::id.eq(batch.campaign.0).and(campaigns::owner_id.eq(batch.owner.0));
    let state = campaigns::table.filter(mine).select(campaigns::state);
    // The lock keeps a start waiting until this batch is in, or this batch out if the start was first.
    let state: Option<i16> = on!(tx, |pg| state.for_update().get_result(pg).await.optional()?, |lite| {
        state.get_result(lite).await.optional()?
    });
    let Some(state) = state else { return Ok(None) };
    if let Some(started) = started(state) {
        return Ok(Some(started));
    }
    let rows: Vec<RecipientRow> = batch.rows().collect();
    let added = on!(tx, |pg| InsertRecipients::of(rows.into_iter()).execute(pg).await?, |lite| {
        lite.spawn_blocking(move |c| insert_each(c, &rows)).await?
    });
    let added = counted(added);
    let count = diesel::update(campaigns::table.find(batch.campaign.0)).set((
        campaigns::recipients.eq(campaigns::recipients + added),
        campaigns::duplicates.eq(campaigns::duplicates + (batch.len() - added)),
        campaigns::invalid.eq(campaigns::invalid + batch.invalid),
        campaigns::updated_at.eq(Instant(tx.now)),
    ));
    on!(tx, |c| count.execute(c).await?);
    Ok(Some(Added::Added(added)))
}

/// As [`InsertRecipients`], one by one.
fn insert_each(c: &mut SqliteConnection, rows: &[RecipientRow]) -> QueryResult<usize> {
    let mut added = 0;
    for row in rows {
        let insert = diesel::insert_into(recipients::table).values(row).on_conflict_do_nothing();
        added += diesel::RunQueryDsl::execute(insert, c)?;
    }
    Ok(added)
}

/// A campaign that is over and still has recipients. The walk over the campaigns that have some goes from one to the
/// next in the primary key; there are few.
const OVER: &str = "WITH RECURSIVE held (id) AS (SELECT min(campaign_id) FROM recipients UNION ALL \
    SELECT (SELECT min(r.campaign_id) FROM recipients AS r WHERE r.campaign_id > held.id) FROM held \
    WHERE held.id IS NOT NULL) \
    SELECT c.id AS id FROM held JOIN campaigns AS c ON c.id = held.id WHERE c.ended_at IS NOT NULL LIMIT 1";

/// Deletes a campaign's first recipients, as a range of the primary key.
const FORGET: &str = "DELETE FROM recipients WHERE campaign_id = $1 AND destination <= (SELECT max(destination) FROM \
    (SELECT destination FROM recipients WHERE campaign_id = $1 ORDER BY destination LIMIT 5000) AS first)";

#[derive(QueryableByName)]
struct Over {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

impl Store {
    /// Adds recipients to a draft, in one transaction with its counters. `None` if there is no such campaign.
    pub async fn add_recipients(&self, batch: RecipientBatch) -> Result<Option<Added>, Error> {
        transact!(&self.transactions, |tx| add(tx, &batch).await)
    }

    /// Lets go of up to 5,000 recipients of a campaign that is over: the messages hold what they came to. Returns how
    /// many went.
    pub async fn forget_recipients(&self) -> Result<usize, Error> {
        let over: Option<Over> = run!(&self.db, |c| diesel::sql_query(OVER).get_result(c).await.optional()?);
        let Some(Over { id }) = over else { return Ok(0) };
        transact!(&self.transactions, |tx| {
            let forget = diesel::sql_query(FORGET).bind::<BigInt, _>(id);
            Ok(on!(tx, |c| forget.execute(c).await?))
        })
    }
}
