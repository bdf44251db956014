//! The pool of connections to Postgres, each with what it heard of the server's faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult, Timeouts};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::postgres::{CONNECT_WAIT, Faults, configuration, connect};
use crate::store::error::{Error, Failure};

/// No statement of ours runs longer; one that would is a fault, and must not hold its locks for ever.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Of so many connections one is kept from reads: lists that take long must not keep what sends and settles waiting.
const KEPT_FROM_READS: usize = 3;
/// Every statement of ours finds its rows by an index. A plan that was made while a table was small would scan it, and
/// a prepared statement keeps its plan until new statistics come: minutes, in which the table grows to a million rows.
/// Compiling a plan takes longer than any statement of ours runs. A process that stalls in a transaction, frozen or starved,
/// must not keep its locks: after five seconds the server ends it.
const SETTINGS: &str = "SET timezone = 'UTC'; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; \
    SET jit = off; SET idle_in_transaction_session_timeout = '5s'";
/// Whoever waits for a row gives up before the server ends a transaction that stands still ahead of it, and is told again. Of a process
/// that stands still in several, the second one would be handed the row when the first one ends, and keep it for as long again: others
/// would wait for all of them, one after the other. Less than half of those five seconds, because of all who wait in line one waits twice: when the
/// first in line gives up, the next one takes its place and its time begins anew. Migrations wait for each other for longer, and have
/// connections of their own.
const LOCKS: &str = "SET lock_timeout = '2s'";
/// How long a caller waits for a connection before the database counts as out of reach.
const POOL_WAIT: Duration = CONNECT_WAIT;
/// How long a read may take, its way there and back included.
pub(super) const READ: Duration = Duration::from_secs(12);
/// The connection that was used last goes out first: its statements are prepared and its pages are in memory, while
/// those that are rarely needed stay small.
const QUEUE: QueueMode = QueueMode::Lifo;
const RUNTIME: deadpool::Runtime = deadpool::Runtime::Tokio1;
const TIMEOUTS: Timeouts = Timeouts { wait: Some(POOL_WAIT), create: Some(POOL_WAIT), recycle: Some(POOL_WAIT) };

/// One connection to Postgres, set up as all of ours are. TLS is used if the URL says `sslmode=require`, and the certificate
/// is then verified against the system's roots.
pub(super) async fn open(url: &str) -> ConnectionResult<(AsyncPgConnection, Faults)> {
    let (mut connection, faults) = connect(&configuration(url)?).await?;
    let setup = format!("SET statement_timeout = {}; {SETTINGS}", STATEMENT_TIMEOUT.as_millis());
    connection.batch_execute(&setup).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok((connection, faults))
}

/// A connection of the pool.
pub(super) struct Pooled {
    pub connection: AsyncPgConnection,
    pub faults: Faults,
    /// How often the connections had come under suspicion when it was opened.
    opened_at: u64,
}

/// How often a connection gave no answer. What took one may have taken all that were open: a firewall that forgot them, a
/// server that moved. Clones are the same.
#[derive(Clone, Default)]
struct Suspicion(Arc<AtomicU64>);

