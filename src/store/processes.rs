//! The processes that serve the database: each notes now and then that it is there, which also shows whether the database takes
//! a write.

use std::time::Duration;

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable,
};
use diesel_async::RunQueryDsl as _;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::store::KeyProblem;
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::error::Failure;
use crate::store::schema::{processes, pseudonym_key};
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store, run};

/// How long a write may take before the database counts as one that takes none.
const LIMIT: Duration = Duration::from_secs(4);
/// A process that was not seen for so long does not serve any more.
const GONE: SignedDuration = SignedDuration::from_mins(1);
/// How long the row of one that is gone is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// A process that serves the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its id, which is new at each start.
    pub id: Uuid,
    /// Its release; `None` of one that did not say so yet.
    pub version: Option<String>,
    /// Since when it serves.
    pub started_at: Timestamp,
    /// When it last said so.
    pub seen_at: Timestamp,
    /// How many messages and bulk calls it had in flight then.
    pub in_flight: Option<i32>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = processes)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct ProcessRow {
    holder: Guid,
    started_at: Instant,
    seen_at: Instant,
    version: Option<String>,
    in_flight: Option<i32>,
}

/// Refuses a first erasure while a process serves that does not have the key: from then on it could not accept or send.
pub(super) async fn all_have_key(tx: &mut Tx, check: &[u8]) -> Result<(), Failure> {
    let known = pseudonym_key::table.count();
    let known: i64 = on!(tx, |c| known.get_result(c).await?);
    if known > 0 {
        return Ok(());
    }
    let here = processes::seen_at.gt(Instant(tx.now.checked_sub(GONE).unwrap_or(tx.now)));
    let lacking = processes::key_check.is_null().or(processes::key_check.ne(check.to_vec()));
    let others = processes::table.filter(here.and(lacking)).count();
    let others: i64 = on!(tx, |c| others.get_result(c).await?);
    if others > 0 { Err(Error::Key(KeyProblem::Served).into()) } else { Ok(()) }
}

impl Store {
    /// Notes that this process serves the database. An error if it does not take the write in time, or if the process has
    /// another key than numbers were erased with.
    pub async fn note_process(&self, holder: Uuid, in_flight: usize) -> Result<(), Error> {
        self.keyed.usable()?;
        let in_flight = i32::try_from(in_flight).ok();
        let check = self.keyed.pseudonyms().map(|pseudonyms| pseudonyms.check().to_vec());
        let noted = async {
            transact!(&self.transactions.within(LIMIT), |tx| {
                let now = Instant(tx.now);
                let mine = (
                    processes::holder.eq(Guid(holder)),
                    processes::started_at.eq(now),
                    processes::seen_at.eq(now),
                    processes::key_check.eq(check.clone()),
                    processes::version.eq(env!("CARGO_PKG_VERSION")),
                    processes::in_flight.eq(in_flight),
                );
                let note = diesel::insert_into(processes::table).values(mine);
                let note = note.on_conflict(processes::holder).do_update();
                let note = note.set((processes::seen_at.eq(now), processes::in_flight.eq(in_flight)));
                on!(tx, |c| note.execute(c).await?);
                let gone = processes::seen_at.lt(Instant(tx.now.checked_sub(KEPT).unwrap_or(tx.now)));
                // The time of these was taken back: no start is to go on from there.
                let gone = gone.or(processes::seen_at.gt(Instant(tx.now.checked_add(GONE).unwrap_or(tx.now))));
                on!(tx, |c| diesel::delete(processes::table.filter(gone)).execute(c).await?);
                Ok(())
            })
        };
        let timely = tokio::time::timeout(LIMIT, noted).await;
        timely.unwrap_or_else(|_| Err(Error::Unavailable("no answer to a small write".into())))
    }

    /// The processes that serve the database, as they said within the last minute, oldest first.
    pub async fn replicas(&self) -> Result<Vec<Replica>, Error> {
        let now = self.clock.now();
        let here = processes::seen_at.gt(Instant(now.checked_sub(GONE).unwrap_or(now)));
        let query = processes::table.filter(here).order((processes::started_at, processes::holder));
        let rows: Vec<ProcessRow> = run!(&self.db, |c| query.select(columns_of::<ProcessRow>()).load(c).await?);
        let of = |row: ProcessRow| Replica {
            id: row.holder.0,
            version: row.version,
            started_at: row.started_at.0,
            seen_at: row.seen_at.0,
            in_flight: row.in_flight,
        };
        Ok(rows.into_iter().map(of).collect())
    }

    /// Notes that this process serves no longer. Its row stays, as one that was not seen for long enough: the next start tells by it
    /// when the database was served last.
    pub async fn forget_process(&self, holder: Uuid) -> Result<(), Error> {
        transact!(&self.transactions.within(LIMIT), |tx| {
            let gone = processes::seen_at.eq(Instant(tx.now.checked_sub(GONE).unwrap_or(tx.now)));
            on!(tx, |c| diesel::update(processes::table.find(Guid(holder))).set(gone).execute(c).await?);
            Ok(())
        })
    }

    /// When the database was last served, give or take a minute; `None` if it never was.
    pub(super) async fn served_at(&self) -> Result<Option<Timestamp>, Error> {
        let query = processes::table.select(processes::seen_at).order(processes::seen_at.desc()).limit(1);
        let at: Option<Instant> = run!(&self.db, |c| query.get_result(c).await.optional()?);
        Ok(at.map(|at| at.0))
    }
}
