//! The life of the process: what is under way in it, and whether it is to stop; work that goes on whatever becomes of who asked for it.

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;

/// See the module. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    work: TaskTracker,
    stopping: CancellationToken,
}

impl Lifecycle {
    /// Runs work in a task of its own, for which [`Self::drain`] waits.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        self.work.spawn(work)
    }

    /// From here on nothing new is begun, streams end, and what is not past the fence is given back.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Whether it is to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Ends when it is to stop.
    pub fn stopping(&self) -> WaitForCancellationFuture<'_> {
        self.stopping.cancelled()
    }

    /// Waits until all work that was spawned has ended. More may still begin.
    pub async fn drain(&self) {
        self.work.close();
        self.work.wait().await;
    }
}
