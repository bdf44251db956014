//! `/api/v1/users/{owner_id}/opt-outs`, `/api/v1/erasures` and `/api/v1/inbound-review`: numbers that operators look after.

use axum::extract::State;
use axum::http::Method;
use axum::routing::{delete, get, post};

use crate::contract::numbers;
use crate::http::endpoint::Endpoint;
use crate::http::entry::HttpApi;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    EraseNumberRequest, EraseNumberResponse, ExportOptOutsRequest, ExportOptOutsResponse, ImportOptOutsRequest,
    ImportOptOutsResponse, ListInboundReviewRequest, ListInboundReviewResponse, ResolveInboundRequest,
    ResolveInboundResponse, RetractOptOutRequest, RetractOptOutResponse,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::admin(Method::POST, "/api/v1/users/{owner_id}/opt-outs", "ImportOptOuts", post(import_opt_outs)),
        Endpoint::admin(Method::GET, "/api/v1/users/{owner_id}/opt-outs", "ExportOptOuts", get(export_opt_outs)),
        Endpoint::admin(
            Method::DELETE,
            "/api/v1/users/{owner_id}/opt-outs/{destination}",
            "RetractOptOut",
            delete(retract_opt_out),
        ),
        Endpoint::admin(Method::POST, "/api/v1/erasures", "EraseNumber", post(erase_number)),
        Endpoint::admin(Method::GET, "/api/v1/inbound-review", "ListInboundReview", get(list_inbound_review)),
        Endpoint::admin(Method::POST, "/api/v1/inbound-review/{id}/resolve", "ResolveInbound", post(resolve_inbound)),
    ]
}

async fn import_opt_outs(
    State(api): State<HttpApi>,
    asked: Asked<ImportOptOutsRequest>,
) -> Result<Answer<ImportOptOutsResponse>, Problem> {
    Ok(Answer(numbers::import_opt_outs(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn export_opt_outs(
    State(api): State<HttpApi>,
    asked: Asked<ExportOptOutsRequest>,
) -> Result<Answer<ExportOptOutsResponse>, Problem> {
    Ok(Answer(numbers::export_opt_outs(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn retract_opt_out(
    State(api): State<HttpApi>,
    asked: Asked<RetractOptOutRequest>,
) -> Result<Answer<RetractOptOutResponse>, Problem> {
    Ok(Answer(numbers::retract_opt_out(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn erase_number(
    State(api): State<HttpApi>,
    asked: Asked<EraseNumberRequest>,
) -> Result<Answer<EraseNumberResponse>, Problem> {
    Ok(Answer(numbers::erase_number(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn list_inbound_review(
    State(api): State<HttpApi>,
    asked: Asked<ListInboundReviewRequest>,
) -> Result<Answer<ListInboundReviewResponse>, Problem> {
    Ok(Answer(numbers::list_inbound_review(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn resolve_inbound(
    State(api): State<HttpApi>,
    asked: Asked<ResolveInboundRequest>,
) -> Result<Answer<ResolveInboundResponse>, Problem> {
    Ok(Answer(numbers::resolve_inbound(&api.service.operations(), &asked.caller, asked.message).await?))
}
