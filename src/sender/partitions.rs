//! The partitions of the queue that had something due a moment ago, kept so that not every claim reads them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::kept::{Kept, Use};
use crate::domain::message::Message;
use crate::error::Error;
use crate::sender::Sender;
use crate::store::Partition;

/// How long a list of partitions that was read quickly is used before it is read anew: while there is much to do, reading it for
/// every claim would cost as much as the claims.
const PARTITIONS_TTL: Duration = Duration::from_millis(250);

/// A list that is no longer than this is cheap to read; if it took long, something else held the database up.
const SHORT: usize = 1000;

/// The partitions that had something due a moment ago.
#[derive(Default)]
pub(super) struct CachedPartitions(Mutex<Option<Read>>);

struct Read {
    at: Instant,
    cost: Duration,
    spent: bool,
    partitions: Arc<Vec<Partition>>,
}

impl CachedPartitions {
    fn read(&self) -> MutexGuard<'_, Option<Read>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list, and whether it has to do.
    fn get(&self) -> Option<(Arc<Vec<Partition>>, bool)> {
        let read = self.read();
        let Read { at, cost, spent, partitions } = read.as_ref()?;
        match (Kept { cost: *cost, age: at.elapsed(), spent: *spent }).is_used(PARTITIONS_TTL) {
            Use::No => None,
            used => Some((partitions.clone(), used == Use::Must)),
        }
    }

    fn set(&self, begun: Instant, partitions: Arc<Vec<Partition>>) {
        let at = Instant::now();
        let cost = if partitions.len() > SHORT { at.duration_since(begun) } else { Duration::ZERO };
        *self.read() = Some(Read { at, cost, spent: false, partitions });
    }

    /// Nothing more is found by the list.
    pub(super) fn is_spent(&self) {
        if let Some(read) = self.read().as_mut() {
            read.spent = true;
        }
    }
}

impl Sender {
    /// The partitions with something due, and whether there are no newer ones to be had: they were read just now, or it is too
    /// soon to read them again.
    pub(super) async fn partitions(&self) -> Result<(Arc<Vec<Partition>>, bool), Error> {
        if let Some(known) = self.inner.cached_partitions.get() {
            return Ok(known);
        }
        let begun = Instant::now();
        let partitions = Arc::new(self.inner.store.partitions(&self.held_accounts()).await?);
        self.inner.cached_partitions.set(begun, partitions.clone());
        Ok((partitions, true))
    }

    /// Whether messages of this owner's and account already wait for room: a new one goes behind them.
    pub(super) fn has_backlog(&self, message: &Message) -> bool {
        let known = self.inner.cached_partitions.get();
        known.is_some_and(|(partitions, _)| {
            partitions
                .iter()
                .any(|s| s.campaign.is_none() && s.owner == message.owner && s.account == message.traffic_account_id)
        })
    }
}
