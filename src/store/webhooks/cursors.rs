//! Cursors: how far an endpoint's events are delivered, which process is at it, and what came of its last calls.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::domain::ids::{self, OwnerId};
use crate::domain::webhook::EndpointId;
use crate::domain::webhook::event::EventType;
use crate::domain::webhook::health::{Health, Outcome};
use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::journal::Position;
use crate::store::schema::{webhook_cursors, webhook_endpoints, webhook_exceptions};
use crate::store::transaction::{Tx, locked, on, transact};
use crate::store::webhooks::exceptions::ExceptionState;
use crate::store::{Error, Store, run};

/// How many bytes a position takes in `ahead`.
pub(super) const POSITION: usize = 8 + 16 + 4;

/// A kind of cursor. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(super) enum Kind {
    /// It follows what happens.
    Live = 1,
    /// It tells a stretch of the past again.
    Replay = 2,
}

/// A cursor that this process holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    /// Its hold.
    pub held: Held,
    /// The endpoint that it is of,
    pub endpoint: EndpointId,
    /// and whose that is.
    pub owner: OwnerId,
    /// Everything up to here is delivered, or waits for itself.
    pub at: Position,
    /// The places that are besides.
    pub ahead: Vec<Position>,
    /// The place before which it ends, and the types that it tells, if it tells the past again.
    pub replay: Option<(i64, Vec<EventType>)>,
    /// The endpoint's health, as far as it is known.
    pub health: Health,
}

/// The proof that this process holds a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Which cursor.
    pub cursor: Uuid,
    /// The process.
    pub holder: Uuid,
    /// Counts the cursor's holders.
    pub epoch: i32,
}

/// A cursor whose hold was renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewed {
    /// Which cursor.
    pub cursor: Uuid,
    /// Its epoch.
    pub epoch: i32,
    /// The revision of its endpoint.
    pub revision: i32,
}

/// Where an endpoint that is enabled goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Where it stood, with what it had not taken.
    Resume,
    /// Here; what it had not taken is forgotten.
    At(Position),
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_cursors)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub(super) struct CursorRow {
    pub id: Guid,
    pub endpoint_id: Guid,
    pub owner_id: i64,
    pub until_place: Option<i64>,
    pub types: String,
    pub place: i64,
    pub message_id: Guid,
    pub version: i32,
    pub ahead: Vec<u8>,
    pub epoch: i32,
    pub probes: i32,
    pub failing_since: Option<Instant>,
    pub next_try_at: Option<Instant>,
    pub taken_at: Option<Instant>,
    pub outcome: Option<i16>,
    pub http_status: Option<i16>,
}

impl CursorRow {
    pub(super) fn at(&self) -> Position {
        Position { place: self.place, subject: self.message_id.0, version: self.version }
    }

    fn into_cursor(self, holder: Uuid, epoch: i32) -> Cursor {
        let last = self.outcome.and_then(Outcome::from_number);
        let status = self.http_status.and_then(|n| u16::try_from(n).ok());
        Cursor {
            held: Held { cursor: self.id.0, holder, epoch },
            endpoint: EndpointId(self.endpoint_id.0),
            owner: OwnerId(self.owner_id),
            at: self.at(),
            ahead: self.ahead.chunks_exact(POSITION).filter_map(position).collect(),
            replay: self.until_place.map(|until| (until, EventType::split(&self.types))),
            health: Health::new(
                u32::try_from(self.probes).unwrap_or(0),
                self.failing_since.map(|at| at.0),
                self.next_try_at.map(|at| at.0),
                self.taken_at.map(|at| at.0),
                last.map(|outcome| (outcome, status)),
            ),
        }
    }
}

fn position(bytes: &[u8]) -> Option<Position> {
    let (place, rest) = bytes.split_first_chunk::<8>()?;
    let (subject, version) = rest.split_first_chunk::<16>()?;
    Some(Position {
        place: i64::from_be_bytes(*place),
        subject: Uuid::from_bytes(*subject),
        version: i32::from_be_bytes(version.try_into().ok()?),
    })
}

/// Makes a cursor of an endpoint.
pub(super) async fn insert(
    tx: &mut Tx,
    endpoint: Guid,
    owner: OwnerId,
    kind: Kind,
    active: bool,
    at: Position,
) -> Result<Guid, Failure> {
    let id = Guid(ids::ordered(tx.now));
    let values = (
        (
            webhook_cursors::id.eq(id),
            webhook_cursors::endpoint_id.eq(endpoint),
            webhook_cursors::owner_id.eq(owner.0),
            webhook_cursors::kind.eq(kind as i16),
            webhook_cursors::active.eq(active),
            webhook_cursors::types.eq(""),
        ),
        (
            webhook_cursors::place.eq(at.place),
            webhook_cursors::message_id.eq(Guid(at.subject)),
            webhook_cursors::version.eq(at.version),
            webhook_cursors::ahead.eq(Vec::<u8>::new()),
            webhook_cursors::epoch.eq(0),
            webhook_cursors::probes.eq(0),
            webhook_cursors::created_at.eq(Instant(tx.now)),
        ),
    );
    on!(tx, |c| diesel::insert_into(webhook_cursors::table).values(values).execute(c).await?);
    Ok(id)
}

/// Frees every cursor: whoever holds one is no more.
pub(in crate::store) async fn end_holds(tx: &mut Tx) -> Result<(), Failure> {
    let held = webhook_cursors::table.filter(webhook_cursors::active.eq(true));
    let free = diesel::update(held).set(webhook_cursors::held_until.eq(None::<Instant>));
    on!(tx, |c| free.execute(c).await?);
    Ok(())
}

