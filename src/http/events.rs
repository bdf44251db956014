//! Server-Sent Events: a stream of the contract as a browser reads it.
//!
//! `id:` is what another stream goes on from, and comes back in `Last-Event-ID`. The last event is `end`, or `error` with
//! `{message, code}`. A stream waits for its reader, and ends with `error` when the process stops.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::header::{ACCEPT, CACHE_CONTROL, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};

use crate::admission::Quota;
use crate::auth::Caller;
use crate::contract::{campaigns, inbound, messages};
use crate::error::Error;
use crate::http::entry::{Call, HttpApi};
use crate::http::problem::Problem;
use crate::http::transcode::to_json;
use crate::proto::refresh_status_bulk_response::Event as Told;
use crate::proto::{
    CampaignStats, RefreshStatusBulkRequest, WatchCampaignRequest, WatchCampaignResponse, WatchInboundRequest,
    WatchInboundResponse, WatchMessagesRequest, WatchMessagesResponse,
};

/// How often a silent stream says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The id of the last event: a reader who comes back with it has read everything.
const END: &str = "end";
/// The longest id that is taken back: a bulk refresh names what it has done beyond its place.
const MAX_ID: usize = 16 << 10;

/// One event.
pub(super) struct Step {
    id: String,
    /// Empty of a step that moves the place alone, of which no reader is told.
    name: &'static str,
    data: String,
}

impl Step {
    /// A part of a page, as it is now. Whoever comes back is given all of it again.
    pub(super) fn part(html: &str) -> Self {
        // A stream's lines end where a carriage return stands.
        Self { id: String::new(), name: "part", data: html.replace('\r', "&#13;") }
    }
}

/// The events of a stream.
pub(super) type Steps = BoxStream<'static, Result<Step, Error>>;

/// Whether the caller wants events.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/event-stream"))
}

/// The id of the last event that the reader has, if it comes back.
pub(super) fn last_id(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) else { return Ok(None) };
    let id = id.to_str().ok().filter(|id| id.len() <= MAX_ID);
    id.map(Some).ok_or_else(|| Problem::invalid("Last-Event-ID", "is not the id of an event"))
}

/// A bulk refresh. What is wrong with the request is told before the stream begins.
pub(super) async fn refresh(
    api: &HttpApi,
    (caller, call): (&Caller, &Call),
    request: RefreshStatusBulkRequest,
) -> Result<Steps, Error> {
    call.permit.take(api.service.admission(), Quota::Refreshes, caller.share())?;
    let steps = messages::refresh_status_bulk(&api.service, caller, request).await?;
    let step = |told: crate::proto::RefreshStatusBulkResponse| {
        let name = if matches!(told.event, Some(Told::Summary(_))) { "summary" } else { "result" };
        Ok(Step { data: to_json(&told)?, name, id: told.resume_token })
    };
    Ok(steps.map(move |told| told.and_then(step)).boxed())
}

/// A campaign's counters. A reader who comes back is told of nothing that it has.
pub(super) async fn campaign(
    api: &HttpApi,
    (caller, call): (&Caller, &Call),
    request: WatchCampaignRequest,
    known: &str,
) -> Result<Steps, Error> {
    call.permit.take(api.service.admission(), Quota::Streams, caller.share())?;
    let steps = campaigns::watch_campaign(&api.service, caller, request).await?;
    let known = known.to_owned();
    let step = move |told: WatchCampaignResponse| {
        let step = Step { data: to_json(&told)?, name: "stats", id: name(&told) };
        Ok(Some(step).filter(|step| step.id != known))
    };
    Ok(steps.filter_map(move |told| std::future::ready(told.and_then(&step).transpose())).boxed())
}

