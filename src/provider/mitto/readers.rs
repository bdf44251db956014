//! The readers of the provider's bytes, without a connection around them: for the targets of `fuzz/`.

use bytes::Bytes;
use http::StatusCode;

use super::snapshot;
use super::transport::Answer;
use super::{Mitto, Outcome};
use crate::provider::Snapshot;

fn answer(status: StatusCode, body: &[u8]) -> Answer {
    Answer { status, body: Ok(Bytes::copy_from_slice(body)), retry_after: None }
}

/// The outcome of a send that was answered so.
#[must_use]
pub fn send(mitto: &Mitto, status: StatusCode, body: &[u8]) -> Outcome {
    mitto.settle(&answer(status, body))
}

/// The outcomes of so many sends in one call that was answered so, or the one that they share.
pub fn send_bulk(mitto: &Mitto, status: StatusCode, body: &[u8], expected: usize) -> Result<Vec<Outcome>, Outcome> {
    mitto.settle_bulk(&answer(status, body), expected)
}

/// The content of a message's record.
#[must_use]
pub fn read(body: &[u8]) -> Option<Snapshot> {
    answer(StatusCode::OK, body).json().and_then(snapshot::read)
}
