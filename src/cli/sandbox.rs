//! `messaging sandbox`: the Mitto sandbox alone.

mod expect;

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde_json::json;

use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::{self, Env};
use crate::sandbox::{self, AnswerShape, Config};
use crate::shutdown;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Sandbox {
    #[command(subcommand)]
    command: Option<Asked>,
    /// Where it listens; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8090")]
    addr: String,
    /// The API key that it lets in
    #[arg(long, default_value = "sandbox-key")]
    api_key: String,
    /// How long every answer takes, in milliseconds
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Sends per second before it answers 429; 0 means no limit
    #[arg(long, default_value_t = 0)]
    rate_limit: u32,
    /// Which of the three answers to a send it gives: 1, 2 or 3
    #[arg(long, default_value = "1")]
    answer_shape: AnswerShape,
    /// Seeds the random part of its ids
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where delivery reports are posted to
    #[arg(long)]
    report_url: Option<String>,
    /// Where injected inbound messages are posted to
    #[arg(long)]
    inbound_url: Option<String>,
    /// A header on every report and inbound message, as `Name: value`
    #[arg(long)]
    report_header: Option<String>,
    /// Between Sent and the final report, in milliseconds
    #[arg(long, default_value_t = 1000)]
    report_delay_ms: u64,
    /// How long destinations ending in 0011 wait for their answer, in milliseconds
    #[arg(long, default_value_t = 60_000)]
    slow_answer_ms: u64,
    /// A file that keeps the ledger over restarts
    #[arg(long)]
    ledger: Option<PathBuf>,
}

/// The questions to a sandbox that runs.
#[derive(Debug, Subcommand)]
enum Asked {
    Expect(expect::Expect),
}

impl Sandbox {
    /// Serves until it is told to stop. Its address is the first line of standard output, in JSON.
    pub(super) async fn run(self, env: &Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        if let Some(Asked::Expect(expect)) = self.command {
            return expect.run(out).await;
        }
        crate::telemetry::Settings::load(env)?.install();
        let header = self.report_header.as_deref().map(|header| {
            let (name, value) = header.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        });
        let bad_header = || config::Error::of("--report-header", "must be Name: value");
        let report_header = header.map(|h| h.ok_or_else(bad_header)).transpose()?;
        let config = Config {
            api_key: SecretString::from(self.api_key),
            latency: Duration::from_millis(self.latency_ms),
            rate_limit: Some(self.rate_limit).filter(|limit| *limit > 0),
            answer_shape: self.answer_shape,
            seed: self.seed,
            report_url: self.report_url,
            inbound_url: self.inbound_url,
            report_header,
            report_delay: Duration::from_millis(self.report_delay_ms),
            slow_answer: Duration::from_millis(self.slow_answer_ms),
            ledger_file: self.ledger,
        };
        let bound = crate::sandbox::Sandbox::bind(&self.addr, config, Clock::system()).await;
        let sandbox = bound.map_err(|e| unusable(&e))?;
        writeln!(out, "{}", json!({"sandbox": sandbox.addr().to_string()})).map_err(Failure::other)?;
        out.flush().map_err(Failure::other)?;
        sandbox.run(shutdown::signal().map_err(Failure::other)?).await;
        Ok(())
    }
}

/// The sandbox's trouble, by the flag that it comes from.
fn unusable(e: &sandbox::Error) -> config::Error {
    match e {
        sandbox::Error::Listen { addr, source } if source.kind() == ErrorKind::InvalidInput => {
            config::Error::of("--addr", format_args!("is no address: {addr}: {source}; write HOST:PORT"))
        }
        sandbox::Error::Listen { addr, source } => {
            let problem =
                format_args!("cannot be used: {addr}: {source}; name an address of this machine that is free");
            config::Error::of("--addr", problem).that_passes()
        }
        sandbox::Error::LedgerFile { path, source } => {
            let path = path.display();
            let problem = format_args!("cannot be used: {path}: {source}; name a file that this process may write to");
            config::Error::of("--ledger", problem).that_passes()
        }
        sandbox::Error::Url { field } => {
            let flag = format!("--{}", field.replace('_', "-"));
            config::Error::of(&flag, "must be an http:// or https:// URL")
        }
        sandbox::Error::Header => {
            config::Error::of("--report-header", "cannot be sent: use visible characters of one line alone")
        }
        sandbox::Error::Client(_) => config::Error::new(format!("the sandbox cannot start: {e}")),
    }
}
