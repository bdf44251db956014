//! How many calls a process serves at once, whichever API they come through.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// The permits of calls in flight. Clones share them.
#[derive(Debug, Clone)]
pub struct CallPermits(Arc<Semaphore>);

/// A call's permit; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct CallPermit(#[expect(dead_code, reason = "it is held, and nothing else")] OwnedSemaphorePermit);

impl CallPermits {
    /// So many.
    #[must_use]
    pub fn new(calls: usize) -> Self {
        Self(Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))))
    }

    /// A permit, unless all are taken.
    pub(crate) fn take(&self) -> Result<CallPermit, Error> {
        self.0.clone().try_acquire_owned().map(CallPermit).map_err(|_| Error::Unavailable {
            reason: "TOO_MANY_CALLS",
            message: "The server has as many calls in flight as it takes. Try again.",
            retry_after: Duration::from_secs(1),
            cause: "MAX_IN_FLIGHT reached".to_owned(),
        })
    }
}

impl Default for CallPermits {
    fn default() -> Self {
        Self::new(1024)
    }
}
