//! `/api/v1/audit-events`: who did what.

use axum::extract::State;
use axum::http::Method;
use axum::routing::get;

use crate::contract::admin;
use crate::http::endpoint::Endpoint;
use crate::http::entry::HttpApi;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{ListAuditEventsRequest, ListAuditEventsResponse};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::admin(Method::GET, "/api/v1/audit-events", "ListAuditEvents", get(list_audit_events))]
}

async fn list_audit_events(
    State(api): State<HttpApi>,
    asked: Asked<ListAuditEventsRequest>,
) -> Result<Answer<ListAuditEventsResponse>, Problem> {
    Ok(Answer(admin::list_audit_events(&api.service.operations(), &asked.caller, asked.message).await?))
}
