//! The cost of the service before anybody calls it: its start, its size, its memory.

use std::time::Duration;

use clap::Args;

use crate::Databases;
use crate::database::Database;
use crate::process::resident;
use crate::program::{BINARY, Installation};
use crate::report::{Report, Target as Limit};

#[derive(Debug, Args)]
pub struct Options {
    /// Which database
    #[arg(long, value_enum, default_value_t)]
    database: Databases,
}

/// The most resident memory under load.
pub const BUSY_MB: f64 = 128.0;
/// The most at rest.
const IDLE_MB: f64 = 64.0;
/// How many starts the median is of.
const STARTS: usize = 9;
/// Until a server that was just started has nothing left to do.
const REST: Duration = Duration::from_secs(2);

impl Options {
    pub fn new(database: Databases) -> Self {
        Self { database }
    }
}

pub async fn run(options: &Options, report: &mut Report) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
    let size = std::fs::metadata(BINARY).unwrap().len() as f64;
    report.add("program", "size of the binary", size / 1e6, "MB", Limit::None);
    for kind in options.database.kinds() {
        let group = format!("start {}", kind.name());
        let installation = Installation::new(Database::create(*kind).await);
        // The provider is not asked for anything before a message is sent.
        let serve = || installation.serve("http://127.0.0.1:9");
        let first = serve().took;
        let mut times: Vec<_> = (0..STARTS).map(|_| serve().took).collect();
        times.sort();
        let median = times.get(STARTS / 2).unwrap();
        report.add(&group, "first start, with migrations", first.as_secs_f64() * 1e3, "ms", Limit::None);
        report.add(&group, "start, median of nine", median.as_secs_f64() * 1e3, "ms", Limit::None);
        let service = serve();
        tokio::time::sleep(REST).await;
        report.add(&group, "server memory at rest", resident(service.pid()), "MB", Limit::AtMost(IDLE_MB));
        drop(service);
        installation.end().await;
    }
}
