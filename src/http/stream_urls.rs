//! `/api/v1/stream-urls` and `/api/v1/streams/…`: streams for `EventSource`, which can send no header.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Json};
use prost::Message as _;
use serde_json::{Value, json};

use crate::admission::Peer;
use crate::auth::Caller;
use crate::error::Error;
use crate::http::endpoint::{About, Endpoint};
use crate::http::entry::{self, Call, HttpApi, Named};
use crate::http::events::{self, Steps};
use crate::http::openapi;
use crate::http::problem::Problem;
use crate::http::transcode::from_json;
use crate::proto::{RefreshStatusBulkRequest, WatchCampaignRequest, WatchInboundRequest, WatchMessagesRequest};

/// The streams that a URL can open, named like their RPCs.
const STREAMS: [&str; 4] = [WATCH_CAMPAIGN, WATCH_MESSAGES, WATCH_INBOUND, REFRESH];
const WATCH_CAMPAIGN: &str = "watchCampaign";
const WATCH_MESSAGES: &str = "watchMessages";
const WATCH_INBOUND: &str = "watchInbound";
const REFRESH: &str = "refreshStatusBulk";

/// The route that makes them.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let about = About::Operation(openapi::streams::stream_url);
    vec![Endpoint::new(Method::POST, "/api/v1/stream-urls", about, post(issue))]
}

/// The route that opens them: its credentials are in its path.
pub(super) fn by_token() -> Vec<Endpoint> {
    let about = About::Operation(openapi::streams::stream);
    vec![Endpoint::new(Method::GET, "/api/v1/streams/{token}", about, get(open))]
}

async fn issue(State(api): State<HttpApi>, request: Request) -> Result<Json<Value>, Problem> {
    let (head, body) = request.into_parts();
    let (caller, call) = entry::admitted(&head)?;
    let body = entry::json(api.service.admission(), (&caller, &call), &head.headers, body).await?;
    let named = match body {
        Some(Value::Object(fields)) if fields.len() == 1 => fields.into_iter().next(),
        _ => None,
    };
    let one_of = || Problem::invalid("body", format_args!("must hold one stream: {}", STREAMS.join(" or ")));
    let (stream, request) = named.ok_or_else(one_of)?;
    let request = match stream.as_str() {
        WATCH_CAMPAIGN => from_json::<WatchCampaignRequest>(&request)?.encode_to_vec(),
        WATCH_MESSAGES => from_json::<WatchMessagesRequest>(&request)?.encode_to_vec(),
        WATCH_INBOUND => from_json::<WatchInboundRequest>(&request)?.encode_to_vec(),
        REFRESH => from_json::<RefreshStatusBulkRequest>(&request)?.encode_to_vec(),
        _ => return Err(one_of()),
    };
    // What is wrong with it is told now, to somebody who can read it.
    drop(steps(&api, (&caller, &call), &stream, &request, "").await?);
    let grant = api.service.grant_stream(&caller, &stream, &request)?;
    Ok(Json(json!({
        "url": format!("/api/v1/streams/{}", grant.token),
        "connectBefore": grant.connect_before.to_string(),
        "reconnectUntil": grant.reconnect_until.to_string(),
    })))
}

async fn open(
    State(api): State<HttpApi>,
    Named(token): Named,
    Extension(call): Extension<Call>,
    request: Request,
) -> Result<Response, Problem> {
    let opened = api.service.open_stream(&token, events::last_id(request.headers())?).await?;
    Peer::vouch(request.extensions(), Some(opened.caller.user));
    if events::over(&opened.resume) {
        return Ok(events::nothing_more());
    }
    let steps = steps(&api, (&opened.caller, &call), &opened.stream, &opened.request, &opened.resume).await?;
    let service = api.service.clone();
    let named = move |id: &str| service.name_event(&token, id);
    Ok(events::answer(&api, steps, named))
}

/// The stream of this name. Another one is added here, and to [`STREAMS`].
async fn steps(
    api: &HttpApi,
    (caller, call): (&Caller, &Call),
    stream: &str,
    request: &[u8],
    resume: &str,
) -> Result<Steps, Error> {
    let unreadable = |e: prost::DecodeError| Error::Internal { cause: e.to_string() };
    match stream {
        WATCH_CAMPAIGN => {
            let request = WatchCampaignRequest::decode(request).map_err(unreadable)?;
            events::campaign(api, (caller, call), request, resume).await
        }
        WATCH_MESSAGES => {
            let request = WatchMessagesRequest::decode(request).map_err(unreadable)?;
            events::messages(api, (caller, call), request, resume).await
        }
        WATCH_INBOUND => {
            let request = WatchInboundRequest::decode(request).map_err(unreadable)?;
            events::inbound(api, (caller, call), request, resume).await
        }
        REFRESH => {
            let mut request = RefreshStatusBulkRequest::decode(request).map_err(unreadable)?;
            if !resume.is_empty() {
                resume.clone_into(&mut request.resume_token);
            }
            events::refresh(api, (caller, call), request).await
        }
        _ => Err(Error::invalid("stream", "is not a stream that this server knows")),
    }
}
