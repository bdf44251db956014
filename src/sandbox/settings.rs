//! The settings that can be changed while the sandbox runs, as JSON: latency, rate limit, answer shape and the outage.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::watch;

use super::config::{AnswerShape, Config};

/// How the whole API misbehaves, whatever the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outage {
    None,
    /// 500, nothing is accepted.
    #[serde(rename = "500")]
    Broken,
    /// 503, nothing is accepted.
    #[serde(rename = "503")]
    Unavailable,
    /// 429 with `Retry-After: 1`, nothing is accepted.
    #[serde(rename = "429")]
    Busy,
    /// No answer until the outage is lifted, then the connection is dropped; nothing is accepted.
    Hang,
    /// The connection is dropped before the call is looked at; nothing is accepted.
    Refuse,
    /// The call is accepted, then the connection is dropped without a byte.
    Cut,
    /// The call is accepted and answered with something that is not JSON.
    Malformed,
    /// 401, nothing is accepted.
    Unauthorized,
}

/// The settings as they stand, and as `GET /sandbox/settings` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Live {
    pub(super) latency_ms: u64,
    pub(super) rate_limit: Option<u32>,
    #[serde(serialize_with = "shape_number")]
    pub(super) answer_shape: AnswerShape,
    pub(super) outage: Outage,
}

/// The body of `PUT /sandbox/settings`: what is absent stays. A misspelt name is refused, so that no fault test runs
/// without its fault.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    latency_ms: Option<u64>,
    /// `null` and 0 lift the limit.
    #[serde(default, deserialize_with = "null_is_zero")]
    rate_limit: Option<u32>,
    #[serde(default, deserialize_with = "shape")]
    answer_shape: Option<AnswerShape>,
    outage: Option<Outage>,
}

/// The settings, shared by all connections.
pub(super) struct Settings {
    live: watch::Sender<Live>,
}

impl Settings {
    pub(super) fn new(config: &Config) -> Self {
        let live = Live {
            latency_ms: u64::try_from(config.latency.as_millis()).unwrap_or(u64::MAX),
            rate_limit: config.rate_limit.filter(|limit| *limit > 0),
            answer_shape: config.answer_shape,
            outage: Outage::None,
        };
        Self { live: watch::Sender::new(live) }
    }

    pub(super) fn get(&self) -> Live {
        *self.live.borrow()
    }

    /// Applies the change and returns what holds now.
    pub(super) fn change(&self, change: &Change) -> Live {
        self.live.send_modify(|live| {
            live.latency_ms = change.latency_ms.unwrap_or(live.latency_ms);
            live.rate_limit = change.rate_limit.or(live.rate_limit).filter(|limit| *limit > 0);
            live.answer_shape = change.answer_shape.unwrap_or(live.answer_shape);
            live.outage = change.outage.unwrap_or(live.outage);
        });
        self.get()
    }

    /// Waits until the API hangs no longer.
    pub(super) async fn until_it_hangs_no_longer(&self) {
        let mut changes = self.live.subscribe();
        // The sender lives in self, so the wait cannot fail.
        let _lifted = changes.wait_for(|live| live.outage != Outage::Hang).await;
    }
}

impl Live {
    pub(super) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn shape_number<S: serde::Serializer>(shape: &AnswerShape, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(match shape {
        AnswerShape::One => 1,
        AnswerShape::Two => 2,
        AnswerShape::Three => 3,
    })
}

/// A number or its text.
fn shape<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AnswerShape>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
        Text(String),
    }
    let text = match Either::deserialize(deserializer)? {
        Either::Number(number) => number.to_string(),
        Either::Text(text) => text,
    };
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Tells `null`, which lifts the limit, from absent, which leaves it.
fn null_is_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::<u32>::deserialize(deserializer).map(|limit| Some(limit.unwrap_or(0)))
}
