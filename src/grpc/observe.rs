//! Around every call: a request id, a deadline that is told as such, and one line in the log.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::admission::{Answer, Flight, Notice, Peer, Permit};
use crate::domain::trace;
use crate::error::Error;
use crate::grpc::entry::Call;
use crate::grpc::status;
use crate::metrics::{self, Metrics};
use crate::proto;
use crate::request_id;
use crate::traces::{From, Kind, Span, Traces, Value};

/// Puts what the module says around the routes.
#[derive(Debug, Clone)]
pub struct ObserveLayer(pub Metrics, pub Traces);

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, metrics: self.0.clone(), traces: self.1.clone() }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Observe<S> {
    inner: S,
    metrics: Metrics,
    traces: Traces,
}

/// How long a call takes at most whose caller set no deadline: as long as over HTTP.
const PROMPT: Duration = Duration::from_secs(90);
/// tonic's own timer answers `CANCELLED`; ours is this much earlier and answers `DEADLINE_EXCEEDED`.
const EARLIER: Duration = Duration::from_millis(2);

impl<S> Service<Request<Body>> for Observe<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let begun = Instant::now();
        let method: Arc<str> = request.uri().path().trim_start_matches('/').into();
        let asked = timeout(request.headers()).map(|t| t.saturating_sub(EARLIER));
        let deadline = asked.map(|t| begun + t);
        // What the caller did not say is no promise of its to wait for so long.
        let end = deadline.or_else(|| is_prompt(&method).then(|| begun + PROMPT));
        let peer = request.extensions().get::<Peer>().cloned();
        let flight = peer.as_ref().map(|peer| peer.connection.begin());
        let request_id = request_id::of(request.headers());
        let span = self.span(&method, request.headers());
        let trace = span.context();
        let call = Call { request_id, deadline, owner: Arc::default(), permit: Permit::default(), trace };
        request.extensions_mut().insert(call.clone());
        let metrics = self.metrics.clone();
        let record = Record { call, method, begun, code: None, metrics, span, peer, _flight: flight };
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        Box::pin(async move {
            let work = std::panic::AssertUnwindSafe(inner.call(request)).catch_unwind();
            let done = match end {
                Some(at) => tokio::time::timeout_at(at, work).await,
                None => Ok(work.await),
            };
            let response = match done {
                Ok(Ok(response)) => response?,
                Ok(Err(_panic)) => status::render(&Error::Internal { cause: "a call panicked".to_owned() }).into_http(),
                Err(_elapsed) => status::too_late("The deadline passed before the answer").into_http(),
            };
            Ok(record.finish(response))
        })
    }
}

impl<S> Observe<S> {
    /// The span of a call, within the caller's own. Methods that the contract does not have are told as one.
    fn span(&self, method: &str, headers: &HeaderMap) -> Span {
        if !counted(method) {
            return Span::default();
        }
        let parent = self.traces.read(headers.get(trace::HEADER));
        let known = || known(method);
        let mut span = self.traces.begin(Kind::Server, known, From::Parent(parent));
        if span.context().is_some() {
            span.tell("rpc.system", Value::Word("grpc"));
            span.tell("rpc.method", Value::Word(known()));
        }
        span
    }
}

/// The method's name in the contract; `other` for one that is not in it.
fn known(method: &str) -> &'static str {
    proto::METHODS.iter().find(|known| **known == method).copied().unwrap_or("other")
}

/// Health and reflection stay out of the log.
pub(super) fn counted(method: &str) -> bool {
    method.starts_with("messaging.")
}

/// Whether the method answers at once: it is no stream, and nothing of health, of which one is.
fn is_prompt(method: &str) -> bool {
    const STREAMS: [&str; 6] =
        ["AddRecipients", "RefreshStatusBulk", "SendMany", "WatchCampaign", "WatchInbound", "WatchMessages"];
    counted(method) && !STREAMS.iter().any(|stream| method.ends_with(stream))
}

/// The caller's timeout: up to eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n.saturating_mul(3600))),
        "M" => Some(Duration::from_secs(n.saturating_mul(60))),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

/// The log line of a call that has ended.
struct Record {
    call: Call,
    method: Arc<str>,
    begun: Instant,
    code: Option<Code>,
    metrics: Metrics,
    span: Span,
    /// The connection that the answer goes out by.
    peer: Option<Peer>,
    /// The connection is at work as long as this lives.
    _flight: Option<Flight>,
}

impl Record {
    fn finish(mut self, response: Response<Body>) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        if let Some(given) = Status::from_header_map(&parts.headers) {
            self.code = Some(given.code());
            if let Some(told) = status::of_the_library(&given) {
                self.code = Some(told.code());
                // Which encodings are taken.
                let takes = parts.headers.remove("grpc-accept-encoding");
                (parts, _) = told.into_http::<Body>().into_parts();
                parts.headers.extend(takes.map(|takes| (HeaderName::from_static("grpc-accept-encoding"), takes)));
            }
        }
        if let Ok(id) = HeaderValue::from_str(&self.call.request_id) {
            parts.headers.insert(request_id::HEADER, id);
        }
        let peer = self.peer.take();
        let notice = self.call.permit.notice();
        let answer = Answer::new(Observed { body, record: self, notice }, peer.as_ref(), unread);
        Response::from_parts(parts, Body::new(answer))
    }
}

/// The last frame of an answer that ends with this error.
fn end(error: &Error) -> Result<Frame<Bytes>, Status> {
    let mut trailers = HeaderMap::new();
    status::render(error).add_header(&mut trailers)?;
    Ok(Frame::trailers(trailers))
}

/// The end of an answer that was given up before its caller read on.
fn unread() -> Result<Frame<Bytes>, Status> {
    end(&Error::Exhausted {
        reason: "READER_TOO_SLOW",
        message: "The answer was not read for a minute",
        retry_after: Duration::from_secs(1),
    })
}

impl Drop for Record {
    fn drop(&mut self) {
        self.call.permit.leave();
        if !counted(&self.method) {
            return;
        }
        // A body that ends without a status was given up by the client.
        let code = self.code.unwrap_or(Code::Cancelled);
        let micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let owner = self.call.owner.get();
        if owner.is_none() {
            self.span.forget();
        }
        self.span.tell("rpc.grpc.status_code", Value::Number(i32::from(code).into()));
        if is_ours(code) {
            self.span.fail();
        }
        let trace_id = self.call.trace.map(|trace| format!("{:032x}", trace.trace));
        self.metrics.call(metrics::Rpc::at(&self.method), metrics::Code(code), self.begun.elapsed());
        tracing::info!(
            request_id = &*self.call.request_id,
            // A name of the contract's alone: a caller makes up others.
            method = known(&self.method),
            ?code,
            micros,
            owner,
            trace_id,
            "call"
        );
    }
}

/// Whether a call that ended with this code is the service's own failure, as the semantic conventions have it.
fn is_ours(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// A body that notes the status in its trailers, and ends when its place is given to somebody else.
struct Observed {
    body: Body,
    record: Record,
    notice: Option<Notice>,
}

impl http_body::Body for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_pending()
            && let Some(Poll::Ready(taken)) = self.notice.as_mut().map(|notice| notice.as_mut().poll(cx))
        {
            self.notice = None;
            self.body = Body::empty();
            polled = Poll::Ready(Some(end(&taken)));
        }
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(status) = frame.trailers_ref().and_then(Status::from_header_map)
        {
            self.record.code = Some(status.code());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
