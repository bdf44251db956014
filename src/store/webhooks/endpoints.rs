//! The endpoints themselves: made, read, changed, enabled and disabled, and taken away.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::webhook::secret::Mark;
use crate::domain::webhook::{Calling, EndpointId, EndpointState, PER_OWNER, Wanted};
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::error::Failure;
use crate::store::journal::Position;
use crate::store::schema::{webhook_cursors, webhook_endpoints, webhook_exceptions};
use crate::store::transaction::{Tx, locked, on, transact};
use crate::store::webhooks::cursors::{self, Kind, Start};
use crate::store::webhooks::endpoint::{Endpoint, EndpointRow};
use crate::store::webhooks::state;
use crate::store::{Error, Store, audit, run};

/// Its advisory lock on Postgres, together with the owner.
const LOCK: i64 = 0x656e_6470_6f69_6e74;

/// An endpoint to make.
#[derive(Clone)]
pub struct NewEndpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose.
    pub owner: OwnerId,
    /// Where it is.
    pub url: String,
    /// Its owner's words.
    pub description: String,
    /// The events that it wants.
    pub wanted: Wanted,
    /// How it is called.
    pub calling: Calling,
    /// The key of its first secret.
    pub mark: Mark,
    /// Whether it gets events from now on.
    pub enabled: bool,
    /// Where it begins.
    pub start: Position,
}

/// A change of an endpoint: what is there takes the place of what was.
#[derive(Clone, Default)]
pub struct EndpointChange {
    /// Where it is.
    pub url: Option<String>,
    /// Its owner's words.
    pub description: Option<String>,
    /// The events that it wants.
    pub wanted: Option<Wanted>,
    /// How it is called.
    pub calling: Option<Calling>,
}

/// The owner's endpoint, locked against other changes.
pub(super) async fn lock(tx: &mut Tx, owner: OwnerId, id: EndpointId) -> Result<Option<EndpointRow>, Failure> {
    let query = webhook_endpoints::table.find(Guid(id.0)).filter(webhook_endpoints::owner_id.eq(owner.0));
    Ok(locked!(tx, EndpointRow, query).pop())
}

/// Writes a changed row down.
async fn save(tx: &mut Tx, mut row: EndpointRow) -> Result<Endpoint, Failure> {
    (row.revision, row.updated_at) = (row.revision.wrapping_add(1), Instant(tx.now));
    let update = diesel::update(webhook_endpoints::table.find(row.id)).set((
        (
            webhook_endpoints::url.eq(&row.url),
            webhook_endpoints::description.eq(&row.description),
            webhook_endpoints::types.eq(&row.types),
            webhook_endpoints::campaign_id.eq(row.campaign_id),
            webhook_endpoints::metadata.eq(row.metadata.as_deref()),
            webhook_endpoints::max_batch.eq(row.max_batch),
            webhook_endpoints::max_wait_ms.eq(row.max_wait_ms),
            webhook_endpoints::max_rate.eq(row.max_rate),
            webhook_endpoints::max_age_seconds.eq(row.max_age_seconds),
        ),
        (
            webhook_endpoints::with_destination.eq(row.with_destination),
            webhook_endpoints::with_text.eq(row.with_text),
            webhook_endpoints::state.eq(row.state),
            webhook_endpoints::key_mark.eq(&row.key_mark),
            webhook_endpoints::rotation.eq(row.rotation),
            webhook_endpoints::old_mark.eq(row.old_mark.as_deref()),
            webhook_endpoints::old_rotation.eq(row.old_rotation),
            webhook_endpoints::old_until.eq(row.old_until),
            webhook_endpoints::revision.eq(row.revision),
            webhook_endpoints::updated_at.eq(row.updated_at),
        ),
    ));
    on!(tx, |c| update.execute(c).await?);
    Ok(row.into_endpoint())
}

