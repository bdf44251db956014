//! One trace from the caller over the queue to the provider and the caller's webhook, as a collector is told of it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::post;
use futures::future::BoxFuture;
use messaging::domain::trace::TraceContext;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::webhook_service_client::WebhookServiceClient;
use messaging::proto::{CreateEndpointRequest, SendSingleRequest};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;
use tokio::sync::{Mutex, mpsc};
use tonic::body::Body;
use tonic::server::{NamedService, UnaryService};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::support::app::Home;
use crate::support::database::{Kind, on_both_databases};
use crate::support::program::{Running, printed};
use crate::support::settings::JWT_SECRET;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const STRANGER: &str = "00-22222222222222222222222222222222-3333333333333333-01";
const OVER_HTTP: &str = "00-44444444444444444444444444444444-5555555555555555-01";
const UNKEPT: &str = "00-11111111111111111111111111111111-2222222222222222-00";
const NUMBER: &str = "+306900000001";
const TEXT: &str = "a text that no span tells";
const KEY: &str = "a collector's key";
const PATIENCE: Duration = Duration::from_secs(30);

/// The collector, the provider and the webhook's receiver in one: what each is told.
struct Others {
    address: String,
    exports: Mutex<mpsc::UnboundedReceiver<(HeaderMap, Vec<u8>)>>,
    metrics: Mutex<mpsc::UnboundedReceiver<Vec<u8>>>,
    provider: Mutex<mpsc::UnboundedReceiver<HeaderMap>>,
    webhook: Mutex<mpsc::UnboundedReceiver<HeaderMap>>,
}

#[derive(Clone)]
struct Taken {
    exports: mpsc::UnboundedSender<(HeaderMap, Vec<u8>)>,
    metrics: mpsc::UnboundedSender<Vec<u8>>,
    provider: mpsc::UnboundedSender<HeaderMap>,
    webhook: mpsc::UnboundedSender<HeaderMap>,
    /// The provider's answers that are not an acceptance, one after the other.
    refusals: Arc<Mutex<Vec<StatusCode>>>,
}

