//! Owners' webhook endpoints: making, reading and changing them, testing them, and what they did not take.

mod deliveries;
mod endpoints;
mod given;
mod start;

pub use deliveries::{DeliveryPage, ListDeliveries, ReplayEvents};
pub use endpoints::{CreateEndpoint, EndpointPage, ListEndpoints, Rotated, Stands, UpdateEndpoint};
pub use given::GivenCalling;
pub use start::GivenStart;

use uuid::Uuid;

use crate::auth::{Caller, Scope};
use crate::domain::ids::OwnerId;
use crate::domain::webhook::EndpointId;
use crate::domain::webhook::event::EventType;
use crate::error::{Error, Resource, Violation};
use crate::service::Service;
use crate::store::Endpoint;

fn parse_id(id: &str) -> Result<EndpointId, Error> {
    let mut violations = Vec::new();
    given_id(id, &mut violations).ok_or(Error::Invalid(violations))
}

/// The id of an endpoint; one that cannot be is a violation, and `None`.
fn given_id(id: &str, violations: &mut Vec<Violation>) -> Option<EndpointId> {
    let id = Uuid::try_parse(id).map(EndpointId).ok();
    if id.is_none() {
        violations.push(Violation::new("id", "must be a UUID, as CreateEndpoint answered it"));
    }
    id
}

fn missing(id: EndpointId) -> Error {
    Error::NotFound(Resource::Endpoint, id.to_string())
}

/// Whoever changes an endpoint chooses what is sent to whom.
fn may_change(caller: &Caller) -> Result<(), Error> {
    caller.require(Scope::MessagesRead)?;
    caller.require(Scope::MessagesSend)
}

/// Whether the caller may have an endpoint told of events of these types.
fn may_be_told(caller: &Caller, types: &[EventType]) -> Result<(), Error> {
    if types.iter().any(|of| of.is_operational()) { caller.require(Scope::Ops) } else { Ok(()) }
}

impl Service {
    /// The endpoint with this id, of the owner that a request is about.
    async fn own_endpoint(&self, caller: &Caller, id: &str, owner_id: Option<i64>) -> Result<Endpoint, Error> {
        let owner = self.owner_of(caller, owner_id).await?;
        self.found_endpoint(owner, parse_id(id)?).await
    }

    async fn found_endpoint(&self, owner: OwnerId, id: EndpointId) -> Result<Endpoint, Error> {
        self.inner.store.endpoint(owner, id).await?.ok_or_else(|| missing(id))
    }
}
