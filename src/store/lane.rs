//! Work that goes on whatever becomes of whoever asked for it: a caller that goes away in the middle of an await must
//! leave no transaction half done.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use crate::store::Error;

/// What is asked of a lane, in order.
pub(super) type Commands<C> = Arc<Mutex<mpsc::Receiver<C>>>;

/// Starts a lane: `work` takes commands, of which up to `length` wait, until there is nobody left to give any. A lane that
/// panics is replaced: its callers are told that their commands failed, and the next ones find it working.
pub(super) fn start<C, W>(
    name: &'static str,
    length: usize,
    work: impl Fn(Commands<C>) -> W + Send + 'static,
) -> mpsc::Sender<C>
where
    C: Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let (queue, commands) = mpsc::channel(length);
    let commands = Arc::new(Mutex::new(commands));
    tokio::spawn(async move {
        while let Err(e) = tokio::spawn(work(commands.clone())).await {
            if e.is_cancelled() {
                return;
            }
            tracing::error!(lane = name, "a lane panicked; another takes its place");
        }
    });
    queue
}

/// Runs a transaction's task to its end.
pub(super) async fn in_a_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.map_err(|e| Error::Query(e.to_string().into()))?
}
