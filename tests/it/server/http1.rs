//! The HTTP API's connections: those that say nothing do not stay, and there are never too many.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use messaging::admission::{ConnectionLimits, Connections};
use messaging::server::http1::{HEAD, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

struct Listener {
    at: std::net::SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

async fn open(most: usize, head: Duration) -> Listener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let slow = || async {
        tokio::task::yield_now().await;
        "here"
    };
    let serving = tokio::spawn(serve(
        listener,
        None,
        Router::new().route("/", get(slow)),
        Connections::new(ConnectionLimits::of(most)),
        head,
        stop.clone(),
    ));
    Listener { at, stop, serving }
}

impl Listener {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }
}

/// The answer to one request, on a connection that stays open.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"here") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "the connection ended");
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_its_connection() {
    let listener = open(10, Duration::from_secs(1)).await;
    for beginning in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = listener.connect().await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
    }
    let mut kept = listener.connect().await;
    assert!(ask(&mut kept).await.starts_with("HTTP/1.1 200"));
    let mut rest = Vec::new();
    kept.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "a connection that is not used any more");
}

#[tokio::test]
async fn one_connection_too_many_ends_the_one_that_has_been_idle_longest() {
    let listener = open(2, HEAD).await;
    let (mut first, mut second) = (listener.connect().await, listener.connect().await);
    ask(&mut first).await;
    ask(&mut second).await;
    ask(&mut first).await;
    let mut third = listener.connect().await;
    ask(&mut third).await;
    let mut rest = Vec::new();
    second.read_to_end(&mut rest).await.unwrap_or_default();
    assert!(rest.is_empty());
    ask(&mut first).await;
}

#[tokio::test]
async fn when_it_stops_idle_connections_end_and_new_ones_are_refused() {
    let listener = open(10, HEAD).await;
    let mut idle = listener.connect().await;
    ask(&mut idle).await;
    listener.stop.cancel();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    listener.serving.await.unwrap();
    assert!(TcpStream::connect(listener.at).await.is_err());
}
