//! How full the queue is, and what waits beside it: read for those who watch, at most every few seconds.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, SmallInt};
use diesel_async::RunQueryDsl as _;

use crate::domain::message::{Dispatch, Lane as MessageLane, Status};
use crate::store::columns::Instant;
use crate::store::columns::sql::Instant as InstantSql;
use crate::store::{Error, Store, run};

/// How the messages stand that are not done with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Depths {
    /// Single sends in the queue, and since when the oldest has been due.
    pub single: (i64, Option<jiff::Timestamp>),
    /// Campaigns' messages in the queue, and since when the oldest has been due.
    pub campaign: (i64, Option<jiff::Timestamp>),
    /// How many are scheduled, claimed, being sent, unknown with a resend to come, dead.
    pub states: Vec<(Dispatch, i64)>,
}

#[derive(QueryableByName)]
struct Lane {
    #[diesel(sql_type = SmallInt)]
    campaign: i16,
    #[diesel(sql_type = BigInt)]
    n: i64,
    #[diesel(sql_type = Nullable<InstantSql>)]
    oldest: Option<Instant>,
}

#[derive(QueryableByName)]
struct State {
    #[diesel(sql_type = SmallInt)]
    dispatch: i16,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// The states that wait for time or an operator.
const WATCHED: [Dispatch; 5] =
    [Dispatch::Scheduled, Dispatch::Claimed, Dispatch::Sending, Dispatch::Unknown, Dispatch::Dead];

/// Both read an index that holds what waits and nothing else.
const QUEUE: &str = "SELECT CAST(CASE WHEN lane = 0 THEN 0 ELSE 1 END AS SMALLINT) AS campaign, count(*) AS n, \
    min(due_at) AS oldest FROM messages WHERE dispatch = 1 GROUP BY 1";
const STATES: &str = "SELECT dispatch, count(*) AS n FROM messages \
    WHERE due_at IS NOT NULL AND dispatch <> 1 GROUP BY dispatch \
    UNION ALL SELECT CAST(9 AS SMALLINT), count(*) FROM messages WHERE dispatch = 9";

impl Store {
    /// How full the queue is now.
    pub async fn depths(&self) -> Result<Depths, Error> {
        let (lanes, states): (Vec<Lane>, Vec<State>) =
            run!(&self.db, |c| { (diesel::sql_query(QUEUE).load(c).await?, diesel::sql_query(STATES).load(c).await?) });
        let lane = |campaign| {
            let lane = lanes.iter().find(|lane| lane.campaign == campaign);
            lane.map_or((0, None), |lane| (lane.n, lane.oldest.map(|at| at.0)))
        };
        let of = |dispatch: Dispatch| {
            let n = states.iter().filter(|s| s.dispatch == dispatch as i16).map(|s| s.n).sum();
            (dispatch, n)
        };
        Ok(Depths { single: lane(0), campaign: lane(1), states: WATCHED.map(of).to_vec() })
    }

    /// How many messages this process has taken in, by lane.
    #[must_use]
    pub fn accepted(&self) -> [(MessageLane, u64); 2] {
        self.transactions.committed.accepted()
    }

    /// How many messages came to each status by what this process committed.
    #[must_use]
    pub fn status_changes(&self) -> [(Status, u64); Status::ALL.len()] {
        self.transactions.committed.changes()
    }

    /// How many transactions the writer has made and how many writes they held; how many connections of the pool are in
    /// use and how many idle.
    #[must_use]
    pub fn pulse(&self) -> ((u64, u64), (usize, usize)) {
        (self.writer.written(), self.db.status())
    }
}
