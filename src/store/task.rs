//! Work that goes on whatever becomes of whoever asked for it: a caller that goes away in the middle of an await must
//! leave no transaction half done.

use std::sync::Arc;
use std::time::Duration;

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
/// How a task gathers a batch. One of few commands waits a little for more, if the one before it had so much company that
/// more are likely. A single caller's commands never wait; among many, three milliseconds are little next to a commit.
#[derive(Default)]
pub(super) struct Gathering {
    company: bool,
}

const FEW: usize = 64;
const COMPANY: usize = 4;
const WAIT: Duration = Duration::from_millis(3);

impl Gathering {
    /// The next batch, of at most so many; empty when there is nobody left to give any.
    pub(super) async fn next<C>(&mut self, commands: &mut mpsc::Receiver<C>, most: usize) -> Vec<C> {
        let mut gathered = Vec::new();
        commands.recv_many(&mut gathered, most).await;
        if self.company && gathered.len() < FEW {
            tokio::time::sleep(WAIT).await;
            let room = most - gathered.len();
            gathered.extend(std::iter::from_fn(|| commands.try_recv().ok()).take(room));
        }
        self.company = gathered.len() >= COMPANY;
        gathered
    }
}

/// Runs work to its end, whatever becomes of its caller.
pub(super) async fn run_to_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.map_err(|e| Error::Query(e.to_string().into()))?
}
