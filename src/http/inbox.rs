//! `/api/v1/inbound`: what recipients wrote to an owner.

use axum::extract::State;
use axum::http::Method;
use axum::routing::get;

use crate::contract::inbound;
use crate::http::endpoint::Endpoint;
use crate::http::entry::HttpApi;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{GetInboundRequest, GetInboundResponse, ListInboundRequest, ListInboundResponse};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::inbound(Method::GET, "/api/v1/inbound", "ListInbound", get(list)),
        Endpoint::inbound(Method::GET, "/api/v1/inbound/{id}", "GetInbound", get(one)),
    ]
}

async fn list(
    State(api): State<HttpApi>,
    asked: Asked<ListInboundRequest>,
) -> Result<Answer<ListInboundResponse>, Problem> {
    Ok(Answer(inbound::list_inbound(&api.service, &asked.caller, asked.message).await?))
}

async fn one(
    State(api): State<HttpApi>,
    asked: Asked<GetInboundRequest>,
) -> Result<Answer<GetInboundResponse>, Problem> {
    Ok(Answer(inbound::get_inbound(&api.service, &asked.caller, asked.message).await?))
}
