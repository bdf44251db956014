//! The progress of cursors, written down.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::domain::webhook::EndpointState;
use crate::domain::webhook::event::EventType;
use crate::domain::webhook::health::{FAILING_PROBES, Health};
use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::journal::Position;
use crate::store::owner_events;
use crate::store::schema::webhook_cursors;
use crate::store::transaction::{Tx, on};
use crate::store::webhooks::cursors::{Held, Kind, POSITION};
use crate::store::webhooks::exceptions::{self, NewException};
use crate::store::webhooks::state;

/// The progress of a cursor, to be written down.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The hold that it was made under.
    pub held: Held,
    /// Everything up to here is done with.
    pub at: Position,
    /// The places that are besides.
    pub ahead: Vec<Position>,
    /// The endpoint's health, as far as it is known.
    pub health: Health,
    /// Events that are to have tries of their own, or whose tries came to nothing again.
    pub exceptions: Vec<NewException>,
    /// Those of them that were taken.
    pub taken: Vec<Position>,
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

fn stored(ahead: &[Position]) -> Vec<u8> {
    let bytes = |at: &Position| {
        let mut bytes = Vec::with_capacity(POSITION);
        bytes.extend_from_slice(&at.place.to_be_bytes());
        bytes.extend_from_slice(at.subject.as_bytes());
        bytes.extend_from_slice(&at.version.to_be_bytes());
        bytes
    };
    ahead.iter().flat_map(bytes).collect()
}

impl Progress {
    /// Writes it down, if its process holds the cursor still.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<Settled, Failure> {
        let (held, progress) = (self.held, self);
        let mine = webhook_cursors::id
            .eq(Guid(held.cursor))
            .and(webhook_cursors::held_by.eq(Guid(held.holder)))
            .and(webhook_cursors::epoch.eq(held.epoch))
            .and(webhook_cursors::active.eq(true));
        let health = &progress.health;
        let failing = self.begins_to_fail(tx).await?;
        let set = diesel::update(webhook_cursors::table.filter(mine)).set((
            (
                webhook_cursors::place.eq(progress.at.place),
                webhook_cursors::message_id.eq(Guid(progress.at.subject)),
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
        for taken in &progress.taken {
            exceptions::remove(tx, held.cursor, *taken).await?;
        }
        if let Some(endpoint) = failing {
            let about = endpoint.0.as_hyphenated().to_string();
            owner_events::note_to_operators(tx, EventType::OpsEndpointFailing, &about).await?;
        }
        if let Some(state) = progress.disable {
            let query = webhook_cursors::table.find(Guid(held.cursor)).select(webhook_cursors::endpoint_id);
            let endpoint: Guid = on!(tx, |c| query.get_result(c).await?);
            state::set(tx, endpoint, state).await?;
            let about = endpoint.0.as_hyphenated().to_string();
            owner_events::note_to_operators(tx, EventType::OpsEndpointDisabled, &about).await?;
        } else if progress.over {
            on!(tx, |c| diesel::delete(webhook_cursors::table.find(Guid(held.cursor))).execute(c).await?);
        }
        Ok(Settled::Done)
    }

    /// The endpoint, if it has failed so often with this progress that operators are to know, and had not before. Its replays fail with
    /// it, and are not told of.
    async fn begins_to_fail(&self, tx: &mut Tx) -> Result<Option<Guid>, Failure> {
        if self.health.probes < FAILING_PROBES {
            return Ok(None);
        }
        let live = webhook_cursors::kind.eq(Kind::Live as i16).and(webhook_cursors::id.eq(Guid(self.held.cursor)));
        let query = webhook_cursors::table.filter(live).select((webhook_cursors::endpoint_id, webhook_cursors::probes));
        let before: Option<(Guid, i32)> = on!(tx, |c| query.get_result(c).await.optional()?);
        Ok(before.filter(|(_, probes)| u32::try_from(*probes).is_ok_and(|n| n < FAILING_PROBES)).map(|(id, _)| id))
    }
}
