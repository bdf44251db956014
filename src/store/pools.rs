//! The two databases behind one enum, their connection pools, and the macro that writes each query once.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{QueueMode, Timeouts};
use diesel::{ConnectionError, ConnectionResult, SqliteConnection};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_postgres::config::SslMode;

use crate::postgres::{CONNECT_WAIT, configuration, describe, tls};
use crate::store::Error;

/// An SQLite connection that is used from async code.
pub(super) type Lite = SyncConnectionWrapper<SqliteConnection>;

/// The database, whichever it is.
#[derive(Clone)]
pub(super) enum Db {
    /// Postgres, shared by a fleet.
    Pg(Pool<AsyncPgConnection>),
    /// SQLite, embedded, and the turn to write: SQLite itself lets those who wait sleep, and whoever comes in between
    /// goes first.
    Lite(Pool<Lite>, Arc<Mutex<()>>),
}

impl Db {
    /// Waits for the turn to write, where there is one.
    pub(super) async fn alone(&self) -> Option<OwnedMutexGuard<()>> {
        match self {
            Self::Pg(_) => None,
            Self::Lite(_, turn) => Some(turn.clone().lock_owned().await),
        }
    }
}

/// `run!(db, |c| query)` runs one query on either database, type-checked for both;
/// `run!(db, |pg| …, |lite| …)` is for the few statements where they differ.
macro_rules! run {
    ($db:expr, |$c:ident| $body:expr) => {
        run!($db, |$c| $body, |$c| $body)
    };
    ($db:expr, |$p:ident| $pg:expr, |$l:ident| $lite:expr $(,)?) => {
        match $db {
            $crate::store::pools::Db::Pg(pool) => {
                let $p = &mut *pool.get().await.map_err($crate::store::Error::pool)?;
                $pg
            }
            $crate::store::pools::Db::Lite(pool, _) => {
                let $l = &mut *pool.get().await.map_err($crate::store::Error::pool)?;
                $lite
            }
        }
    };
}
pub(super) use run;

/// No statement of ours runs longer; one that would is a fault, and must not hold its locks for ever.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Every statement of ours finds its rows by an index. A plan that was made while a table was small would scan it, and
/// a prepared statement keeps its plan until new statistics come: minutes, in which the table grows to a million rows.
/// Compiling a plan takes longer than any statement of ours runs.
const SETTINGS: &str =
    "SET timezone = 'UTC'; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off";
/// How long a caller waits for a connection before the database counts as out of reach.
const POOL_WAIT: Duration = CONNECT_WAIT;
/// How long an SQLite connection waits for another process (an administrative command) to finish its write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The connection that was used last goes out first: its statements are prepared and its pages are in memory, while
/// those that are rarely needed stay small.
const QUEUE: QueueMode = QueueMode::Lifo;
const RUNTIME: deadpool::Runtime = deadpool::Runtime::Tokio1;
const TIMEOUTS: Timeouts = Timeouts { wait: Some(POOL_WAIT), create: Some(POOL_WAIT), recycle: Some(POOL_WAIT) };

/// A pool of `size` connections to the Postgres server at `url`.
pub(super) fn postgres(url: &str, size: usize) -> Result<Db, Error> {
    let mut config = ManagerConfig::<AsyncPgConnection>::default();
    // The default runs a query on every checkout; a dead connection shows itself on its first real query.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(|url| connect(url.to_owned()).boxed());
    let manager = AsyncDieselConnectionManager::new_with_config(url, config);
    let pool = Pool::builder(manager).max_size(size).queue_mode(QUEUE).timeouts(TIMEOUTS).runtime(RUNTIME).build();
    Ok(Db::Pg(pool.map_err(Error::setup)?))
}

/// One connection to Postgres. TLS is used if the URL says `sslmode=require`, and the certificate is then verified
/// against the system's roots.
pub(super) async fn connect(url: String) -> ConnectionResult<AsyncPgConnection> {
    let bad = |e: tokio_postgres::Error| ConnectionError::BadConnection(describe(&e));
    let config = configuration(&url)?;
    let mut connection = if config.get_ssl_mode() == SslMode::Require {
        let (client, driver) = config.connect(tls()?).await.map_err(bad)?;
        AsyncPgConnection::try_from_client_and_connection(client, driver).await?
    } else {
        let (client, driver) = config.connect(tokio_postgres::NoTls).await.map_err(bad)?;
        AsyncPgConnection::try_from_client_and_connection(client, driver).await?
    };
    let setup = format!("SET statement_timeout = {}; {SETTINGS}", STATEMENT_TIMEOUT.as_millis());
    connection.batch_execute(&setup).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// What a listening connection hears.
pub(super) type Words =
    futures::stream::BoxStream<'static, Result<tokio_postgres::AsyncMessage, tokio_postgres::Error>>;

/// A connection to Postgres of its own, to listen on. The words drive it: they have to be polled.
pub(super) async fn listener(url: &str) -> ConnectionResult<(tokio_postgres::Client, Words)> {
    fn words<S, T>(mut driver: tokio_postgres::Connection<S, T>) -> Words
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        futures::stream::poll_fn(move |cx| driver.poll_message(cx)).boxed()
    }
    let bad = |e: tokio_postgres::Error| ConnectionError::BadConnection(describe(&e));
    let config = configuration(url)?;
    if config.get_ssl_mode() == SslMode::Require {
        let (client, driver) = config.connect(tls()?).await.map_err(bad)?;
        Ok((client, words(driver)))
    } else {
        let (client, driver) = config.connect(tokio_postgres::NoTls).await.map_err(bad)?;
        Ok((client, words(driver)))
    }
}

/// Makes the folder of the SQLite file at `path`, if there is none.
pub(super) fn make_folder(path: &str) -> Result<(), Error> {
    match std::path::Path::new(path).parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(folder) => std::fs::create_dir_all(folder).map_err(Error::setup),
        None => Ok(()),
    }
}

/// A pool of `size` connections to the SQLite file at `path`.
pub(super) fn sqlite(path: &str, size: usize) -> Result<Db, Error> {
    let mut config = ManagerConfig::<Lite>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(|path| {
        async move {
            let mut connection = Lite::establish(path).await?;
            connection.batch_execute(&pragmas()).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
            Ok(connection)
        }
        .boxed()
    });
    let manager = AsyncDieselConnectionManager::new_with_config(path, config);
    let pool = Pool::builder(manager).max_size(size).queue_mode(QUEUE).timeouts(TIMEOUTS).runtime(RUNTIME).build();
    Ok(Db::Lite(pool.map_err(Error::setup)?, Arc::default()))
}

/// What every SQLite connection is set to. `synchronous=FULL`: what is acknowledged survives a power cut. The cache is
/// each connection's own, so that a full pool holds ten of them. What is deleted on a page that is written anyway is
/// overwritten with zeros; a page that is free as a whole is not, which would cost a write. The log is copied into the
/// file every 8 MB, twice the usual: many of its pages were written several times by then and are copied once, and whoever
/// commits then waits no longer than some 30 ms.
pub(super) fn pragmas() -> String {
    format!(
        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864; \
         PRAGMA secure_delete = FAST; PRAGMA wal_autocheckpoint = 2000;",
        BUSY_TIMEOUT.as_millis()
    )
}
