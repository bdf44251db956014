//! The provider's ledger: what it accepted, which is what was paid for.

use jiff::Timestamp;
use serde::Deserialize;

/// One acceptance.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// The provider's id.
    pub message_id: String,
    /// The number that it went to.
    pub destination: String,
    /// Our id.
    pub reference: Option<String>,
    /// The digest of the text, in hex.
    pub text_sha256: String,
    /// When it was accepted.
    pub at: Timestamp,
}

/// Every acceptance, read from the sandbox.
pub async fn read(url: &str) -> Vec<Entry> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let lines = client.get(url).send().await.unwrap().text().await.unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