/// The changes of an owner's messages. Its heartbeats move the reader's place and tell nothing.
pub(super) async fn messages(
    api: &HttpApi,
    (caller, call): (&Caller, &Call),
    mut request: WatchMessagesRequest,
    resume: &str,
) -> Result<Steps, Error> {
    call.permit.take(api.service.admission(), Quota::Streams, caller.share())?;
    if !resume.is_empty() {
        resume.clone_into(&mut request.resume_token);
    }
    let steps = messages::watch_messages(&api.service, caller, request).await?;
    let step = |told: WatchMessagesResponse| {
        let name = if told.event.is_some() { "change" } else { "" };
        Ok(Step { data: to_json(&told)?, name, id: told.resume_token })
    };
    Ok(steps.map(move |told| told.and_then(step)).boxed())
}

/// The messages of an owner's recipients. Its heartbeats move the reader's place and tell nothing.
pub(super) async fn inbound(
    api: &HttpApi,
    (caller, call): (&Caller, &Call),
    mut request: WatchInboundRequest,
    resume: &str,
) -> Result<Steps, Error> {
    call.permit.take(api.service.admission(), Quota::Streams, caller.share())?;
    if !resume.is_empty() {
        resume.clone_into(&mut request.resume_token);
    }
    let steps = inbound::watch_inbound(&api.service, caller, request).await?;
    let step = |told: WatchInboundResponse| {
        let name = if told.message.is_some() { "inbound" } else { "" };
        Ok(Step { data: to_json(&told)?, name, id: told.resume_token })
    };
    Ok(steps.map(move |told| told.and_then(step)).boxed())
}

/// The id of counters: all of them, and not the time they were read at.
fn name(told: &WatchCampaignResponse) -> String {
    let counters = told.stats.map(|stats| CampaignStats { updated_at: None, ..stats });
    let counters = WatchCampaignResponse { stats: counters, state: told.state };
    let digest = Sha256::digest(prost::Message::encode_to_vec(&counters));
    digest.iter().take(8).fold(String::new(), |hex, b| format!("{hex}{b:02x}"))
}

/// Whether a reader who comes back with this has read everything.
pub(super) fn over(resume: &str) -> bool {
    resume == END
}

/// The answer to a reader for whom there is nothing more: `EventSource` then stays away.
pub(super) fn nothing_more() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// The answer that streams the events; `named` gives each id the form in which it comes back.
pub(super) fn answer(api: &HttpApi, steps: Steps, named: impl Fn(&str) -> String + Send + 'static) -> Response {
    let events = events(api.clone(), steps, named).map(Ok::<_, Infallible>);
    let alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let mut answer = Sse::new(events).keep_alive(alive).into_response();
    // A proxy that gathers events before it passes them on would make them late.
    answer.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn events(
    api: HttpApi,
    mut steps: Steps,
    named: impl Fn(&str) -> String + Send + 'static,
) -> impl Stream<Item = Event> + Send {
    // The request's, under whose id a failure is told.
    let span = tracing::Span::current();
    async_stream::stream! {
        loop {
            let next = tokio::select! {
                biased;
                () = api.stop.cancelled() => {
                    yield failed(stopping());
                    return;
                }
                next = steps.next() => next,
            };
            match next {
                // An id without data: `EventSource` keeps it and tells nobody.
                Some(Ok(step)) if step.name.is_empty() => yield Event::default().id(named(&step.id)).comment("here"),
                Some(Ok(step)) => yield Event::default().id(named(&step.id)).event(step.name).data(step.data),
                Some(Err(e)) => {
                    if let Some(cause) = e.cause() {
                        tracing::error!(parent: &span, reason = e.reason(), cause, "a stream failed");
                    }
                    yield failed(e);
                    return;
                }
                None => {
                    yield Event::default().id(named(END)).event("end").data("{}");
                    return;
                }
            }
        }
    }
}

fn failed(e: Error) -> Event {
    Event::default().event("error").data(Problem::from(e).body().to_string())
}

fn stopping() -> Error {
    Error::Unavailable {
        reason: "STOPPING",
        message: "The server is stopping. Connect again.",
        retry_after: Duration::from_secs(1),
        cause: "the process was asked to stop".to_owned(),
    }
}
