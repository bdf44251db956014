//! An owner's receiver: it answers by its temper, verifies each call as the official library does, and notes what it took and when.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::Timestamp;
use messaging::clock::Clock;
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::net::{TcpListener, TcpSocket};

/// How a receiver behaves.
#[derive(Debug, Clone, Copy)]
pub enum Temper {
    /// It takes everything.
    Good,
    /// It says 500 to every other call, by chance.
    Half,
    /// It says 503 to everything, until it comes up.
    Down,
    /// It takes everything, and takes its time.
    Slow(Duration),
}

/// An event that was taken.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// How often.
    pub times: usize,
    /// How many were before it, the first time.
    pub first: usize,
    /// How long after it happened, the first time.
    pub lag: Duration,
}

struct Shared {
    temper: Temper,
    up: AtomicBool,
    secret: OnceLock<Webhook>,
    calls: AtomicUsize,
    unsigned: AtomicUsize,
    taken: Mutex<(usize, HashMap<String, Taken>)>,
    clock: Clock,
}

/// See the module.
pub struct Receiver {
    url: String,
    shared: Arc<Shared>,
    /// Keeps the port from others where nobody is to listen.
    _held: Option<TcpSocket>,
}

impl Receiver {
    /// Listens on a free port.
    pub async fn open(temper: Temper) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self::at(listener.local_addr().unwrap(), temper, None);
        let app = Router::new().route("/", post(hear)).with_state(receiver.shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    /// An address at which nobody listens.
    pub fn nobody() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self::at(socket.local_addr().unwrap(), Temper::Good, Some(socket))
    }

    fn at(address: SocketAddr, temper: Temper, held: Option<TcpSocket>) -> Self {
        let url = format!("http://{address}/");
        let shared = Shared {
            temper,
            up: AtomicBool::new(false),
            secret: OnceLock::new(),
            calls: AtomicUsize::new(0),
            unsigned: AtomicUsize::new(0),
            taken: Mutex::default(),
            clock: Clock::system(),
        };
        Self { url, shared: Arc::new(shared), _held: held }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The secret that its calls are signed with.
    pub fn has_secret(&self, secret: &str) {
        assert!(self.shared.secret.set(Webhook::new(secret).unwrap()).is_ok(), "it has one already");
    }

    /// Ends the trouble of one that is down.
    pub fn come_up(&self) {
        self.shared.up.store(true, Ordering::Relaxed);
    }

    /// The events that it took, by their ids.
    pub fn taken(&self) -> HashMap<String, Taken> {
        self.shared.taken.lock().unwrap().1.clone()
    }

    /// How many calls it had.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::Relaxed)
    }

    /// How many of them did not verify.
    pub fn unsigned(&self) -> usize {
        self.shared.unsigned.load(Ordering::Relaxed)
    }
}

async fn hear(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let nth = shared.calls.fetch_add(1, Ordering::Relaxed) as u64;
    if !shared.secret.get().is_some_and(|secret| secret.verify(&body, &headers).is_ok()) {
        shared.unsigned.fetch_add(1, Ordering::Relaxed);
    }
    match shared.temper {
        Temper::Half if (nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1 => {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        Temper::Down if !shared.up.load(Ordering::Relaxed) => return StatusCode::SERVICE_UNAVAILABLE,
        Temper::Slow(time) => tokio::time::sleep(time).await,
        Temper::Good | Temper::Half | Temper::Down => {}
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    let events = body.get("events").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![body.clone()]);
    let now = shared.clock.now();
    let mut taken = shared.taken.lock().unwrap();
    for event in events {
        let at: Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
        let lag = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        let first = taken.0;
        taken.0 += 1;
        let id = event["id"].as_str().unwrap().to_owned();
        taken.1.entry(id).and_modify(|one| one.times += 1).or_insert(Taken { times: 1, first, lag });
    }
    StatusCode::NO_CONTENT
}
