//! The cost of each part of a send alone: a unary call, a call to the provider, rows in the database; and those of a report:
//! a post, a row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use messaging::proto::SendSingleResponse;
use prost::Message as _;
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::{TEXT, Target};
use crate::posts::Posts;
use crate::process::{cpu, micros_each};
use crate::program::{ACCOUNT, Installation, KEY, SENDER};
use crate::rows;

/// A floor: processor time for each, and how many there were in a second.
pub struct Floor {
    pub micros: f64,
    pub per_second: f64,
}

/// The server's part of a bare tonic call with messages of the same size.
pub async fn unary(
    installation: &Installation,
    target: &Target,
    answer: &SendSingleResponse,
    calls: u32,
    in_flight: usize,
) -> Floor {
    let server = installation.echo(&answer.encode_to_vec());
    let target = Target { url: server.url("grpc"), ..target.clone() };
    target.send(calls / 10, in_flight, Duration::from_secs(10)).await.check();
    let before = cpu(server.pid());
    let load = target.send(calls, in_flight, Duration::from_secs(30)).await;
    load.check();
    Floor { micros: micros_each(before, cpu(server.pid()), load.calls), per_second: load.per_second() }
}

/// The client's part of a bare reqwest call to the sandbox's send.
pub async fn provider(sandbox: &str, calls: u32, in_flight: usize) -> Floor {
    // Like the adapter's client in all that costs time.
    let client = reqwest::Client::builder().tcp_nodelay(true).http1_only().no_proxy();
    let client = client.timeout(Duration::from_secs(30)).build().unwrap();
    let url: Arc<str> = format!("{sandbox}/api/v1.1/Messages/send").into();
    send_all(&client, &url, calls / 10, in_flight).await;
    let (before, begun) = (cpu(std::process::id()), Instant::now());
    send_all(&client, &url, calls, in_flight).await;
    let per_second = f64::from(calls) / begun.elapsed().as_secs_f64();
    Floor { micros: micros_each(before, cpu(std::process::id()), calls), per_second }
}

async fn send_all(client: &reqwest::Client, url: &Arc<str>, calls: u32, in_flight: usize) {
    let next = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..in_flight {
        let (client, url, next) = (client.clone(), url.clone(), next.clone());
        tasks.spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < calls {
                let body = json!({
                    "trafficAccountId": ACCOUNT,
                    "destination": "+306900001234",
                    "sms": {"text": TEXT, "sender": SENDER},
                    "reference": "019aaf6e-0000-7000-8000-000000000001",
                });
                let request = client.post(&*url).header("x-mitto-api-key", KEY).json(&body);
                let answer = request.send().await.unwrap();
                assert!(answer.status().is_success(), "the sandbox answered {}", answer.status());
                answer.bytes().await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// Bulk inserts of what sends leave behind, in transactions of 1,000 messages with their two events each: the
/// client's part and the database's.
pub async fn rows(installation: &Installation, messages: u32) -> Floor {
    let mut sink = rows::Sink::open(&installation.url()).await;
    let batches = (messages / rows::BATCH).max(1);
    sink.write(rows::batch()).await;
    let work: Vec<_> = (0..batches).map(|_| rows::batch()).collect();
    let spent = || cpu(std::process::id()) + installation.database.cpu();
    let (before, begun) = (spent(), Instant::now());
    for batch in work {
        sink.write(batch).await;
    }
    let per_second = f64::from(batches * rows::BATCH) / begun.elapsed().as_secs_f64();
    Floor { micros: micros_each(before, spent(), batches * rows::BATCH), per_second }
}

/// The server's part of a bare post to axum, of the same bytes.
pub async fn post(installation: &Installation, count: u32, in_flight: usize) -> Floor {
    let server = installation.take_posts();
    let mut posts = Posts::new(&server.url("http"), count);
    posts.all(count / 10, in_flight).await.check();
    let before = cpu(server.pid());
    let load = posts.all(count, in_flight).await;
    load.check();
    Floor { micros: micros_each(before, cpu(server.pid()), load.calls), per_second: load.per_second() }
}

/// Inserts of reports as they come, as many to a transaction as there are posts in flight: the client's part and the
/// database's.
pub async fn reports(installation: &Installation, count: u32, in_flight: usize) -> Floor {
    let mut sink = rows::Sink::open(&installation.url()).await;
    let batch = u32::try_from(in_flight).unwrap();
    let of = |from: u32| rows::reports(from, batch);
    let batches = (count / batch).max(1);
    sink.write_reports(of(0)).await;
    let work: Vec<_> = (1..=batches).map(|n| of(n * batch)).collect();
    let spent = || cpu(std::process::id()) + installation.database.cpu();
    let (before, begun) = (spent(), Instant::now());
    for batch in work {
        sink.write_reports(batch).await;
    }
    let per_second = f64::from(batches * batch) / begun.elapsed().as_secs_f64();
    Floor { micros: micros_each(before, spent(), batches * batch), per_second }
}