impl Others {
    async fn open() -> (Arc<Self>, Taken) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (exports, metrics) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let (provider, webhook) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let others = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            exports: Mutex::new(exports.1),
            metrics: Mutex::new(metrics.1),
            provider: Mutex::new(provider.1),
            webhook: Mutex::new(webhook.1),
        };
        let refusals = Arc::default();
        let taken =
            Taken { exports: exports.0, metrics: metrics.0, provider: provider.0, webhook: webhook.0, refusals };
        let routes = Router::new()
            .route("/collector/v1/traces", post(traces))
            .route(
                "/collector/v1/metrics",
                post(async |State(to): State<Taken>, body: Bytes| to.metrics.send(body.to_vec()).unwrap()),
            )
            .route("/api/v1.1/Messages/send", post(provider_send))
            .route("/hook", post(async |State(to): State<Taken>, headers: HeaderMap| to.webhook.send(headers).unwrap()))
            .with_state(taken.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (Arc::new(others), taken)
    }

    /// The next span with this name.
    async fn span(&self, seen: &mut Vec<Span>, name: &str) -> Span {
        loop {
            if let Some(at) = seen.iter().position(|span| span.name == name) {
                return seen.remove(at);
            }
            let (headers, body) = next(&self.exports).await;
            assert_eq!(
                (&headers["content-type"], &headers["api-key"]),
                (&"application/x-protobuf".parse().unwrap(), &KEY.parse().unwrap())
            );
            let export = ExportTraceServiceRequest::decode(&body[..]).unwrap();
            assert!(
                !String::from_utf8_lossy(&body).contains(TEXT)
                    && !String::from_utf8_lossy(&body).contains(&NUMBER[1..])
            );
            for resource in export.resource_spans {
                let told = resource.resource.unwrap().attributes;
                assert!(told.iter().any(|a| a.key == "service.name") && told.iter().any(|a| a.key == "team"));
                seen.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
    }
}

async fn next<T>(from: &Mutex<mpsc::UnboundedReceiver<T>>) -> T {
    let mut from = from.lock().await;
    tokio::time::timeout(PATIENCE, from.recv()).await.expect("it comes in time").expect("the server lives")
}

async fn traces(State(to): State<Taken>, headers: HeaderMap, body: Bytes) {
    to.exports.send((headers, body.to_vec())).unwrap();
}

async fn provider_send(State(to): State<Taken>, headers: HeaderMap) -> axum::response::Response {
    to.provider.send(headers).unwrap();
    match to.refusals.lock().await.pop() {
        Some(status) => (status, [("retry-after", "1")]).into_response(),
        None => axum::Json(json!({"id": uuid::Uuid::new_v4().to_string()})).into_response(),
    }
}

/// The place that a header or a span tells.
fn place(headers: &HeaderMap) -> TraceContext {
    TraceContext::parse(headers["traceparent"].to_str().unwrap()).unwrap()
}

fn is_in(span: &Span, trace: TraceContext) -> bool {
    span.trace_id == trace.trace.to_be_bytes()
}

fn is_child(span: &Span, of: &Span) -> bool {
    (&span.trace_id, &span.parent_span_id) == (&of.trace_id, &of.span_id)
}

async fn a_message_is_followed_from_its_caller_to_the_webhook(kind: Kind) {
    let home = Home::new(kind).await;
    let database = home.url();
    let (others, taken) = Others::open().await;
    let collector = format!("{}/collector", others.address);
    let headers = format!("api-key={}", KEY.replace(' ', "%20"));
    let env = [
        ("DATABASE_URL", database.as_str()),
        ("JWT_SECRET", JWT_SECRET),
        ("HOOK_KEY", "0123456789abcdef0123456789abcdef"),
        ("HOOK_NETS", "127.0.0.0/8"),
        ("MITTO_API_KEY", "key"),
        ("MITTO_API_BASE", others.address.as_str()),
        ("SMS_TRAFFIC_ACCOUNT_ID", "5a4db0c5-0000-4000-8000-000000000001"),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", headers.as_str()),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=billing"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    printed(&["migrate"], &env);
    let user = printed(&["user", "create", "--name", "carol", "--sender", "Carol"], &env);
    let token = printed(&["token", "--user", &user], &env);
    let mut server = Running::start(&["serve"], &env);
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address("grpc"))).unwrap();
    let channel = channel.connect().await.unwrap();
    let called = |trace: &str| {
        let mut request = Request::new(SendSingleRequest {
            destination: NUMBER.to_owned(),
            text: TEXT.to_owned(),
            ..Default::default()
        });
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request.metadata_mut().insert("traceparent", trace.parse().unwrap());
        request
    };
    let mut endpoint = Request::new(CreateEndpointRequest {
        url: format!("{}/hook", others.address),
        types: vec!["message.sent".to_owned()],
        ..Default::default()
    });
    endpoint.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    WebhookServiceClient::new(channel.clone()).create_endpoint(endpoint).await.unwrap();

    // At once: caller, call, provider and webhook in one trace.
    let mut client = MessagingServiceClient::new(channel);
    let sent = client.send_single(called(CALLER)).await.unwrap().into_inner().message.unwrap();
    let (caller, mut seen) = (TraceContext::parse(CALLER).unwrap(), Vec::new());
    let (at_provider, at_webhook) = (place(&next(&others.provider).await), place(&next(&others.webhook).await));
    let call = others.span(&mut seen, "messaging.v1.MessagingService/SendSingle").await;
    assert!(is_in(&call, caller) && call.parent_span_id == caller.span.to_be_bytes());
    let send = others.span(&mut seen, "provider send").await;
    assert!(
        is_child(&send, &call) && send.span_id == at_provider.span.to_be_bytes() && at_provider.trace == caller.trace
    );
    assert!(format!("{:?}", send.attributes).contains(&sent.id), "{send:?}");
    let hook = others.span(&mut seen, "webhook call").await;
    assert!(
        is_child(&hook, &call) && hook.span_id == at_webhook.span.to_be_bytes() && at_webhook.trace == caller.trace
    );
    assert!(
        call.start_time_unix_nano <= send.start_time_unix_nano && send.end_time_unix_nano <= hook.start_time_unix_nano
    );

    // Over HTTP the same.
    let over_http = reqwest::Client::new().post(format!("http://{}/api/v1/messages", server.address("http")));
    let over_http = over_http.bearer_auth(&token).header("traceparent", OVER_HTTP);
    let answer = over_http.json(&json!({"destination": NUMBER, "text": TEXT})).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let given = TraceContext::parse(OVER_HTTP).unwrap();
    let at_provider = place(&next(&others.provider).await);
    let call = others.span(&mut seen, "POST /api/v1/messages").await;
    let send = others.span(&mut seen, "provider send").await;
    assert!(is_in(&call, given) && is_child(&send, &call) && send.span_id == at_provider.span.to_be_bytes());
    assert_eq!(place(&next(&others.webhook).await).trace, given.trace);

    // Not taken yet: the try belongs to the trace and failed; the one after it has a trace of its own, which names the first.
    taken.refusals.lock().await.push(StatusCode::TOO_MANY_REQUESTS);
    client.send_single(called(OTHER)).await.unwrap();
    let other = TraceContext::parse(OTHER).unwrap();
    let (first, again) = (place(&next(&others.provider).await), place(&next(&others.provider).await));
    let call = others.span(&mut seen, "messaging.v1.MessagingService/SendSingle").await;
    let send = others.span(&mut seen, "provider send").await;
    assert!(is_in(&send, other) && is_child(&send, &call) && first.trace == other.trace);
    assert!(send.status.is_some_and(|status| status.code == 2), "{:?}", send.attributes);
    let send = others.span(&mut seen, "provider send").await;
    assert!(!is_in(&send, other) && is_in(&send, again) && send.parent_span_id.is_empty() && send.status.is_none());
    let [link] = &send.links[..] else { panic!("not one link: {:?}", send.links) };
    assert!((&link.trace_id, &link.span_id) == (&call.trace_id, &call.span_id));
    assert_eq!(place(&next(&others.webhook).await).trace, other.trace);

    // A caller who says that nobody keeps the trace is believed, and whoever says nothing is given one.
    client.send_single(called(UNKEPT)).await.unwrap();
    assert!(next(&others.provider).await.get("traceparent").is_none());
    client.send_single(called("nonsense")).await.unwrap();
    let own = place(&next(&others.provider).await);
    assert!(![caller.trace, other.trace].contains(&own.trace));
    // A stranger has no say in what is kept.
    let mut stranger = called(STRANGER);
    stranger.metadata_mut().insert("authorization", "Bearer nobody".parse().unwrap());
    client.send_single(stranger).await.unwrap_err();
    let over_http = reqwest::Client::new().post(format!("http://{}/api/v1/messages", server.address("http")));
    assert_eq!(over_http.header("traceparent", STRANGER).send().await.unwrap().status(), 401);
    server.signal("TERM");
    assert!(server.wait().success(), "{}", server.log());
    let stranger = TraceContext::parse(STRANGER).unwrap();
    while let Ok((_, body)) = others.exports.lock().await.try_recv() {
        let export = ExportTraceServiceRequest::decode(&body[..]).unwrap();
        let scopes = export.resource_spans.into_iter().flat_map(|of| of.scope_spans);
        seen.extend(scopes.flat_map(|scope| scope.spans));
    }
    assert!(seen.iter().any(|span| is_in(span, own)), "the last ones come at the end");
    assert!(!seen.iter().any(|span| is_in(span, stranger)), "{seen:?}");
    assert!(server.log().contains(&format!("{:032x}", caller.trace)), "the log names the trace: {}", server.log());

    // The last of it comes at the end, with the same figures as Prometheus has.
    let export = ExportMetricsServiceRequest::decode(&next(&others.metrics).await[..]).unwrap();
    let metrics = export.resource_metrics.into_iter().flat_map(|of| of.scope_metrics).flat_map(|scope| scope.metrics);
    let accepted =
        metrics.filter(|metric| metric.name == "messaging_messages_accepted").filter_map(|metric| metric.data);
    let points = accepted.flat_map(|data| if let Data::Sum(sum) = data { sum.data_points } else { Vec::new() });
    assert_eq!(
        points.filter(|point| point.value == Some(Number::AsInt(5))).count(),
        1,
        "of singles, and none of campaigns"
    );
}
on_both_databases![std::future::ready => a_message_is_followed_from_its_caller_to_the_webhook];

