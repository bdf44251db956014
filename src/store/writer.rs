//! The micro-batching writer (group commit): while one commit is on its way to the disk, the next batch gathers.
//!
//! It runs in tasks of its own, so that a caller that goes away never leaves a transaction half done.

use std::sync::Arc;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::message::Message;
use crate::planted;
use crate::store::accept::{Accept, Accepted, IdempotencyKey};
use crate::store::batch::{self, Answers, Batch};
use crate::store::pools::{Db, run};
use crate::store::transition::{Job, Moved, OUTDATED, Trust};
use crate::store::{Error, Store};

/// How many writes one transaction takes at most.
const MAX_BATCH: usize = 256;
/// How many writes may wait; past it callers wait for a place, which bounds the memory.
const QUEUE: usize = 4096;
/// A batch of fewer writes waits this long for more, if the one before it had so much company that more are likely.
/// A single caller's writes never wait; among many, three milliseconds are little next to a commit and a provider call.
const FEW: usize = 64;
const COMPANY: usize = 4;
const GATHER: Duration = Duration::from_millis(3);
/// How often a batch that lost a deadlock or a serialisation race is repeated.
const RACES: u32 = 5;

/// A write and where its answer goes.
enum Command {
    Accept { accept: Box<Accept>, cancel: CancellationToken, reply: oneshot::Sender<Result<Accepted, Error>> },
    Job { job: Box<Job>, reply: oneshot::Sender<Result<Vec<Moved>, Error>> },
}

/// The way to the writer's tasks; they end when the last one is dropped.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Command>,
}

impl Writer {
    /// Starts the writer's task. One, on Postgres too: two would make the batches half as large, and most of what a
    /// batch costs does not depend on its size.
    pub(super) fn start(db: &Db, clock: &Clock) -> Self {
        let (queue, commands) = mpsc::channel(QUEUE);
        tokio::spawn(keep_lane(db.clone(), clock.clone(), Arc::new(Mutex::new(commands))));
        Self { queue }
    }
}

/// Replaces a lane that panicked: its callers are told that the write failed, and the next ones find a writer.
async fn keep_lane(db: Db, clock: Clock, commands: Arc<Mutex<mpsc::Receiver<Command>>>) {
    while let Err(e) = tokio::spawn(lane(db.clone(), clock.clone(), commands.clone())).await {
        if e.is_cancelled() {
            return;
        }
        tracing::error!("a writer lane panicked; another takes its place");
    }
}

async fn lane(db: Db, clock: Clock, commands: Arc<Mutex<mpsc::Receiver<Command>>>) {
    let mut commands = commands.lock().await;
    let mut company = false;
    loop {
        let mut gathered = Vec::new();
        if commands.recv_many(&mut gathered, MAX_BATCH).await == 0 {
            return;
        }
        if company && gathered.len() < FEW {
            tokio::time::sleep(GATHER).await;
            let room = MAX_BATCH - gathered.len();
            gathered.extend(std::iter::from_fn(|| commands.try_recv().ok()).take(room));
        }
        company = gathered.len() >= COMPANY;
        commit(&db, &clock, gathered).await;
    }
}

/// Commits the commands together; if the database refuses one of them, each for itself, so that one caller's fault
/// is not another's.
async fn commit(db: &Db, clock: &Clock, commands: Vec<Command>) {
    let mut batch = Batch::default();
    let (mut accepts, mut jobs) = (Vec::new(), Vec::new());
    for command in commands {
        match command {
            Command::Accept { cancel, reply, .. } if cancel.is_cancelled() => {
                let _ = reply.send(Err(Error::Cancelled));
            }
            Command::Accept { accept, reply, .. } => {
                batch.accepts.push(*accept);
                accepts.push(reply);
            }
            Command::Job { job, reply } => {
                batch.jobs.push(*job);
                jobs.push(reply);
            }
        }
    }
    let size = batch.accepts.len() + batch.jobs.len();
    if size == 0 {
        return;
    }
    let batch = Arc::new(batch);
    match attempt(db, clock, &batch).await {
        Ok(answers) => {
            accepts.into_iter().zip(answers.accepts).for_each(|(reply, answer)| drop(reply.send(Ok(answer))));
            jobs.into_iter().zip(answers.jobs).for_each(|(reply, answer)| drop(reply.send(Ok(answer))));
        }
        Err(Error::Query(_)) if size > 1 => {
            let Ok(batch) = Arc::try_unwrap(batch) else { return };
            for (accept, reply) in batch.accepts.into_iter().zip(accepts) {
                let alone = Arc::new(Batch { accepts: vec![accept], jobs: Vec::new() });
                let answer = attempt(db, clock, &alone).await.map(|mut a| a.accepts.pop());
                let _ = reply.send(answer.and_then(|a| a.ok_or_else(no_answer)));
            }
            for (job, reply) in batch.jobs.into_iter().zip(jobs) {
                let alone = Arc::new(Batch { accepts: Vec::new(), jobs: vec![job] });
                let answer = attempt(db, clock, &alone).await.map(|mut a| a.jobs.pop());
                let _ = reply.send(answer.and_then(|a| a.ok_or_else(no_answer)));
            }
        }
        Err(e) => {
            tracing::warn!(error = %e, writes = size, "a batch of writes failed");
            for reply in accepts {
                let _ = reply.send(Err(e.clone()));
            }
            for reply in jobs {
                let _ = reply.send(Err(e.clone()));
            }
        }
    }
}

fn no_answer() -> Error {
    Error::Query("the batch gave no answer".into())
}

async fn attempt(db: &Db, clock: &Clock, batch: &Arc<Batch>) -> Result<Answers, Error> {
    let mut races = 0;
    let mut trust = Trust::Known;
    loop {
        // The time of the batch is taken with a connection in hand: waiting for one may take seconds.
        let done = run!(db, |pg| batch::postgres(pg, batch, trust, clock.now()).await, |lite| {
            batch::sqlite(lite, batch.clone(), trust, clock.now()).await
        });
        match done {
            Err(e) if e == OUTDATED && trust == Trust::Known => trust = Trust::Nothing,
            Err(e) if lost_a_race(&e) && races < RACES => {
                races += 1;
                tokio::time::sleep(Duration::from_millis(5) * races).await;
            }
            done => return Ok(done?),
        }
    }
}

fn lost_a_race(e: &DieselError) -> bool {
    match e {
        DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        DieselError::DatabaseError(_, info) => info.message().contains("deadlock detected"),
        _ => false,
    }
}

impl Store {
    /// Stores a message, with its idempotency key if it has one, unless `cancel` is cancelled before its transaction
    /// begins. When this answers, it is on the disk.
    pub async fn accept(
        &self,
        message: Message,
        key: Option<IdempotencyKey>,
        cancel: CancellationToken,
    ) -> Result<Accepted, Error> {
        if planted::now_and_then("lost-accept") {
            return Ok(Accepted::New);
        }
        let (reply, answer) = oneshot::channel();
        let accept = Box::new(Accept { message, key });
        self.enqueue(Command::Accept { accept, cancel, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Lets an event happen to some messages. When this answers, it is on the disk.
    pub async fn apply(&self, job: Job) -> Result<Vec<Moved>, Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Command::Job { job: Box::new(job), reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    async fn enqueue(&self, command: Command) -> Result<(), Error> {
        self.writer.queue.send(command).await.map_err(|_| stopped())
    }
}

fn stopped() -> Error {
    Error::Unavailable("the writer has stopped".into())
}
