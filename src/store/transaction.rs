//! The one place that opens write transactions, on either database.
//!
//! A transaction is a *story*: async code over a [`Tx`], told again when it lost a race. It runs in a task, or on SQLite's
//! own thread, so that a caller that goes away in the middle leaves nothing half done; every attempt is bounded in time, and
//! one that is over takes its connection with it; after the commit whoever it concerns is woken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use diesel::{QueryResult, SqliteConnection};
use diesel_async::SimpleAsyncConnection as _;
use futures::executor::block_on;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::postgres::SqlState;
use crate::store::db::Db;
use crate::store::error::{Error, Failure};
use crate::store::journal::Written;
use crate::store::moves::{Committed, Moves};
use crate::store::pg_pool::{Lent, PgPool};
use crate::store::prepared::Prepare as _;
use crate::store::room::Room;
use crate::store::sqlite_threads::{Lite, Slot};

/// How long one attempt may take, from BEGIN to the answer to COMMIT.
const ATTEMPT: Duration = Duration::from_secs(8);
/// For how long after a row was waited for in vain those rows are not waited for that can be done without.
const HURRY: Duration = Duration::from_secs(5);
/// How often a transaction that lost a deadlock or a serialisation race, or waited for a row in vain, is repeated.
const RACES: u32 = 5;
/// How long the first repetition waits; the n-th waits n times as long.
const RACE_WAIT: Duration = Duration::from_millis(5);

/// Where a transaction can be made to fail by a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// Before BEGIN: nothing has happened.
    Begin,
    /// Before COMMIT: everything is written and nothing kept.
    Commit,
    /// After COMMIT: everything is kept, and the answer is lost.
    Committed,
}

/// A test's interference at a [`Point`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// The database is out of reach.
    Unavailable,
    /// The database refuses what is written.
    Refused,
    /// Another transaction won: as a deadlock.
    Race,
    /// The story's task panics.
    Panic,
}

/// Decides for each transaction at each point whether it fails.
type Script = Box<dyn Fn(Point) -> Option<Interruption> + Send + Sync>;

/// Where a test asks for failures; empty in a process that serves.
#[derive(Clone, Default)]
pub(super) struct Interruptions(Arc<ArcSwapOption<Script>>);

impl Interruptions {
    pub(super) fn set(&self, script: Script) {
        self.0.store(Some(Arc::new(script)));
    }

    fn at(&self, point: Point) -> Result<(), Failure> {
        let script = self.0.load();
        match script.as_ref().and_then(|script| script(point)) {
            None => Ok(()),
            Some(Interruption::Unavailable) => Err(Error::Unavailable("interrupted".into()).into()),
            Some(Interruption::Refused) => Err(Error::Query("interrupted".into()).into()),
            Some(Interruption::Race) => Err(Failure::Race),
            #[expect(clippy::panic, reason = "a test asked for it")]
            Some(Interruption::Panic) => panic!("interrupted"),
        }
    }
}

/// The connection of a transaction.
#[expect(clippy::large_enum_variant, reason = "one for each transaction: a box would be an allocation for each")]
pub(super) enum Conn {
    Pg(Lent),
    Lite(Lite),
}

/// A transaction that is open.
#[expect(clippy::struct_excessive_bools, reason = "five things that are or are not, each of its own")]
pub(super) struct Tx {
    pub conn: Conn,
    /// The time of the attempt, taken with the connection in hand: waiting for one may take seconds.
    pub now: Timestamp,
    /// Whether an attempt before this one found that what the process knew was out of date: everything is to be read.
    pub outdated: bool,
    /// Whether a row was waited for in vain just before: those that can be done without are not waited for.
    pub hurried: bool,
    /// Whether it writes events, which those who watch the journal are told of.
    pub journaled: bool,
    /// Its effects on messages' statuses.
    pub moves: Moves,
    /// Whether the connection is not free of it.
    open: bool,
    /// Whether the database was asked to commit it.
    committing: bool,
}

/// One statement in a transaction, type-checked on both: `on!(tx, |c| query)`; where they truly differ
/// `on!(tx, |pg| …, |lite| …)`.
macro_rules! on {
    ($tx:expr, |$c:ident| $body:expr) => {
        on!($tx, |$c| $body, |$c| $body)
    };
    ($tx:expr, |$p:ident| $pg:expr, |$l:ident| $lite:expr $(,)?) => {
        match &mut $tx.conn {
            $crate::store::transaction::Conn::Pg(lent) => {
                let $p = lent.connection()?;
                $pg
            }
            $crate::store::transaction::Conn::Lite($l) => $lite,
        }
    };
}
pub(super) use on;

