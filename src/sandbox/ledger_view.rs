//! The ledger over HTTP: its entries as a JSON array or JSON lines, streamed, and its summary.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State as Shared};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use ulid::Ulid;

use super::ledger::Ledger;
use super::message::{Message, e164};
use super::problem;
use super::state::State;

/// Which entries, and in which form.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    destination: Option<String>,
    reference: Option<String>,
    /// `ndjson` for JSON lines.
    format: Option<String>,
}

#[derive(Serialize)]
struct Entry<'a> {
    message_id: String,
    bulk_id: Option<String>,
    destination: String,
    reference: Option<&'a str>,
    traffic_account_id: String,
    sender: &'a str,
    /// In characters.
    text_length: usize,
    text_sha256: String,
    at: Timestamp,
    answered: bool,
}

#[derive(Serialize)]
struct Summary {
    accepted: u64,
    answered: u64,
    distinct_references: usize,
    repeated_references: usize,
}

/// `GET /sandbox/ledger`: streamed, so that a million entries are never one text in memory.
pub(super) async fn entries(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Response {
    let accepts = headers.get(ACCEPT).is_some_and(|value| value.as_bytes().starts_with(b"application/x-ndjson"));
    let lines = accepts || wanted.format.as_deref() == Some("ndjson");
    // In a query string a + stands for a space, so a number that was not percent-encoded arrives without it.
    let destination = wanted.destination.map(|text| e164(&format!("+{}", text.trim_start_matches(['+', ' ']))));
    let Some(destination) = destination.map_or(Some(None), |digits| digits.map(Some)) else {
        return problem::message(StatusCode::BAD_REQUEST, "destination must be a number in E.164");
    };
    let walk = Walk { ledger: Arc::clone(&state.ledger), destination, reference: wanted.reference, lines };
    let stream = futures::stream::unfold((walk, Step::Begin), |(walk, step)| async move {
        let (chunk, next) = walk.chunk(step)?;
        Some((Ok::<_, std::convert::Infallible>(chunk), (walk, next)))
    });
    let kind = if lines { "application/x-ndjson" } else { "application/json" };
    ([(CONTENT_TYPE, kind)], Body::from_stream(stream)).into_response()
}

/// `GET /sandbox/ledger/summary`
pub(super) async fn summary(Shared(state): Shared<Arc<State>>) -> Response {
    // Eight bytes a message: a hash stands for its reference.
    let mut references = Vec::new();
    let mut cursor = Some(Ulid::nil());
    while let Some(from) = cursor {
        cursor = state.ledger.stride(from, |message| references.extend(message.reference().map(hash)));
        tokio::task::yield_now().await;
    }
    references.sort_unstable();
    let groups = || references.chunk_by(PartialEq::eq);
    let counts = state.ledger.counts();
    Json(Summary {
        accepted: counts.accepted,
        answered: counts.answered,
        distinct_references: groups().count(),
        repeated_references: groups().filter(|group| group.len() > 1).count(),
    })
    .into_response()
}

/// `DELETE /sandbox/ledger`: forgets the messages, their pending reports, and which keys had their first try.
pub(super) async fn clear(Shared(state): Shared<Arc<State>>) -> Response {
    state.first.clear();
    match state.ledger.clear() {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            tracing::warn!(%error, "the sandbox's ledger file cannot be emptied");
            problem::message(StatusCode::INTERNAL_SERVER_ERROR, "the ledger file cannot be emptied")
        }
    }
}

/// A walk over the ledger in chunks.
struct Walk {
    ledger: Arc<Ledger>,
    destination: Option<u64>,
    reference: Option<String>,
    lines: bool,
}

#[derive(Clone, Copy)]
enum Step {
    Begin,
    Middle { cursor: Ulid, any: bool },
    Done,
}

impl Walk {
    fn chunk(&self, step: Step) -> Option<(Bytes, Step)> {
        let mut text = String::new();
        let (cursor, mut any) = match step {
            Step::Done => return None,
            Step::Begin => {
                text.push_str(if self.lines { "" } else { "[" });
                (Ulid::nil(), false)
            }
            Step::Middle { cursor, any } => (cursor, any),
        };
        let mut found = Vec::new();
        let next = self.ledger.stride(cursor, |message| {
            if self.wants(message) {
                found.push(message.clone());
            }
        });
        for message in &found {
            // Serialised outside of the ledger's lock.
            let entry = serde_json::to_string(&entry(message)).unwrap_or_default();
            let separator = if self.lines || !any { "" } else { "," };
            let end = if self.lines { "\n" } else { "" };
            any = true;
            text.extend([separator, entry.as_str(), end]);
        }
        let next = next.map_or(Step::Done, |cursor| Step::Middle { cursor, any });
        if matches!(next, Step::Done) && !self.lines {
            text.push(']');
        }
        Some((text.into(), next))
    }

    fn wants(&self, message: &Message) -> bool {
        self.destination.is_none_or(|digits| message.is_to(digits))
            && self.reference.as_deref().is_none_or(|reference| message.reference() == Some(reference))
    }
}

fn entry(message: &Message) -> Entry<'_> {
    let digest = Sha256::digest(message.text());
    Entry {
        message_id: message.id.to_string(),
        bulk_id: message.bulk().map(|id| id.to_string()),
        destination: message.destination(),
        reference: message.reference(),
        traffic_account_id: message.account.to_string(),
        sender: message.sender(),
        text_length: message.text().chars().count(),
        text_sha256: digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _written = write!(hex, "{byte:02x}");
            hex
        }),
        at: message.at(),
        answered: message.answered,
    }
}

fn hash(reference: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    reference.hash(&mut hasher);
    hasher.finish()
}
