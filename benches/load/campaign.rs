//! A campaign from its recipients to the last acceptance, by bulk calls and one by one, beside a table that is full already.

use std::time::{Duration, Instant};

use clap::Args;
use futures::stream;
use messaging::proto::add_recipients_request::Recipient;
use messaging::proto::campaign_service_client::CampaignServiceClient;
use messaging::proto::{
    AddRecipientsRequest, CreateCampaignRequest, DeliveryGuarantee, GetCampaignStatsRequest, StartCampaignRequest,
};
use serde_json::json;
use tonic::Request;
use tonic::transport::Channel;

use crate::client::{CONNECTIONS, TEXT, Target};
use crate::database::{Database, FillAs, Kind};
use crate::process::{Peak, cpu, micros_each};
use crate::program::Installation;
use crate::report::{Report, Target as Limit};
use crate::{Databases, floors, start};

#[derive(Debug, Args)]
pub struct Options {
    /// Which database
    #[arg(long, value_enum, default_value_t)]
    database: Databases,
    /// How many recipients the campaign has that goes out by bulk calls
    #[arg(long, default_value_t = BULK)]
    messages: u32,
    /// How many the one has that goes out one by one; 0 leaves it out
    #[arg(long, default_value_t = SINGLE)]
    one_by_one: u32,
    /// How many messages the table holds before; given several times, a run each
    #[arg(long, default_values_t = ROWS)]
    rows: Vec<u32>,
    /// How long each of the provider's answers takes, in milliseconds
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
}

const BULK: u32 = 100_000;
const SINGLE: u32 = 20_000;
const ROWS: [u32; 2] = [10_000, 1_000_000];
/// How many recipients go into one message of the stream.
const PAGE: u32 = 1000;
/// How often the counters are asked for.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// The longest that one campaign may take.
const LIMIT: Duration = Duration::from_mins(10);

impl Options {
    pub fn new(database: Databases) -> Self {
        Self { database, messages: BULK, one_by_one: SINGLE, rows: ROWS.to_vec(), latency_ms: 20 }
    }
}

pub async fn run(options: &Options, report: &mut Report) {
    for kind in options.database.kinds() {
        for rows in &options.rows {
            one(*kind, *rows, options, report).await;
        }
    }
}

async fn one(kind: Kind, rows: u32, options: &Options, report: &mut Report) {
    let installation = Installation::new(Database::create(kind).await);
    let sandbox = installation.sandbox();
    let token = installation.token();
    let service = installation.serve(&sandbox.url("sandbox"));
    installation.database.fill(&installation.url(), rows, 0, FillAs::Delivered).await;
    let settings = reqwest::Client::new().put(format!("{}/sandbox/settings", sandbox.url("sandbox")));
    let changed = settings.json(&json!({"latency_ms": options.latency_ms})).send().await.unwrap();
    assert!(changed.status().is_success());
    let target = Target { url: service.url("grpc"), token, campaign: None, keys: false, connections: CONNECTIONS };
    let ways = [
        ("bulk", DeliveryGuarantee::AtLeastOnce, options.messages, Limit::AtLeast(5000.0), Limit::AtMost(150.0)),
        ("one by one", DeliveryGuarantee::AtMostOnce, options.one_by_one, Limit::None, Limit::None),
    ];
    for (way, guarantee, messages, at_least, at_most) in ways {
        if messages == 0 {
            continue;
        }
        let group = format!("campaign {} {way}, {rows} rows", kind.name());
        let mut client = CampaignServiceClient::new(target.channel().await);
        installation.database.settle().await;
        let peak = Peak::of(service.pid());
        let clocks = || (cpu(service.pid()), installation.database.cpu());
        let (before, begun) = (clocks(), Instant::now());
        let id = filled(&mut client, &target, guarantee, messages).await;
        let (added, adding, bytes) =
            (clocks(), begun.elapsed(), installation.database.bytes(&installation.url()).await);
        let begun = Instant::now();
        sent(&mut client, &target, id, messages).await;
        let (after, took) = (clocks(), begun.elapsed());
        let bytes = (installation.database.bytes(&installation.url()).await - bytes) / f64::from(messages);
        let each = |from: Duration, to: Duration| micros_each(from, to, messages);
        let (server, database) = (each(added.0, after.0), each(added.1, after.1));
        let mut add = |name, value, unit, limit| report.add(&group, name, value, unit, limit);
        add("messages, every one accepted", f64::from(messages), "messages", Limit::None);
        add("recipients added", f64::from(messages) / adding.as_secs_f64(), "recipients/s", Limit::None);
        let cost = each(before.0, added.0) + each(before.1, added.1);
        add("CPU of adding, server and database", cost, "µs/recipient", Limit::None);
        add("throughput, start to last acceptance", f64::from(messages) / took.as_secs_f64(), "messages/s", at_least);
        add("CPU of the server", server, "µs/message", Limit::None);
        add("CPU of the database", database, "µs/message", Limit::None);
        add("CPU of server and database", server + database, "µs/message", at_most);
        add("space of a message, its events and indexes", bytes, "bytes", Limit::None);
        add("server memory, highest", peak.end(), "MB", Limit::AtMost(start::BUSY_MB));
    }
    // SQLite has one writer: the floor is measured once the service has let go of the file.
    drop(service);
    drop(sandbox);
    let floor = floors::rows(&installation, options.messages).await;
    let group = format!("campaign {}, {rows} rows", kind.name());
    report.add(&group, "floor: rows in bulk, client's and database's CPU", floor.micros, "µs/message", Limit::None);
    report.add(&group, "floor: rows in bulk, throughput", floor.per_second, "messages/s", Limit::None);
    installation.end().await;
}

