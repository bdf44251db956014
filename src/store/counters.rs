//! Campaign counters: every change of a status is a signed row in the same transaction, rolled up later, so that a
//! campaign's thousand concurrent messages never queue for one row.

use std::collections::{BTreeMap, HashMap};

use diesel::sql_types::{BigInt, SmallInt};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, Insertable, OptionalExtension as _, QueryDsl as _,
    QueryableByName,
};
use jiff::Timestamp;

use crate::domain::campaign::Stats;
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::message::{Message, Status};
use crate::planted;
use crate::store::columns::Instant;
use crate::store::schema::{campaign_counter_changes as changes, campaigns};
use crate::store::{Error, Store, run};

/// What one batch does to the counters.
#[derive(Default)]
pub(super) struct Tally {
    counts: HashMap<(i64, i16), i64>,
    /// In order, so that two batches never lock two campaigns crosswise.
    first_sent: BTreeMap<i64, Timestamp>,
}

/// What the counters, and the update itself, have to know of a message as it was.
#[derive(Clone, Copy)]
pub(super) struct Before {
    status: Status,
    sent: bool,
    pub version: i32,
}

impl Before {
    pub(super) fn of(message: &Message) -> Self {
        Self { status: message.status(), sent: message.state.sent_at.is_some(), version: message.state.version }
    }
}

/// A signed change to one counter.
#[derive(Insertable)]
#[diesel(table_name = changes)]
pub(super) struct ChangeRow {
    pub campaign_id: i64,
    pub status: i16,
    pub n: i64,
}

impl Tally {
    /// Counts `message`, which was like `before` (`None`: it is new).
    pub(super) fn moved(&mut self, message: &Message, before: Option<Before>) {
        let Some(CampaignId(campaign)) = message.campaign else { return };
        if let Some(at) = message.state.sent_at.filter(|_| !before.is_some_and(|b| b.sent)) {
            let first = self.first_sent.entry(campaign).or_insert(at);
            *first = at.min(*first);
        }
        let (before, after) = (before.map(|b| b.status), message.status());
        if before == Some(after) || planted::now_and_then("lost-counter") {
            return;
        }
        if let Some(before) = before {
            *self.counts.entry((campaign, before as i16)).or_default() -= 1;
        }
        *self.counts.entry((campaign, after as i16)).or_default() += 1;
    }

    /// The rows to insert.
    pub(super) fn rows(&self) -> Vec<ChangeRow> {
        let rows = self.counts.iter().filter(|(_, n)| **n != 0);
        rows.map(|(&(campaign_id, status), &n)| ChangeRow { campaign_id, status, n }).collect()
    }

    /// Each campaign's first acceptance by the provider in this batch.
    pub(super) fn first_sent(&self) -> impl Iterator<Item = (i64, Timestamp)> + '_ {
        self.first_sent.iter().map(|(c, at)| (*c, *at))
    }
}

/// Sets a campaign's first acceptance unless it is set: a row that is written once in a campaign's life.
macro_rules! note_first_sent {
    ($campaign:expr, $at:expr) => {
        diesel::update(
            $crate::store::schema::campaigns::table.filter(
                $crate::store::schema::campaigns::id
                    .eq($campaign)
                    .and($crate::store::schema::campaigns::first_sent_at.is_null()),
            ),
        )
        .set($crate::store::schema::campaigns::first_sent_at.eq($crate::store::columns::Instant($at)))
    };
}
pub(super) use note_first_sent;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = SmallInt)]
    status: i16,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

const SUM: &str = "SELECT status, CAST(SUM(n) AS BIGINT) AS n FROM (\
    SELECT status, n FROM campaign_counters WHERE campaign_id = $1 \
    UNION ALL SELECT status, n FROM campaign_counter_changes WHERE campaign_id = $1) AS c GROUP BY status";

/// Rolls a bounded number of changes up. Rows that another replica is rolling up are left to it.
const ROLL_UP_POSTGRES: &str = "WITH gone AS (\
      DELETE FROM campaign_counter_changes WHERE id IN (\
        SELECT id FROM campaign_counter_changes ORDER BY id LIMIT 10000 FOR UPDATE SKIP LOCKED) \
      RETURNING campaign_id, status, n), \
    summed AS (SELECT campaign_id, status, SUM(n)::bigint AS n FROM gone GROUP BY 1, 2 ORDER BY 1, 2) \
    INSERT INTO campaign_counters (campaign_id, status, n) SELECT * FROM summed \
    ON CONFLICT (campaign_id, status) DO UPDATE SET n = campaign_counters.n + excluded.n";

const ROLL_UP_SQLITE: [&str; 2] = [
    "INSERT INTO campaign_counters (campaign_id, status, n) \
     SELECT campaign_id, status, SUM(n) FROM campaign_counter_changes WHERE true GROUP BY 1, 2 \
     ON CONFLICT (campaign_id, status) DO UPDATE SET n = campaign_counters.n + excluded.n",
    "DELETE FROM campaign_counter_changes",
];

impl Store {
    /// How the owner's campaign stands now; `None` if there is no such campaign.
    pub async fn campaign_stats(&self, owner: OwnerId, campaign: CampaignId) -> Result<Option<Stats>, Error> {
        use diesel_async::RunQueryDsl as _;
        let mine = campaigns::table
            .filter(campaigns::id.eq(campaign.0).and(campaigns::owner_id.eq(owner.0)))
            .select(campaigns::first_sent_at);
        let sum = diesel::sql_query(SUM).bind::<BigInt, _>(campaign.0);
        let (first, counts): (Option<Option<Instant>>, Vec<Count>) = run!(&self.db, |c| {
            let first = mine.first(c).await.optional()?;
            (first, sum.load(c).await?)
        });
        let Some(first) = first else { return Ok(None) };
        let of = |s: Status| counts.iter().filter(|c| c.status == s as i16).map(|c| c.n).sum();
        let counts = Status::ALL.map(of);
        Ok(Some(Stats { counts, first_sent_at: first.map(|at| at.0), counted_at: self.clock.now() }))
    }

    /// Rolls changes up into the counters, so that reading them stays cheap.
    pub async fn roll_up_counters(&self) -> Result<(), Error> {
        run!(
            &self.db,
            |pg| {
                use diesel_async::RunQueryDsl as _;
                diesel::sql_query(ROLL_UP_POSTGRES).execute(pg).await?;
            },
            |lite| {
                lite.spawn_blocking(|c| {
                    c.immediate_transaction(|c| {
                        use diesel::RunQueryDsl as _;
                        ROLL_UP_SQLITE.iter().try_for_each(|sql| diesel::sql_query(*sql).execute(c).map(drop))
                    })
                })
                .await?;
            }
        );
        Ok(())
    }
}
