//! Events that endpoints did not take, and telling the past again.

use jiff::Timestamp;
use uuid::Uuid;

use super::{given, given_id, may_change, missing};
use crate::auth::{Caller, Scope};
use crate::domain::page;
use crate::domain::webhook::EndpointState;
use crate::error::{Error, Violation};
use crate::service::Service;
use crate::store::{Exception, Position};

/// How many replays of one endpoint are under way at most.
const REPLAYS: i64 = 10;

/// Of which endpoint to list events.
#[derive(Debug, Clone, Default)]
pub struct ListDeliveries {
    /// The endpoint.
    pub id: String,
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
}

/// One page of events.
#[derive(Debug, Clone)]
pub struct DeliveryPage {
    /// The events, those that were set aside last first.
    pub deliveries: Vec<Exception>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

/// The part of the past to tell again.
#[derive(Debug, Clone, Default)]
pub struct ReplayEvents {
    /// The endpoint.
    pub id: String,
    /// From this time on;
    pub from: Option<Timestamp>,
    /// until this time, or now.
    pub to: Option<Timestamp>,
    /// The names of the types; none means all that the endpoint gets.
    pub types: Vec<String>,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
}

impl Service {
    /// A page of what an endpoint did not take.
    pub async fn list_deliveries(&self, caller: &Caller, request: &ListDeliveries) -> Result<DeliveryPage, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let mut violations = Vec::new();
        let id = given_id(&request.id, &mut violations);
        let asked = (request.page_size, request.page_token.as_str());
        // A token is of one list: without an endpoint it is of none.
        let list = format!("deliveries/{}", id.map(|id| id.to_string()).unwrap_or_default());
        let (page, behind) = self.page(list, asked, page::id, &mut violations);
        let Some(id) = id.filter(|_| violations.is_empty()) else {
            return Err(Error::Invalid(violations));
        };
        let endpoint = self.found_endpoint(owner, id).await?;
        let _turn = self.inner.admission.list(caller.user).await;
        let mut deliveries = self.inner.store.exceptions(endpoint.id, behind, page.limit()).await?;
        let next_page_token = page.cut(&mut deliveries, |last| last.id.as_bytes().to_vec());
        Ok(DeliveryPage { deliveries, next_page_token })
    }

    /// Tells an endpoint again what happened in a time. Returns the replay's id.
    pub async fn replay_events(
        &self,
        caller: &Caller,
        request: ReplayEvents,
        mut violations: Vec<Violation>,
    ) -> Result<Uuid, Error> {
        may_change(caller)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let id = given_id(&request.id, &mut violations);
        let types = given::types(&request.types, &mut violations);
        if request.from.is_none() && violations.iter().all(|violation| violation.field != "from") {
            violations.push(Violation::new("from", "is required"));
        }
        if request.from.zip(request.to).is_some_and(|(from, to)| to <= from) {
            violations.push(Violation::new("to", "must be after from"));
        }
        let Some((id, from)) = id.zip(request.from).filter(|_| violations.is_empty()) else {
            return Err(Error::Invalid(violations));
        };
        let endpoint = self.found_endpoint(owner, id).await?;
        let store = &self.inner.store;
        let start = self.place_of("from", endpoint.owner, from).await?;
        let now = Position::before(store.journal_horizon().await?.settled);
        let until = match request.to {
            Some(to) => store.journal_place_of(endpoint.owner, to).await?.min(now),
            None => now,
        };
        let range = (start, until.place);
        let replay = self.store_of(caller).replay_to_endpoint(owner, endpoint.id, range, types, REPLAYS).await?;
        if let Some(replay) = replay {
            return Ok(replay);
        }
        let now = store.endpoint(owner, endpoint.id).await?.ok_or_else(|| missing(endpoint.id))?;
        Err(if now.state == EndpointState::Enabled {
            Error::Precondition {
                reason: "TOO_MANY_REPLAYS",
                message: format!("{REPLAYS} replays of this endpoint are under way: wait until one is over"),
                metadata: Vec::new(),
            }
        } else {
            Error::Precondition {
                reason: "ENDPOINT_DISABLED",
                message: "The endpoint is disabled: enable it first".to_owned(),
                metadata: Vec::new(),
            }
        })
    }
}
