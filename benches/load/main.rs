//! The cost of the service, next to what its parts cost alone: `cargo bench --bench load -- send --database sqlite`.
//!
//! Every figure is printed as one line of JSON as soon as it is known, and all of them as a table at the end. The exit
//! status is 1 if a target is missed. The program under test is the release binary, run as child processes on loopback.
#![allow(
    clippy::doc_markdown,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot be made ends the run, and its results are what it prints"
)]

mod campaign;
mod client;
mod database;
mod echo;
mod floors;
mod pages;
mod posts;
mod process;
mod program;
mod refresh;
mod report;
mod reports;
mod rest;
mod rows;
mod send;
mod start;

#[allow(dead_code, unused_imports, reason = "the tests use all of it")]
#[path = "../../tests/it/support/postgres/cluster.rs"]
mod cluster;
/// The column types of the service's own tables.
#[allow(dead_code, reason = "the service uses all of them")]
#[path = "../../src/store/columns.rs"]
mod columns;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::database::Kind;
use crate::report::Report;

// The floors are to be compared with the service, so they get its allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(about = "Measures the service against its targets and against what its parts cost alone")]
struct Arguments {
    /// The flag that `cargo bench` adds to every bench's arguments
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// `SendSingle` with 64 calls in flight over a provider that answers at once, and the three floors
    Send(send::Options),
    /// `RefreshStatusBulk` of a campaign over a provider that takes 20 ms
    Refresh(refresh::Options),
    /// Campaigns by bulk calls and one by one, beside a table that is full already
    Campaign(campaign::Options),
    /// Delivery reports, one to a post, at saturation and at a steady rate, beside tables of two sizes
    Reports(reports::Options),
    /// The same calls through the gRPC API and the HTTP API
    Rest(rest::Options),
    /// The console's pages beside a table that is full
    Pages(pages::Options),
    /// Start-up time, size of the binary, memory at rest
    Start(start::Options),
    /// All of them (the default)
    All {
        /// Which database
        #[arg(long, value_enum, default_value_t)]
        database: Databases,
    },
    /// The bare axum server of a floor; started by the bench itself
    #[command(hide = true)]
    TakePosts,
    /// The bare tonic server of a floor; started by the bench itself
    #[command(hide = true)]
    Echo {
        /// The answer's bytes
        answer: std::path::PathBuf,
    },
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Databases {
    Sqlite,
    Postgres,
    #[default]
    Both,
}

impl Databases {
    fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Sqlite => &[Kind::Sqlite],
            Self::Postgres => &[Kind::Postgres],
            Self::Both => &[Kind::Sqlite, Kind::Postgres],
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::All { database: Databases::Both });
    if let Command::Echo { answer } = command {
        echo::serve(&answer).await;
        return ExitCode::SUCCESS;
    }
    if let Command::TakePosts = command {
        posts::serve().await;
        return ExitCode::SUCCESS;
    }
    let mut report = Report::default();
    match command {
        Command::Send(options) => send::run(&options, &mut report).await,
        Command::Refresh(options) => refresh::run(&options, &mut report).await,
        Command::Campaign(options) => campaign::run(&options, &mut report).await,
        Command::Reports(options) => reports::run(&options, &mut report).await,
        Command::Rest(options) => rest::run(&options, &mut report).await,
        Command::Pages(options) => pages::run(&options, &mut report).await,
        Command::Start(options) => start::run(&options, &mut report).await,
        Command::All { database } => {
            start::run(&start::Options::new(database), &mut report).await;
            send::run(&send::Options::new(database), &mut report).await;
            refresh::run(&refresh::Options::new(database), &mut report).await;
            campaign::run(&campaign::Options::new(database), &mut report).await;
            reports::run(&reports::Options::new(database), &mut report).await;
            rest::run(&rest::Options::new(database), &mut report).await;
            pages::run(&pages::Options::new(database), &mut report).await;
        }
        Command::Echo { .. } | Command::TakePosts => {}
    }
    report.finish()
}