/// Rows that the transaction is about to change, locked against others on Postgres; on SQLite it is alone in writing.
/// `free` leaves those out that another transaction has locked.
macro_rules! locked {
    ($tx:expr, $row:ty, $query:expr) => {
        $crate::store::transaction::on!(
            $tx,
            |pg| $query.select($crate::store::columns::columns_of::<$row>()).for_update().load::<$row>(pg).await?,
            |lite| $query.select($crate::store::columns::columns_of::<$row>()).load::<$row>(lite).await?
        )
    };
    (free $tx:expr, $row:ty, $query:expr) => {
        $crate::store::transaction::on!(
            $tx,
            |pg| $query
                .select($crate::store::columns::columns_of::<$row>())
                .for_update()
                .skip_locked()
                .load::<$row>(pg)
                .await?,
            |lite| $query.select($crate::store::columns::columns_of::<$row>()).load::<$row>(lite).await?
        )
    };
}
pub(super) use locked;

/// `transact!(runner, |tx| story)` tells the story in a transaction and comes to its result once that is on the disk. The
/// story owns what it names, only borrows it (it may be told again), uses `?` and ends with `Ok(…)`.
macro_rules! transact {
    ($runner:expr, |$tx:ident| $story:expr) => {{
        use $crate::store::error::Failure;
        let story = async move |$tx: &mut $crate::store::transaction::Tx| -> Result<_, Failure> { $story };
        let runner: $crate::store::transaction::Runner = $crate::store::transaction::Runner::clone($runner);
        match runner.db.clone() {
            $crate::store::db::Db::Pg(pool) => $crate::store::task::run_to_end(runner.on_postgres(pool, story)).await,
            $crate::store::db::Db::Lite(threads) => threads.write(move |slot| runner.on_sqlite(slot, &story)).await,
        }
    }};
}
pub(super) use transact;

/// The means to run transactions. Cheap to clone.
#[derive(Clone)]
pub(super) struct Runner {
    pub db: Db,
    pub clock: Clock,
    written: Written,
    interruptions: Interruptions,
    /// Whether there was none to write.
    pub room: Room,
    /// All that the transactions of the process did to messages' statuses.
    pub committed: Committed,
    /// When a row was last waited for in vain.
    in_vain: Arc<Mutex<Option<Instant>>>,
    limit: Duration,
}

impl Runner {
    pub(super) fn new(db: Db, clock: Clock, written: Written, interruptions: Interruptions) -> Self {
        Self {
            db,
            clock,
            written,
            interruptions,
            room: Room::default(),
            committed: Committed::default(),
            in_vain: Arc::default(),
            limit: ATTEMPT,
        }
    }

    /// The same with another limit to an attempt, for work that is known to take long.
    pub(super) fn within(&self, limit: Duration) -> Self {
        Self { limit, ..self.clone() }
    }

