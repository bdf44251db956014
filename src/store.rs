//! The store: the one port to the database, and the index of what stands behind it.
//!
//! Reads are queries on a pool (`messages`, `users`, …). Every write of a message goes through the `writer`, which
//! commits many at once; what a write does to a message's state is decided by [`crate::domain::status`].

mod accept;
mod batch;
mod campaigns;
mod claim;
mod columns;
mod counters;
mod gates;
mod inbound;
mod journal;
mod keys;
mod lane;
mod legacy;
mod lock;
mod messages;
mod migrate;
mod opt_outs;
mod pools;
mod pseudonyms;
mod reading;
mod refresh;
mod reports;
mod retention;
mod rows;
mod schema;
mod single;
mod streams;
mod transition;
mod unnest;
mod users;
mod wake;
mod writer;

use std::sync::Arc;

use secrecy::SecretString;

pub use accept::{Accepted, IdempotencyKey};
pub use campaigns::{Added, Batch, CampaignInsert, Candidate, Move, Pace, ToTend};
pub use claim::{Claim, Claimed};
pub use inbound::{ReadInbound, ToReview};
pub use journal::{Horizon, JournalEntry, Position};
pub use keys::{ApiKey, KeyOwner};
pub use legacy::{Differing, OldCampaign, OldHome, OldKind, OldUser};
pub use lock::ServingLock;
pub use messages::{Filter, HistoryEntry};
pub use migrate::{POSTGRES as POSTGRES_MIGRATIONS, SQLITE as SQLITE_MIGRATIONS, probe};
pub use opt_outs::{OptOut, OptOutSource};
pub use pseudonyms::KeyProblem;
pub use reading::Depths;
pub use reports::{Applied, Post, Stage, Standing};
pub use retention::{Chore, Erased, Requested};
pub use streams::Stream;
pub use transition::{Job, Moved, Pick};
pub use users::User;
pub use wake::Topic;

use crate::clock::Clock;
use crate::domain::message::Dispatch;
use pools::{Db, run};

/// Which database, and how much of it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `postgres://…`, `postgresql://…` or `sqlite://path`.
    pub url: Url,
    /// How many connections a pool holds at most.
    pub pool_size: usize,
    /// The key of the pseudonyms that stand for erased numbers (`PSEUDONYM_KEY`), of
    /// [`crate::domain::pseudonym::Pseudonyms::MIN_KEY`] bytes or more; without one nothing can be erased.
    pub pseudonym_key: Option<SecretString>,
}

/// A database's address, which may hold a password: its `Debug` shows the scheme alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Url {
    /// A Postgres server's URL.
    Postgres(String),
    /// An SQLite file's path.
    Sqlite(String),
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Postgres(_) => "Postgres(…)",
            Self::Sqlite(_) => "Sqlite(…)",
        })
    }
}

impl Url {
    /// Reads the URL; anything else is `None`.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let valid = url.parse::<tokio_postgres::Config>().is_ok();
            return valid.then(|| Self::Postgres(url.to_owned()));
        }
        let path = url.strip_prefix("sqlite://")?;
        let usable = !path.is_empty() && !path.contains([':', '?']);
        usable.then(|| Self::Sqlite(path.to_owned()))
    }
}

/// What can go wrong with the database. The words are for operators and never leave the process.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// It cannot be reached or does not answer: trying again may help.
    #[error("the database cannot be reached: {0}")]
    Unavailable(Arc<str>),
    /// It refused a statement: a fault of ours.
    #[error("the database refused a statement: {0}")]
    Query(Arc<str>),
    /// It cannot be used as it is.
    #[error("{0}")]
    Setup(Arc<str>),
    /// Another process serves this SQLite file.
    #[error("the database {path} is being served by another process (pid {holder})")]
    Serving {
        /// The file.
        path: String,
        /// What the other process wrote into the lock.
        holder: String,
    },
    /// The key of the pseudonyms is not the one that numbers in this database were erased with.
    #[error("PSEUDONYM_KEY {0}")]
    Key(KeyProblem),
    /// The caller went away before anything was stored.
    #[error("the caller went away before anything was stored")]
    Cancelled,
}

impl Error {
    #[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
    fn pool(e: diesel_async::pooled_connection::deadpool::PoolError) -> Self {
        Self::Unavailable(e.to_string().into())
    }

    fn setup(e: impl std::fmt::Display) -> Self {
        Self::Setup(e.to_string().into())
    }
}

