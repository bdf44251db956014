//! Cursors: how far an endpoint's events are delivered, which process is at it, and what came of its last calls.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::ids::{self, OwnerId};
use crate::domain::webhook::event::EventType;
use crate::domain::webhook::health::{Health, Outcome};
use crate::domain::webhook::{EndpointId, EndpointState};
use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::journal::Position;
use crate::store::schema::{webhook_cursors, webhook_endpoints, webhook_exceptions};
use crate::store::transaction::{Tx, locked, on, transact};
use crate::store::webhooks::endpoints::{self, EndpointStanding, Start};
use crate::store::webhooks::exceptions::{self, ExceptionState, NewException};
use crate::store::{Error, Store, run};

/// How many bytes a position takes in `ahead`.
const POSITION: usize = 8 + 16 + 4;

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
    /// What is besides.
    pub ahead: Vec<Position>,
    /// The place before which it ends, and the types that it tells, if it tells the past again.
    pub replay: Option<(i64, Vec<EventType>)>,
    /// What is known of the endpoint's health.
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

/// The progress of a cursor, to be written down.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The hold that it was made under.
    pub held: Held,
    /// Everything up to here is done with.
    pub at: Position,
    /// What is besides.
    pub ahead: Vec<Position>,
    /// What is known of the endpoint's health.
    pub health: Health,
    /// Events that are to have tries of their own, or whose tries came to nothing again.
    pub exceptions: Vec<NewException>,
    /// Those of them that were taken.
    pub taken: Vec<(Uuid, i32)>,
    /// The state that the endpoint is to have from now on.
    pub disable: Option<EndpointState>,
    /// Whether the cursor has come to its end.
    pub over: bool,
}

/// Whether progress was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was.
    Done,
    /// Another process holds the cursor, or it rests.
    Lost,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_cursors)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct CursorRow {
    id: Guid,
    endpoint_id: Guid,
    owner_id: i64,
    until_place: Option<i64>,
    types: String,
    place: i64,
    message_id: Guid,
    version: i32,
    ahead: Vec<u8>,
    epoch: i32,
    probes: i32,
    failing_since: Option<Instant>,
    next_try_at: Option<Instant>,
    taken_at: Option<Instant>,
    outcome: Option<i16>,
    http_status: Option<i16>,
}

