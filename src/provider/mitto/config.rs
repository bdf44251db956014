//! The adapter's configuration, and what it refuses to start with.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// Where Mitto is and how to talk to it. Its `Debug` hides all of it.
#[derive(Clone)]
pub struct Config {
    /// The base address, `https://messaging.mittoapi.com` in production; a path in it is kept.
    pub base: Url,
    /// The key for the header `X-Mitto-API-Key`.
    pub api_key: SecretString,
    /// The most time to connect, DNS and TLS included. A message whose connection was never made was not sent.
    pub connect_timeout: Duration,
    /// The most time for a whole call; longer than `connect_timeout`, shorter than the lease on the message.
    pub timeout: Duration,
    /// The most bytes of an answer about one message.
    pub max_answer_bytes: usize,
    /// The most bytes of an answer to a bulk call.
    pub max_bulk_answer_bytes: usize,
    /// Whether our id goes along as `reference`, which Mitto echoes in its reports.
    pub send_reference: bool,
    /// Whether a complete 500 or 503 leaves it open that the message was taken. Mitto says it failed; by default it is
    /// believed.
    pub server_errors_ambiguous: bool,
    /// How long an idle connection is kept; short, because a request on one that the provider is just closing is lost
    /// without anybody knowing whether it was read.
    pub pool_idle: Duration,
}

/// Why the adapter cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The base address is none that requests can be sent to.
    #[error("the base address must be http:// or https:// with a host, without user, query or fragment")]
    Base,
    /// The key cannot be a header's value.
    #[error("the API key is empty or has characters that a header cannot carry")]
    ApiKey,
    /// Connecting may take longer than the call, so that a timeout would not tell whether anything was sent.
    #[error("the connect timeout must be above zero and shorter than the whole call's")]
    Timeouts,
    /// The HTTP client cannot be built, for example for want of root certificates.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

impl Config {
    /// The defaults for everything but the address and the key.
    #[must_use]
    pub fn new(base: Url, api_key: SecretString) -> Self {
        Self {
            base,
            api_key,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            max_answer_bytes: 1 << 20,
            max_bulk_answer_bytes: 16 << 20,
            send_reference: true,
            server_errors_ambiguous: false,
            pool_idle: Duration::from_secs(15),
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("mitto::Config(…)")
    }
}