    fn waited_in_vain(&self) -> Option<Instant> {
        *self.in_vain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the story on Postgres, again after each lost race.
    pub(super) async fn on_postgres<T, F>(self, pool: PgPool, story: F) -> Result<T, Error>
    where
        F: AsyncFn(&mut Tx) -> Result<T, Failure>,
    {
        let (mut races, mut outdated) = (0, false);
        // Waiting for a row is a race, too, and takes seconds: all of it together takes no longer than one attempt may.
        let begun = Instant::now();
        loop {
            let lent = pool.lend().await?;
            let mut tx = Tx::new(Conn::Pg(lent), self.clock.now(), outdated);
            tx.hurried = self.waited_in_vain().is_some_and(|at| at.elapsed() < HURRY);
            let done = tokio::time::timeout(self.limit, self.attempt(&mut tx, &story)).await;
            let failure = match done {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(failure)) => failure,
                Err(_) => {
                    if let Conn::Pg(lent) = &mut tx.conn {
                        lent.suspect();
                    }
                    Error::Unavailable("no answer to a transaction".into()).into()
                }
            };
            let state = if let Conn::Pg(lent) = &tx.conn { lent.state() } else { None };
            if state == Some(SqlState::LOCK_NOT_AVAILABLE) {
                *self.in_vain.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            let failure = if tx.committing { self.doubt(&tx, failure.of_commit(state)) } else { failure };
            // A connection on which it is not over is closed, and the server undoes what is left of it.
            drop(tx);
            if matches!(failure, Failure::Outdated) && !outdated {
                outdated = true;
            } else if failure.is_race(state) && races < RACES && begun.elapsed() < self.limit {
                races += 1;
                tokio::time::sleep(RACE_WAIT * races).await;
            } else {
                let e = failure.into_error(state);
                self.room.note(&e);
                return Err(e);
            }
        }
    }

    /// Tells the story on SQLite's writing thread, which is alone in writing but for administrative commands.
    pub(super) fn on_sqlite<T, F>(&self, slot: &mut Slot, story: &F) -> Result<T, Error>
    where
        F: AsyncFn(&mut Tx) -> Result<T, Failure>,
    {
        let (mut races, mut outdated) = (0, false);
        loop {
            let conn = Conn::Lite(slot.take()?);
            let mut tx = Tx::new(conn, self.clock.now(), outdated);
            let done = block_on(self.attempt(&mut tx, story));
            // A COMMIT that fails here is undone: no answer of it can be lost but to a test.
            if let (Conn::Lite(connection), false) = (tx.conn, tx.open) {
                slot.put_back(connection);
            }
            match done {
                Ok(value) => return Ok(value),
                Err(doubt @ Failure::InDoubt(_)) => return Err(doubt.into_error(None)),
                Err(Failure::Outdated) if !outdated => outdated = true,
                Err(failure) if failure.is_race(None) && races < RACES => races += 1,
                Err(failure) => return Err(failure.into_error(None)),
            }
        }
    }

    /// One attempt. Whatever it comes to, `tx.open` says whether its connection is free of it.
    async fn attempt<T, F>(&self, tx: &mut Tx, story: &F) -> Result<T, Failure>
    where
        F: AsyncFn(&mut Tx) -> Result<T, Failure>,
    {
        self.interruptions.at(Point::Begin)?;
        tx.mark(true);
        tx.begin().await?;
        match self.told(tx, story).await {
            Ok(value) => {
                tx.committing = true;
                tx.end("COMMIT").await?;
                tx.mark(false);
                self.committed.add(&tx.moves);
                if tx.journaled {
                    self.written.ring();
                }
                self.interruptions.at(Point::Committed).map_err(|_| Failure::InDoubt("interrupted".into()))?;
                Ok(value)
            }
            Err(failure) => {
                let undone = tx.end("ROLLBACK").await.is_ok();
                tx.mark(!undone);
                Err(failure)
            }
        }
    }

    /// Wakes those who watch the journal if it may have been written.
    fn doubt(&self, tx: &Tx, failure: Failure) -> Failure {
        if tx.journaled && matches!(failure, Failure::InDoubt(_)) {
            self.written.ring();
        }
        failure
    }

    async fn told<T, F>(&self, tx: &mut Tx, story: &F) -> Result<T, Failure>
    where
        F: AsyncFn(&mut Tx) -> Result<T, Failure>,
    {
        let value = story(tx).await?;
        self.interruptions.at(Point::Commit)?;
        Ok(value)
    }
}

impl Tx {
    fn new(conn: Conn, now: Timestamp, outdated: bool) -> Self {
        let moves = Moves::default();
        Self { conn, now, outdated, hurried: false, journaled: false, moves, open: false, committing: false }
    }

    /// Notes whether the connection is in the transaction: dropped then, also by a panic, it is closed.
    fn mark(&mut self, open: bool) {
        self.open = open;
        if let Conn::Pg(lent) = &mut self.conn {
            lent.in_transaction(open);
        }
    }

    /// On SQLite the transaction takes the right to write at once: one that began with reading could not write any more
    /// once another process has.
    async fn begin(&mut self) -> Result<(), Failure> {
        on!(self, |pg| pg.batch_execute("BEGIN").await?, |lite| lite
            .spawn_blocking(|c| execute(c, "BEGIN IMMEDIATE"))
            .await?);
        Ok(())
    }

    /// Which of two forms of a statement is this database's.
    pub(super) fn dialect<'a>(&self, postgres: &'a str, sqlite: &'a str) -> &'a str {
        match self.conn {
            Conn::Pg(_) => postgres,
            Conn::Lite(_) => sqlite,
        }
    }

    /// Waits until no other transaction that takes this advisory lock is open. On SQLite whoever writes is alone as it is.
    pub(super) async fn alone(&mut self, lock: i64) -> Result<(), Failure> {
        use diesel_async::RunQueryDsl as _;
        let query =
            diesel::sql_query("SELECT pg_advisory_xact_lock($1)").bind::<diesel::sql_types::BigInt, _>(lock).prepared();
        on!(
            self,
            |pg| {
                query.execute(pg).await?;
            },
            |_lite| ()
        );
        Ok(())
    }

    async fn end(&mut self, how: &'static str) -> Result<(), Failure> {
        on!(self, |pg| pg.batch_execute(how).await?, |lite| lite.spawn_blocking(move |c| execute(c, how)).await?);
        Ok(())
    }
}

/// A statement that has nothing to tell, by one that is prepared.
fn execute(c: &mut SqliteConnection, statement: &'static str) -> QueryResult<()> {
    diesel::RunQueryDsl::execute(diesel::sql_query(statement).prepared(), c).map(drop)
}
