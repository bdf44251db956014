//! `/api/mitto/…` and the counters of a campaign: what the existing browser clients call, as they know it.
//!
//! Numbers are numbers here, and every field is there: `null` where the provider said nothing.

mod answers;

use axum::Json;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value};

use crate::admission::Quota;
use crate::auth::Caller;
use crate::contract::{campaigns, messages};
use crate::error::{Error, Violation};
use crate::http::endpoint::{About, Endpoint};
use crate::http::entry::{self, Call, HttpApi, Named};
use crate::http::events;
use crate::http::openapi::operations;
use crate::http::problem::{Plain, Problem};
use crate::proto::refresh_status_bulk_request::Target;
use crate::proto::{
    GetCampaignStatsRequest, GetMessageStatusRequest, ProviderMessageIds, RefreshStatusBulkRequest,
    RefreshStatusRequest,
};

/// The most ids that one answer holds. A stream of events does them all.
const MAX_IDS: usize = 100;

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let of = About::Operation;
    vec![
        Endpoint::new(Method::GET, "/api/mitto/message/{messageId}", of(operations::message), get(message)),
        Endpoint::new(Method::POST, "/api/mitto/refresh-status", of(operations::refresh), post(refresh)),
        Endpoint::new(Method::POST, "/api/mitto/refresh-status-bulk", of(operations::refresh_bulk), post(bulk)),
        Endpoint::new(Method::GET, "/api/v1/campaigns/{campaign_id}/stats", of(operations::stats), get(stats)),
    ]
}

async fn message(State(api): State<HttpApi>, request: Request) -> Result<Json<Value>, Plain> {
    let (caller, id) = enter_for_one(&api, request).await?;
    let asked = GetMessageStatusRequest { message_id: id };
    let status = messages::get_message_status(&api.service, &caller, asked).await.map_err(as_they_know_it)?;
    Ok(Json(answers::view(&status)?))
}

async fn refresh(State(api): State<HttpApi>, request: Request) -> Result<Json<Value>, Plain> {
    let Entered { caller, fields, .. } = enter(&api, request).await?;
    let id = id_of(fields.get("providerMessageId")).map_err(|why| Problem::invalid("providerMessageId", why))?;
    let asked = RefreshStatusRequest { provider_message_id: id, owner_id: None };
    let refreshed = messages::refresh_status(&api.service, &caller, asked).await.map_err(as_they_know_it)?;
    Ok(Json(answers::refreshed(&refreshed)?))
}

async fn bulk(State(api): State<HttpApi>, request: Request) -> Result<Response, Plain> {
    let Entered { caller, call, headers, fields } = enter(&api, request).await?;
    let target = target(&fields)?;
    let asked = |resume_token: &str| RefreshStatusBulkRequest {
        target: Some(target.clone()),
        resume_token: resume_token.to_owned(),
        ..Default::default()
    };
    let page_token = fields.get("pageToken").and_then(Value::as_str).unwrap_or_default();
    if events::wanted(&headers) {
        let resume = events::last_id(&headers)?.unwrap_or(page_token);
        if events::over(resume) {
            return Ok(events::nothing_more());
        }
        let asked = asked(resume);
        let steps = events::refresh(&api, (&caller, &call), asked).await.map_err(as_they_know_it)?;
        return Ok(events::answer(&api, steps, str::to_owned));
    }
    if matches!(&target, Target::ProviderMessageIds(named) if named.ids.is_empty() || named.ids.len() > MAX_IDS) {
        let why = format_args!("must hold 1 to {MAX_IDS} ids");
        return Err(Problem::invalid("providerMessageIds", why).into());
    }
    call.permit.take(api.service.admission(), Quota::Refreshes, caller.share())?;
    let page = messages::refresh_status_page(&api.service, &caller, asked(page_token), MAX_IDS).await;
    Ok(Json(answers::bulk(page.map_err(as_they_know_it)?)?).into_response())
}

