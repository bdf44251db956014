//! The readers of strangers' bytes, without a service or a connection around them: for the targets of `fuzz/`.

use axum::http::HeaderMap;
use jiff::Timestamp;
use prost::{Message, Name};
use secrecy::SecretString;
use tokio::io::AsyncRead;

use crate::csv::{Records, Variables};
use crate::error::Error;
use crate::http::problem::Problem;
use crate::http::recipients::BATCH;
use crate::http::signature::Keys;
use crate::http::transcode;
use crate::proto::add_recipients_request::Recipient;

/// The recipients of a CSV file whose text needs these variables, until it ends or why it cannot be read on.
pub async fn recipients(csv: impl AsyncRead + Unpin + Send, wanted: &[&str]) -> (Vec<Recipient>, Option<String>) {
    let wanted = Variables::Named(wanted.iter().map(|name| (*name).to_owned()).collect());
    let mut all = Vec::new();
    let mut records = match Records::open(csv, &wanted).await {
        Ok(records) => records,
        Err(why) => return (all, Some(why)),
    };
    loop {
        match records.next(BATCH).await {
            Ok(batch) if batch.is_empty() => return (all, None),
            Ok(batch) => all.extend(batch),
            Err(why) => return (all, Some(why)),
        }
    }
}

/// Whether a post with these headers is the provider's.
#[must_use]
pub fn is_authentic(secrets: &[SecretString], headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
    Keys::of(secrets).proof(headers, body, now).is_some()
}

/// The message that a body stands for.
pub fn message<M: Message + Name + Default>(json: &[u8]) -> Result<M, Problem> {
    let json = serde_json::from_slice(json).map_err(|_| Problem::invalid("body", "is not JSON"))?;
    transcode::from_json(&json)
}

/// The same message as an answer writes it.
pub fn json<M: Message + Name>(message: &M) -> Result<String, Error> {
    transcode::to_json(message)
}
