//! The store: the one port to the database, and the index of what stands behind it.
//!
//! Reads are queries on a pool (`messages`, `users`, …). Every write of a message goes through the `writer`, which
//! commits many at once; what a write does to a message's state is decided by [`crate::domain::status`].

mod accept;
mod addressee;
mod admissions;
mod aside;
mod audit;
mod batch;
mod campaigns;
mod claim;
mod columns;
mod counters;
mod db;
mod error;
mod gates;
mod halves;
mod inbound;
mod journal;
mod keys;
mod legacy;
mod lists;
mod lock;
mod messages;
mod migrate;
mod moves;
mod operated;
mod opt_outs;
mod owner_events;
mod owner_facts;
mod partitions;
mod patience;
mod pg_bulk;
mod pg_pool;
mod pg_pooler;
mod prepared;
mod probe;
mod processes;
mod pseudonyms;
mod queue_depth;
mod refresh;
mod reports;
mod resend;
mod retention;
mod room;
mod rows;
mod schema;
mod seen_posts;
mod spend;
mod sqlite_rows;
mod sqlite_threads;
mod superseding;
mod task;
mod time;
mod transaction;
mod transition;
mod url;
mod user_limits;
mod users;
mod wake;
mod webhooks;
mod writer;
mod writes;

use std::sync::Arc;

pub use accept::{Accepted, IdempotencyKey, Terms};
pub use audit::{AuditFilter, Audited};
pub use campaigns::{Added, CampaignInsert, Candidate, Move, Pace, RecipientBatch, ToReconcile};
pub use claim::{Claim, Claimed};
pub use error::{Cause, Error, KeyProblem};
pub use halves::Halves;
pub use inbound::{InboundFilter, ReadInbound, Received, ToReview};
pub use journal::{Happening, Horizon, JournalEntry, Position};
pub use keys::{ApiKey, KeyOwner, NewApiKey};
pub use legacy::{Differing, OldCampaign, OldHome, OldKind, OldUser};
pub use lists::{Filter, LOOKED_THROUGH};
pub use lock::ServingLock;
pub use messages::HistoryEntry;
pub use migrate::{Newer, POSTGRES as POSTGRES_MIGRATIONS, SQLITE as SQLITE_MIGRATIONS};
pub use operated::{DeadFilter, ToCome, WaitingFilter};
pub use opt_outs::{NewOptOut, OptOut};
pub use owner_facts::OwnerFacts;
pub use partitions::Partition;
pub use probe::{Standing as SchemaStanding, probe};
pub use processes::Replica;
pub use queue_depth::Depths;
pub use reports::{Applied, ReportStage, Standing};
pub use retention::{Chore, ChoreStanding, Erased, Requested};
pub use seen_posts::SignedPost;
pub use transaction::{Interruption, Point};
pub use transition::{Job, Moved, Pick};
pub use url::{Config, Url};
pub use users::User;
pub use wake::Topic;
pub use webhooks::{
    Cursor, Endpoint, EndpointChange, EndpointStanding, EventFacts, Exception, ExceptionState, Held, NewEndpoint,
    NewException, Progress, Renewed, SecretOf, Settled, Start,
};

use crate::clock::Clock;
use crate::domain::audit::Actor;
use crate::domain::message::Dispatch;
use db::{Db, run};
use transaction::{on, transact};

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    transactions: transaction::Runner,
    interruptions: transaction::Interruptions,
    writer: writer::Writer,
    intake: reports::Intake,
    settler: webhooks::Settler,
    clock: Clock,
    written: journal::Written,
    /// Where the database is: to listen takes a connection of its own.
    url: Url,
    lock: Option<Arc<ServingLock>>,
    newer: Option<Newer>,
    keyed: pseudonyms::Keyed,
    aside: aside::Aside,
    /// In whose name acts are written down.
    actor: Actor,
    /// Whether the start found something that waits, and a clock that is doubted.
    left_waiting: bool,
}

impl Store {
    /// Opens a database that is there, and brings it up to date.
    pub async fn open_existing(config: &Config, clock: Clock) -> Result<Self, Error> {
        probe::is_there(&config.url).await?;
        Self::open(config, clock, false).await
    }

    /// Opens the database, makes it if it is not there, brings it up to date and, for `serving`, takes an SQLite file's lock.
    /// Needs a multi-thread runtime.
    pub async fn open(config: &Config, clock: Clock, serving: bool) -> Result<Self, Error> {
        let mut lock = None;
        let (db, newer) = match &config.url {
            Url::Postgres(url) => {
                let newer = migrate::postgres(url).await?;
                (Db::Pg(pg_pool::PgPool::new(url, config.pool_size)?), newer)
            }
            Url::Sqlite(path) => {
                sqlite_threads::make_folder(path)?;
                // First the lock: a newer program must not migrate a file that another one serves, and then refuse.
                lock = serving.then(|| ServingLock::take(path)).transpose()?.map(Arc::new);
                let newer = migrate::sqlite(path).await?;
                (Db::Lite(sqlite_threads::SqliteThreads::start(path, config.pool_size)?), newer)
            }
        };
        let keyed = pseudonyms::Keyed::of(config.pseudonym_key.as_ref());
        let written = journal::Written::default();
        let interruptions = transaction::Interruptions::default();
        let transactions = transaction::Runner::new(db.clone(), clock.clone(), written.clone(), interruptions.clone());
        let aside = aside::Aside::default();
        let writer = writer::Writer::start(&transactions, &keyed, &aside, config.pool_size);
        let intake = reports::Intake::start(&transactions);
        let settler = webhooks::Settler::start(&transactions);
        let (url, actor) = (config.url.clone(), Actor::default());
        let mut store = Self {
            db,
            transactions,
            interruptions,
            writer,
            intake,
            settler,
            clock,
            written,
            url,
            lock,
            newer,
            keyed,
            aside,
            actor,
            left_waiting: false,
        };
        store.check_key().await?;
        let begun = store.begin_time().await?;
        if serving {
            begun.tell();
            store.left_waiting = store.clock.is_doubted() && store.anything_waits().await?;
        }
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
        transact!(&self.transactions, |tx| {
            let held = dsl::dispatch.eq_any([Dispatch::Claimed as i16, Dispatch::Sending as i16]);
            let ended = diesel::update(dsl::messages.filter(held)).set(dsl::due_at.eq(columns::Instant(tx.now)));
            on!(tx, |c| ended.execute(c).await?);
            webhooks::end_holds(tx).await
        })
    }

    /// Asks the database anything, to see whether it answers.
    pub async fn ping(&self) -> Result<(), Error> {
        use diesel_async::RunQueryDsl as _;
        let one = diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1"));
        let _: i32 = run!(&self.db, |c| one.get_result(c).await?);
        Ok(())
    }

    /// Lets transactions fail where `script` says so: for tests of what follows.
    pub fn interrupt(&self, script: impl Fn(Point) -> Option<Interruption> + Send + Sync + 'static) {
        self.interruptions.set(Box::new(script));
    }

    /// Whether what an earlier process left in the database is to wait, as the clock that says that its time has come is doubted.
    #[must_use]
    pub fn leaves_alone(&self) -> bool {
        self.left_waiting && self.clock.is_doubted()
    }

    /// The state that a newer release has brought the database to, if one has.
    #[must_use]
    pub fn newer(&self) -> Option<&Newer> {
        self.newer.as_ref()
    }

    /// `postgres` or `sqlite`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.db {
            Db::Pg(_) => "postgres",
            Db::Lite(_) => "sqlite",
        }
    }
}
