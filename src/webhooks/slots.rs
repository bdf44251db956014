//! The calls to endpoints that the process has in flight: so many, and one owner at most half of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::ids::OwnerId;

/// How many calls there are at once. One that waits for its answer costs a connection and some kilobytes.
const ALL: usize = 512;

/// See the module.
pub(super) struct Slots {
    all: Arc<Semaphore>,
    owners: Mutex<HashMap<OwnerId, Arc<Semaphore>>>,
}

/// The place of one call.
pub(super) struct Slot {
    _owners: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Slots {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL)), owners: Mutex::default() }
    }
}

impl Slots {
    /// A place for a call of this owner's, once there is one. `None` only if there never will be.
    pub(super) async fn take(&self, owner: OwnerId) -> Option<Slot> {
        let of_owner = {
            let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            // Those of whom nothing is in flight, and nothing waits, are forgotten.
            if owners.len() > 1024 {
                owners.retain(|_, places| Arc::strong_count(places) > 1);
            }
            owners.entry(owner).or_insert_with(|| Arc::new(Semaphore::new(ALL / 2))).clone()
        };
        let of_owner = of_owner.acquire_owned().await.ok()?;
        let all = self.all.clone().acquire_owned().await.ok()?;
        Some(Slot { _owners: of_owner, _all: all })
    }
}
