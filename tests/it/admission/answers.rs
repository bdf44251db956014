//! Answers that nobody reads: they hold a piece each, give back what they held, and do not stand for ever.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, StreamBody};
use messaging::admission::{Answer, ConnectionLimits, Connections, Peer, Ticket};
use messaging::grpc::ObserveLayer;
use messaging::metrics::Metrics;
use messaging::server::http1;
use messaging::traces::Traces;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Layer as _, ServiceExt as _};

use crate::support::store::eventually;

const MINUTE: Duration = Duration::from_mins(1);
const ALMOST: Duration = Duration::from_secs(59);

fn connection() -> (Connections, Ticket, Peer) {
    let connections = Connections::new(ConnectionLimits::of(10));
    let ticket = connections.enter("192.0.2.1".parse().unwrap()).unwrap();
    let tcp = TcpConnectInfo { local_addr: None, remote_addr: None };
    let peer = Peer { tcp, connection: ticket.connection().clone() };
    (connections, ticket, peer)
}

/// Frames of so many bytes, and what says whether they are still held.
fn frames(sizes: &'static [usize], held: &Arc<()>) -> Body {
    let held = held.clone();
    let frames = sizes.iter().map(move |size| {
        let _ = &held;
        Ok::<_, Status>(http_body::Frame::data(Bytes::from(vec![7; *size])))
    });
    Body::new(StreamBody::new(futures::stream::iter(frames)))
}

fn too_late() -> Result<http_body::Frame<Bytes>, Status> {
    Err(Status::aborted("too late"))
}

fn is_ended(ticket: &Ticket) -> bool {
    ticket.connection().is_ended(&Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn an_answer_goes_out_in_pieces_and_whole() {
    let held = Arc::new(());
    let mut answer = Answer::new(frames(&[5, 0, 40_000, 16_384], &held), None, too_late);
    let mut sizes = Vec::new();
    while let Some(frame) = answer.frame().await {
        sizes.push(frame.unwrap().into_data().unwrap().len());
    }
    assert_eq!(sizes, [5, 0, 16_384, 16_384, 7_232, 16_384]);
    assert!(answer.is_end_stream() || answer.frame().await.is_none());
    let known = http_body_util::Full::new(Bytes::from(vec![7; 40_000])).map_err(|e| match e {});
    let mut answer = Answer::new(known, None, too_late);
    assert_eq!(answer.size_hint().exact(), Some(40_000));
    answer.frame().await.unwrap().unwrap();
    assert_eq!(answer.size_hint().exact(), Some(40_000 - 16_384));
    assert!(!answer.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_reads_is_let_go_and_then_its_connection() {
    let (connections, ticket, peer) = connection();
    let held = Arc::new(());
    let mut read = Answer::new(frames(&[50_000], &Arc::new(())), Some(&peer), too_late);
    let mut answer = Answer::new(frames(&[50_000], &held), Some(&peer), too_late);
    answer.frame().await.unwrap().unwrap();
    drop(ticket.connection().begin());
    tokio::time::advance(ALMOST).await;
    read.frame().await.unwrap().unwrap();
    connections.sweep();
    assert_eq!(Arc::strong_count(&held), 2);
    tokio::time::advance(Duration::from_secs(1)).await;
    connections.sweep();
    assert_eq!(Arc::strong_count(&held), 1, "a minute is over");
    read.frame().await.unwrap().expect("this one is read");

    // Who reads on hears of it, and keeps the connection.
    assert_eq!(answer.frame().await.unwrap().unwrap_err().code(), Code::Aborted);
    assert!(answer.frame().await.is_none());
    drop(answer);
    tokio::time::advance(ALMOST).await;
    read.frame().await.unwrap().expect("this one is read");
    connections.sweep();
    assert!(!is_ended(&ticket));
    tokio::time::advance(MINUTE * 2).await;
    connections.sweep();
    assert!(is_ended(&ticket), "nobody read on");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_waits_for_us_stands_for_as_long_as_it_takes() {
    let (connections, ticket, peer) = connection();
    drop(ticket.connection().begin());
    let held = Arc::new(());
    let kept = held.clone();
    let silent = StreamBody::new(futures::stream::poll_fn(move |_| {
        let _ = &kept;
        Poll::<Option<Result<http_body::Frame<Bytes>, Status>>>::Pending
    }));
    let mut answer = Answer::new(silent, Some(&peer), too_late);
    assert!(futures::poll!(answer.frame()).is_pending());
    tokio::time::advance(MINUTE * 60).await;
    connections.sweep();
    assert!(!is_ended(&ticket) && Arc::strong_count(&held) == 2);
}

#[tokio::test(start_paused = true)]
async fn over_grpc_whoever_reads_on_too_late_is_told_by_a_status() {
    let (connections, _ticket, peer) = connection();
    let held = Arc::new(());
    let of_answer = held.clone();
    let service = tower::service_fn(move |_: Request<Body>| {
        let answer = Response::new(frames(&[50_000], &of_answer));
        async { Ok::<_, std::convert::Infallible>(answer) }
    });
    let mut request = Request::post("/messaging.v1.MessagingService/ListMessages").body(Body::empty()).unwrap();
    request.extensions_mut().insert(peer);
    let observed = ObserveLayer(Metrics::default(), Traces::default()).layer(service);
    let mut answer = observed.oneshot(request).await.unwrap();
    answer.body_mut().frame().await.unwrap().unwrap();
    let before = Arc::strong_count(&held);
    tokio::time::advance(MINUTE).await;
    connections.sweep();
    assert_eq!(Arc::strong_count(&held), before - 1);
    let trailers = answer.body_mut().frame().await.unwrap().unwrap().into_trailers().unwrap();
    let status = Status::from_header_map(&trailers).unwrap();
    assert_eq!(status.get_details_error_info().unwrap().reason, "READER_TOO_SLOW");
}

#[tokio::test]
async fn over_http_a_client_that_does_not_read_loses_the_answer_and_then_the_connection() {
    let held = Arc::new(());
    let kept = held.clone();
    let endless = move || {
        let kept = kept.clone();
        async move {
            axum::body::Body::from_stream(futures::stream::repeat_with(move || {
                let _ = &kept;
                Ok::<_, std::convert::Infallible>(vec![7_u8; 1 << 20])
            }))
        }
    };
    let limits = ConnectionLimits { unread: Duration::from_millis(100), ..ConnectionLimits::of(10) };
    let (connections, stop) = (Connections::new(limits), CancellationToken::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(endless));
    let serving = tokio::spawn(http1::serve(listener, None, router, connections.clone(), http1::HEAD, stop.clone()));
    let mut socket = TcpStream::connect(at).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 1024];
    socket.read_exact(&mut first).await.unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200"));
    eventually(async || {
        connections.sweep();
        connections.count() == 0
    })
    .await;
    stop.cancel();
    serving.await.unwrap();
    assert_eq!(Arc::strong_count(&held), 1);
}
