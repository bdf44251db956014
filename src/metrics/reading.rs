//! A reading of the database and its pool, taken when somebody asks for the metrics.

use crate::admission::Quota;
use crate::domain::gate::Holding;
use crate::domain::message::{Dispatch, Lane, Status};

/// A reading of the database and its pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// How many messages wait in each lane, and how many seconds the oldest of them has been due.
    pub queue: Vec<(Lane, i64, f64)>,
    /// How many messages are in each state that waits for time or an operator.
    pub states: Vec<(Dispatch, i64)>,
    /// How many transactions the writer has made, and how many writes they held.
    pub writer: (u64, u64),
    /// How many messages this process has taken in, by lane.
    pub accepted: Vec<(Lane, u64)>,
    /// How many messages came to each status by what it committed.
    pub status_changes: Vec<(Status, u64)>,
    /// How many connections of the pool are in use, and how many idle.
    pub connections: (i64, i64),
    /// How many gates are held, by reason.
    pub gates: Vec<(Holding, i64)>,
    /// How many single messages and bulk calls this process has in flight.
    pub in_flight: (i64, i64),
    /// How many streams of `WatchMessages` and `WatchInbound` are open.
    pub watches: i64,
    /// How many webhook cursors this process holds.
    pub cursors: i64,
    /// How much of each quota callers have in hand.
    pub shares: Vec<(Quota, i64)>,
    /// How many spans a collector took, and how many were dropped.
    pub spans: (u64, u64),
}
