//! Campaign counters: every change of a status is a signed row in the same transaction, rolled up later, so that a
//! campaign's thousand concurrent messages never queue for one row.

use std::collections::{BTreeMap, HashMap};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, SmallInt};
use diesel_async::RunQueryDsl as _;
use jiff::Timestamp;

use crate::domain::campaign::{CampaignState, Stats};
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::message::{Message, Status};
use crate::store::columns::Instant;
use crate::store::columns::sql::Instant as InstantSql;
use crate::store::error::Failure;
use crate::store::moves::Moves;
use crate::store::prepared::Prepare as _;
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store, run};

/// Where, among the numbers of statuses, stands how many messages the provider ever took.
pub(super) const ACCEPTED: i16 = 0;

/// The effect of one batch on the counters.
#[derive(Default)]
pub(super) struct Tally {
    counts: HashMap<(i64, i16), i64>,
    /// In order, so that two batches never lock two campaigns crosswise.
    first_sent: BTreeMap<i64, Timestamp>,
    /// For the metrics: of all messages, whether or not they are a campaign's.
    pub moves: Moves,
}

/// The former state of a message, which the counters and the update itself need.
#[derive(Clone, Copy)]
pub(super) struct Before {
    status: Status,
    sent: bool,
    accepted: bool,
    pub version: i32,
}

impl Before {
    pub(super) fn of(message: &Message) -> Self {
        let (sent, accepted) = (message.state.sent_at.is_some(), message.was_accepted());
        Self { status: message.status(), sent, accepted, version: message.state.version }
    }
}

/// A signed change to one counter.
pub(super) struct ChangeRow {
    pub campaign_id: i64,
    pub status: i16,
    pub n: i64,
}

impl Tally {
    /// Counts `message`, which was like `before` (`None`: it is new).
    pub(super) fn moved(&mut self, message: &Message, before: Option<Before>) {
        self.moves.note(message, before.map(|b| b.status));
        let Some(CampaignId(campaign)) = message.campaign else { return };
        if let Some(at) = message.state.sent_at.filter(|_| !before.is_some_and(|b| b.sent)) {
            let first = self.first_sent.entry(campaign).or_insert(at);
            *first = at.min(*first);
        }
        if message.was_accepted() && !before.is_some_and(|b| b.accepted) {
            *self.counts.entry((campaign, ACCEPTED)).or_default() += 1;
        }
        let (before, after) = (before.map(|b| b.status), message.status());
        if before == Some(after) {
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

    /// Takes each campaign's first acceptance by the provider out of it.
    pub(super) fn take_first_sent(&mut self) -> BTreeMap<i64, Timestamp> {
        std::mem::take(&mut self.first_sent)
    }
}

/// A campaign's row beside one of its counters; without any, beside none.
#[derive(QueryableByName)]
struct StandingRow {
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = BigInt)]
    waiting: i64,
    #[diesel(sql_type = Nullable<InstantSql>)]
    first_sent_at: Option<Instant>,
    #[diesel(sql_type = Nullable<InstantSql>)]
    ended_at: Option<Instant>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    status: Option<i16>,
    #[diesel(sql_type = Nullable<BigInt>)]
    n: Option<i64>,
}

/// One statement, so that it sees one moment: a recipient is waiting or a message, and never both or neither.
const STANDING: &str = "SELECT c.state, c.recipients - c.expanded AS waiting, c.first_sent_at, c.ended_at, s.status, s.n \
    FROM campaigns AS c LEFT JOIN (SELECT status, CAST(SUM(n) AS BIGINT) AS n FROM (\
    SELECT status, n FROM campaign_counters WHERE campaign_id = $1 \
    UNION ALL SELECT status, n FROM campaign_counter_changes WHERE campaign_id = $1) AS u GROUP BY status) AS s ON TRUE \
    WHERE c.id = $1 AND c.owner_id = $2";

const QUEUED: &str = "SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) AS n FROM (\
    SELECT n FROM campaign_counters WHERE campaign_id = $1 AND status = 2 \
    UNION ALL SELECT n FROM campaign_counter_changes WHERE campaign_id = $1 AND status = 2) AS u";

#[derive(QueryableByName)]
struct Queued {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many of a campaign's messages are queued.
pub(super) async fn queued(tx: &mut Tx, campaign: CampaignId) -> Result<i64, Failure> {
    let query = diesel::sql_query(QUEUED).bind::<BigInt, _>(campaign.0).prepared();
    let queued: Queued = on!(tx, |c| query.get_result(c).await?);
    Ok(queued.n)
}

/// Rolls a bounded number of changes up. Rows that another replica is rolling up are left to it.
const ROLL_UP_POSTGRES: &str = "WITH gone AS (\
      DELETE FROM campaign_counter_changes WHERE id IN (\
        SELECT id FROM campaign_counter_changes ORDER BY id LIMIT 50000 FOR UPDATE SKIP LOCKED) \
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
        let query = diesel::sql_query(STANDING).bind::<BigInt, _>(campaign.0).bind::<BigInt, _>(owner.0).prepared();
        let rows: Vec<StandingRow> = run!(&self.db, |c| query.load(c).await?);
        let Some(row) = rows.as_slice().first() else { return Ok(None) };
        let state = CampaignState::from_number(row.state).unwrap_or(CampaignState::Draft);
        let counter = |status: i16| rows.iter().filter(|r| r.status == Some(status)).filter_map(|r| r.n).sum::<i64>();
        let of = |s: Status| {
            let waiting = if state.of_waiting() == Some(s) { row.waiting } else { 0 };
            waiting + counter(s as i16)
        };
        Ok(Some(Stats {
            counts: Status::ALL.map(of),
            accepted: counter(ACCEPTED),
            state,
            over: row.ended_at.is_some(),
            first_sent_at: row.first_sent_at.map(|at| at.0),
            counted_at: self.clock.now(),
        }))
    }

    /// Rolls changes up into the counters, so that reading them stays cheap.
    pub async fn roll_up_counters(&self) -> Result<(), Error> {
        transact!(&self.transactions, |tx| {
            on!(
                tx,
                |pg| {
                    diesel::sql_query(ROLL_UP_POSTGRES).execute(pg).await?;
                },
                |lite| {
                    for statement in ROLL_UP_SQLITE {
                        diesel::sql_query(statement).execute(lite).await?;
                    }
                }
            );
            Ok(())
        })
    }
}
