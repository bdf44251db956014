//! The loader: a fixed number of calls in flight over a few connections, every answer looked at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{MessageStatus, SendSingleRequest, SendSingleResponse};
use tokio::task::JoinSet;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Over how many connections the calls go, if nothing else is said.
pub const CONNECTIONS: usize = 4;
/// A text of one part, about as long as texts are.
pub const TEXT: &str =
    "Your appointment is tomorrow at 10:30 in room 4. Reply STOP if you do not want these reminders.";

/// Whom to call, and what to send.
#[derive(Clone)]
pub struct Target {
    pub url: String,
    pub token: String,
    pub campaign: Option<i64>,
    /// Give every call an idempotency key of its own.
    pub keys: bool,
    /// Over how many connections the calls go.
    pub connections: usize,
}

/// The result of a run.
pub struct Load {
    pub calls: u32,
    pub took: Duration,
    pub latency: Histogram<u64>,
    /// How often each gRPC code was the answer; `OK` counts only with status SENT.
    pub codes: BTreeMap<String, u32>,
}

impl Load {
    pub fn per_second(&self) -> f64 {
        f64::from(self.calls) / self.took.as_secs_f64()
    }

    /// A quantile of the latencies in milliseconds.
    pub fn millis(&self, quantile: f64) -> f64 {
        Duration::from_micros(self.latency.value_at_quantile(quantile)).as_secs_f64() * 1e3
    }

    /// Anything but an OK with status SENT makes every other figure worthless.
    pub fn check(&self) {
        assert!(self.codes.len() == 1 && self.codes.contains_key("OK"), "not every call was sent: {:?}", self.codes);
    }
}

impl Target {
    pub fn bearer(&self) -> MetadataValue<Ascii> {
        format!("Bearer {}", self.token).parse().unwrap()
    }

    pub async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(self.url.clone()).unwrap().tcp_nodelay(true);
        endpoint.connect().await.expect("the server takes connections")
    }

    pub async fn send_one(&self, number: u32) -> Result<SendSingleResponse, Status> {
        let mut client = MessagingServiceClient::new(self.channel().await);
        Ok(client.send_single(self.request(number, &self.bearer())).await?.into_inner())
    }

    fn request(&self, number: u32, bearer: &MetadataValue<Ascii>) -> Request<SendSingleRequest> {
        let mut request = Request::new(SendSingleRequest {
            destination: destination(number),
            text: TEXT.to_owned(),
            campaign_id: self.campaign,
            idempotency_key: if self.keys { format!("bench-{:016x}", rand::random::<u64>()) } else { String::new() },
            ..SendSingleRequest::default()
        });
        request.metadata_mut().insert("authorization", bearer.clone());
        request
    }

    /// Makes `calls` calls, `in_flight` at a time. Ends early, with fewer, when the time is up.
    pub async fn send(&self, calls: u32, in_flight: usize, limit: Duration) -> Load {
        let mut channels = Vec::new();
        for _ in 0..self.connections {
            channels.push(self.channel().await);
        }
        let next = Arc::new(AtomicU32::new(0));
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for channel in channels.iter().cycle().take(in_flight) {
            let (target, next) = (self.clone(), next.clone());
            let mut client = MessagingServiceClient::new(channel.clone());
            tasks.spawn(async move {
                let bearer = target.bearer();
                let mut latency = histogram();
                let mut codes = BTreeMap::<String, u32>::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= calls || begun.elapsed() > limit {
                        return (latency, codes);
                    }
                    let request = target.request(number, &bearer);
                    let at = Instant::now();
                    let answer = client.send_single(request).await;
                    latency.saturating_record(u64::try_from(at.elapsed().as_micros()).unwrap());
                    *codes.entry(code(answer)).or_default() += 1;
                }
            });
        }
        let mut load = Load { calls: 0, took: Duration::ZERO, latency: histogram(), codes: BTreeMap::new() };
        while let Some(done) = tasks.join_next().await {
            let (latency, codes) = done.unwrap();
            load.latency += latency;
            for (code, n) in codes {
                *load.codes.entry(code).or_default() += n;
                load.calls += n;
            }
        }
        load.took = begun.elapsed();
        load
    }
}

/// Microseconds up to a minute.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).unwrap()
}

/// A number for which the sandbox has no special behaviour: its last four digits are never below 1000.
pub fn destination(number: u32) -> String {
    format!("+30690{:03}{}", number / 9000 % 1000, 1000 + number % 9000)
}

fn code(answer: Result<tonic::Response<SendSingleResponse>, Status>) -> String {
    match answer {
        Ok(answer) => {
            let status = answer.into_inner().message.unwrap_or_default().status();
            if status == MessageStatus::Sent { "OK".to_owned() } else { format!("OK, {}", status.as_str_name()) }
        }
        Err(status) => format!("{:?}: {}", status.code(), status.message()),
    }
}
