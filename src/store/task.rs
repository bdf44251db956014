//! Work that goes on whatever becomes of whoever asked for it: a caller that goes away in the middle of an await must
//! leave no transaction half done.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use crate::store::Error;

/// The requests to a task, in order.
pub(super) type Commands<C> = Arc<Mutex<mpsc::Receiver<C>>>;

/// Starts a task: `work` takes commands, of which up to `length` wait, until there is nobody left to give any. One that
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
            tracing::error!(task = name, "a task panicked; another takes its place");
        }
    });
    queue
}

/// The next batch, of at most so many; empty when there is nobody left to give any. It begins as soon as there is a command: what
/// comes while a batch is on its way to the disk is the next one, so that batches grow with the load, and a single caller's
/// commands wait for nothing.
pub(super) async fn gather<C>(commands: &mut mpsc::Receiver<C>, most: usize) -> Vec<C> {
    let mut gathered = Vec::new();
    commands.recv_many(&mut gathered, most).await;
    loop {
        let before = gathered.len();
        // Whoever is ready to run may have a command to give; it costs less than a commit to let it.
        tokio::task::yield_now().await;
        gathered.extend(std::iter::from_fn(|| commands.try_recv().ok()).take(most.saturating_sub(before)));
        if gathered.len() == before {
            return gathered;
        }
    }
}

/// Runs work to its end, whatever becomes of its caller. It is begun at once, and not a part of the caller's own future: that is
/// copied by each layer that it passes through.
pub(super) fn run_to_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> impl Future<Output = Result<T, Error>> + Send {
    let task = tokio::spawn(work);
    async move { task.await.map_err(|e| Error::Query(e.to_string().into()))? }
}
