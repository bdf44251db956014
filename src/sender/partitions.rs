//! The partitions of the queue that had something due a moment ago, kept so that not every claim reads them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::message::Message;
use crate::error::Error;
use crate::sender::Sender;
use crate::store::Partition;

/// How long a list of partitions is used before it is read anew: while there is much to do, reading it for every claim
/// would cost as much as the claims.
const PARTITIONS_TTL: Duration = Duration::from_millis(250);

/// The partitions that had something due a moment ago.
#[derive(Default)]
pub(super) struct CachedPartitions(Mutex<Option<(Instant, Arc<Vec<Partition>>)>>);

impl CachedPartitions {
    fn get(&self) -> Option<Arc<Vec<Partition>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(read, _)| read.elapsed() < PARTITIONS_TTL).map(|(_, partitions)| partitions.clone())
    }

    pub(super) fn set(&self, partitions: Option<Arc<Vec<Partition>>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            partitions.map(|partitions| (Instant::now(), partitions));
    }
}

impl Sender {
    /// The partitions with something due, and whether they were read just now.
    pub(super) async fn partitions(&self) -> Result<(Arc<Vec<Partition>>, bool), Error> {
        if let Some(partitions) = self.inner.cached_partitions.get() {
            return Ok((partitions, false));
        }
        let partitions = Arc::new(self.inner.store.partitions(&self.held_accounts()).await?);
        self.inner.cached_partitions.set(Some(partitions.clone()));
        Ok((partitions, true))
    }

    /// Whether messages of this owner's and account already wait for room: a new one goes behind them.
    pub(super) fn has_backlog(&self, message: &Message) -> bool {
        let known = self.inner.cached_partitions.get();
        known.is_some_and(|partitions| {
            partitions
                .iter()
                .any(|s| s.campaign.is_none() && s.owner == message.owner && s.account == message.traffic_account_id)
        })
    }
}
