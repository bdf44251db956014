//! The gates that every send passes, shared by all replicas: read whole, changed one at a time under a row lock.

use diesel::{
    AsChangeset, BoolExpressionMethods as _, ExpressionMethods as _, Insertable, NullableExpressionMethods as _,
    OptionalExtension as _, QueryDsl as _, Queryable, Selectable,
};
use diesel_async::RunQueryDsl as _;
use jiff::{SignedDuration, Timestamp};

use crate::domain::audit::Act;
use crate::domain::gate::{Gate, Holding};
use crate::domain::webhook::event::EventType;
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::error::Failure;
use crate::store::owner_events;
use crate::store::schema::gates;
use crate::store::transaction::{Tx, locked, on, transact};
use crate::store::wake::{self, Topic};
use crate::store::{Error, Store, audit, run};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = gates, treat_none_as_null = true)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct GateRow {
    name: String,
    rate: Option<i32>,
    burst: Option<i32>,
    admitted_to: Option<Instant>,
    hold: i16,
    hold_until: Option<Instant>,
    hold_since: Option<Instant>,
    hold_code: Option<String>,
    strikes: i32,
    probed_by: Option<Guid>,
    probed_until: Option<Instant>,
}

impl From<GateRow> for Gate {
    fn from(row: GateRow) -> Self {
        let positive = |n: i32| u32::try_from(n).ok();
        Self {
            name: row.name,
            rate: row.rate.and_then(positive),
            burst: row.burst.and_then(positive),
            booked: row.admitted_to.map(|at| at.0),
            holding: Holding::from_number(row.hold),
            until: row.hold_until.map(|at| at.0),
            since: row.hold_since.map(|at| at.0),
            code: row.hold_code,
            failed_probes: row.strikes,
            probe: row.probed_by.zip(row.probed_until).map(|(by, until)| (by.0, until.0)),
        }
    }
}

impl From<&Gate> for GateRow {
    fn from(gate: &Gate) -> Self {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        Self {
            name: gate.name.clone(),
            rate: gate.rate.map(number),
            burst: gate.burst.map(number),
            admitted_to: gate.booked.map(Instant),
            hold: gate.holding as i16,
            hold_until: gate.until.map(Instant),
            hold_since: gate.since.map(Instant),
            hold_code: gate.code.clone(),
            strikes: gate.failed_probes,
            probed_by: gate.probe.map(|(by, _)| Guid(by)),
            probed_until: gate.probe.map(|(_, until)| Instant(until)),
        }
    }
}

/// How long after its last booking a gate without a rate of its own is kept.
const IDLE: SignedDuration = SignedDuration::from_hours(24);

/// The gate's row, locked; made first if there is none.
pub(super) async fn lock(tx: &mut Tx, name: &str) -> Result<Gate, Failure> {
    // One that was there may have been let go before it could be locked.
    for _ in 0..3 {
        if let Some(row) = locked!(tx, GateRow, gates::table.find(name)).pop() {
            return Ok(Gate::from(row));
        }
        let new = GateRow::from(&Gate::free(name));
        on!(tx, |c| diesel::insert_into(gates::table).values(&new).on_conflict_do_nothing().execute(c).await?);
    }
    let made = locked!(tx, GateRow, gates::table.find(name)).pop();
    made.map(Gate::from).ok_or_else(|| diesel::result::Error::NotFound.into())
}

/// The same, without waiting for another transaction that has it: `None` then.
pub(super) async fn lock_if_free(tx: &mut Tx, name: &str) -> Result<Option<Gate>, Failure> {
    if let Some(row) = locked!(free tx, GateRow, gates::table.find(name)).pop() {
        return Ok(Some(Gate::from(row)));
    }
    let named = gates::table.find(name).select(gates::name);
    if on!(tx, |c| named.get_result::<String>(c).await.optional()?).is_some() {
        return Ok(None);
    }
    lock(tx, name).await.map(Some)
}

/// Writes down a gate that has changed, and tells the other replicas and, where an account is blocked or is not any more, the operators.
async fn write(tx: &mut Tx, before: &Gate, gate: &Gate) -> Result<(), Failure> {
    let row = GateRow::from(gate);
    on!(tx, |c| diesel::update(gates::table.find(&gate.name)).set(&row).execute(c).await?);
    wake::notify(tx, Topic::Gates).await?;
    let is_blocked = gate.holding == Holding::Blocked;
    if is_blocked != (before.holding == Holding::Blocked) {
        let of = if is_blocked { EventType::OpsAccountBlocked } else { EventType::OpsAccountUnblocked };
        owner_events::note_to_operators(tx, of, &gate.name).await?;
    }
    Ok(())
}

impl Store {
    /// Every gate that anything is known of.
    pub async fn gates(&self) -> Result<Vec<Gate>, Error> {
        let query = gates::table.order(gates::name);
        let rows: Vec<GateRow> = run!(&self.db, |c| query.select(columns_of::<GateRow>()).load(c).await?);
        Ok(rows.into_iter().map(Gate::from).collect())
    }

    /// Lets go of the gates that say nothing: not held, without a rate of their own, and nothing booked for a day.
    pub async fn forget_idle_gates(&self) -> Result<(), Error> {
        transact!(&self.transactions, |tx| {
            let before = Instant(tx.now.checked_sub(IDLE).unwrap_or(tx.now));
            let idle = gates::admitted_to.is_null().or(gates::admitted_to.lt(before));
            let plain = gates::rate.is_null().and(gates::hold.eq(Holding::Free as i16));
            let gone = diesel::delete(gates::table.filter(plain).filter(idle.assume_not_null()));
            on!(tx, |c| gone.execute(c).await?);
            Ok(())
        })
    }

    /// Lets an operator's `change` happen to a gate, tells the other replicas, and writes it down as `act` with the `subject` that
    /// `change` returns; `None` changes nothing. Returns the gate as it is then, and whether it was done.
    pub async fn act_on_gate<F>(&self, name: &str, act: Act, change: F) -> Result<(Gate, bool), Error>
    where
        F: Fn(&mut Gate) -> Option<String> + Send + Sync + 'static,
    {
        let (name, actor) = (name.to_owned(), self.actor.clone());
        transact!(&self.transactions, |tx| {
            // One that is not there is made for a change, and not for finding out that there is none.
            let free = gates::table.find(&name).select(gates::name);
            if on!(tx, |c| free.get_result::<String>(c).await.optional()?).is_none() {
                let mut gate = Gate::free(&name);
                if change(&mut gate).is_none() {
                    return Ok((gate, false));
                }
            }
            let mut gate = lock(tx, &name).await?;
            let before = gate.clone();
            let Some(subject) = change(&mut gate) else { return Ok((gate, false)) };
            write(tx, &before, &gate).await?;
            audit::note(tx, &actor, act, None, &subject).await?;
            Ok((gate, true))
        })
    }

    /// Lets `change` happen to a gate, and tells the other replicas if it did anything. Returns the gate as it is then,
    /// and what `change` said.
    pub async fn change_gate<T, F>(&self, name: &str, change: F) -> Result<(Gate, T), Error>
    where
        T: Send + 'static,
        F: Fn(&mut Gate, Timestamp) -> T + Send + Sync + 'static,
    {
        let name = name.to_owned();
        transact!(&self.transactions, |tx| {
            let mut gate = lock(tx, &name).await?;
            let before = gate.clone();
            let said = change(&mut gate, tx.now);
            if gate != before {
                write(tx, &before, &gate).await?;
            }
            Ok((gate, said))
        })
    }
}