/// Takes an endpoint's cursors from whoever holds them, and forgets what speaks against the endpoint, which is called at once. Where it goes
/// on is of the live one alone: a replay goes on where it was.
pub(super) async fn set_off(tx: &mut Tx, endpoint: Guid, start: Start) -> Result<(), Failure> {
    let cursors = locked!(tx, CursorRow, webhook_cursors::table.filter(webhook_cursors::endpoint_id.eq(endpoint)));
    for cursor in cursors {
        let fresh = diesel::update(webhook_cursors::table.find(cursor.id)).set((
            webhook_cursors::epoch.eq(cursor.epoch.wrapping_add(1)),
            webhook_cursors::held_by.eq(None::<Guid>),
            webhook_cursors::held_until.eq(None::<Instant>),
            webhook_cursors::probes.eq(0),
            webhook_cursors::failing_since.eq(None::<Instant>),
            webhook_cursors::next_try_at.eq(None::<Instant>),
        ));
        on!(tx, |c| fresh.execute(c).await?);
        // A replay alone ends somewhere.
        let (Start::At(at), None) = (start, cursor.until_place) else { continue };
        let there = diesel::update(webhook_cursors::table.find(cursor.id)).set((
            webhook_cursors::place.eq(at.place),
            webhook_cursors::message_id.eq(Guid(at.subject)),
            webhook_cursors::version.eq(at.version),
            webhook_cursors::ahead.eq(Vec::<u8>::new()),
        ));
        on!(tx, |c| there.execute(c).await?);
        let waiting = webhook_exceptions::cursor_id
            .eq(cursor.id)
            .and(webhook_exceptions::state.eq(ExceptionState::Waiting as i16));
        on!(tx, |c| diesel::delete(webhook_exceptions::table.filter(waiting)).execute(c).await?);
    }
    Ok(())
}

/// Cursors that nobody holds at this time.
#[diesel::dsl::auto_type]
fn free(now: Instant) -> _ {
    let unheld = webhook_cursors::held_until.is_null().or(webhook_cursors::held_until.le(now));
    webhook_cursors::table.filter(webhook_cursors::active.eq(true).and(unheld))
}

impl Store {
    /// Takes up to `limit` cursors that nobody holds, for so long.
    pub async fn claim_cursors(&self, holder: Uuid, hold: SignedDuration, limit: i64) -> Result<Vec<Cursor>, Error> {
        // Most of the time there is none: then nothing is written.
        let any = diesel::select(diesel::dsl::exists(free(Instant(self.clock.now()))));
        if !run!(&self.db, |c| any.get_result::<bool>(c).await?) {
            return Ok(Vec::new());
        }
        transact!(&self.transactions, |tx| {
            let rows = locked!(free tx, CursorRow, free(Instant(tx.now)).order(webhook_cursors::id).limit(limit));
            let ids: Vec<Guid> = rows.iter().map(|row| row.id).collect();
            let until = tx.now.checked_add(hold).unwrap_or(tx.now);
            let take = diesel::update(webhook_cursors::table.filter(webhook_cursors::id.eq_any(ids))).set((
                webhook_cursors::held_by.eq(Some(Guid(holder))),
                webhook_cursors::held_until.eq(Some(Instant(until))),
                webhook_cursors::epoch.eq(webhook_cursors::epoch + 1),
            ));
            on!(tx, |c| take.execute(c).await?);
            let cursor = |row: CursorRow| {
                let epoch = row.epoch + 1;
                row.into_cursor(holder, epoch)
            };
            Ok(rows.into_iter().map(cursor).collect())
        })
    }

    /// Holds the cursors that this process holds for so long from now on. Returns those that it does hold.
    pub async fn renew_cursors(&self, holder: Uuid, hold: SignedDuration) -> Result<Vec<Renewed>, Error> {
        transact!(&self.transactions, |tx| {
            let until = tx.now.checked_add(hold).unwrap_or(tx.now);
            let mine = webhook_cursors::active.eq(true).and(webhook_cursors::held_by.eq(Guid(holder)));
            let renew = diesel::update(webhook_cursors::table.filter(mine));
            let renew = renew.set(webhook_cursors::held_until.eq(Some(Instant(until))));
            on!(tx, |c| renew.execute(c).await?);
            let query = webhook_cursors::table.inner_join(webhook_endpoints::table).filter(mine).select((
                webhook_cursors::id,
                webhook_cursors::epoch,
                webhook_endpoints::revision,
            ));
            let rows: Vec<(Guid, i32, i32)> = on!(tx, |c| query.load(c).await?);
            let renewed = |(id, epoch, revision): (Guid, i32, i32)| Renewed { cursor: id.0, epoch, revision };
            Ok(rows.into_iter().map(renewed).collect())
        })
    }

    /// Lets go of these cursors that this process holds, or of all, so that others need not wait.
    pub async fn release_cursors(&self, holder: Uuid, which: Option<Vec<Uuid>>) -> Result<(), Error> {
        let which: Option<Vec<Guid>> = which.map(|which| which.into_iter().map(Guid).collect());
        transact!(&self.transactions, |tx| {
            let mine = webhook_cursors::active.eq(true).and(webhook_cursors::held_by.eq(Guid(holder)));
            let free = (webhook_cursors::held_by.eq(None::<Guid>), webhook_cursors::held_until.eq(None::<Instant>));
            if let Some(which) = which.clone() {
                let these = webhook_cursors::table.filter(mine.and(webhook_cursors::id.eq_any(which)));
                on!(tx, |c| diesel::update(these).set(free).execute(c).await?);
            } else {
                on!(tx, |c| diesel::update(webhook_cursors::table.filter(mine)).set(free).execute(c).await?);
            }
            Ok(())
        })
    }
}
