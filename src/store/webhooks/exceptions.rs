//! Exceptions: events that an endpoint did not take while it took others, and what waits behind them.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::ids;
use crate::domain::webhook::EndpointId;
use crate::domain::webhook::health::Outcome;
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::error::Failure;
use crate::store::journal::{Happening, Position};
use crate::store::schema::webhook_exceptions;
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store, run};

/// The state of an exception. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum ExceptionState {
    /// It is tried again, or waits behind an earlier one of its message.
    Waiting = 1,
    /// It was tried for as long as the endpoint wants.
    GivenUp = 2,
}

/// An event that is to have tries of its own, or has had another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewException {
    /// Of the endpoint with this id.
    pub endpoint: EndpointId,
    /// The event.
    pub what: Happening,
    /// Its state.
    pub state: ExceptionState,
    /// How many tries it has had; none behind another one.
    pub tries: u32,
    /// When the first was, or when it came to wait.
    pub first_at: Timestamp,
    /// When the next one is; `None` behind another one, and if it was given up.
    pub next_try_at: Option<Timestamp>,
    /// The last try, and the answer's status.
    pub last: Option<(Outcome, Option<u16>)>,
}

/// An exception as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    /// Its id, a UUID version 7.
    pub id: Uuid,
    /// The rest of it.
    pub event: NewException,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_exceptions)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct ExceptionRow {
    id: Guid,
    endpoint_id: Guid,
    message_id: Guid,
    version: i32,
    place: i64,
    from_status: i16,
    to_status: i16,
    at: Instant,
    state: i16,
    tries: i32,
    first_at: Instant,
    next_try_at: Option<Instant>,
    outcome: Option<i16>,
    http_status: Option<i16>,
}

impl From<ExceptionRow> for Exception {
    fn from(row: ExceptionRow) -> Self {
        let given_up = row.state == ExceptionState::GivenUp as i16;
        let status = row.http_status.and_then(|n| u16::try_from(n).ok());
        Self {
            id: row.id.0,
            event: NewException {
                endpoint: EndpointId(row.endpoint_id.0),
                what: Happening {
                    position: Position { place: row.place, subject: row.message_id.0, version: row.version },
                    from: row.from_status,
                    to: row.to_status,
                    at: row.at.0,
                },
                state: if given_up { ExceptionState::GivenUp } else { ExceptionState::Waiting },
                tries: u32::try_from(row.tries).unwrap_or(0),
                first_at: row.first_at.0,
                next_try_at: row.next_try_at.map(|at| at.0),
                last: row.outcome.and_then(Outcome::from_number).map(|outcome| (outcome, status)),
            },
        }
    }
}

/// Writes an exception down, or what has become of it.
pub(super) async fn put(tx: &mut Tx, cursor: Uuid, new: &NewException) -> Result<(), Failure> {
    let changing = (
        webhook_exceptions::state.eq(new.state as i16),
        webhook_exceptions::tries.eq(i32::try_from(new.tries).unwrap_or(i32::MAX)),
        webhook_exceptions::next_try_at.eq(new.next_try_at.map(Instant)),
        webhook_exceptions::outcome.eq(new.last.map(|(outcome, _)| outcome as i16)),
        webhook_exceptions::http_status.eq(new.last.and_then(|(_, status)| status).and_then(|n| i16::try_from(n).ok())),
        webhook_exceptions::updated_at.eq(Instant(tx.now)),
    );
    let what = &new.what;
    let values = (
        webhook_exceptions::id.eq(Guid(ids::ordered(tx.now))),
        webhook_exceptions::cursor_id.eq(Guid(cursor)),
        webhook_exceptions::endpoint_id.eq(Guid(new.endpoint.0)),
        (
            webhook_exceptions::message_id.eq(Guid(what.position.subject)),
            webhook_exceptions::version.eq(what.position.version),
            webhook_exceptions::place.eq(what.position.place),
            webhook_exceptions::from_status.eq(what.from),
            webhook_exceptions::to_status.eq(what.to),
            webhook_exceptions::at.eq(Instant(what.at)),
        ),
        webhook_exceptions::first_at.eq(Instant(new.first_at)),
        changing,
    );
    let key = (webhook_exceptions::cursor_id, webhook_exceptions::message_id, webhook_exceptions::version);
    let insert = diesel::insert_into(webhook_exceptions::table).values(values);
    let put = insert.on_conflict(key).do_update().set(changing);
    on!(tx, |c| put.execute(c).await?);
    Ok(())
}

/// Takes an exception away, because its event was taken.
pub(super) async fn remove(tx: &mut Tx, cursor: Uuid, at: Position) -> Result<(), Failure> {
    let which = webhook_exceptions::cursor_id
        .eq(Guid(cursor))
        .and(webhook_exceptions::message_id.eq(Guid(at.subject)))
        .and(webhook_exceptions::version.eq(at.version));
    on!(tx, |c| diesel::delete(webhook_exceptions::table.filter(which)).execute(c).await?);
    Ok(())
}

impl Store {
    /// The events of a cursor that wait for tries of their own, or behind such.
    pub async fn waiting_exceptions(&self, cursor: Uuid, limit: i64) -> Result<Vec<Exception>, Error> {
        let waiting = webhook_exceptions::cursor_id
            .eq(Guid(cursor))
            .and(webhook_exceptions::state.eq(ExceptionState::Waiting as i16));
        let query = webhook_exceptions::table
            .filter(waiting)
            .order((webhook_exceptions::message_id, webhook_exceptions::version))
            .limit(limit);
        let rows: Vec<ExceptionRow> = run!(&self.db, |c| query.select(columns_of::<ExceptionRow>()).load(c).await?);
        Ok(rows.into_iter().map(Exception::from).collect())
    }

    /// Up to `limit` exceptions of an endpoint, newest first, from behind `before` on.
    pub async fn exceptions(
        &self,
        endpoint: EndpointId,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Exception>, Error> {
        let behind = webhook_exceptions::id.lt(Guid(before.unwrap_or(Uuid::max())));
        let query = webhook_exceptions::table
            .filter(webhook_exceptions::endpoint_id.eq(Guid(endpoint.0)).and(behind))
            .order(webhook_exceptions::id.desc())
            .limit(limit);
        let rows: Vec<ExceptionRow> = run!(&self.db, |c| query.select(columns_of::<ExceptionRow>()).load(c).await?);
        Ok(rows.into_iter().map(Exception::from).collect())
    }

    /// Lets go of up to `limit` events that were given up before this time.
    pub async fn forget_given_up(&self, before: Timestamp, limit: i64) -> Result<usize, Error> {
        let old = webhook_exceptions::table
            .filter(webhook_exceptions::state.eq(ExceptionState::GivenUp as i16))
            .filter(webhook_exceptions::updated_at.lt(Instant(before)))
            .select(webhook_exceptions::id)
            .limit(limit);
        let ids: Vec<Guid> = run!(&self.db, |c| old.load(c).await?);
        if ids.is_empty() {
            return Ok(0);
        }
        transact!(&self.transactions, |tx| {
            let these = webhook_exceptions::table.filter(webhook_exceptions::id.eq_any(ids.clone()));
            Ok(on!(tx, |c| diesel::delete(these).execute(c).await?))
        })
    }
}
