//! Delivery reports: single posts with a token over connections that stay open, at saturation and at a steady rate, and the
//! floors under them.

use std::time::{Duration, Instant};

use clap::Args;

use crate::client::Load;
use crate::database::{Database, FillAs, Kind};
use crate::floors::{self, Floor};
use crate::posts::{Posts, SECRET};
use crate::process::{Peak, cpu, micros_each};
use crate::program::Installation;
use crate::report::{Report, Target as Limit};
use crate::{Databases, start};

#[derive(Debug, Args)]
pub struct Options {
    /// Which database
    #[arg(long, value_enum, default_value_t)]
    database: Databases,
    /// How many reports are measured at saturation; a tenth of them come before, unmeasured
    #[arg(long, default_value_t = REPORTS)]
    reports: u32,
    /// How many posts are in flight then; a process serves 256
    #[arg(long, default_value_t = IN_FLIGHT)]
    in_flight: usize,
    /// How many are posted a second, steadily, when latencies are measured
    #[arg(long, default_value_t = RATE)]
    rate: u32,
    /// For how many seconds
    #[arg(long, default_value_t = SECONDS)]
    seconds: u32,
    /// How many messages the table holds; given several times, a run each
    #[arg(long, default_values_t = ROWS)]
    rows: Vec<u32>,
}

const REPORTS: u32 = 60_000;
const IN_FLIGHT: usize = 200;
const RATE: u32 = 2000;
const SECONDS: u32 = 20;
const ROWS: [u32; 2] = [2000, 1_000_000];
/// The longest that all that was acknowledged may take to be applied.
const LIMIT: Duration = Duration::from_mins(5);
/// How often it is looked at.
const POLL_EVERY: Duration = Duration::from_millis(200);

impl Options {
    pub fn new(database: Databases) -> Self {
        let (rate, seconds, rows) = (RATE, SECONDS, ROWS.to_vec());
        Self { database, reports: REPORTS, in_flight: IN_FLIGHT, rate, seconds, rows }
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
    let group = format!("reports {}, {rows} rows", kind.name());
    let installation = Installation::new(Database::create(kind).await);
    // Nothing is sent and nothing asked: the messages were taken long ago.
    let service = installation.serve_with("http://127.0.0.1:9", &[("WEBHOOK_SECRET", SECRET)]);
    installation.database.fill(&installation.url(), rows, 0, FillAs::Sent).await;
    let mut posts = Posts::new(&service.url("http"), rows);

    posts.all(options.reports / 10, options.in_flight).await.check();
    applied(&installation).await;
    installation.database.settle().await;
    let peak = Peak::of(service.pid());
    let clocks = || (cpu(service.pid()), installation.database.cpu());
    let (before, begun) = (clocks(), Instant::now());
    let load = posts.all(options.reports, options.in_flight).await;
    applied(&installation).await;
    let (after, took) = (clocks(), begun.elapsed());
    load.check();
    let each = |from: Duration, to: Duration| micros_each(from, to, load.calls);
    let (server, database) = (each(before.0, after.0), each(before.1, after.1));

    installation.database.settle().await;
    let steady = posts.steadily(options.rate, options.seconds).await;
    steady.check();
    applied(&installation).await;
    let peak = peak.end();
    drop(service);

    let post = floors::post(&installation, options.reports, options.in_flight).await;
    let empty = Installation::new(Database::create(kind).await);
    drop(empty.serve("http://127.0.0.1:9"));
    let rows = floors::reports(&empty, options.reports, options.in_flight).await;
    add_group(report, &group, &load, (server, database), &post, &rows);
    let mut add = |name, value, unit, limit| report.add(&group, name, value, unit, limit);
    let applied = f64::from(load.calls) / took.as_secs_f64();
    add("throughput, until the last one is applied", applied, "reports/s", Limit::None);
    add("steady rate", steady.per_second(), "reports/s", Limit::None);
    add("steady rate: acknowledged, p50", steady.millis(0.5), "ms", Limit::None);
    add("steady rate: acknowledged, p99", steady.millis(0.99), "ms", Limit::AtMost(50.0));
    add("steady rate: acknowledged, max", steady.millis(1.0), "ms", Limit::None);
    add("server memory, highest", peak, "MB", Limit::AtMost(start::BUSY_MB));
    empty.end().await;
    installation.end().await;
}

fn add_group(
    report: &mut Report,
    group: &str,
    load: &Load,
    (server, database): (f64, f64),
    post: &Floor,
    rows: &Floor,
) {
    let mut add = |name, value, unit, limit| report.add(group, name, value, unit, limit);
    add("reports, every one acknowledged and applied", f64::from(load.calls), "reports", Limit::None);
    add("throughput, acknowledged", load.per_second(), "reports/s", Limit::AtLeast(5000.0));
    add("latency at saturation, p50", load.millis(0.5), "ms", Limit::None);
    add("latency at saturation, p99", load.millis(0.99), "ms", Limit::None);
    add("CPU of the server", server, "µs/report", Limit::None);
    add("CPU of the database", database, "µs/report", Limit::None);
    add("CPU of server and database", server + database, "µs/report", Limit::AtMost(150.0));
    add("floor: bare axum post, server's CPU", post.micros, "µs/report", Limit::None);
    add("floor: bare axum post, throughput", post.per_second, "reports/s", Limit::None);
    add("floor: row of a report, client's and database's CPU", rows.micros, "µs/report", Limit::None);
    add("floor: row of a report, throughput", rows.per_second, "reports/s", Limit::None);
    let floor = post.micros + rows.micros;
    add("CPU over the sum of the floors", (server + database) / floor, "times", Limit::None);
}

/// Waits until nothing that was acknowledged waits to be applied.
async fn applied(installation: &Installation) {
    let begun = Instant::now();
    while installation.database.waiting_reports(&installation.url()).await > 0 {
        assert!(begun.elapsed() < LIMIT, "reports are not applied");
        tokio::time::sleep(POLL_EVERY).await;
    }
}
