//! The fault harness: it starts the real program as processes, kills and disturbs them while messages are being sent, and
//! then holds four independent records against each other: what clients were told, the provider's ledger, the tables, the
//! counters. `docs/faults.md` is the manual; `scripts/faults` runs it.
#![allow(
    clippy::doc_markdown,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a run that cannot be made ends, and its results are what it prints"
)]

mod check;
mod evidence;
mod fleet;
mod halves;
mod hooks;
mod hostile;
mod load;
mod options;
mod prove;
mod reports;
mod run;
mod scenarios;

#[allow(dead_code, unused_imports, reason = "the tests use all of it")]
#[path = "../it/support/postgres/cluster.rs"]
mod cluster;

use std::process::ExitCode;

use clap::Parser as _;

use crate::options::Options;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let work = async { if options.prove { prove::all(&options).await } else { run::all(&options).await } };
    // An interrupted run drops what it started: the processes end with their handles.
    let held = tokio::select! {
        held = work => held,
        _ = tokio::signal::ctrl_c() => false,
    };
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
