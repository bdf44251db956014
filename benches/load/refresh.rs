//! `RefreshStatusBulk` of a campaign, as its reader sees it.

use std::time::{Duration, Instant};

use clap::Args;
use messaging::proto::campaign_service_client::CampaignServiceClient;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::refresh_status_bulk_request::Target as Bulk;
use messaging::proto::refresh_status_bulk_response::{Event, Summary};
use messaging::proto::{CreateCampaignRequest, RefreshStatusBulkRequest};
use serde_json::json;
use tonic::Request;

use crate::client::{CONNECTIONS, TEXT, Target};
use crate::database::{Database, Kind};
use crate::process::{Peak, cpu, micros_each};
use crate::program::Installation;
use crate::report::{Report, Target as Limit};
use crate::{Databases, start};

#[derive(Debug, Args)]
pub struct Options {
    /// Which database
    #[arg(long, value_enum, default_value_t)]
    database: Databases,
    /// How many messages the campaign has
    #[arg(long, default_value_t = MESSAGES)]
    messages: u32,
    /// How long each of the provider's answers takes, in milliseconds
    #[arg(long, default_value_t = LATENCY)]
    latency_ms: u64,
}

const MESSAGES: u32 = 10_000;
const LATENCY: u64 = 20;
const IN_FLIGHT: usize = 64;
/// The longest that anything here may take.
const LIMIT: Duration = Duration::from_mins(1);
/// The sandbox's messages are delivered a second after they were sent.
const DELIVERED: Duration = Duration::from_millis(1500);

impl Options {
    pub fn new(database: Databases) -> Self {
        Self { database, messages: MESSAGES, latency_ms: LATENCY }
    }
}

/// One stream, read to its end.
struct Pass {
    first: Duration,
    all: Duration,
    summary: Summary,
}

pub async fn run(options: &Options, report: &mut Report) {
    for kind in options.database.kinds() {
        one(*kind, options, report).await;
    }
}

async fn one(kind: Kind, options: &Options, report: &mut Report) {
    let group = format!("refresh {}", kind.name());
    let installation = Installation::new(Database::create(kind).await);
    let sandbox = installation.sandbox();
    let token = installation.token();
    let service = installation.serve(&sandbox.url("sandbox"));
    let mut target = Target { url: service.url("grpc"), token, campaign: None, keys: false, connections: CONNECTIONS };
    target.campaign = Some(campaign(&target).await);
    let sent = target.send(options.messages, IN_FLIGHT, LIMIT).await;
    sent.check();
    tokio::time::sleep(DELIVERED).await;
    let settings = reqwest::Client::new().put(format!("{}/sandbox/settings", sandbox.url("sandbox")));
    let changed = settings.json(&json!({"latency_ms": options.latency_ms})).send().await.unwrap();
    assert!(changed.status().is_success());
    installation.database.settle().await;

    let peak = Peak::of(service.pid());
    let before = (cpu(service.pid()), installation.database.cpu());
    let pass = stream(&target).await;
    let server = micros_each(before.0, cpu(service.pid()), sent.calls);
    let database = micros_each(before.1, installation.database.cpu(), sent.calls);
    let total = i64::from(sent.calls);
    let done = Summary { total, updated: total, unchanged: 0, failed: 0 };
    assert_eq!(pass.summary, done, "every message was to become DELIVERED");
    let again = stream(&target).await;
    assert_eq!(again.summary, Summary { updated: 0, unchanged: total, ..done }, "nothing was left to change");

    let mut add = |name, value, unit, limit| report.add(&group, name, value, unit, limit);
    add("messages, every one updated", f64::from(sent.calls), "messages", Limit::None);
    add("first event", pass.first.as_secs_f64() * 1e3, "ms", Limit::AtMost(200.0));
    add("all events", pass.all.as_secs_f64(), "s", Limit::AtMost(5.0));
    add("again, nothing to change: first event", again.first.as_secs_f64() * 1e3, "ms", Limit::AtMost(200.0));
    add("again, nothing to change: all events", again.all.as_secs_f64(), "s", Limit::AtMost(5.0));
    add("CPU of the server", server, "µs/message", Limit::None);
    add("CPU of the database", database, "µs/message", Limit::None);
    add("server memory, highest", peak.end(), "MB", Limit::AtMost(start::BUSY_MB));
    drop(service);
    drop(sandbox);
    installation.end().await;
}

async fn campaign(target: &Target) -> i64 {
    let mut client = CampaignServiceClient::new(target.channel().await);
    let campaign =
        CreateCampaignRequest { name: "bench".into(), text: TEXT.into(), ..CreateCampaignRequest::default() };
    let mut request = Request::new(campaign);
    request.metadata_mut().insert("authorization", target.bearer());
    client.create_campaign(request).await.expect("a campaign is made").into_inner().campaign.unwrap().id
}

async fn stream(target: &Target) -> Pass {
    let mut client = MessagingServiceClient::new(target.channel().await);
    let bulk = target.campaign.map(Bulk::CampaignId);
    let mut request = Request::new(RefreshStatusBulkRequest { target: bulk, ..RefreshStatusBulkRequest::default() });
    request.metadata_mut().insert("authorization", target.bearer());
    request.set_timeout(LIMIT);
    let begun = Instant::now();
    let mut first = None;
    let mut events = client.refresh_status_bulk(request).await.expect("the stream begins").into_inner();
    while let Some(step) = events.message().await.expect("the stream goes on") {
        first.get_or_insert_with(|| begun.elapsed());
        if let Some(Event::Summary(summary)) = step.event {
            return Pass { first: first.unwrap(), all: begun.elapsed(), summary };
        }
    }
    panic!("the stream ended without its summary")
}
