//! Around every request: its id, one line in the log, limits of time, and the headers that keep browsers safe.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use http_body_util::BodyExt as _;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument as _;

use crate::admission::{Peer, Permit};
use crate::auth::Credentials;
use crate::domain::trace;
use crate::error::Error;
use crate::http::entry::{Call, HttpApi};
use crate::http::problem::Problem;
use crate::metrics::{Metrics, Route, Verb};
use crate::request_id;
use crate::service::Service;
use crate::traces::{From, Kind, Span, Traces, Value};

/// How long an answer may take to begin: longer than any provider call that is not set to take minutes.
const ANSWER: Duration = Duration::from_secs(90);
/// How long a browser may remember what a preflight allowed.
const PREFLIGHT_AGE: Duration = Duration::from_mins(10);

/// The routes that what watches over the process asks every few seconds, which would fill the log.
const UNTOLD: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The headers of every answer that says nothing else: this is data, for nobody's frames and caches.
const HEADERS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// Lets an act come to its end whether or not its caller waits for the answer: what it did is written down behind it.
pub(super) async fn to_its_end(State(api): State<HttpApi>, request: Request, next: Next) -> Response {
    let act = next.run(request).in_current_span();
    match api.service.to_its_end(act).await {
        Ok(answer) => answer,
        Err(e) => Problem::from(e).into_response(),
    }
}

/// Names the request, and writes its line into the log. Paths are told by their routes: a path can hold a number.
pub(super) async fn observe(
    State((metrics, traces)): State<(Metrics, Traces)>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let id = request_id::of(request.headers());
    let route = Route::of(request.extensions().get::<MatchedPath>());
    let method = request.method().clone();
    let watched = !UNTOLD.contains(&route.path());
    let mut span = if watched { begin(&traces, &route, &request) } else { Span::default() };
    let call = Call { trace: span.context(), ..Call::default() };
    request.extensions_mut().insert(call.clone());
    let logged = tracing::info_span!("http", request_id = &*id);
    let mut answer = next.run(request).instrument(logged).await;
    for (name, value) in HEADERS {
        answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(request_id::HEADER, id);
    }
    span.tell("http.response.status_code", Value::Number(answer.status().as_u16().into()));
    if answer.status().is_server_error() {
        span.fail();
    }
    if call.owner.get().is_none() {
        span.forget();
    }
    if watched {
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (status, owner) = (answer.status(), call.owner.get());
        let code = status.as_u16();
        let trace_id = span.context().map(|trace| format!("{:032x}", trace.trace));
        // A provider posts each report for itself, by the hundred thousand: the minute's summary tells of those that went well.
        if status.is_success() && route.path().starts_with("/webhooks/") {
            tracing::debug!(request_id = &*id, %method, route = route.path(), status = code, micros, "request");
        } else {
            tracing::info!(request_id = &*id, %method, route = route.path(), status = code, micros, owner, trace_id, "request");
        }
        metrics.request(route, (&method).into(), status, begun.elapsed());
    }
    answer
}

/// The span of a request, within the caller's own.
fn begin(traces: &Traces, route: &Route, request: &Request) -> Span {
    let parent = traces.read(request.headers().get(trace::HEADER));
    let method = Verb::from(request.method()).name();
    let mut span = traces.begin(Kind::Server, || format!("{method} {}", route.path()), From::Parent(parent));
    span.tell("http.request.method", Value::Word(method));
    span
}

/// Lets in whoever may call, by the headers alone: not a byte of the body is read for anybody else.
pub(super) async fn admitted(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let call = request.extensions().get::<Call>().cloned().unwrap_or_default();
    let (shown, address) = (Credentials::shown(request.headers()), Peer::address(request.extensions()));
    // Boxed: what waits for it in this future is moved with every request.
    match Box::pin(call.admit(&service, shown, address)).await {
        Ok(caller) => {
            Peer::vouch(request.extensions(), Some(caller.user));
            request.extensions_mut().insert(caller)
        }
        Err(e) => return Problem::from(e).into_response(),
    };
    next.run(request).await
}

/// Lets a call keep its place until its answer has been sent.
pub(super) async fn permitted(request: Request, next: Next) -> Response {
    let call = request.extensions().get::<Call>().cloned().unwrap_or_default();
    let answer = next.run(request).await;
    let notice = call.permit.notice();
    // The body owns it, and is dropped when it has been sent or nobody wants it any more.
    let permit = Held(call.permit);
    let hold = move |e| {
        let _ = &permit;
        e
    };
    answer.map(|body| match notice {
        None => Body::new(body.map_err(hold)),
        // It ends when its place is given to somebody else; whoever reads it comes again.
        Some(notice) => Body::from_stream(body.map_err(hold).into_data_stream().take_until(notice)),
    })
}

/// A permit that is left when this is dropped.
struct Held(Permit);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Responds instead of a handler that takes too long. What it began to send goes on, and a repeat finds it.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => Problem::TimedOut.into_response(),
    }
}

/// The answer in place of a panic's.
pub(super) fn after_panic(_panic: Box<dyn std::any::Any + Send>) -> axum::http::Response<Body> {
    Problem::from(Error::Internal { cause: "a handler panicked".to_owned() }).into_response()
}

/// The CORS layer for browsers whose page is of one of these origins; `None` if there is none.
#[must_use]
pub fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let header = HeaderName::from_static;
    let allowed = [
        ACCEPT,
        AUTHORIZATION,
        CONTENT_TYPE,
        header("x-api-key"),
        header("idempotency-key"),
        header("last-event-id"),
        header(request_id::HEADER),
        header("x-grpc-web"),
        header("x-user-agent"),
        header("grpc-timeout"),
    ];
    let exposed = [
        RETRY_AFTER,
        header(request_id::HEADER),
        header("grpc-status"),
        header("grpc-message"),
        header("grpc-status-details-bin"),
    ];
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins.iter().cloned()))
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers(allowed)
            .expose_headers(exposed)
            .max_age(PREFLIGHT_AGE)
    })
}
