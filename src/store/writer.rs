//! The micro-batching writer (group commit): while one commit is on its way to the disk, the next batch gathers.
//!
//! It runs in a task of its own, so that a caller that goes away never leaves a transaction half done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::ids::MessageId;
use crate::domain::message::Message;
use crate::store::accept::{Accept, Accepted, IdempotencyKey, Terms};
use crate::store::aside::{Aside, Picked};
use crate::store::batch::{Answers, Batch};
use crate::store::patience::Patience;
use crate::store::pseudonyms::Keyed;
use crate::store::task::{self, Commands};
use crate::store::transaction::{Runner, transact};
use crate::store::transition::{Job, Moved, Pick};
use crate::store::{Error, Store};

/// How many writes one transaction takes at most.
const MAX_BATCH: usize = 256;
/// How many writes may wait; past it callers wait for a place, which bounds the memory.
const QUEUE: usize = 4096;

/// A write and where its answer goes.
enum Command {
    Accept { accept: Box<Accept>, cancel: CancellationToken, reply: oneshot::Sender<Result<Accepted, Error>> },
    Job { job: Box<Job>, reply: oneshot::Sender<Result<Vec<Moved>, Error>> },
}

/// The way to the writer's task, which ends when the last one is dropped.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Command>,
    written: Arc<Written>,
    context: Context,
}

/// How many transactions were made, and how many writes they held.
#[derive(Default)]
struct Written {
    batches: AtomicU64,
    writes: AtomicU64,
    /// Since when a batch is on its way.
    since: Mutex<Option<Instant>>,
}

