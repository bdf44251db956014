//! The cost of the HTTP API over the gRPC API: the same calls through both, in turns, to one server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{GetMessageRequest, SendSingleRequest};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::Request;
use tonic::transport::Channel;

use crate::Databases;
use crate::client::{CONNECTIONS, Load, TEXT, Target, destination, histogram};
use crate::database::{Database, Kind};
use crate::process::{cpu, micros_each};
use crate::program::{Installation, Running};
use crate::report::{Report, Target as Limit};

#[derive(Debug, Args)]
pub struct Options {
    /// Which database
    #[arg(long, value_enum, default_value_t)]
    database: Databases,
    /// How many calls of a kind go through an API in each of its turns
    #[arg(long, default_value_t = CALLS)]
    calls: u32,
    /// How many calls are in flight
    #[arg(long, default_value_t = IN_FLIGHT)]
    in_flight: usize,
}

const CALLS: u32 = 10_000;
const IN_FLIGHT: usize = 64;
/// How many turns each API has; the first is not measured.
const TURNS: u32 = 4;
/// The longest that one call may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Options {
    pub fn new(database: Databases) -> Self {
        Self { database, calls: CALLS, in_flight: IN_FLIGHT }
    }
}

#[derive(Clone, Copy)]
enum Api {
    Grpc,
    Rest,
}

#[derive(Clone, Copy)]
enum Asked {
    Send,
    Get,
}

/// The means of a caller of either API.
#[derive(Clone)]
struct Caller {
    target: Target,
    channels: Vec<Channel>,
    http: reqwest::Client,
    base: Arc<str>,
    message: Arc<str>,
}

pub async fn run(options: &Options, report: &mut Report) {
    for kind in options.database.kinds() {
        one(*kind, options, report).await;
    }
}

async fn one(kind: Kind, options: &Options, report: &mut Report) {
    let installation = Installation::new(Database::create(kind).await);
    let sandbox = installation.sandbox();
    let token = installation.token();
    // Nothing is asked beside the calls, and what they read stays as it is.
    let service = installation.serve_with(&sandbox.url("sandbox"), &[("POLL_RATE", "0")]);
    let caller = Caller::new(&service, token).await;
    for (asked, name) in [(Asked::Send, "send"), (Asked::Get, "get")] {
        let mut spent: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
        let mut took = [Duration::ZERO; 2];
        for turn in 0..TURNS {
            for (at, api) in [Api::Grpc, Api::Rest].into_iter().enumerate() {
                installation.database.settle().await;
                let before = cpu(service.pid());
                let load = caller.all(api, asked, options.calls, options.in_flight).await;
                load.check();
                if turn > 0 {
                    spent[at].push(micros_each(before, cpu(service.pid()), load.calls));
                    took[at] += load.took;
                }
            }
        }
        let [grpc, rest] = spent.map(|all| all.iter().sum::<f64>() / f64::from(TURNS - 1));
        let [quick, slow] = took.map(|took| f64::from(options.calls * (TURNS - 1)) / took.as_secs_f64());
        let group = format!("rest {}, {name}", kind.name());
        let mut add = |name, value, unit, limit| report.add(&group, name, value, unit, limit);
        add("gRPC: CPU of the server", grpc, "µs/call", Limit::None);
        add("REST: CPU of the server", rest, "µs/call", Limit::None);
        add("REST over gRPC", rest - grpc, "µs/call", Limit::None);
        add("REST to gRPC", rest / grpc, "times", Limit::None);
        add("gRPC: throughput", quick, "calls/s", Limit::None);
        add("REST: throughput", slow, "calls/s", Limit::None);
    }
    drop(service);
    drop(sandbox);
    installation.end().await;
}

impl Caller {
    async fn new(service: &Running, token: String) -> Self {
        let target = Target { url: service.url("grpc"), token, campaign: None, keys: false, connections: CONNECTIONS };
        let sent = target.send_one(0).await.expect("the first message is sent");
        let mut channels = Vec::new();
        for _ in 0..4 {
            channels.push(target.channel().await);
        }
        let http = reqwest::Client::builder().tcp_nodelay(true).http1_only().no_proxy().timeout(PATIENCE);
        let (http, base) = (http.build().unwrap(), service.url("http").into());
        Self { target, channels, http, base, message: sent.message.unwrap().id.into() }
    }

    async fn all(&self, api: Api, asked: Asked, calls: u32, in_flight: usize) -> Load {
        let next = Arc::new(AtomicU32::new(0));
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for place in 0..in_flight {
            let (caller, next) = (self.clone(), next.clone());
            tasks.spawn(async move {
                let mut latency = histogram();
                let mut codes = BTreeMap::<String, u32>::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= calls {
                        return (latency, codes);
                    }
                    let at = Instant::now();
                    let status = caller.call(api, asked, place, number).await.unwrap_or_else(|e| e);
                    latency.saturating_record(u64::try_from(at.elapsed().as_micros()).unwrap());
                    let code = if status == "MESSAGE_STATUS_SENT" { "OK".to_owned() } else { status };
                    *codes.entry(code).or_default() += 1;
                }
            });
        }
        let mut load = Load { calls, took: Duration::ZERO, latency: histogram(), codes: BTreeMap::new() };
        while let Some(done) = tasks.join_next().await {
            let (latency, codes) = done.unwrap();
            load.latency += latency;
            for (code, n) in codes {
                *load.codes.entry(code).or_default() += n;
            }
        }
        load.took = begun.elapsed();
        load
    }

    /// Returns the status of the message, or what went wrong.
    async fn call(&self, api: Api, asked: Asked, place: usize, number: u32) -> Result<String, String> {
        match api {
            Api::Grpc => self.grpc(asked, place, number).await.map_err(|e| e.to_string()),
            Api::Rest => self.rest(asked, number).await.map_err(|e| e.to_string()),
        }
    }

    async fn grpc(&self, asked: Asked, place: usize, number: u32) -> Result<String, tonic::Status> {
        let mut client = MessagingServiceClient::new(self.channels[place % self.channels.len()].clone());
        let message = match asked {
            Asked::Send => {
                let (destination, text) = (destination(number), TEXT.to_owned());
                let request = SendSingleRequest { destination, text, ..SendSingleRequest::default() };
                client.send_single(self.signed(request)).await?.into_inner().message
            }
            Asked::Get => {
                let request = GetMessageRequest { id: self.message.to_string(), ..Default::default() };
                client.get_message(self.signed(request)).await?.into_inner().message
            }
        };
        Ok(message.unwrap_or_default().status().as_str_name().to_owned())
    }

    fn signed<T>(&self, request: T) -> Request<T> {
        let mut request = Request::new(request);
        request.metadata_mut().insert("authorization", self.target.bearer());
        request
    }

    async fn rest(&self, asked: Asked, number: u32) -> Result<String, reqwest::Error> {
        let request = match asked {
            Asked::Send => {
                let body = json!({"destination": destination(number), "text": TEXT});
                self.http.post(format!("{}/api/v1/messages", self.base)).json(&body)
            }
            Asked::Get => self.http.get(format!("{}/api/v1/messages/{}", self.base, self.message)),
        };
        let answer: Value = request.bearer_auth(&self.target.token).send().await?.json().await?;
        Ok(answer["message"]["status"].as_str().map_or_else(|| answer.to_string(), str::to_owned))
    }
}