fn with_token<T>(target: &Target, body: T) -> Request<T> {
    let mut request = Request::new(body);
    request.metadata_mut().insert("authorization", target.bearer());
    request
}

/// A campaign with its recipients.
async fn filled(
    client: &mut CampaignServiceClient<Channel>,
    target: &Target,
    guarantee: DeliveryGuarantee,
    messages: u32,
) -> i64 {
    let new = CreateCampaignRequest {
        name: "bench".into(),
        text: TEXT.into(),
        delivery_guarantee: guarantee as i32,
        ..CreateCampaignRequest::default()
    };
    let made = client.create_campaign(with_token(target, new)).await.expect("a campaign is made");
    let id = made.into_inner().campaign.unwrap().id;
    // The last four digits decide what the sandbox does: 0001 is what most handsets do.
    let recipient =
        |i: u32| Recipient { destination: format!("+3069{:06}0001", i % 1_000_000), ..Recipient::default() };
    let pages = (0..messages.div_ceil(PAGE)).map(move |page| AddRecipientsRequest {
        campaign_id: id,
        recipients: (page * PAGE..messages.min((page + 1) * PAGE)).map(recipient).collect(),
    });
    let added = client.add_recipients(with_token(target, stream::iter(pages.collect::<Vec<_>>()))).await;
    let added = added.expect("the recipients are added").into_inner();
    assert_eq!((added.added, added.duplicates, added.invalid_count), (i64::from(messages), 0, 0));
    id
}

/// Starts it, and waits until the provider has all of it.
async fn sent(client: &mut CampaignServiceClient<Channel>, target: &Target, campaign_id: i64, messages: u32) {
    let begun = Instant::now();
    let start = StartCampaignRequest { campaign_id, dry_run: false, ..Default::default() };
    client.start_campaign(with_token(target, start)).await.expect("the campaign starts");
    loop {
        let ask = with_token(target, GetCampaignStatsRequest { campaign_id });
        let stats = client.get_campaign_stats(ask).await.expect("the counters are read").into_inner().stats.unwrap();
        assert_eq!((stats.failed, stats.unknown, stats.cancelled), (0, 0, 0), "every one was to be sent");
        if stats.sent + stats.delivered == i64::from(messages) {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "{stats:?}");
        tokio::time::sleep(POLL_EVERY).await;
    }
}
