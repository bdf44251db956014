//! The sandbox's configuration, and why it may refuse to start.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

/// The sandbox's configuration. Latency, rate limit and answer shape can be changed while it runs.
#[derive(Clone)]
pub struct Config {
    /// The value of `X-Mitto-API-Key` that is let in. Default `sandbox-key`.
    pub api_key: SecretString,
    /// How long every answer takes, after the message was accepted. Default 0.
    pub latency: Duration,
    /// Sends per second; more of them meet 429 with `Retry-After: 1`. A bulk call counts as its messages. `None` (the
    /// default) and `Some(0)` mean no limit.
    pub rate_limit: Option<u32>,
    /// Which of the three answers to a single send that are met in the wild is given. Default [`AnswerShape::One`].
    pub answer_shape: AnswerShape,
    /// Seeds the random part of the ids. Default 0.
    pub seed: u64,
    /// Where delivery reports (DLRs) are posted to. Default: nowhere.
    pub report_url: Option<String>,
    /// Where injected inbound messages (MOs) are posted to. Default: nowhere.
    pub inbound_url: Option<String>,
    /// A header on every report and inbound message: name and value. Mitto calls it a custom static header.
    pub report_header: Option<(String, String)>,
    /// Between `Sent` and the final report; the read model turns at the same moment. Default 1 s.
    pub report_delay: Duration,
    /// How long destinations ending in 0011 wait for their answer. Default 60 s.
    pub slow_answer: Duration,
    /// A file of JSON lines that keeps the ledger over restarts. Default: memory only.
    pub ledger_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api_key: SecretString::from("sandbox-key"),
            latency: Duration::ZERO,
            rate_limit: None,
            answer_shape: AnswerShape::One,
            seed: 0,
            report_url: None,
            inbound_url: None,
            report_header: None,
            report_delay: Duration::from_secs(1),
            slow_answer: Duration::from_mins(1),
            ledger_file: None,
        }
    }
}

/// The answer to a single send: three shapes run in working clients, so a client of Mitto must read all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerShape {
    /// `{"messages":[{"messageId","trafficAccountId"}]}`
    One,
    /// `{"id"}`
    Two,
    /// `{"messageId"}`
    Three,
}

impl std::fmt::Display for AnswerShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::One => "1",
            Self::Two => "2",
            Self::Three => "3",
        })
    }
}

impl FromStr for AnswerShape {
    type Err = UnknownShape;

    fn from_str(text: &str) -> Result<Self, UnknownShape> {
        match text {
            "1" => Ok(Self::One),
            "2" => Ok(Self::Two),
            "3" => Ok(Self::Three),
            _ => Err(UnknownShape),
        }
    }
}

/// The text names no answer shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer shape is 1, 2 or 3")]
pub struct UnknownShape;

/// Why the sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("the sandbox cannot listen on {addr}")]
    Listen {
        /// The address that was asked for.
        addr: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// The ledger file cannot be opened or read.
    #[error("the sandbox cannot use its ledger file {}", path.display())]
    LedgerFile {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The report or inbound URL is not an absolute HTTP URL.
    #[error("the sandbox's {field} is not an http:// or https:// URL")]
    Url {
        /// Which field of [`Config`].
        field: &'static str,
    },
    /// The report header is not a valid HTTP header.
    #[error("the sandbox's report_header is not a valid HTTP header")]
    Header,
    /// There is no HTTP client to post reports with.
    #[error("the sandbox has no HTTP client")]
    Client(#[source] reqwest::Error),
}