impl From<diesel::result::Error> for Error {
    fn from(e: diesel::result::Error) -> Self {
        use diesel::result::DatabaseErrorKind as Kind;
        use diesel::result::Error as E;
        let text = e.to_string().into();
        match e {
            // Read-only is a replica that was the primary a moment ago; a serialisation failure, a race lost many times.
            E::DatabaseError(
                Kind::ClosedConnection
                | Kind::UnableToSendCommand
                | Kind::ReadOnlyTransaction
                | Kind::SerializationFailure,
                _,
            )
            | E::BrokenTransactionManager
            | E::AlreadyInTransaction
            | E::NotInTransaction => Self::Unavailable(text),
            E::DatabaseError(Kind::Unknown, info) if unavailable(info.message()) => Self::Unavailable(text),
            _ => Self::Query(text),
        }
    }
}

/// Words by which a database that is stopping, starting, locked or full is known: Diesel has no kind for these.
fn unavailable(message: &str) -> bool {
    const WORDS: [&str; 13] = [
        "connection closed",
        "terminating connection",
        "shutting down",
        "starting up",
        "in recovery mode",
        "database is locked",
        "disk is full",
        "disk I/O error",
        "statement timeout",
        "deadlock detected",
        "No space left on device",
        "unable to open database file",
        "error communicating with the server",
    ];
    WORDS.iter().any(|w| message.contains(w))
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    writer: writer::Writer,
    intake: reports::Intake,
    clock: Clock,
    written: journal::Written,
    /// Where the database is: to listen takes a connection of its own.
    url: Url,
    lock: Option<Arc<ServingLock>>,
    keyed: pseudonyms::Keyed,
}

impl Store {
    /// Opens the database, brings it up to date and, for `serving`, takes an SQLite file's lock.
    /// Needs a multi-thread runtime.
    pub async fn open(config: &Config, clock: Clock, serving: bool) -> Result<Self, Error> {
        let mut lock = None;
        let db = match &config.url {
            Url::Postgres(url) => {
                migrate::postgres(url).await?;
                pools::postgres(url, config.pool_size)?
            }
            Url::Sqlite(path) => {
                pools::make_folder(path)?;
                // First the lock: a newer program must not migrate a file that another one serves, and then refuse.
                lock = serving.then(|| ServingLock::take(path)).transpose()?.map(Arc::new);
                migrate::sqlite(path).await?;
                pools::sqlite(path, config.pool_size)?
            }
        };
        let keyed = pseudonyms::Keyed::of(config.pseudonym_key.as_ref());
        let writer = writer::Writer::start(&db, &clock, &keyed);
        let intake = reports::Intake::start(&db, &clock);
        let written = journal::Written::default();
        let store = Self { db, writer, intake, clock, written, url: config.url.clone(), lock, keyed };
        store.check_key().await?;
        store.follow_clock().await?;
        store.end_leases_of_the_dead().await?;
        Ok(store)
    }

    /// Whoever holds an SQLite file's serving lock is alone: every lease in it is a dead process's, and need not be
    /// waited for. What becomes of the messages is the timers' to decide.
    async fn end_leases_of_the_dead(&self) -> Result<(), Error> {
        use diesel::{ExpressionMethods as _, QueryDsl as _};
        use diesel_async::RunQueryDsl as _;
        use schema::messages::dsl;
        if self.lock.is_none() {
            return Ok(());
        }
        let held = dsl::dispatch.eq_any([Dispatch::Claimed as i16, Dispatch::Sending as i16]);
        let now = columns::Instant(self.clock.now());
        run!(&self.db, |c| diesel::update(dsl::messages.filter(held)).set(dsl::due_at.eq(now)).execute(c).await?);
        Ok(())
    }

    /// Asks the database for the time and lets the clock follow it, so that all replicas' leases are told by one
    /// clock. SQLite's clock is this machine's.
    pub async fn follow_clock(&self) -> Result<(), Error> {
        use diesel_async::RunQueryDsl as _;
        if !matches!(self.db, Db::Pg(_)) {
            return Ok(());
        }
        let system = Clock::system();
        let before = system.now();
        let query = diesel::select(diesel::dsl::sql::<columns::sql::Instant>("clock_timestamp()"));
        let database: columns::Instant = run!(&self.db, |pg| query.get_result(pg).await?, |_lite| return Ok(()));
        let half = before.until(system.now()).ok().and_then(|d| d.total(jiff::Unit::Microsecond).ok());
        #[expect(clippy::cast_possible_truncation, reason = "a round trip in microseconds")]
        let local = jiff::Timestamp::from_microsecond(before.as_microsecond() + half.unwrap_or(0.0) as i64 / 2);
        self.clock.follow(database.0, local.unwrap_or(before));
        Ok(())
    }

    /// Asks the database anything, to see whether it answers.
    pub async fn ping(&self) -> Result<(), Error> {
        use diesel_async::RunQueryDsl as _;
        let one = diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1"));
        let _: i32 = run!(&self.db, |c| one.get_result(c).await?);
        Ok(())
    }

    /// `postgres` or `sqlite`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.db {
            Db::Pg(_) => "postgres",
            Db::Lite(..) => "sqlite",
        }
    }
}