async fn stats(State(api): State<HttpApi>, request: Request) -> Result<Json<Value>, Plain> {
    let (caller, id) = enter_for_one(&api, request).await?;
    let campaign_id = id.parse().map_err(|_| Problem::invalid("campaign_id", "must be a whole number"))?;
    let asked = GetCampaignStatsRequest { campaign_id };
    let counted = campaigns::get_campaign_stats(&api.service, &caller, asked).await?;
    Ok(Json(answers::stats(&counted.stats.unwrap_or_default())))
}

/// The caller, and the id in the path.
async fn enter_for_one(api: &HttpApi, request: Request) -> Result<(Caller, String), Problem> {
    let (mut head, _) = request.into_parts();
    let (caller, _) = entry::admitted(&head)?;
    let Named(id) = Named::from_request_parts(&mut head, api).await?;
    Ok((caller, id))
}

/// A request that was let in, and the fields of its body.
struct Entered {
    caller: Caller,
    call: Call,
    headers: HeaderMap,
    fields: Map<String, Value>,
}

/// Reads the body. Fields that nobody knows are passed over, as they always were.
async fn enter(api: &HttpApi, request: Request) -> Result<Entered, Problem> {
    let (head, body) = request.into_parts();
    let (caller, call) = entry::admitted(&head)?;
    match entry::json(api.service.admission(), (&caller, &call), &head.headers, body).await? {
        Some(Value::Object(fields)) => Ok(Entered { caller, call, headers: head.headers, fields }),
        _ => Err(Problem::invalid("body", "must be a JSON object")),
    }
}

/// An id of the provider's: text, or the number that some clients make of it.
fn id_of(value: Option<&Value>) -> Result<String, &'static str> {
    match value {
        Some(Value::String(id)) => Ok(id.clone()),
        Some(Value::Number(id)) => Ok(id.to_string()),
        None | Some(Value::Null) => Err("is required: the provider's id of the message"),
        Some(_) => Err("must be text"),
    }
}

/// The target of a refresh: `campaignId`, a number or its text, or `providerMessageIds`.
fn target(fields: &Map<String, Value>) -> Result<Target, Problem> {
    let given = |name| fields.get(name).filter(|value| !value.is_null());
    match (given("campaignId"), given("providerMessageIds")) {
        (Some(id), None) => {
            let number = id.as_i64().or_else(|| id.as_str().and_then(|text| text.parse().ok()));
            let number = number.ok_or_else(|| Problem::invalid("campaignId", "must be a whole number"))?;
            Ok(Target::CampaignId(number))
        }
        (None, Some(Value::Array(ids))) => {
            let ids: Result<Vec<_>, _> = ids.iter().map(|id| id_of(Some(id))).collect();
            let ids = ids.map_err(|_| Problem::invalid("providerMessageIds", "must hold ids alone"))?;
            Ok(Target::ProviderMessageIds(ProviderMessageIds { ids }))
        }
        (None, Some(_)) => Err(Problem::invalid("providerMessageIds", "must be a list of ids")),
        (Some(_), Some(_)) => Err(Problem::invalid("body", "must hold campaignId or providerMessageIds, not both")),
        (None, None) => Err(Problem::invalid("body", "must hold campaignId or providerMessageIds")),
    }
}

/// The fields' names as these clients write them.
fn as_they_know_it(e: Error) -> Error {
    let renamed = |mut violation: Violation| {
        violation.field = match violation.field.as_str() {
            "message_id" => "messageId".to_owned(),
            "provider_message_id" => "providerMessageId".to_owned(),
            "provider_message_ids.ids" => "providerMessageIds".to_owned(),
            "resume_token" => "pageToken".to_owned(),
            _ => violation.field,
        };
        violation
    };
    match e {
        Error::Invalid(violations) => Error::Invalid(violations.into_iter().map(renamed).collect()),
        e => e,
    }
}
