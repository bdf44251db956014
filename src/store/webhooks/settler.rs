//! The progress of many cursors in one commit: while one is on its way to the disk, the next batch gathers.
//!
//! It runs in a task of its own, as the writer does, and for the same reason.

use tokio::sync::{mpsc, oneshot};

use crate::store::task::{self, Commands};
use crate::store::transaction::{Runner, transact};
use crate::store::webhooks::progress::{Progress, Settled};
use crate::store::{Error, Store};

/// How many cursors one transaction takes at most.
const MAX_BATCH: usize = 128;
/// How many may wait.
const QUEUE: usize = 1024;

/// A cursor's progress, and where it is told whether it was written down.
struct Command {
    progress: Progress,
    reply: oneshot::Sender<Result<Settled, Error>>,
}

/// The way to the task; it ends when the last one is dropped.
#[derive(Clone)]
pub(in crate::store) struct Settler(mpsc::Sender<Command>);

impl Settler {
    /// Starts the task.
    pub(in crate::store) fn start(transactions: &Runner) -> Self {
        let transactions = transactions.clone();
        Self(task::start("settler", QUEUE, move |commands| settle(transactions.clone(), commands)))
    }
}

async fn settle(transactions: Runner, commands: Commands<Command>) {
    let mut commands = commands.lock().await;
    loop {
        let mut gathered = task::gather(&mut commands, MAX_BATCH).await;
        if gathered.is_empty() {
            return;
        }
        // In one order, so that two processes never wait for each other.
        gathered.sort_by_key(|command| command.progress.held.cursor);
        commit(&transactions, gathered).await;
    }
}

/// Writes them down together; if the database refuses that, each for itself.
async fn commit(transactions: &Runner, commands: Vec<Command>) {
    let (all, replies): (Vec<Progress>, Vec<_>) =
        commands.into_iter().map(|command| (command.progress, command.reply)).unzip();
    match write(transactions, all.clone()).await {
        Ok(settled) => replies.into_iter().zip(settled).for_each(|(reply, settled)| drop(reply.send(Ok(settled)))),
        Err(Error::Query(_)) if all.len() > 1 => {
            for (progress, reply) in all.into_iter().zip(replies) {
                let alone = write(transactions, vec![progress]).await;
                let _ = reply.send(alone.map(|settled| settled.first().copied().unwrap_or(Settled::Lost)));
            }
        }
        Err(e) => replies.into_iter().for_each(|reply| drop(reply.send(Err(e.clone())))),
    }
}

async fn write(transactions: &Runner, all: Vec<Progress>) -> Result<Vec<Settled>, Error> {
    transact!(transactions, |tx| {
        let mut settled = Vec::with_capacity(all.len());
        for progress in &all {
            settled.push(progress.write(tx).await?);
        }
        Ok(settled)
    })
}

impl Store {
    /// Writes progress down, if this process holds the cursor still.
    pub async fn settle_cursor(&self, progress: Progress) -> Result<Settled, Error> {
        let stopped = || Error::Unavailable("the settler has stopped".into());
        let (reply, answer) = oneshot::channel();
        self.settler.0.send(Command { progress, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}
