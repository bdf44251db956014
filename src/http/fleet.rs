//! `/api/v1/replicas`, `/api/v1/retention` and `/api/v1/report-replays`: what goes on in the background.

use axum::extract::State;
use axum::http::Method;
use axum::routing::{get, post};

use crate::contract::fleet;
use crate::http::endpoint::Endpoint;
use crate::http::entry::HttpApi;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    GetRetentionRequest, GetRetentionResponse, ListReplicasRequest, ListReplicasResponse, ReplayReportsRequest,
    ReplayReportsResponse,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::admin(Method::GET, "/api/v1/replicas", "ListReplicas", get(list_replicas)),
        Endpoint::admin(Method::GET, "/api/v1/retention", "GetRetention", get(get_retention)),
        Endpoint::admin(Method::POST, "/api/v1/report-replays", "ReplayReports", post(replay_reports)),
    ]
}

async fn list_replicas(
    State(api): State<HttpApi>,
    asked: Asked<ListReplicasRequest>,
) -> Result<Answer<ListReplicasResponse>, Problem> {
    Ok(Answer(fleet::list_replicas(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn get_retention(
    State(api): State<HttpApi>,
    asked: Asked<GetRetentionRequest>,
) -> Result<Answer<GetRetentionResponse>, Problem> {
    Ok(Answer(fleet::get_retention(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn replay_reports(
    State(api): State<HttpApi>,
    asked: Asked<ReplayReportsRequest>,
) -> Result<Answer<ReplayReportsResponse>, Problem> {
    Ok(Answer(fleet::replay_reports(&api.service.operations(), &asked.caller, asked.message).await?))
}
