//! Whether an endpoint gets events: its own state, and whether its cursors are active.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::domain::webhook::EndpointState;
use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::schema::{webhook_cursors, webhook_endpoints};
use crate::store::transaction::{Tx, on};

/// Lets an endpoint get events, or no more, with its cursors.
pub(super) async fn set(tx: &mut Tx, id: Guid, state: EndpointState) -> Result<(), Failure> {
    let set = diesel::update(webhook_endpoints::table.find(id)).set((
        webhook_endpoints::state.eq(state as i16),
        webhook_endpoints::revision.eq(webhook_endpoints::revision + 1),
        webhook_endpoints::updated_at.eq(Instant(tx.now)),
    ));
    on!(tx, |c| set.execute(c).await?);
    let cursors = webhook_cursors::table.filter(webhook_cursors::endpoint_id.eq(id));
    let set = diesel::update(cursors).set(webhook_cursors::active.eq(state == EndpointState::Enabled));
    on!(tx, |c| set.execute(c).await?);
    Ok(())
}
