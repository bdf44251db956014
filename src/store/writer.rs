//! The micro-batching writer (group commit): while one commit is on its way to the disk, the next batch gathers.
//!
//! It runs in tasks of its own, so that a caller that goes away never leaves a transaction half done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::message::Message;
use crate::domain::rate::Rate;
use crate::planted;
use crate::store::accept::{Accept, Accepted, IdempotencyKey};
use crate::store::batch::{self, Answers, Batch};
use crate::store::lane::{self, Commands, Gathering, in_a_task};
use crate::store::pools::{Db, run};
use crate::store::pseudonyms::Keyed;
use crate::store::transition::{Job, Moved, OUTDATED, Trust};
use crate::store::{Error, Store};

/// How many writes one transaction takes at most.
const MAX_BATCH: usize = 256;
/// How many writes may wait; past it callers wait for a place, which bounds the memory.
const QUEUE: usize = 4096;
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
    written: Arc<Written>,
}

/// How many transactions were made, and how many writes they held.
#[derive(Default)]
struct Written {
    batches: AtomicU64,
    writes: AtomicU64,
}

impl Writer {
    /// Starts the writer's task. One, on Postgres too: two would make the batches half as large, and most of what a
    /// batch costs does not depend on its size.
    pub(super) fn start(db: &Db, clock: &Clock, keyed: &Keyed) -> Self {
        let written = Arc::<Written>::default();
        let counted = written.clone();
        let place = Place { db: db.clone(), clock: clock.clone(), keyed: keyed.clone() };
        let queue = lane::start("writer", QUEUE, move |commands| write(place.clone(), commands, counted.clone()));
        Self { queue, written }
    }

    /// How many transactions were made, and how many writes they held.
    pub(super) fn written(&self) -> (u64, u64) {
        (self.written.batches.load(Ordering::Relaxed), self.written.writes.load(Ordering::Relaxed))
    }
}

/// What a transaction needs.
#[derive(Clone)]
struct Place {
    db: Db,
    clock: Clock,
    keyed: Keyed,
}

async fn write(place: Place, commands: Commands<Command>, written: Arc<Written>) {
    let mut commands = commands.lock().await;
    let mut gathering = Gathering::default();
    loop {
        let gathered = gathering.next(&mut commands, MAX_BATCH).await;
        if gathered.is_empty() {
            return;
        }
        written.batches.fetch_add(1, Ordering::Relaxed);
        written.writes.fetch_add(u64::try_from(gathered.len()).unwrap_or(0), Ordering::Relaxed);
        commit(&place, gathered).await;
    }
}

/// Commits the commands together; if the database refuses one of them, each for itself, so that one caller's fault
/// is not another's.
async fn commit(place: &Place, commands: Vec<Command>) {
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
    match attempt(place, &batch).await {
        Ok(answers) => {
            accepts.into_iter().zip(answers.accepts).for_each(|(reply, answer)| drop(reply.send(Ok(answer))));
            jobs.into_iter().zip(answers.jobs).for_each(|(reply, answer)| drop(reply.send(Ok(answer))));
        }
        Err(Error::Query(_)) if size > 1 => {
            let Ok(batch) = Arc::try_unwrap(batch) else { return };
            for (accept, reply) in batch.accepts.into_iter().zip(accepts) {
                let alone = Arc::new(Batch { accepts: vec![accept], jobs: Vec::new() });
                let answer = attempt(place, &alone).await.map(|mut a| a.accepts.pop());
                let _ = reply.send(answer.and_then(|a| a.ok_or_else(no_answer)));
            }
            for (job, reply) in batch.jobs.into_iter().zip(jobs) {
                let alone = Arc::new(Batch { accepts: Vec::new(), jobs: vec![job] });
                let answer = attempt(place, &alone).await.map(|mut a| a.jobs.pop());
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

async fn attempt(place: &Place, batch: &Arc<Batch>) -> Result<Answers, Error> {
    let Place { db, clock, keyed } = place;
    let mut races = Races::default();
    let mut trust = Trust::Known;
    loop {
        let _alone = db.alone().await;
        // The time of the batch is taken with a connection in hand: waiting for one may take seconds.
        let done = run!(db, |pg| batch::postgres(pg, batch, keyed, trust, clock.now()).await, |lite| {
            batch::sqlite(lite, batch.clone(), keyed.clone(), trust, clock.now()).await
        });
        match done {
            Err(e) if e == OUTDATED && trust == Trust::Known => trust = Trust::Nothing,
            Err(e) => races.lost(e).await?,
            Ok(answers) => return Ok(answers),
        }
    }
}

/// The deadlocks and serialisation races that a transaction has lost.
#[derive(Default)]
pub(super) struct Races(u32);

impl Races {
    /// Waits until the transaction is to be tried again that ended like this; the error, if that is no use.
    pub(super) async fn lost(&mut self, e: DieselError) -> Result<(), Error> {
        if !lost_a_race(&e) || self.0 >= RACES {
            return Err(e.into());
        }
        self.0 += 1;
        tokio::time::sleep(Duration::from_millis(5) * self.0).await;
        Ok(())
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
    /// begins. One that is to be sent at once takes its parts of its account's `rate`, or is queued instead. When this
    /// answers, it is on the disk.
    pub async fn accept(
        &self,
        message: Message,
        key: Option<IdempotencyKey>,
        rate: Option<Rate>,
        cancel: CancellationToken,
    ) -> Result<Accepted, Error> {
        if planted::now_and_then("lost-accept") {
            return Ok(Accepted::New(Box::new(message)));
        }
        self.keyed.usable()?;
        let (reply, answer) = oneshot::channel();
        let accept = Box::new(Accept { message, key, rate });
        self.enqueue(Command::Accept { accept, cancel, reply }).await?;
        let answer = answer.await.map_err(|_| stopped())?;
        self.written.ring();
        answer
    }

    /// Lets an event happen to some messages. When this answers, it is on the disk.
    pub async fn apply(&self, job: Job) -> Result<Vec<Moved>, Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Command::Job { job: Box::new(job), reply }).await?;
        let answer = answer.await.map_err(|_| stopped())?;
        self.written.ring();
        answer
    }

    /// Lets many events happen in one transaction of their own, beside the writer: a bulk call's settlements are a batch
    /// already, and must not keep single writes waiting. Answers job by job.
    pub async fn apply_all(&self, jobs: Vec<Job>) -> Result<Vec<Vec<Moved>>, Error> {
        let place = Place { db: self.db.clone(), clock: self.clock.clone(), keyed: self.keyed.clone() };
        let batch = Arc::new(Batch { accepts: Vec::new(), jobs });
        let done = in_a_task(async move { attempt(&place, &batch).await }).await;
        self.written.ring();
        Ok(done?.jobs)
    }

    async fn enqueue(&self, command: Command) -> Result<(), Error> {
        self.writer.queue.send(command).await.map_err(|_| stopped())
    }
}

fn stopped() -> Error {
    Error::Unavailable("the writer has stopped".into())
}
