//! SQLite's own threads: one writes, a few read. A whole transaction is one job, so that no statement of it hops between
//! threads, nothing of it can be dropped half-way, and the runtime's threads never wait for the disk.

use std::any::Any;
use std::error::Error as StdError;
use std::os::unix::fs::MetadataExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use diesel::SqliteConnection;
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::BoxFuture;
use tokio::sync::{Semaphore, oneshot};

use crate::store::error::{Error, Failure};

/// Runs a connection's work where it is asked for. On a thread of the database's own every future of the connection is
/// then ready when it is polled first, and async code runs there as it does on Postgres.
pub(super) struct Inline;

impl SpawnBlocking for Inline {
    fn spawn_blocking<'a, R: Send + 'static>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn StdError + Send + Sync + 'static>>> {
        let done = task();
        async move { Ok(done) }.boxed()
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// An SQLite connection, used from async code on its own thread alone.
pub(super) type Lite = SyncConnectionWrapper<SqliteConnection, Inline>;

/// How many threads read at most. Reads are short and the processors few.
const READERS: usize = 4;
/// How many jobs may wait for a thread; further callers wait in a queue of their own, which they can leave.
const WAITING: usize = 64;
/// How long an SQLite connection waits for another process (an administrative command) to finish its write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a job waits for its turn before its caller is told that the database cannot be reached.
const TURN: Duration = Duration::from_secs(30);

/// The settings of every SQLite connection. `synchronous=FULL`: what is acknowledged survives a power cut. What is deleted on
/// a page that is written anyway is overwritten with zeros; a page that is free as a whole is not, which would cost a write.
/// The log is copied into the file every 8 MB, twice the usual: many of its pages were written several times by then and
/// are copied once, and whoever commits then waits no longer than some 30 ms.
pub(super) fn pragmas() -> String {
    format!(
        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864; \
         PRAGMA secure_delete = FAST; PRAGMA wal_autocheckpoint = 2000;",
        BUSY_TIMEOUT.as_millis()
    )
}

/// Makes the folder of the SQLite file at `path`, if there is none.
pub(super) fn make_folder(path: &str) -> Result<(), Error> {
    match std::path::Path::new(path).parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|e| Error::setup(format_args!("{}: {e}", folder.display())))
        }
        None => Ok(()),
    }
}

/// The device and the number of a file.
type Identity = (u64, u64);

