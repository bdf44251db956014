//! How far an endpoint's events are delivered.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::webhook::EndpointId;
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::journal::Position;
use crate::store::schema::{webhook_cursors, webhook_exceptions};
use crate::store::webhooks::cursors::{CursorRow, Kind};
use crate::store::webhooks::exceptions::ExceptionState;
use crate::store::{Error, Store, run};

/// How far an endpoint's events are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointStanding {
    /// Everything up to here is.
    pub at: Position,
    /// When it last took something.
    pub taken_at: Option<Timestamp>,
    /// Since when it has taken nothing, if its last call was in vain.
    pub failing_since: Option<Timestamp>,
    /// Not called before.
    pub next_try_at: Option<Timestamp>,
    /// The last call: the number of its outcome, and the answer's status.
    pub last: Option<(i16, Option<i16>)>,
    /// How many stretches of the past are being told again.
    pub replays: i64,
    /// How many events wait for tries of their own, or behind such.
    pub waiting: i64,
}

impl Store {
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
            run!(&self.db, |c| live.select(columns_of::<CursorRow>()).get_result(c).await.optional()?);
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
