//! The content of reports, read by the harness's own rules: a report's fields and words as docs/webhooks.md gives them, and the
//! best of all that was said of a message: by rank, then by the provider's time, then by the content's hash.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const SENT: i16 = 10;
const FAILED: i16 = 30;
const DELIVERED: i16 = 40;

const DELIVERED_WORDS: &[&str] = &["delivered", "delivrd", "completed", "ok"];
const FAILED_WORDS: &[&str] =
    &["failure", "failed", "undelivered", "undeliv", "expired", "rejected", "rejectd", "error", "deleted"];
/// The first year that is believed.
const FIRST_YEAR: i16 = 2000;

/// A statement; the greatest one counts. The order of the fields is the order in which they decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    pub rank: i16,
    /// In microseconds.
    pub at: Option<i64>,
    pub hash: i64,
    pub word: String,
    pub why: Option<String>,
}

impl Said {
    pub fn is_final(&self) -> bool {
        self.rank >= FAILED
    }

    pub fn is_failure(&self) -> bool {
        self.rank == FAILED
    }

    pub fn is_delivery(&self) -> bool {
        self.rank == DELIVERED
    }
}

/// The content of a report, and its message.
pub struct Reading {
    /// Our id's digits.
    pub reference: Option<String>,
    pub provider_id: Option<String>,
    pub said: Said,
}

impl Reading {
    /// Reads a JSON report; `None` if it says nothing of anybody.
    pub fn of(body: &[u8]) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let first = |names: &[&str]| {
            let texts = names.iter().filter_map(|name| match fields.get(*name)? {
                Value::String(text) => Some(text.trim().to_owned()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            });
            texts.into_iter().find(|text| !text.is_empty())
        };
        let reference = first(&["reference"]).and_then(|text| Uuid::try_parse(&text).ok());
        let provider_id = first(&["messageId", "id", "Id", "MessageId"]);
        let provider_id = provider_id.filter(|id| id.len() <= 200 && id.bytes().all(|b| b.is_ascii_graphic()));
        let word = first(&["deliveryStatus", "status", "Status", "delivery_status"])?;
        if reference.is_none() && provider_id.is_none() {
            return None;
        }
        let at = first(&["updatedAt", "doneAt", "timestamp", "Timestamp", "createdAt"]).and_then(|text| time(&text));
        let why = first(&["error", "Error", "description", "errorMessage", "errorcode"]);
        let plain = |text: &str, most| text.chars().filter(|c| !c.is_control()).take(most).collect::<String>();
        let is = |words: &[&str]| words.contains(&word.to_ascii_lowercase().as_str());
        let rank = match () {
            () if is(DELIVERED_WORDS) => DELIVERED,
            () if is(FAILED_WORDS) => FAILED,
            () => SENT,
        };
        let (word, why) = (plain(&word, 64), why.map(|why| plain(&why, 500)).filter(|why| !why.is_empty()));
        let content = [word.as_bytes(), b"\0", why.as_deref().unwrap_or_default().as_bytes()].concat();
        let digest = Sha256::digest(content);
        let hash = i64::from_be_bytes(digest[..8].try_into().unwrap());
        let reference = reference.map(|id| id.simple().to_string());
        Some(Self {
            reference,
            provider_id,
            said: Said { rank, at: at.map(Timestamp::as_microsecond), hash, word, why },
        })
    }
}

/// RFC 3339, with or without a zone, or seconds or milliseconds.
fn time(text: &str) -> Option<Timestamp> {
    let at = match text.parse::<i64>() {
        Ok(n) if n.abs() < 100_000_000_000 => Timestamp::from_second(n).ok()?,
        Ok(n) => Timestamp::from_millisecond(n).ok()?,
        Err(_) => text.parse().ok().or_else(|| {
            let at: DateTime = text.parse().ok()?;
            at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
        })?,
    };
    (at.to_zoned(TimeZone::UTC).year() >= FIRST_YEAR).then_some(at)
}
