//! `messaging sandbox expect`: waits until the sandbox's ledger has as many messages as a test expects, and says so by the exit status.

use std::io::Write;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::cli::Failure;
use crate::config;

/// How often the ledger is asked.
const EVERY: Duration = Duration::from_millis(50);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Wait for messages in a running sandbox's ledger: exit status 0 if as many came as expected, 1 if not
///
/// Ends as soon as they are there, or when there are more. With `--count 0` it waits all of `--within`, in which none may come.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Expect {
    /// Where the sandbox listens: the `sandbox` of the first line that it, or `serve --sandbox`, printed
    #[arg(long, default_value = "127.0.0.1:8090")]
    addr: String,
    /// Only messages to this number
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// Only messages with this reference of the provider's, which is our id of the message
    #[arg(long)]
    reference: Option<String>,
    /// Only messages with this text
    #[arg(long)]
    text: Option<String>,
    /// How many messages there have to be
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// Whether there may be more
    #[arg(long)]
    at_least: bool,
    /// How long to wait for them, for example 5s or 1m
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = patience)]
    within: Duration,
}

/// The part of the ledger's entries that is looked at.
#[derive(Deserialize)]
struct Entry {
    text_sha256: String,
}

impl Expect {
    pub(super) async fn run(&self, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER).build().map_err(Failure::other)?;
        let begun = Instant::now();
        loop {
            let found = self.found(&client).await?;
            let is_over = begun.elapsed() >= self.within;
            let wanted = if self.at_least { found >= self.count } else { found == self.count };
            // Of none it can be said at the end alone.
            if wanted && (self.count > 0 || self.at_least || is_over) {
                return writeln!(out, "{}, as expected", messages(found)).map_err(Failure::other);
            }
            if is_over || found > self.count {
                let least = if self.at_least { "at least " } else { "" };
                let within = jiff::SignedDuration::try_from(self.within).map_err(Failure::other)?;
                return Err(Failure::other(format!(
                    "{} in the sandbox's ledger, and not {least}{} within {within:#}",
                    messages(found),
                    self.count
                )));
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// How many messages the ledger has now.
    async fn found(&self, client: &reqwest::Client) -> Result<u64, Failure> {
        let unusable =
            |e| config::Error::of("--addr", format_args!("is no address: {}: {e}; write HOST:PORT", self.addr));
        let mut url = url::Url::parse(&format!(
            "http://{}/sandbox/ledger",
            self.addr.trim_start_matches("http://").trim_end_matches('/')
        ))
        .map_err(unusable)?;
        url.query_pairs_mut().append_pair("format", "ndjson");
        for (name, value) in [("destination", &self.to), ("reference", &self.reference)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        // The URL has the number in it.
        let away =
            |e: reqwest::Error| Failure::other(format!("no sandbox answers at {}: {}", self.addr, e.without_url()));
        let answer = client.get(url).send().await.map_err(away)?;
        let status = answer.status();
        let body = answer.text().await.map_err(away)?;
        if !status.is_success() {
            let refused = format!("the sandbox at {} refuses to be asked so: {body}", self.addr);
            // What it says of the arguments; whoever is no sandbox knows no such page.
            let wrong = status == StatusCode::BAD_REQUEST;
            return Err(if wrong { config::Error::new(refused).into() } else { Failure::other(refused) });
        }
        let digest = self.text.as_ref().map(|text| hex(&Sha256::digest(text)));
        let mut found = 0;
        for line in body.lines() {
            let entry: Entry = serde_json::from_str(line)
                .map_err(|e| Failure::other(format!("what answers at {} is no sandbox: {e}", self.addr)))?;
            found += u64::from(digest.as_ref().is_none_or(|digest| *digest == entry.text_sha256));
        }
        Ok(found)
    }
}

fn messages(n: u64) -> String {
    if n == 1 { "1 message".to_owned() } else { format!("{n} messages") }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"))
}

/// A length of time, as `5s` or `1m 30s`.
fn patience(text: &str) -> Result<Duration, String> {
    let unreadable = || "is not a length of time, such as 500ms, 5s or 1m".to_owned();
    let length: jiff::SignedDuration = text.parse().map_err(|_| unreadable())?;
    Duration::try_from(length).map_err(|_| unreadable())
}
