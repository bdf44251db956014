//! Turns: work that waits rather than being refused. So much is done at once, and of one owner half of it at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::ids::OwnerId;

/// How many owners' queues are remembered before those that nobody waits in are forgotten.
const REMEMBERED: usize = 256;

/// See the module.
#[derive(Debug)]
pub struct Turns {
    whole: Arc<Semaphore>,
    of_one: usize,
    of: Mutex<HashMap<OwnerId, Weak<Semaphore>>>,
}

/// A turn; it ends when it is dropped.
#[derive(Debug)]
pub struct Turn {
    _whole: Option<OwnedSemaphorePermit>,
    _own: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// So much at once.
    #[must_use]
    pub fn new(whole: usize) -> Self {
        Self { whole: Arc::new(Semaphore::new(whole.max(1))), of_one: whole.div_ceil(2).max(1), of: Mutex::default() }
    }

    fn own(&self, owner: OwnerId) -> Arc<Semaphore> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = of.get(&owner).and_then(Weak::upgrade) {
            return own;
        }
        if of.len() >= REMEMBERED {
            of.retain(|_, own| own.strong_count() > 0);
        }
        let own = Arc::new(Semaphore::new(self.of_one));
        of.insert(owner, Arc::downgrade(&own));
        own
    }

    /// Waits for a turn: among the owner's own first, so that those who wait hold nobody else up.
    pub async fn turn(&self, owner: OwnerId) -> Turn {
        // Nobody closes them.
        let own = self.own(owner).acquire_owned().await.ok();
        let whole = self.whole.clone().acquire_owned().await.ok();
        Turn { _whole: whole, _own: own }
    }
}
