//! `/api/v1/opt-outs`: numbers that do not want an owner's messages.

use axum::extract::State;
use axum::http::Method;
use axum::routing::{delete, get, post};

use crate::contract::messages;
use crate::http::endpoint::Endpoint;
use crate::http::entry::HttpApi;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    AddOptOutRequest, AddOptOutResponse, ListOptOutsRequest, ListOptOutsResponse, RemoveOptOutRequest,
    RemoveOptOutResponse,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::message(Method::GET, "/api/v1/opt-outs", "ListOptOuts", get(list)),
        Endpoint::message(Method::POST, "/api/v1/opt-outs", "AddOptOut", post(add)),
        Endpoint::message(Method::DELETE, "/api/v1/opt-outs/{destination}", "RemoveOptOut", delete(remove)),
    ]
}

async fn list(
    State(api): State<HttpApi>,
    asked: Asked<ListOptOutsRequest>,
) -> Result<Answer<ListOptOutsResponse>, Problem> {
    Ok(Answer(messages::list_opt_outs(&api.service, &asked.caller, asked.message).await?))
}

async fn add(State(api): State<HttpApi>, asked: Asked<AddOptOutRequest>) -> Result<Answer<AddOptOutResponse>, Problem> {
    Ok(Answer(messages::add_opt_out(&api.service, &asked.caller, asked.message).await?))
}

async fn remove(
    State(api): State<HttpApi>,
    asked: Asked<RemoveOptOutRequest>,
) -> Result<Answer<RemoveOptOutResponse>, Problem> {
    Ok(Answer(messages::remove_opt_out(&api.service, &asked.caller, asked.message).await?))
}