/// A collector that speaks gRPC, and is not there for the first export.
#[derive(Clone)]
struct Collector {
    taken: mpsc::UnboundedSender<(Option<String>, ExportTraceServiceRequest)>,
    away: Arc<AtomicBool>,
}

impl UnaryService<ExportTraceServiceRequest> for Collector {
    type Response = ExportTraceServiceResponse;
    type Future = BoxFuture<'static, Result<tonic::Response<Self::Response>, Status>>;

    fn call(&mut self, request: Request<ExportTraceServiceRequest>) -> Self::Future {
        let key = request.metadata().get("api-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
        let answer = if self.away.swap(false, Ordering::SeqCst) {
            Err(Status::unavailable("later"))
        } else {
            self.taken
                .send((key, request.into_inner()))
                .map_err(|e| Status::internal(e.to_string()))
                .map(|()| ExportTraceServiceResponse::default())
        };
        Box::pin(std::future::ready(answer.map(tonic::Response::new)))
    }
}

impl Service<http::Request<Body>> for Collector {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(tonic::server::Grpc::new(ProstCodec::default()).unary(this, request).await) })
    }
}

impl NamedService for Collector {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_speaks_grpc_is_told_once_it_is_there() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().display().to_string();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let (sent, mut taken) = mpsc::unbounded_channel();
    let collecting = Collector { taken: sent, away: Arc::new(AtomicBool::new(true)) };
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = tonic::transport::Server::builder().add_service(collecting);
    tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    let env = [
        ("DATA_DIR", data.as_str()),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=k"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let running = Running::start(&["serve", "--sandbox"], &env);
    let token = printed(&["token", "--user", "1", "--sandbox"], &env);
    let address = running.address("grpc");
    printed(&["send", "--addr", &address, "--token", &token, "--to", NUMBER, "--text", TEXT], &[]);
    let (key, export) = tokio::time::timeout(PATIENCE, taken.recv()).await.unwrap().unwrap();
    assert_eq!(key.as_deref(), Some("k"));
    assert!(format!("{export:?}").contains("MessagingService/SendSingle"), "{export:?}");
    let page = reqwest::get(format!("http://{}/metrics", running.address("http"))).await.unwrap().text().await.unwrap();
    let exported = page.lines().find(|line| line.starts_with(r#"messaging_spans_total{outcome="exported"}"#));
    assert!(exported.is_some_and(|line| !line.ends_with(" 0")), "{exported:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_takes_and_says_nothing_keeps_nobody_waiting() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().display().to_string();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", silent.local_addr().unwrap());
    let (connected, mut taken) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((connection, _)) = silent.accept().await {
            connected.send(connection).unwrap();
        }
    });
    let env = [
        ("DATA_DIR", data.as_str()),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.as_str()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "60000"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let mut running = Running::start(&["serve", "--sandbox"], &env);
    let token = printed(&["token", "--user", "1", "--sandbox"], &env);
    let address = running.address("grpc");
    let send = ["send", "--addr", &address, "--token", &token, "--to", NUMBER, "--text", TEXT];
    printed(&send, &[]);
    let _held = tokio::time::timeout(PATIENCE, taken.recv()).await.unwrap();
    printed(&send, &[]);
    running.signal("TERM");
    assert!(running.wait().success(), "{}", running.log());
    assert!(
        running.log().contains("the collector did not take the last traces and metrics in time"),
        "{}",
        running.log()
    );
}
