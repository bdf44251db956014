//! The queue's partitions: one for each lane, owner and route account that has something due. Found by skipping along the
//! queue's index from partition to partition, so that a partition costs the same whether one message waits in it or a million.

use std::collections::{HashMap, HashSet};

use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult, QueryableByName, SqliteConnection,
};
use diesel_async::RunQueryDsl as _;
use jiff::Timestamp;

use crate::domain::campaign::CampaignState;
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::message::Guarantee;
use crate::store::columns::Instant;
use crate::store::columns::sql::Instant as InstantSql;
use crate::store::prepared::Prepare as _;
use crate::store::rows::SINGLES;
use crate::store::schema::campaigns;
use crate::store::sqlite_threads::Lite;
use crate::store::{Error, Store, run};

/// Messages that wait in one lane, of one owner, for one route account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Partition {
    /// The campaign whose start made them; `None` for single sends.
    pub campaign: Option<CampaignId>,
    /// Whose they are.
    pub owner: OwnerId,
    /// The route account that they go out by.
    pub account: String,
    /// The guarantee if an answer is lost, which is one for a whole campaign; `None` for single sends.
    pub guarantee: Option<Guarantee>,
    /// When the first of them that were seen was due. What was due before that has gone, and a claim need not read past what it
    /// left in the index; what comes back so late is seen by the next list.
    pub due_from: Timestamp,
}

impl Partition {
    /// The lane's number in the database.
    pub(super) fn lane(&self) -> i64 {
        self.campaign.map_or(SINGLES, |campaign| campaign.0)
    }
}

/// How many partitions are taken, the owners in turn; the others come when these are empty.
const MOST: usize = 10_000;
/// How many are walked along at most: each is a probe of the index, also one that is held or not due.
const WALK: usize = 200_000;

#[derive(QueryableByName)]
struct Head {
    #[diesel(sql_type = BigInt)]
    lane: i64,
    #[diesel(sql_type = BigInt)]
    owner_id: i64,
    #[diesel(sql_type = Text)]
    traffic_account_id: String,
    #[diesel(sql_type = InstantSql)]
    due_at: Instant,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    lane: i64,
    #[diesel(sql_type = BigInt)]
    owner_id: i64,
    #[diesel(sql_type = Text)]
    traffic_account_id: String,
    #[diesel(sql_type = Nullable<SmallInt>)]
    delivery_guarantee: Option<i16>,
    #[diesel(sql_type = InstantSql)]
    due_at: Instant,
}

const POSTGRES: &str = "WITH RECURSIVE s AS (\
      (SELECT lane, owner_id, traffic_account_id, due_at FROM messages WHERE dispatch = 1 \
       ORDER BY lane, owner_id, traffic_account_id, due_at LIMIT 1) \
      UNION ALL \
      SELECT n.* FROM s CROSS JOIN LATERAL (\
        SELECT m.lane, m.owner_id, m.traffic_account_id, m.due_at FROM messages AS m WHERE m.dispatch = 1 \
          AND (m.lane, m.owner_id, m.traffic_account_id) > (s.lane, s.owner_id, s.traffic_account_id) \
        ORDER BY m.lane, m.owner_id, m.traffic_account_id, m.due_at LIMIT 1) AS n) \
    SELECT s.lane, s.owner_id, s.traffic_account_id, c.delivery_guarantee, s.due_at \
    FROM (SELECT * FROM s LIMIT $3) AS s LEFT JOIN campaigns AS c ON c.id = s.lane \
    WHERE s.due_at <= $1 AND (s.lane = 0 OR c.state = $2) AND s.traffic_account_id <> ALL ($4)";

const SQLITE: &str = "SELECT lane, owner_id, traffic_account_id, due_at FROM messages WHERE dispatch = 1 \
    AND (lane, owner_id, traffic_account_id) > (?, ?, ?) \
    ORDER BY lane, owner_id, traffic_account_id, due_at LIMIT 1";

