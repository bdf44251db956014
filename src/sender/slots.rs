//! The slots of what may be in flight at once: a kill leaves no more unknown than there are slots.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::sender::Sender;

/// How long a claim waits for more free slots.
const GATHER: Duration = Duration::from_millis(10);

/// The slots, one for each queued message and for each bulk call that may be in flight.
pub(super) struct Slots {
    single: Pool,
    bulk: Pool,
}

/// The slots of one kind.
struct Pool {
    all: usize,
    free: Arc<Semaphore>,
}

impl Pool {
    fn new(all: usize) -> Self {
        Self { all, free: Arc::new(Semaphore::new(all)) }
    }

    fn taken(&self) -> usize {
        self.all.saturating_sub(self.free.available_permits())
    }
}

impl Slots {
    pub(super) fn new(single: usize, bulk: usize) -> Self {
        Self { single: Pool::new(single), bulk: Pool::new(bulk) }
    }

    /// How many single messages could be begun now.
    pub(super) fn free(&self) -> usize {
        self.single.free.available_permits()
    }

    /// How many of both kinds are taken.
    pub(super) fn taken(&self) -> (usize, usize) {
        (self.single.taken(), self.bulk.taken())
    }

    /// A single message's slot, once there is one.
    pub(super) async fn take(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.single.free.clone().acquire_owned().await
    }

    /// A bulk call's slot, if there is one.
    pub(super) fn take_bulk(&self) -> Option<OwnedSemaphorePermit> {
        self.bulk.free.clone().try_acquire_owned().ok()
    }
}

impl Sender {
    /// Waits until another queued message can be in flight, or the process stops.
    pub async fn slot_free(&self) {
        let single = &self.inner.slots.single;
        self.permit(&single.free).await;
        // Those that were claimed together end together: a moment's patience claims many at once again.
        let many = u32::try_from(single.all / 4).unwrap_or(1);
        let _ = tokio::time::timeout(GATHER, single.free.acquire_many(many)).await;
    }

    /// Waits until another bulk call can be in flight, or the process stops.
    pub async fn bulk_slot_free(&self) {
        self.permit(&self.inner.slots.bulk.free).await;
    }

    async fn permit(&self, slots: &Semaphore) {
        tokio::select! {
            // The semaphores are never closed; if one were, looking for work would be right, too.
            slot = slots.acquire() => drop(slot),
            () = self.inner.lifecycle.stopping() => {}
        }
    }
}
