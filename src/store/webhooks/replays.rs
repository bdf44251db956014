//! Telling the past again: a second cursor, which ends.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::webhook::event::EventType;
use crate::domain::webhook::{EndpointId, EndpointState};
use crate::store::columns::Guid;
use crate::store::journal::Position;
use crate::store::schema::webhook_cursors;
use crate::store::transaction::{on, transact};
use crate::store::webhooks::cursors::{self, Kind};
use crate::store::webhooks::endpoints;
use crate::store::{Error, Store, audit};

impl Store {
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
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            // Locked, so that two at once are counted one after the other.
            let endpoint = endpoints::lock(tx, owner, id).await?;
            let state = endpoint.map(|endpoint| endpoint.state);
            let of_endpoint = webhook_cursors::endpoint_id.eq(Guid(id.0));
            let replays = of_endpoint.and(webhook_cursors::kind.eq(Kind::Replay as i16));
            let replays = webhook_cursors::table.filter(replays).count();
            let replays: i64 = on!(tx, |c| replays.get_result(c).await?);
            if state != Some(EndpointState::Enabled as i16) || replays >= most {
                return Ok(None);
            }
            let cursor = cursors::insert(tx, Guid(id.0), owner, Kind::Replay, true, start).await?;
            let bound = diesel::update(webhook_cursors::table.find(cursor)).set((
                webhook_cursors::until_place.eq(Some(until)),
                webhook_cursors::types.eq(EventType::join(&types)),
            ));
            on!(tx, |c| bound.execute(c).await?);
            audit::note(tx, &actor, Act::EventsReplayed, Some(owner), &format!("{id}, replay {}", cursor.0)).await?;
            Ok(Some(cursor.0))
        })
    }
}