impl CursorRow {
    fn at(&self) -> Position {
        Position { place: self.place, message: self.message_id.0, version: self.version }
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
            replay: self.until_place.map(|until| (until, endpoints::types_from_stored(&self.types))),
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
    let (message, version) = rest.split_first_chunk::<16>()?;
    Some(Position {
        place: i64::from_be_bytes(*place),
        message: Uuid::from_bytes(*message),
        version: i32::from_be_bytes(version.try_into().ok()?),
    })
}

fn stored(ahead: &[Position]) -> Vec<u8> {
    let bytes = |at: &Position| {
        let mut bytes = Vec::with_capacity(POSITION);
        bytes.extend_from_slice(&at.place.to_be_bytes());
        bytes.extend_from_slice(at.message.as_bytes());
        bytes.extend_from_slice(&at.version.to_be_bytes());
        bytes
    };
    ahead.iter().flat_map(bytes).collect()
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
            webhook_cursors::message_id.eq(Guid(at.message)),
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

/// Takes an endpoint's cursor from whoever holds it, and forgets what speaks against the endpoint, which is called at once.
pub(super) async fn set_off(tx: &mut Tx, endpoint: Guid, start: Start) -> Result<(), Failure> {
    let live = webhook_cursors::endpoint_id.eq(endpoint).and(webhook_cursors::kind.eq(Kind::Live as i16));
    let cursors = locked!(tx, CursorRow, webhook_cursors::table.filter(live));
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
        let Start::At(at) = start else { continue };
        let there = diesel::update(webhook_cursors::table.find(cursor.id)).set((
            webhook_cursors::place.eq(at.place),
            webhook_cursors::message_id.eq(Guid(at.message)),
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
macro_rules! free {
    ($now:expr) => {
        webhook_cursors::table.filter(
            webhook_cursors::active
                .eq(true)
                .and(webhook_cursors::held_until.is_null().or(webhook_cursors::held_until.le(Instant($now)))),
        )
    };
}

impl Store {
    /// Takes up to `limit` cursors that nobody holds, for so long.
    pub async fn claim_cursors(&self, holder: Uuid, hold: SignedDuration, limit: i64) -> Result<Vec<Cursor>, Error> {
        // Most of the time there is none: then nothing is written.
        let any = diesel::select(diesel::dsl::exists(free!(self.clock.now())));
        if !run!(&self.db, |c| any.get_result::<bool>(c).await?) {
            return Ok(Vec::new());
        }
        transact!(&self.transactions, |tx| {
            let rows = locked!(free tx, CursorRow, free!(tx.now).order(webhook_cursors::id).limit(limit));
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

    /// Writes progress down, if this process holds the cursor still.
    pub async fn settle_cursor(&self, progress: Progress) -> Result<Settled, Error> {
        transact!(&self.transactions, |tx| {
            let held = progress.held;
            let mine = webhook_cursors::id
                .eq(Guid(held.cursor))
                .and(webhook_cursors::held_by.eq(Guid(held.holder)))
                .and(webhook_cursors::epoch.eq(held.epoch))
                .and(webhook_cursors::active.eq(true));
            let health = &progress.health;
            let set = diesel::update(webhook_cursors::table.filter(mine)).set((
                (
                    webhook_cursors::place.eq(progress.at.place),
                    webhook_cursors::message_id.eq(Guid(progress.at.message)),
                    webhook_cursors::version.eq(progress.at.version),
                    webhook_cursors::ahead.eq(stored(&progress.ahead)),
                ),
                (
                    webhook_cursors::probes.eq(i32::try_from(health.probes).unwrap_or(i32::MAX)),
                    webhook_cursors::failing_since.eq(health.failing_since.map(Instant)),
                    webhook_cursors::next_try_at.eq(health.next_try_at.map(Instant)),
                    webhook_cursors::taken_at.eq(health.taken_at.map(Instant)),
                    webhook_cursors::outcome.eq(health.last.map(|(outcome, _)| outcome as i16)),
                    webhook_cursors::http_status
                        .eq(health.last.and_then(|(_, status)| status).and_then(|n| i16::try_from(n).ok())),
                ),
            ));
            if on!(tx, |c| set.execute(c).await?) == 0 {
                return Ok(Settled::Lost);
            }
            for exception in &progress.exceptions {
                exceptions::put(tx, held.cursor, exception).await?;
            }
            for (message, version) in &progress.taken {
                exceptions::remove(tx, held.cursor, *message, *version).await?;
            }
            if let Some(state) = progress.disable {
                let query = webhook_cursors::table.find(Guid(held.cursor)).select(webhook_cursors::endpoint_id);
                let endpoint: Guid = on!(tx, |c| query.get_result(c).await?);
                endpoints::set_state(tx, endpoint, state).await?;
            } else if progress.over {
                on!(tx, |c| diesel::delete(webhook_cursors::table.find(Guid(held.cursor))).execute(c).await?);
            }
            Ok(Settled::Done)
        })
    }

    /// Lets the owner's endpoint be told again what happened from `start` to before the place `until`. Returns the replay's id; `None`
    /// if there is no such endpoint, or it does not get events, or is being told again as much as it may.
    pub async fn replay_to_endpoint(
        &self,
        owner: OwnerId,
        id: EndpointId,
        (start, until): (Position, i64),
        types: Vec<EventType>,
        most: i64,
    ) -> Result<Option<Uuid>, Error> {
        transact!(&self.transactions, |tx| {
            let endpoint = webhook_endpoints::table.find(Guid(id.0)).filter(webhook_endpoints::owner_id.eq(owner.0));
            let endpoint = endpoint.select(webhook_endpoints::state);
            let state: Option<i16> = on!(tx, |c| endpoint.get_result(c).await.optional()?);
            let of_endpoint = webhook_cursors::endpoint_id.eq(Guid(id.0));
            let replays = of_endpoint.and(webhook_cursors::kind.eq(Kind::Replay as i16));
            let replays = webhook_cursors::table.filter(replays).count();
            let replays: i64 = on!(tx, |c| replays.get_result(c).await?);
            if state != Some(EndpointState::Enabled as i16) || replays >= most {
                return Ok(None);
            }
            let cursor = insert(tx, Guid(id.0), owner, Kind::Replay, true, start).await?;
            let bound = diesel::update(webhook_cursors::table.find(cursor)).set((
                webhook_cursors::until_place.eq(Some(until)),
                webhook_cursors::types.eq(endpoints::types_stored(&types)),
            ));
            on!(tx, |c| bound.execute(c).await?);
            Ok(Some(cursor.0))
        })
    }

    /// How far an endpoint's events are delivered; `None` if there is none.
    pub async fn standing(&self, id: EndpointId) -> Result<Option<EndpointStanding>, Error> {
        let of_endpoint = webhook_cursors::endpoint_id.eq(Guid(id.0));
        let live = webhook_cursors::table.filter(of_endpoint.and(webhook_cursors::kind.eq(Kind::Live as i16)));
        let replays = of_endpoint.and(webhook_cursors::kind.eq(Kind::Replay as i16));
        let replays = webhook_cursors::table.filter(replays).count();
        let waits = webhook_exceptions::endpoint_id
            .eq(Guid(id.0))
            .and(webhook_exceptions::state.eq(ExceptionState::Waiting as i16));
        let waits = webhook_exceptions::table.filter(waits).count();
        let row: Option<CursorRow> =
            run!(&self.db, |c| live.select(CursorRow::as_select()).get_result(c).await.optional()?);
        let Some(row) = row else { return Ok(None) };
        let replays: i64 = run!(&self.db, |c| replays.get_result(c).await?);
        let waiting: i64 = run!(&self.db, |c| waits.get_result(c).await?);
        let time = |at: Option<Instant>| -> Option<Timestamp> { at.map(|at| at.0) };
        Ok(Some(EndpointStanding {
            at: row.at(),
            taken_at: time(row.taken_at),
            failing_since: time(row.failing_since),
            next_try_at: time(row.next_try_at),
            last: row.outcome.map(|outcome| (outcome, row.http_status)),
            replays,
            waiting,
        }))
    }
}