impl Written {
    fn is_at_work(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// Everything that a batch's transaction needs.
#[derive(Clone)]
struct Context {
    transactions: Runner,
    keyed: Keyed,
    aside: Aside,
    /// Where those go that have to wait for their owner's row; `None` where it is waited for.
    patience: Option<Patience<Command>>,
}

impl Writer {
    /// Starts the writer's task. One, on Postgres too: two would make the batches half as large, and most of what a
    /// batch costs does not depend on its size. It waits for no row of an owner's: [`Patience`] does.
    pub(super) fn start(transactions: &Runner, keyed: &Keyed, aside: &Aside, connections: usize) -> Self {
        let written = Arc::<Written>::default();
        let (transactions, keyed, aside) = (transactions.clone(), keyed.clone(), aside.clone());
        let context = Context { transactions, keyed, aside, patience: Some(Patience::new(connections)) };
        let (of_task, counted) = (context.clone(), written.clone());
        let queue = task::start("writer", QUEUE, move |commands| write(of_task.clone(), commands, counted.clone()));
        Self { queue, written, context }
    }

    /// How many transactions were made, and how many writes they held.
    pub(super) fn written(&self) -> (u64, u64) {
        (self.written.batches.load(Ordering::Relaxed), self.written.writes.load(Ordering::Relaxed))
    }
}

impl Store {
    /// For how long the batch that is being written has been on its way: what is accepted now waits behind it.
    #[must_use]
    pub fn writing_for(&self) -> Duration {
        let since = *self.writer.written.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

async fn write(context: Context, commands: Commands<Command>, written: Arc<Written>) {
    let mut commands = commands.lock().await;
    loop {
        let gathered = task::gather(&mut commands, MAX_BATCH).await;
        if gathered.is_empty() {
            return;
        }
        written.batches.fetch_add(1, Ordering::Relaxed);
        written.writes.fetch_add(u64::try_from(gathered.len()).unwrap_or(0), Ordering::Relaxed);
        written.is_at_work(Some(Instant::now()));
        context.commit(gathered).await;
        written.is_at_work(None);
    }
}

impl Context {
    /// Commits the commands together; if the database refuses one of them, each for itself, so that one caller's fault
    /// is not another's.
    async fn commit(&self, commands: Vec<Command>) {
        let mut batch = self.batch(Vec::new(), Vec::new());
        let (mut accepts, mut jobs) = (Vec::new(), Vec::new());
        for command in commands {
            match command {
                Command::Accept { cancel, reply, .. } if cancel.is_cancelled() => {
                    let _ = reply.send(Err(Error::Cancelled));
                }
                Command::Accept { accept, cancel, reply } => {
                    batch.accepts.push(Accept { patient: self.patience.is_none(), ..*accept });
                    accepts.push((cancel, reply));
                }
                Command::Job { job, reply } => {
                    batch.jobs.push(*job);
                    jobs.push(reply);
                }
            }
        }
        let size = batch.len();
        if size == 0 {
            return;
        }
        let batch = Arc::new(batch);
        match self.attempt(&batch).await {
            Ok(answers) => {
                for (place, (waiting, answer)) in accepts.into_iter().zip(answers.accepts).enumerate() {
                    self.answer(waiting, batch.accepts.get(place), Ok(answer));
                }
                jobs.into_iter().zip(answers.jobs).for_each(|(reply, answer)| drop(reply.send(Ok(answer))));
            }
            Err(e @ Error::Query(_)) => {
                let batch = Arc::unwrap_or_clone(batch);
                let refused = (size == 1).then_some(e);
                for (accept, waiting) in batch.accepts.into_iter().zip(accepts) {
                    let answer = match &refused {
                        Some(e) => Err(e.clone()),
                        None => self.accept_alone(accept.clone()).await,
                    };
                    self.answer(waiting, Some(&accept), answer);
                }
                for (job, reply) in batch.jobs.into_iter().zip(jobs) {
                    let answer = match &refused {
                        Some(e) => self.each(&job, batch.picked.take(), e.clone()).await,
                        None => self.apply_alone(job).await,
                    };
                    let _ = reply.send(answer);
                }
            }
            Err(e) => {
                tracing::warn!(error = %e, writes = size, "a batch of writes failed");
                for (_, reply) in accepts {
                    let _ = reply.send(Err(e.clone()));
                }
                for reply in jobs {
                    let _ = reply.send(Err(e.clone()));
                }
            }
        }
    }

    /// Tells what became of a message; one that waits for its owner's row goes on to where it is waited for.
    fn answer(
        &self,
        (cancel, reply): (CancellationToken, oneshot::Sender<Result<Accepted, Error>>),
        accept: Option<&Accept>,
        answer: Result<Option<Accepted>, Error>,
    ) {
        match (answer, accept.zip(self.patience.as_ref())) {
            (Ok(None), Some((accept, patience))) => {
                let context = Self { patience: None, ..self.clone() };
                let work = move |commands| {
                    let context = context.clone();
                    async move { context.commit(commands).await }
                };
                let waits = Command::Accept { accept: Box::new(accept.clone()), cancel, reply };
                if let Err(Command::Accept { reply, .. }) = patience.add(accept.message.owner, waits, work) {
                    let _ = reply.send(Err(Error::unavailable("too many wait for their owner's row")));
                }
            }
            (answer, _) => {
                let _ = reply.send(answer.and_then(|answer| answer.ok_or_else(no_answer)));
            }
        }
    }

    fn batch(&self, accepts: Vec<Accept>, jobs: Vec<Job>) -> Batch {
        let looks = jobs.is_empty() || jobs.iter().any(|job| job.pick.looks());
        let aside = if looks { self.aside.ids(self.transactions.clock.now()) } else { Vec::new() };
        Batch { accepts, jobs, aside, picked: Picked::default() }
    }

    async fn accept_alone(&self, accept: Accept) -> Result<Option<Accepted>, Error> {
        let mut answers = self.attempt(&Arc::new(self.batch(vec![accept], Vec::new()))).await?;
        answers.accepts.pop().ok_or_else(no_answer)
    }

    async fn apply_alone(&self, job: Job) -> Result<Vec<Moved>, Error> {
        let batch = Arc::new(self.batch(Vec::new(), vec![job]));
        match (self.attempt(&batch).await, batch.jobs.as_slice()) {
            (Err(e @ Error::Query(_)), [job]) => self.each(job, batch.picked.take(), e).await,
            (answers, _) => answers?.jobs.pop().ok_or_else(no_answer),
        }
    }

    /// Does a job that was refused to each message that it had picked, and sets aside those that are to blame.
    async fn each(&self, job: &Job, picked: Vec<MessageId>, refused: Error) -> Result<Vec<Moved>, Error> {
        if !job.pick.looks() || picked.is_empty() {
            return Err(refused);
        }
        let mut moved = Vec::with_capacity(picked.len());
        for id in picked {
            let one = Job { pick: Pick::Id(id), event: job.event.clone() };
            match self.attempt(&Arc::new(self.batch(Vec::new(), vec![one]))).await {
                Ok(answers) => moved.extend(answers.jobs.into_iter().flatten()),
                Err(e @ Error::Query(_)) => self.aside.put(id, &e, self.transactions.clock.now()),
                Err(e) => return Err(e),
            }
        }
        Ok(moved)
    }

    async fn attempt(&self, batch: &Arc<Batch>) -> Result<Answers, Error> {
        let (batch, keyed) = (batch.clone(), self.keyed.clone());
        transact!(&self.transactions, |tx| batch.run(tx, &keyed).await)
    }
}

fn no_answer() -> Error {
    Error::Query("the batch gave no answer".into())
}

impl Store {
    /// Stores a message, with its idempotency key if it has one, unless `cancel` is cancelled before its transaction
    /// begins. One that is to be sent at once takes its segments of its account's rate, or is queued instead. When this
    /// returns, it is on the disk.
    pub async fn accept(
        &self,
        message: Message,
        key: Option<IdempotencyKey>,
        terms: Terms,
        cancel: CancellationToken,
    ) -> Result<Accepted, Error> {
        self.store_new(Accept { message, key, terms, doubted: false, patient: false }, cancel).await
    }

    /// As [`Store::accept`], of a message that may be stored already, because the answer to an earlier attempt was lost: if
    /// it is, it is returned as it is now.
    pub async fn accept_again(
        &self,
        message: Message,
        key: Option<IdempotencyKey>,
        terms: Terms,
    ) -> Result<Accepted, Error> {
        self.store_new(Accept { message, key, terms, doubted: true, patient: false }, CancellationToken::new()).await
    }

    async fn store_new(&self, accept: Accept, cancel: CancellationToken) -> Result<Accepted, Error> {
        self.keyed.usable()?;
        let (reply, answer) = oneshot::channel();
        self.enqueue(Command::Accept { accept: Box::new(accept), cancel, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Lets an event happen to some messages. When this returns, it is on the disk.
    pub async fn apply(&self, job: Job) -> Result<Vec<Moved>, Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Command::Job { job: Box::new(job), reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Lets many events happen in one transaction of their own, beside the writer: a bulk call's settlements are a batch
    /// already, and must not keep single writes waiting. Returns what each job moved.
    pub async fn apply_all(&self, jobs: Vec<Job>) -> Result<Vec<Vec<Moved>>, Error> {
        let batch = Arc::new(self.writer.context.batch(Vec::new(), jobs));
        Ok(self.writer.context.attempt(&batch).await?.jobs)
    }

    async fn enqueue(&self, command: Command) -> Result<(), Error> {
        self.writer.queue.send(command).await.map_err(|_| stopped())
    }
}

fn stopped() -> Error {
    Error::Unavailable("the writer has stopped".into())
}
