//! `/api/v1/campaigns`: one text to many recipients, in the contract's own JSON.

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::{get, post};

use crate::contract::campaigns;
use crate::http::endpoint::{About, Endpoint};
use crate::http::entry::HttpApi;
use crate::http::events;
use crate::http::openapi::streams;
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
        Endpoint::campaign(Method::GET, "/api/v1/campaigns/{campaign_id}", "GetCampaign", get(one)),
        Endpoint::campaign(Method::POST, "/api/v1/campaigns/{campaign_id}/start", "StartCampaign", post(start)),
        Endpoint::campaign(Method::POST, "/api/v1/campaigns/{campaign_id}/pause", "PauseCampaign", post(pause)),
        Endpoint::campaign(Method::POST, "/api/v1/campaigns/{campaign_id}/resume", "ResumeCampaign", post(resume)),
        Endpoint::campaign(Method::POST, "/api/v1/campaigns/{campaign_id}/cancel", "CancelCampaign", post(cancel)),
        Endpoint::new(
            Method::GET,
            "/api/v1/campaigns/{campaign_id}/watch",
            About::Operation(streams::watch_campaign),
            get(watch),
        ),
    ]
}

async fn create(
    State(api): State<HttpApi>,
    asked: Asked<CreateCampaignRequest>,
) -> Result<Answer<CreateCampaignResponse>, Problem> {
    Ok(Answer(campaigns::create_campaign(&api.service, &asked.caller, asked.message).await?))
}

async fn list(
    State(api): State<HttpApi>,
    asked: Asked<ListCampaignsRequest>,
) -> Result<Answer<ListCampaignsResponse>, Problem> {
    Ok(Answer(campaigns::list_campaigns(&api.service, &asked.caller, asked.message).await?))
}

async fn one(
    State(api): State<HttpApi>,
    asked: Asked<GetCampaignRequest>,
) -> Result<Answer<GetCampaignResponse>, Problem> {
    Ok(Answer(campaigns::get_campaign(&api.service, &asked.caller, asked.message).await?))
}

async fn start(
    State(api): State<HttpApi>,
    asked: Asked<StartCampaignRequest>,
) -> Result<Answer<StartCampaignResponse>, Problem> {
    Ok(Answer(campaigns::start_campaign(&api.service, &asked.caller, asked.message).await?))
}

async fn pause(
    State(api): State<HttpApi>,
    asked: Asked<PauseCampaignRequest>,
) -> Result<Answer<PauseCampaignResponse>, Problem> {
    Ok(Answer(campaigns::pause_campaign(&api.service, &asked.caller, asked.message).await?))
}

async fn resume(
    State(api): State<HttpApi>,
    asked: Asked<ResumeCampaignRequest>,
) -> Result<Answer<ResumeCampaignResponse>, Problem> {
    Ok(Answer(campaigns::resume_campaign(&api.service, &asked.caller, asked.message).await?))
}

async fn cancel(
    State(api): State<HttpApi>,
    asked: Asked<CancelCampaignRequest>,
) -> Result<Answer<CancelCampaignResponse>, Problem> {
    Ok(Answer(campaigns::cancel_campaign(&api.service, &asked.caller, asked.message).await?))
}

async fn watch(
    State(api): State<HttpApi>,
    headers: HeaderMap,
    asked: Asked<WatchCampaignRequest>,
) -> Result<Response, Problem> {
    let known = events::last_id(&headers)?.unwrap_or_default();
    if events::over(known) {
        return Ok(events::nothing_more());
    }
    let steps = events::campaign(&api, (&asked.caller, &asked.call), asked.message, known).await?;
    Ok(events::answer(&api, steps, str::to_owned))
}
