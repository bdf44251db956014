//! `SendSingle` under load, and the floors under it.

use std::time::Duration;

use clap::Args;

use crate::client::{CONNECTIONS, Load, Target};
use crate::database::{Database, Kind};
use crate::floors::{self, Floor};
use crate::process::{Peak, cpu, micros_each};
use crate::program::Installation;
use crate::report::{Report, Target as Limit};
use crate::{Databases, start};

#[derive(Debug, Args)]
pub struct Options {
    /// Which database
    #[arg(long, value_enum, default_value_t)]
    database: Databases,
    /// How many calls are measured at most; a tenth of them come before, unmeasured
    #[arg(long, default_value_t = CALLS)]
    calls: u32,
    /// How many calls are in flight
    #[arg(long, default_value_t = IN_FLIGHT)]
    in_flight: usize,
    /// Over how many connections they go; as many as are in flight is what a connection for each caller costs
    #[arg(long, default_value_t = CONNECTIONS, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    connections: usize,
    /// Give every call an idempotency key of its own
    #[arg(long)]
    keys: bool,
}

const CALLS: u32 = 30_000;
const IN_FLIGHT: usize = 64;
/// The longest that the calls may take.
const LIMIT: Duration = Duration::from_mins(1);

impl Options {
    pub fn new(database: Databases) -> Self {
        Self { database, calls: CALLS, in_flight: IN_FLIGHT, connections: CONNECTIONS, keys: false }
    }
}

pub async fn run(options: &Options, report: &mut Report) {
    for kind in options.database.kinds() {
        one(*kind, options, report).await;
    }
}

async fn one(kind: Kind, options: &Options, report: &mut Report) {
    let group = format!("send {}", kind.name());
    let installation = Installation::new(Database::create(kind).await);
    let sandbox = installation.sandbox();
    let token = installation.token();
    let service = installation.serve(&sandbox.url("sandbox"));
    let target = Target {
        url: service.url("grpc"),
        token,
        campaign: None,
        keys: options.keys,
        connections: options.connections,
    };
    let answer = target.send_one(0).await.expect("the first message is sent");

    target.send(options.calls / 10, options.in_flight, LIMIT).await.check();
    installation.database.settle().await;
    let peak = Peak::of(service.pid());
    let before = (cpu(service.pid()), installation.database.cpu());
    let load = target.send(options.calls, options.in_flight, LIMIT).await;
    let server = micros_each(before.0, cpu(service.pid()), load.calls);
    let database = micros_each(before.1, installation.database.cpu(), load.calls);
    let peak = peak.end();
    load.check();
    drop(service);

    let provider = floors::provider(&sandbox.url("sandbox"), options.calls, options.in_flight).await;
    drop(sandbox);
    let unary = floors::unary(&installation, &target, &answer, options.calls, options.in_flight).await;
    let empty = Installation::new(Database::create(kind).await);
    empty.token();
    let rows = floors::rows(&empty, options.calls).await;

    add_group(report, &group, &load, (server, database), &unary, &provider, &rows);
    report.add(&group, "server memory, highest", peak, "MB", Limit::AtMost(start::BUSY_MB));
    empty.end().await;
    installation.end().await;
}

fn add_group(
    report: &mut Report,
    group: &str,
    load: &Load,
    (server, database): (f64, f64),
    unary: &Floor,
    provider: &Floor,
    rows: &Floor,
) {
    let mut add = |name, value, unit, limit| report.add(group, name, value, unit, limit);
    add("calls, every one OK and SENT", f64::from(load.calls), "calls", Limit::None);
    add("throughput", load.per_second(), "calls/s", Limit::AtLeast(3000.0));
    for (name, quantile) in [("latency p50", 0.5), ("latency p95", 0.95), ("latency p99", 0.99), ("latency max", 1.0)] {
        add(name, load.millis(quantile), "ms", Limit::None);
    }
    add("CPU of the server", server, "µs/call", Limit::None);
    add("CPU of the database", database, "µs/call", Limit::None);
    add("floor: bare tonic call, server's CPU", unary.micros, "µs/call", Limit::None);
    add("floor: bare tonic call, throughput", unary.per_second, "calls/s", Limit::None);
    add("floor: bare reqwest send, client's CPU", provider.micros, "µs/call", Limit::None);
    add("floor: bare reqwest send, throughput", provider.per_second, "calls/s", Limit::None);
    add("floor: rows in bulk, client's and database's CPU", rows.micros, "µs/message", Limit::None);
    add("floor: rows in bulk, throughput", rows.per_second, "messages/s", Limit::None);
    let floor = unary.micros + provider.micros + rows.micros;
    add("CPU of server and database", server + database, "µs/call", Limit::None);
    add("sum of the floors", floor, "µs/call", Limit::None);
    add("CPU over the sum of the floors", (server + database) / floor, "times", Limit::AtMost(2.5));
}
