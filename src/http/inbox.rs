//! `/api/v1/inbound`: what recipients wrote to an owner.

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::get;

use crate::contract::inbound;
use crate::http::endpoint::{About, Endpoint};
use crate::http::entry::HttpApi;
use crate::http::events;
use crate::http::openapi::streams;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    GetInboundRequest, GetInboundResponse, ListInboundRequest, ListInboundResponse, WatchInboundRequest,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::inbound(Method::GET, "/api/v1/inbound", "ListInbound", get(list)),
        Endpoint::new(Method::GET, "/api/v1/inbound/watch", About::Operation(streams::watch_inbound), get(watch)),
        Endpoint::inbound(Method::GET, "/api/v1/inbound/{id}", "GetInbound", get(one)),
    ]
}

async fn list(
    State(api): State<HttpApi>,
    asked: Asked<ListInboundRequest>,
) -> Result<Answer<ListInboundResponse>, Problem> {
    Ok(Answer(inbound::list_inbound(&api.service, &asked.caller, asked.message).await?))
}

async fn watch(
    State(api): State<HttpApi>,
    headers: HeaderMap,
    asked: Asked<WatchInboundRequest>,
) -> Result<Response, Problem> {
    let resume = events::last_id(&headers)?.unwrap_or_default();
    if events::over(resume) {
        return Ok(events::nothing_more());
    }
    let steps = events::inbound(&api, (&asked.caller, &asked.call), asked.message, resume).await?;
    Ok(events::answer(&api, steps, str::to_owned))
}

async fn one(
    State(api): State<HttpApi>,
    asked: Asked<GetInboundRequest>,
) -> Result<Answer<GetInboundResponse>, Problem> {
    Ok(Answer(inbound::get_inbound(&api.service, &asked.caller, asked.message).await?))
}