impl From<Found> for Partition {
    fn from(found: Found) -> Self {
        let campaign = Some(found.lane).filter(|lane| *lane != SINGLES).map(CampaignId);
        Self {
            campaign,
            owner: OwnerId(found.owner_id),
            account: found.traffic_account_id,
            guarantee: campaign.and(found.delivery_guarantee).map(crate::store::rows::guarantee),
            due_from: found.due_at.0,
        }
    }
}

/// As [`POSTGRES`], in the same order, step by step.
async fn on_sqlite(lite: &mut Lite, now: Timestamp, held: Vec<String>) -> QueryResult<Vec<Found>> {
    let closed = held.into_iter().collect();
    let heads = lite.spawn_blocking(move |c| heads(c, now, &closed)).await?;
    let lanes: Vec<i64> = heads.iter().map(|h| h.lane).filter(|lane| *lane != SINGLES).collect();
    let mut running: HashMap<i64, i16> = HashMap::new();
    for lanes in lanes.chunks(1000) {
        let query = campaigns::table
            .filter(campaigns::id.eq_any(lanes).and(campaigns::state.eq(CampaignState::Running as i16)))
            .select((campaigns::id, campaigns::delivery_guarantee));
        running.extend(query.load::<(i64, i16)>(lite).await?);
    }
    let sent = |h: &Head| h.lane == SINGLES || running.contains_key(&h.lane);
    let found = heads.into_iter().filter(sent).map(|h| Found {
        delivery_guarantee: running.get(&h.lane).copied(),
        lane: h.lane,
        owner_id: h.owner_id,
        traffic_account_id: h.traffic_account_id,
        due_at: h.due_at,
    });
    Ok(found.collect())
}

/// The heads of all partitions that are due, and whose accounts are not held.
fn heads(c: &mut SqliteConnection, now: Timestamp, closed: &HashSet<String>) -> QueryResult<Vec<Head>> {
    let mut due = Vec::new();
    let mut at = (i64::MIN, i64::MIN, String::new());
    for _ in 0..WALK {
        let query =
            diesel::sql_query(SQLITE).bind::<BigInt, _>(at.0).bind::<BigInt, _>(at.1).bind::<Text, _>(&at.2).prepared();
        let Some(head) = diesel::RunQueryDsl::load::<Head>(query, c)?.pop() else { break };
        at = (head.lane, head.owner_id, head.traffic_account_id.clone());
        if head.due_at.0 <= now && !closed.contains(&head.traffic_account_id) {
            due.push(head);
        }
    }
    Ok(due)
}

/// The first ones of these, the owners in turn: however many one owner has, everybody's first are among them.
fn in_turns(found: Vec<Found>) -> Vec<Found> {
    if found.len() <= MOST {
        return found;
    }
    let mut before: HashMap<i64, usize> = HashMap::new();
    let turn = |found: Found| {
        let turns = before.entry(found.owner_id).or_default();
        *turns += 1;
        (*turns, found)
    };
    let mut turns: Vec<(usize, Found)> = found.into_iter().map(turn).collect();
    turns.sort_by_key(|(turn, _)| *turn);
    turns.truncate(MOST);
    turns.into_iter().map(|(_, found)| found).collect()
}

impl Store {
    /// The partitions that have something due now and whose accounts are not among the held ones; those of campaigns that do not
    /// run are left out.
    pub async fn partitions(&self, held: &[String]) -> Result<Vec<Partition>, Error> {
        let (now, held) = (self.clock.now(), held.to_vec());
        let found: Vec<Found> = run!(
            &self.db,
            |pg| {
                let query = diesel::sql_query(POSTGRES)
                    .bind::<InstantSql, _>(Instant(now))
                    .bind::<SmallInt, _>(CampaignState::Running as i16)
                    .bind::<BigInt, _>(i64::try_from(WALK).unwrap_or(i64::MAX))
                    .bind::<Array<Text>, _>(held);
                query.prepared().load(pg).await?
            },
            |lite| on_sqlite(lite, now, held).await?
        );
        Ok(in_turns(found).into_iter().map(Partition::from).collect())
    }
}