impl Suspicion {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn rise(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Opens connections for the pool, and looks at those that come back.
struct Connections {
    url: String,
    suspicion: Suspicion,
}

impl Manager for Connections {
    type Type = Pooled;
    type Error = ConnectionError;

    async fn create(&self) -> Result<Pooled, ConnectionError> {
        let opened_at = self.suspicion.now();
        // Boxed: opening one is rare, and would make the future of whoever asks for one of those that are open ten times as large.
        let (mut connection, faults) = Box::pin(open(&self.url)).await?;
        connection.batch_execute(LOCKS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Pooled { connection, faults, opened_at })
    }

    /// No query on every checkout: a dead connection shows itself on its first real query, or by being closed.
    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<ConnectionError> {
        use diesel_async::pooled_connection::PoolableConnection as _;
        let _ = pooled.faults.take();
        if pooled.connection.is_broken() {
            return Err(RecycleError::message("the connection is broken"));
        }
        if pooled.opened_at < self.suspicion.now() {
            return Err(RecycleError::message("another connection gave no answer since it was opened"));
        }
        Ok(())
    }
}

/// The connections to one Postgres server. Cheap to clone.
#[derive(Clone)]
pub(super) struct PgPool {
    pool: Pool<Connections>,
    suspicion: Suspicion,
    /// How many reads there may be at once.
    reads: Arc<Semaphore>,
}

/// A connection that is lent out. It goes back to the pool when it is dropped, unless it is in a transaction then.
pub(super) struct Lent {
    /// `None` once it was discarded.
    object: Option<Object<Connections>>,
    in_transaction: bool,
    suspicion: Suspicion,
    /// Its place among the reads, if it is lent for one.
    read: Option<OwnedSemaphorePermit>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.in_transaction {
            self.discard();
        }
    }
}

impl PgPool {
    /// A pool of up to `size` connections to the server at `url`. None is opened yet.
    pub(super) fn new(url: &str, size: usize) -> Result<Self, Error> {
        let suspicion = Suspicion::default();
        let connections = Connections { url: url.to_owned(), suspicion: suspicion.clone() };
        let pool = Pool::builder(connections).max_size(size).queue_mode(QUEUE).timeouts(TIMEOUTS).runtime(RUNTIME);
        let reads = Arc::new(Semaphore::new(size - size.div_ceil(KEPT_FROM_READS).min(size - 1)));
        Ok(Self { pool: pool.build().map_err(Error::setup)?, suspicion, reads })
    }

    /// A connection.
    pub(super) async fn lend(&self) -> Result<Lent, Error> {
        let lent = self.pool.get().await.map_err(|e| match e {
            PoolError::Backend(e) => Error::unavailable(e),
            e => Error::unavailable(e),
        })?;
        Ok(Lent { object: Some(lent), in_transaction: false, suspicion: self.suspicion.clone(), read: None })
    }

    /// A connection to read by; of those that are kept from reads, none.
    pub(super) async fn lend_to_read(&self) -> Result<Lent, Error> {
        let room = tokio::time::timeout(POOL_WAIT, self.reads.clone().acquire_owned()).await;
        let room = room.map_err(|_| Error::Unavailable("too many reads wait".into()))?.map_err(Error::unavailable)?;
        let mut lent = self.lend().await?;
        lent.read = Some(room);
        Ok(lent)
    }

    /// How many connections are in use, and how many idle.
    pub(super) fn status(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size.saturating_sub(status.available), status.available)
    }
}

impl Lent {
    /// The connection; an error if it was discarded.
    pub(super) fn connection(&mut self) -> Result<&mut AsyncPgConnection, Error> {
        let pooled = self.object.as_mut().ok_or_else(|| Error::Unavailable("the connection was given up".into()))?;
        Ok(&mut pooled.connection)
    }

    /// Closes the connection instead of giving it back: nobody knows what is still under way on it.
    fn discard(&mut self) {
        // Dropped outside of the pool, it is closed.
        drop(self.object.take().map(Object::take));
    }

    /// It gave no answer in time: it is closed, and those that were open meanwhile are not lent any more.
    pub(super) fn suspect(&mut self) {
        self.suspicion.rise();
        self.discard();
    }

    /// Notes whether a transaction is open on it.
    pub(super) fn in_transaction(&mut self, open: bool) {
        self.in_transaction = open;
    }

    /// The SQLSTATE of the first fault since this was last asked.
    pub(super) fn state(&self) -> Option<crate::postgres::SqlState> {
        self.object.as_ref().and_then(|pooled| pooled.faults.take())
    }

    /// The result of a read. One whose answer did not come in time takes its connection with it.
    pub(super) fn finish<T>(
        mut self,
        read: Result<Result<T, Failure>, tokio::time::error::Elapsed>,
    ) -> Result<T, Error> {
        match read {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(failure)) => Err(failure.into_error(self.state())),
            Err(_) => {
                self.suspect();
                Err(Error::Unavailable("no answer to a read".into()))
            }
        }
    }
}
