//! The provider's side of reports: posts of one event each, over connections that stay open; and the bare server of a floor.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use hdrhistogram::Histogram;
use jiff::{SignedDuration, Timestamp};
use messaging::clock::Clock;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::client::{Load, histogram};

/// The webhooks' secret.
pub const SECRET: &str = "a webhook secret that only benchmarks know";
/// The longest that one post may take.
const CALL: Duration = Duration::from_secs(30);
const PATH: &str = "/webhooks/mitto/dlr";

/// Reports on the messages of a table, each of which is news: the messages take turns, the provider's time goes on.
pub struct Posts {
    client: reqwest::Client,
    url: Arc<str>,
    messages: u32,
    begun: Timestamp,
    posted: u32,
}

impl Posts {
    pub fn new(server: &str, messages: u32) -> Self {
        let client = reqwest::Client::builder().tcp_nodelay(true).http1_only().no_proxy().timeout(CALL);
        let url = format!("{server}{PATH}").into();
        Self { client: client.build().unwrap(), url, messages, begun: Clock::system().now(), posted: 0 }
    }

    /// The bodies' numbers go on where the last ones ended.
    fn numbers(&mut self, count: u32) -> std::ops::Range<u32> {
        let from = self.posted;
        self.posted += count;
        from..self.posted
    }

    /// Posts `count` reports, `in_flight` at a time.
    pub async fn all(&mut self, count: u32, in_flight: usize) -> Load {
        let numbers = self.numbers(count);
        let next = Arc::new(AtomicU32::new(numbers.start));
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..in_flight {
            let (one, next, end) = (self.one(), next.clone(), numbers.end);
            tasks.spawn(async move {
                let mut done = Done::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return done;
                    }
                    let at = Instant::now();
                    let code = one.post(number).await;
                    done.note(at, code);
                }
            });
        }
        gathered(tasks, begun).await
    }

    /// Posts `rate` reports a second, whatever becomes of those before. A latency counts from when its post was due.
    pub async fn steadily(&mut self, rate: u32, seconds: u32) -> Load {
        let numbers = self.numbers(rate * seconds);
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for (place, number) in (0_u32..).zip(numbers) {
            let at = begun + Duration::from_secs(1) * place / rate;
            tokio::time::sleep_until(at.into()).await;
            let one = self.one();
            tasks.spawn(async move {
                let mut done = Done::default();
                let code = one.post(number).await;
                done.note(at, code);
                done
            });
        }
        gathered(tasks, begun).await
    }

    fn one(&self) -> One {
        let (client, url, messages, begun) = (self.client.clone(), self.url.clone(), self.messages, self.begun);
        One { client, url, messages, begun }
    }
}

/// The means of one poster.
struct One {
    client: reqwest::Client,
    url: Arc<str>,
    messages: u32,
    begun: Timestamp,
}

impl One {
    /// Returns `OK`, or what was answered instead.
    async fn post(&self, number: u32) -> String {
        let body = body(number, self.messages, self.begun);
        let request = self.client.post(&*self.url).header("x-webhook-token", SECRET);
        match request.header("content-type", "application/json").body(body).send().await {
            Ok(answer) if answer.status() == StatusCode::ACCEPTED => match answer.bytes().await {
                Ok(_) => "OK".to_owned(),
                Err(e) => e.to_string(),
            },
            Ok(answer) => answer.status().to_string(),
            Err(e) => e.to_string(),
        }
    }
}

/// The `number`th report.
pub fn body(number: u32, messages: u32, begun: Timestamp) -> String {
    // Far apart, as messages are whose reports come together.
    let message = u64::from(number) * 7919 % u64::from(messages) + 1;
    let at = begun + SignedDuration::from_millis(i64::from(number));
    json!({"messageId": format!("p-{message}"), "deliveryStatus": "Delivered", "createdAt": begun, "updatedAt": at,
        "reference": null, "description": null})
    .to_string()
}

#[derive(Default)]
struct Done {
    latencies: Vec<u64>,
    codes: BTreeMap<String, u32>,
}

impl Done {
    fn note(&mut self, at: Instant, code: String) {
        self.latencies.push(u64::try_from(at.elapsed().as_micros()).unwrap());
        *self.codes.entry(code).or_default() += 1;
    }
}

async fn gathered(mut tasks: JoinSet<Done>, begun: Instant) -> Load {
    let mut latency: Histogram<u64> = histogram();
    let (mut codes, mut calls) = (BTreeMap::new(), 0);
    while let Some(done) = tasks.join_next().await {
        let done = done.unwrap();
        done.latencies.into_iter().for_each(|micros| latency.saturating_record(micros));
        for (code, n) in done.codes {
            *codes.entry(code).or_default() += n;
            calls += n;
        }
    }
    Load { calls, took: begun.elapsed(), latency, codes }
}

/// Takes posts and does nothing with them, until it is killed; says where, like the service does.
pub async fn serve() {
    async fn take(body: Bytes) -> (StatusCode, Json<serde_json::Value>) {
        (StatusCode::ACCEPTED, Json(json!({"ok": true, "updated": usize::from(!body.is_empty())})))
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", json!({"http": listener.local_addr().unwrap().to_string()}));
    axum::serve(listener, Router::new().route(PATH, post(take))).await.unwrap();
}
