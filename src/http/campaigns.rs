//! `/api/v1/campaigns`: one text to many recipients, in the contract's own JSON.

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::{get, post};

use crate::contract::campaigns;
use crate::http::endpoint::{About, Endpoint};
use crate::http::entry::Door;
use crate::http::events;
use crate::http::openapi::operations;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    CancelCampaignRequest, CancelCampaignResponse, CreateCampaignRequest, CreateCampaignResponse, GetCampaignRequest,
    GetCampaignResponse, ListCampaignsRequest, ListCampaignsResponse, PauseCampaignRequest, PauseCampaignResponse,
    ResumeCampaignRequest, ResumeCampaignResponse, StartCampaignRequest, StartCampaignResponse, WatchCampaignRequest,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::campaign(Method::POST, "/api/v1/campaigns", "CreateCampaign", post(create)),
        Endpoint::campaign(Method::GET, "/api/v1/campaigns", "ListCampaigns", get(list)),
        Endpoint::campaign(Method::GET, "/api/v1/campaigns/{id}", "GetCampaign", get(one)),
        Endpoint::campaign(Method::POST, "/api/v1/campaigns/{id}/start", "StartCampaign", post(start)),
        Endpoint::campaign(Method::POST, "/api/v1/campaigns/{id}/pause", "PauseCampaign", post(pause)),
        Endpoint::campaign(Method::POST, "/api/v1/campaigns/{id}/resume", "ResumeCampaign", post(resume)),
        Endpoint::campaign(Method::POST, "/api/v1/campaigns/{id}/cancel", "CancelCampaign", post(cancel)),
        Endpoint::new(
            Method::GET,
            "/api/v1/campaigns/{id}/watch",
            About::Operation(operations::watch_campaign),
            get(watch),
        ),
    ]
}

async fn create(
    State(door): State<Door>,
    asked: Asked<CreateCampaignRequest>,
) -> Result<Answer<CreateCampaignResponse>, Problem> {
    Ok(Answer(campaigns::create_campaign(&door.service, &asked.caller, asked.message).await?))
}

async fn list(
    State(door): State<Door>,
    asked: Asked<ListCampaignsRequest>,
) -> Result<Answer<ListCampaignsResponse>, Problem> {
    Ok(Answer(campaigns::list_campaigns(&door.service, &asked.caller, asked.message).await?))
}

async fn one(
    State(door): State<Door>,
    asked: Asked<GetCampaignRequest>,
) -> Result<Answer<GetCampaignResponse>, Problem> {
    Ok(Answer(campaigns::get_campaign(&door.service, &asked.caller, asked.message).await?))
}

async fn start(
    State(door): State<Door>,
    asked: Asked<StartCampaignRequest>,
) -> Result<Answer<StartCampaignResponse>, Problem> {
    Ok(Answer(campaigns::start_campaign(&door.service, &asked.caller, asked.message).await?))
}

async fn pause(
    State(door): State<Door>,
    asked: Asked<PauseCampaignRequest>,
) -> Result<Answer<PauseCampaignResponse>, Problem> {
    Ok(Answer(campaigns::pause_campaign(&door.service, &asked.caller, asked.message).await?))
}

async fn resume(
    State(door): State<Door>,
    asked: Asked<ResumeCampaignRequest>,
) -> Result<Answer<ResumeCampaignResponse>, Problem> {
    Ok(Answer(campaigns::resume_campaign(&door.service, &asked.caller, asked.message).await?))
}

async fn cancel(
    State(door): State<Door>,
    asked: Asked<CancelCampaignRequest>,
) -> Result<Answer<CancelCampaignResponse>, Problem> {
    Ok(Answer(campaigns::cancel_campaign(&door.service, &asked.caller, asked.message).await?))
}

async fn watch(
    State(door): State<Door>,
    headers: HeaderMap,
    asked: Asked<WatchCampaignRequest>,
) -> Result<Response, Problem> {
    let known = events::last_id(&headers)?.unwrap_or_default();
    if events::over(known) {
        return Ok(events::nothing_more());
    }
    let steps = events::campaign(&door, &asked.caller, asked.message, known).await?;
    Ok(events::answer(&door, steps, str::to_owned))
}
