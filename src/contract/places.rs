//! How many calls a process serves at once, whichever door they come through.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// The places for calls. Clones share them.
#[derive(Debug, Clone)]
pub struct Places(Arc<Semaphore>);

/// A call's place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(#[expect(dead_code, reason = "it is held, and nothing else")] OwnedSemaphorePermit);

impl Places {
    /// So many.
    #[must_use]
    pub fn new(calls: usize) -> Self {
        Self(Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))))
    }

    /// A place, unless all are taken.
    pub(crate) fn take(&self) -> Result<Place, Error> {
        self.0.clone().try_acquire_owned().map(Place).map_err(|_| Error::Unavailable {
            reason: "TOO_MANY_CALLS",
            message: "The server has as many calls in flight as it takes. Try again.",
            retry_after: Duration::from_secs(1),
            cause: "MAX_IN_FLIGHT reached".to_owned(),
        })
    }
}

impl Default for Places {
    fn default() -> Self {
        Self::new(1024)
    }
}
