//! How long texts and numbers are kept, which messages may lose theirs, and what is left of what was recorded of them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::message::Dispatch;

/// How long things are kept, in days from when a message was accepted, or from the time for which it was scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Texts and numbers (`RETENTION_TEXT_DAYS`); `None` for ever.
    pub texts: Option<u16>,
    /// Whole messages (`RETENTION_DAYS`); `None` for ever.
    pub rows: Option<u16>,
}

impl Retention {
    /// The fewest days for which messages are kept: positions in a stream of changes and idempotency keys are good for a
    /// week, and a message is worth sending for a week at most.
    pub const MIN_ROW_DAYS: u16 = 14;

    /// Anything older than so many days was there before this.
    #[must_use]
    pub fn before(days: u16, now: Timestamp) -> Timestamp {
        now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN)
    }
}

/// The smallest id that a message accepted at `at` can have: ids are ordered by time.
#[must_use]
pub fn first_id(at: Timestamp) -> Uuid {
    let millis = u128::try_from(at.as_millisecond()).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

/// Whether nothing is going to be sent of a message any more, so that its number and its text are not needed. `waits`:
/// something has to be done with it at a time; of one that the provider took, only questions about it.
#[must_use]
pub fn at_rest(dispatch: Dispatch, waits: bool) -> bool {
    match dispatch {
        Dispatch::Scheduled | Dispatch::Queued | Dispatch::Claimed | Dispatch::Sending => false,
        Dispatch::Unknown => !waits,
        Dispatch::Accepted | Dispatch::Rejected | Dispatch::Cancelled | Dispatch::Expired | Dispatch::Dead => true,
    }
}

/// How many digits a provider's word may have and cannot be a number.
const FEW: usize = 5;

/// Whether a provider's word may hold a phone number, however its digits are written or set apart.
#[must_use]
pub fn may_quote(word: &str) -> bool {
    word.chars().filter(|c| c.is_numeric()).count() > FEW
}

/// The rest of an event's evidence once everything that may quote a number or a text is gone; `None` if nothing of it may.
/// `erased` says that a statement is not whole any more, and cannot be replayed.
#[must_use]
pub fn stripped(evidence: &str) -> Option<String> {
    let Ok(record) = serde_json::from_str::<Value>(evidence) else { return Some("null".to_owned()) };
    stripped_record(record).map(|record| record.to_string())
}

/// As [`stripped`], of a record that is not written yet.
#[must_use]
pub fn stripped_record(mut record: Value) -> Option<Value> {
    let fields = record.as_object_mut()?;
    let raw = fields.remove("raw").is_some();
    let mut part = fields.get("description").is_some_and(|text| !text.is_null());
    if part {
        fields.insert("description".to_owned(), Value::Null);
    }
    if fields.get("word").and_then(Value::as_str).is_some_and(may_quote) {
        fields.insert("word".to_owned(), json!(""));
        part = true;
    }
    if part {
        fields.insert("erased".to_owned(), json!(true));
    }
    (raw || part).then_some(record)
}

/// Whether these digits are in a body by themselves, and not as a part of a longer number.
#[must_use]
pub fn mentions(body: &[u8], digits: &[u8]) -> bool {
    let is_digit = |at: Option<usize>| at.and_then(|at| body.get(at)).is_some_and(u8::is_ascii_digit);
    let found = |(at, window): (usize, &[u8])| {
        window == digits && !is_digit(at.checked_sub(1)) && !is_digit(Some(at + digits.len()))
    };
    !digits.is_empty() && body.windows(digits.len()).enumerate().any(found)
}