impl Store {
    /// Makes an endpoint. `None` if the owner has as many as one may have.
    pub async fn create_endpoint(&self, new: NewEndpoint) -> Result<Option<Endpoint>, Error> {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            // One owner's one after the other: each counts those that the others made.
            tx.alone(LOCK ^ new.owner.0).await?;
            let owned = webhook_endpoints::table.filter(webhook_endpoints::owner_id.eq(new.owner.0)).count();
            let owned: i64 = on!(tx, |c| owned.get_result(c).await?);
            if owned >= PER_OWNER {
                return Ok(None);
            }
            let now = Instant(tx.now);
            let state = if new.enabled { EndpointState::Enabled } else { EndpointState::Disabled };
            let mut row = EndpointRow {
                id: Guid(new.id.0),
                owner_id: new.owner.0,
                url: new.url.clone(),
                description: new.description.clone(),
                types: String::new(),
                campaign_id: None,
                metadata: None,
                max_batch: 1,
                max_wait_ms: 0,
                max_rate: None,
                max_age_seconds: 0,
                with_destination: false,
                with_text: false,
                state: state as i16,
                key_mark: new.mark.to_vec(),
                rotation: 1,
                old_mark: None,
                old_rotation: None,
                old_until: None,
                revision: 1,
                created_at: now,
                updated_at: now,
            };
            row.set_wanted(&new.wanted);
            row.set_calling(&new.calling);
            let insert = diesel::insert_into(webhook_endpoints::table).values(&row);
            on!(tx, |c| insert.execute(c).await?);
            cursors::insert(tx, row.id, new.owner, Kind::Live, new.enabled, new.start).await?;
            audit::note(tx, &actor, Act::EndpointCreated, Some(new.owner), &new.id.to_string()).await?;
            Ok(Some(row.into_endpoint()))
        })
    }

    /// The owner's endpoint.
    pub async fn endpoint(&self, owner: OwnerId, id: EndpointId) -> Result<Option<Endpoint>, Error> {
        let query = webhook_endpoints::table.find(Guid(id.0)).filter(webhook_endpoints::owner_id.eq(owner.0));
        let row: Option<EndpointRow> =
            run!(&self.db, |c| query.select(columns_of::<EndpointRow>()).get_result(c).await.optional()?);
        Ok(row.map(EndpointRow::into_endpoint))
    }

    /// Endpoints by their ids, whosever they are.
    pub async fn endpoints_of_anyone(&self, ids: Vec<EndpointId>) -> Result<Vec<Endpoint>, Error> {
        let ids: Vec<Guid> = ids.into_iter().map(|id| Guid(id.0)).collect();
        let query = webhook_endpoints::table.filter(webhook_endpoints::id.eq_any(ids));
        let rows: Vec<EndpointRow> = run!(&self.db, |c| query.select(columns_of::<EndpointRow>()).load(c).await?);
        Ok(rows.into_iter().map(EndpointRow::into_endpoint).collect())
    }

    /// Up to `limit` of the owner's endpoints, newest first, from behind `before` on.
    pub async fn endpoints(&self, owner: OwnerId, before: Option<Uuid>, limit: i64) -> Result<Vec<Endpoint>, Error> {
        let behind = webhook_endpoints::id.lt(Guid(before.unwrap_or(Uuid::max())));
        let query = webhook_endpoints::table
            .filter(webhook_endpoints::owner_id.eq(owner.0).and(behind))
            .order(webhook_endpoints::id.desc())
            .limit(limit);
        let rows: Vec<EndpointRow> = run!(&self.db, |c| query.select(columns_of::<EndpointRow>()).load(c).await?);
        Ok(rows.into_iter().map(EndpointRow::into_endpoint).collect())
    }

    /// Changes the owner's endpoint.
    pub async fn change_endpoint(
        &self,
        owner: OwnerId,
        id: EndpointId,
        change: EndpointChange,
    ) -> Result<Option<Endpoint>, Error> {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let Some(mut row) = lock(tx, owner, id).await? else { return Ok(None) };
            if let Some(url) = &change.url {
                row.url.clone_from(url);
            }
            if let Some(description) = &change.description {
                row.description.clone_from(description);
            }
            if let Some(wanted) = &change.wanted {
                row.set_wanted(wanted);
            }
            if let Some(calling) = &change.calling {
                row.set_calling(calling);
            }
            let changed = save(tx, row).await?;
            audit::note(tx, &actor, Act::EndpointChanged, Some(owner), &id.to_string()).await?;
            Ok(Some(changed))
        })
    }

    /// Gives the owner's endpoint another secret, made with the key of this mark; the one before counts until `until`, and at once no
    /// more if that is over.
    pub async fn rotate_secret(
        &self,
        owner: OwnerId,
        id: EndpointId,
        mark: Mark,
        until: Timestamp,
    ) -> Result<Option<Endpoint>, Error> {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let Some(mut row) = lock(tx, owner, id).await? else { return Ok(None) };
            row.old_mark = Some(std::mem::replace(&mut row.key_mark, mark.to_vec()));
            row.old_rotation = Some(row.rotation);
            row.old_until = Some(Instant(until));
            row.rotation = row.rotation.wrapping_add(1);
            let changed = save(tx, row).await?;
            audit::note(tx, &actor, Act::EndpointSecretRotated, Some(owner), &id.to_string()).await?;
            Ok(Some(changed))
        })
    }

    /// Enables the owner's endpoint, which goes on where `start` says. One that is enabled goes on there, too.
    pub async fn enable_endpoint(
        &self,
        owner: OwnerId,
        id: EndpointId,
        start: Start,
    ) -> Result<Option<Endpoint>, Error> {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let Some(row) = lock(tx, owner, id).await? else { return Ok(None) };
            if start != Start::Resume || row.state != EndpointState::Enabled as i16 {
                state::set(tx, row.id, EndpointState::Enabled).await?;
                cursors::set_off(tx, row.id, start).await?;
            }
            audit::note(tx, &actor, Act::EndpointEnabled, Some(owner), &id.to_string()).await?;
            Ok(lock(tx, owner, id).await?.map(EndpointRow::into_endpoint))
        })
    }

    /// Disables the owner's endpoint. What is on its way to it may still arrive.
    pub async fn disable_endpoint(&self, owner: OwnerId, id: EndpointId) -> Result<Option<Endpoint>, Error> {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let Some(row) = lock(tx, owner, id).await? else { return Ok(None) };
            state::set(tx, row.id, EndpointState::Disabled).await?;
            audit::note(tx, &actor, Act::EndpointDisabled, Some(owner), &id.to_string()).await?;
            Ok(lock(tx, owner, id).await?.map(EndpointRow::into_endpoint))
        })
    }

    /// Takes the owner's endpoint away, with everything that is known of it. True if it was there.
    pub async fn delete_endpoint(&self, owner: OwnerId, id: EndpointId) -> Result<bool, Error> {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let Some(row) = lock(tx, owner, id).await? else { return Ok(false) };
            let exceptions = webhook_exceptions::table.filter(webhook_exceptions::endpoint_id.eq(row.id));
            on!(tx, |c| diesel::delete(exceptions).execute(c).await?);
            let cursors = webhook_cursors::table.filter(webhook_cursors::endpoint_id.eq(row.id));
            on!(tx, |c| diesel::delete(cursors).execute(c).await?);
            on!(tx, |c| diesel::delete(webhook_endpoints::table.find(row.id)).execute(c).await?);
            audit::note(tx, &actor, Act::EndpointDeleted, Some(owner), &id.to_string()).await?;
            Ok(true)
        })
    }
}