/// The file at this path; `None` if there is none.
fn identity(path: &str) -> Option<Identity> {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// A thread's connection. It is opened when it is first needed, and again after a job that did not give it back.
pub(super) struct Slot {
    path: Arc<str>,
    /// The file that was there when the threads were started.
    file: Option<Identity>,
    /// Whether it only reads: SQLite refuses everything else then.
    reads: bool,
    connection: Option<Lite>,
}

impl Slot {
    /// Takes the connection out. A job that ends without [`Slot::put_back`] has it closed, with whatever it left open.
    ///
    /// An error to whoever would write if the file is not at its path any more: the open one may have no name left, and what is
    /// written to it goes with the process.
    pub(super) fn take(&mut self) -> Result<Lite, Error> {
        if !self.reads && self.file.is_some() && identity(&self.path) != self.file {
            return Err(Error::Unavailable("the SQLite file was moved, deleted or replaced under the process".into()));
        }
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        block_on(async {
            let mut connection = Lite::establish(&self.path).await.map_err(Error::unavailable)?;
            connection.batch_execute(&pragmas()).await.map_err(Error::unavailable)?;
            if self.reads {
                connection.batch_execute("PRAGMA query_only = ON").await.map_err(Error::unavailable)?;
            }
            Ok(connection)
        })
    }

    /// Keeps the connection for the next job.
    pub(super) fn put_back(&mut self, connection: Lite) {
        self.connection = Some(connection);
    }
}

type Job = Box<dyn FnOnce(&mut Slot) + Send>;

/// The threads that do one kind of work.
struct Crew {
    jobs: Sender<Job>,
    room: Semaphore,
    busy: AtomicUsize,
    threads: usize,
}

impl Crew {
    fn start(name: &str, threads: usize, path: &Arc<str>, reads: bool) -> Result<Arc<Self>, Error> {
        let (jobs, waiting) = crossbeam_channel::unbounded();
        let file = identity(path);
        for _ in 0..threads {
            let (slot, waiting) = (Slot { path: path.clone(), file, reads, connection: None }, waiting.clone());
            let thread = std::thread::Builder::new().name(name.to_owned());
            // In the runtime of those who ask, so that what looks for a panic's runtime finds theirs.
            let runtime = tokio::runtime::Handle::try_current().ok();
            let work = move || {
                let _runtime = runtime.as_ref().map(tokio::runtime::Handle::enter);
                serve(slot, &waiting);
            };
            thread.spawn(work).map_err(Error::setup)?;
        }
        Ok(Arc::new(Self { jobs, room: Semaphore::new(WAITING), busy: AtomicUsize::new(0), threads }))
    }

    /// Has `work` done on one of the threads. A caller that goes away before its turn takes the work with it.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Slot) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let room = tokio::time::timeout(TURN, self.room.acquire()).await.map_err(|_| too_long())?;
        let _room = room.map_err(|_| stopped())?;
        self.busy.fetch_add(1, Ordering::Relaxed);
        let _busy = Busy(&self.busy);
        let (reply, answer) = oneshot::channel();
        let asked = Instant::now();
        let job: Job = Box::new(move |slot| {
            if reply.is_closed() {
                return;
            }
            let done = if asked.elapsed() > TURN { Err(too_long()) } else { work(slot) };
            let _ = reply.send(done);
        });
        self.jobs.send(job).map_err(|_| stopped())?;
        answer.await.map_err(|_| Error::Query("the work on the database panicked".into()))?
    }
}

/// A caller that is waiting or served.
struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn too_long() -> Error {
    Error::Unavailable("SQLite's threads are busy, or its disk does not answer".into())
}

fn stopped() -> Error {
    Error::Unavailable("SQLite's threads have stopped".into())
}

/// Does jobs until nobody is left to give any. One that panics closes its connection and ends no other.
fn serve(mut slot: Slot, waiting: &Receiver<Job>) {
    for job in waiting {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(&mut slot))) {
            tracing::error!(
                panic = words(&*panic),
                "work on the database panicked; the next one finds a new connection"
            );
        }
    }
}

/// A panic's message. Ours never hold a number, a text or a secret.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

/// The threads of one SQLite file; they end when the last clone is dropped.
#[derive(Clone)]
pub(super) struct SqliteThreads {
    writer: Arc<Crew>,
    readers: Arc<Crew>,
}

impl SqliteThreads {
    /// Starts the threads for the file at `path`: one that writes, and up to `connections` that read.
    pub(super) fn start(path: &str, connections: usize) -> Result<Self, Error> {
        let path: Arc<str> = path.into();
        let readers = connections.saturating_sub(1).clamp(1, READERS);
        Ok(Self {
            writer: Crew::start("sqlite-writer", 1, &path, false)?,
            readers: Crew::start("sqlite-reader", readers, &path, true)?,
        })
    }

    /// Runs a query on one of the reading threads.
    pub(super) async fn read<T, F>(&self, query: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&mut Lite) -> Result<T, Failure> + Send + 'static,
    {
        let read = move |slot: &mut Slot| {
            let mut connection = slot.take()?;
            let done = block_on(query(&mut connection));
            slot.put_back(connection);
            done.map_err(|e| e.into_error(None))
        };
        self.readers.run(read).await
    }

    /// Does a transaction's work on the thread that writes.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Slot) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.writer.run(work).await
    }

    /// How many connections are in use, and how many idle.
    pub(super) fn status(&self) -> (usize, usize) {
        let threads = self.writer.threads + self.readers.threads;
        let busy = |crew: &Crew| crew.busy.load(Ordering::Relaxed).min(crew.threads);
        let busy = busy(&self.writer) + busy(&self.readers);
        (busy, threads.saturating_sub(busy))
    }
}
