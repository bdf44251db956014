//! A running sandbox and a webhook that remembers what was posted to it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may, but the lints know them by their attribute only"
)]

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use messaging::clock::Clock;
use messaging::sandbox::{Config, Sandbox};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub const ACCOUNT: &str = "5b0c8a52-3f0e-4c27-9a0b-6f3b8d1c2e4f";

/// A running sandbox; it stops when this is dropped.
pub struct Rig {
    pub base: String,
    pub client: Client,
    pub webhook: Webhook,
    _stop: DropGuard,
}

impl Rig {
    /// With reports, 30 ms between Sent and the final one.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let webhook = Webhook::start().await;
        let mut config = Config {
            report_url: Some(webhook.url.clone()),
            report_header: Some(("X-Webhook-Token".into(), "let-me-in".into())),
            report_delay: Duration::from_millis(30),
            slow_answer: Duration::from_millis(50),
            ..Config::default()
        };
        change(&mut config);
        Self::serve(config, webhook).await
    }

    pub async fn serve(config: Config, webhook: Webhook) -> Self {
        let sandbox = Sandbox::bind("127.0.0.1:0", config, Clock::system()).await.unwrap();
        let base = format!("http://{}", sandbox.addr());
        let stop = CancellationToken::new();
        tokio::spawn(sandbox.run(stop.clone()));
        let client = Client::builder().no_proxy().build().unwrap();
        Self { base, client, webhook, _stop: stop.drop_guard() }
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Response, reqwest::Error> {
        let request = self.client.post(format!("{}{path}", self.base)).header("X-Mitto-API-Key", "sandbox-key");
        request.json(body).send().await
    }

    pub async fn send(&self, destination: &str) -> Response {
        self.try_send(destination).await.unwrap()
    }

    pub async fn try_send(&self, destination: &str) -> Result<Response, reqwest::Error> {
        self.post("/api/v1.1/Messages/send", &message(destination)).await
    }

    /// Sends, and returns the id of the accepted message.
    pub async fn accepted(&self, destination: &str) -> String {
        let answer = self.send(destination).await;
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        answer["messages"][0]["messageId"].as_str().unwrap().to_owned()
    }

    pub async fn read(&self, id: &str) -> Response {
        let request = self.client.get(format!("{}/api/v1.1/Messages/{id}", self.base));
        request.header("X-Mitto-API-Key", "sandbox-key").send().await.unwrap()
    }

    pub async fn status(&self, id: &str) -> String {
        let view: Value = self.read(id).await.json().await.unwrap();
        view["deliveryStatus"].as_str().unwrap().to_owned()
    }

    /// Polls the read model until it says `wanted`.
    pub async fn until_status(&self, id: &str, wanted: &str) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while self.status(id).await != wanted {
            assert!(Instant::now() < deadline, "the status never becomes {wanted}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Polls the ledger until it has so many messages.
    pub async fn until_accepted(&self, count: u64) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while self.control("ledger/summary").await["accepted"] != count {
            assert!(Instant::now() < deadline, "{count} messages are never accepted");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn control(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}/sandbox/{path}", self.base)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    pub async fn settings(&self, change: Value) -> Response {
        self.client.put(format!("{}/sandbox/settings", self.base)).json(&change).send().await.unwrap()
    }
}

pub fn message(destination: &str) -> Value {
    json!({
        "trafficAccountId": ACCOUNT,
        "destination": destination,
        "sms": { "text": "Hi", "sender": "MyCompany" },
    })
}

/// A receiver of reports and inbound messages.
#[derive(Clone)]
pub struct Webhook {
    pub url: String,
    seen: Arc<Seen>,
}

struct Seen {
    bodies: Mutex<Vec<Value>>,
    headers: Mutex<HeaderMap>,
    failures: AtomicU16,
}

impl Webhook {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let seen = Arc::new(Seen { bodies: Mutex::default(), headers: Mutex::default(), failures: AtomicU16::new(0) });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    /// The next posts meet 500.
    pub fn fail(&self, times: u16) {
        self.seen.failures.store(times, Ordering::SeqCst);
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.seen.headers.lock().unwrap().get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    /// Everything that was posted so far.
    pub fn bodies(&self) -> Vec<Value> {
        self.seen.bodies.lock().unwrap().clone()
    }

    /// Waits for so many posts.
    pub async fn posts(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let bodies = self.bodies();
            if bodies.len() >= count {
                return bodies;
            }
            assert!(Instant::now() < deadline, "{} of {count} posts came", bodies.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn receive(State(seen): State<Arc<Seen>>, request: Request) -> StatusCode {
    let failing = seen.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if failing {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    *seen.headers.lock().unwrap() = request.headers().clone();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    seen.bodies.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    StatusCode::OK
}

pub fn words(bodies: &[Value]) -> Vec<&str> {
    bodies.iter().map(|body| body["deliveryStatus"].as_str().unwrap()).collect()
}
