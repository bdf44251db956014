//! The provider's posts: delivery reports and inbound messages, by the field names and words that are met in the wild.
//!
//! None of it is documented well enough to insist on a shape. What can be read is read; what cannot is for a person.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;
use url::form_urlencoded;

use crate::domain::evidence::{Evidence, Rank};
use crate::domain::ids::{MessageId, ProviderMessageId};

/// How a post's fields are written. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Form {
    /// A JSON object, or an array of objects.
    Json = 1,
    /// `name=value` pairs: a query string, or a form.
    Query = 2,
}

impl Form {
    /// The form of this number; a number that no version of this program wrote is JSON.
    #[must_use]
    pub fn from_number(n: i16) -> Self {
        if n == Self::Query as i16 { Self::Query } else { Self::Json }
    }
}

/// How long a report that belongs to no message is tried again.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(72);
/// When it is tried again: after a second, then ever more rarely, at last hourly.
const LADDER: [SignedDuration; 6] = [
    SignedDuration::from_secs(1),
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(10),
    SignedDuration::from_hours(1),
];
/// The earliest time that is believed: .NET writes year 1 where it has none.
const EARLIEST: Timestamp = Timestamp::constant(946_684_800, 0);

/// When a report is to be tried again that was received then and tried so often; `None` if it is nobody's.
#[must_use]
pub fn next_try_at(received: Timestamp, tries: i16, now: Timestamp) -> Option<Timestamp> {
    let step = usize::try_from(tries).unwrap_or(usize::MAX).min(LADDER.len() - 1);
    let end = received.checked_add(PATIENCE).ok()?;
    let next = now.checked_add(LADDER.get(step).copied().unwrap_or(PATIENCE)).ok()?;
    // The last try is at the end, so that a message that comes late in the last hour is not missed.
    (now < end).then(|| next.min(end))
}

/// The pieces of a post: the elements of an array, or the whole of it. The bytes are as they came.
#[must_use]
pub fn pieces(form: Form, body: &[u8]) -> Vec<&[u8]> {
    if form == Form::Json
        && body.trim_ascii_start().first() == Some(&b'[')
        && let Ok(elements) = serde_json::from_slice::<Vec<&RawValue>>(body)
    {
        return elements.into_iter().map(|raw| raw.get().as_bytes()).collect();
    }
    vec![body]
}

/// The fields of a piece that hold something, as text. A number is the text it was written as: an id that a floating
/// point number cannot hold stays what it is.
struct Fields(BTreeMap<String, String>);

impl Fields {
    fn read(form: Form, piece: &[u8]) -> Option<Self> {
        if form == Form::Query {
            let pairs = form_urlencoded::parse(piece).map(|(name, value)| (name.into_owned(), value.into_owned()));
            return Some(Self(pairs.collect()));
        }
        let raw: BTreeMap<String, &RawValue> = serde_json::from_slice(piece).ok()?;
        let text = |raw: &RawValue| match raw.get().as_bytes().first()? {
            b'"' => serde_json::from_str::<String>(raw.get()).ok(),
            b'-' | b'0'..=b'9' => Some(raw.get().to_owned()),
            _ => None,
        };
        Some(Self(raw.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()))
    }

    /// The first of these that is not empty.
    fn first(&self, names: &[&str]) -> Option<&str> {
        let fields = names.iter().filter_map(|name| self.0.get(*name));
        fields.map(|text| text.trim()).find(|text| !text.is_empty())
    }
}

/// A delivery report: what it says, and of which message.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Our id of the message, if the report carries it (`reference`).
    pub message: Option<MessageId>,
    /// The provider's id of the message.
    pub provider_id: Option<ProviderMessageId>,
    /// The content.
    pub evidence: Evidence,
    /// False for a word that nobody knows: it counts as one on the way.
    pub known_word: bool,
}

impl Report {
    /// Reads a piece of a post; `None` if it names no message that could be ours, or says nothing.
    #[must_use]
    pub fn read(form: Form, piece: &[u8]) -> Option<Self> {
        let fields = Fields::read(form, piece)?;
        let message = fields.first(&["reference"]).and_then(MessageId::parse);
        let id = fields.first(&["messageId", "id", "Id", "MessageId"]);
        let provider_id = id.and_then(ProviderMessageId::from_provider);
        let word = fields.first(&["deliveryStatus", "status", "Status", "delivery_status"])?;
        if message.is_none() && provider_id.is_none() {
            return None;
        }
        let at = fields.first(&["updatedAt", "doneAt", "timestamp", "Timestamp", "createdAt"]).and_then(time);
        let why = fields.first(&["error", "Error", "description", "errorMessage", "errorcode"]);
        let known = rank(word);
        let rank = known.unwrap_or(Rank::Sent);
        let said = Evidence::of_read_model(word, at, why);
        let evidence = Evidence { rank, provider_message_id: provider_id.clone(), ..said };
        Some(Self { message, provider_id, evidence, known_word: known.is_some() })
    }
}

/// The rank of a report's word, without case; `None` for a word that nobody knows.
fn rank(word: &str) -> Option<Rank> {
    const WORDS: [(Rank, &[&str]); 3] = [
        (Rank::Delivered, &["delivered", "delivrd", "completed", "ok"]),
        (
            Rank::Failed,
            &["failure", "failed", "undelivered", "undeliv", "expired", "rejected", "rejectd", "error", "deleted"],
        ),
        (Rank::Sent, &["sent", "queued", "pending", "accepted", "acceptd", "submitted", "enroute", "buffered"]),
    ];
    let is = |known: &&str| known.eq_ignore_ascii_case(word);
    WORDS.into_iter().find(|(_, words)| words.iter().any(is)).map(|(rank, _)| rank)
}

/// A time as it is written: RFC 3339, the same without a zone (UTC), or seconds or milliseconds since the Unix epoch.
fn time(text: &str) -> Option<Timestamp> {
    /// Seconds reach this in the year 5138, milliseconds did in 1973.
    const MILLISECONDS_FROM: i64 = 100_000_000_000;
    let at = if let Ok(n) = text.parse::<i64>() {
        if n < MILLISECONDS_FROM { Timestamp::from_second(n) } else { Timestamp::from_millisecond(n) }.ok()
    } else {
        let zoned = text.parse::<Timestamp>().ok();
        zoned.or_else(|| Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()))
    };
    at.filter(|at| *at >= EARLIEST)
}

/// A message from a recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Who wrote, as the provider gave it.
    pub from: String,
    /// To which of our senders; empty if the provider does not say.
    pub to: String,
    /// The written text.
    pub text: String,
}

impl Inbound {
    /// Reads a piece of a post; `None` if it does not say who wrote what.
    #[must_use]
    pub fn read(form: Form, piece: &[u8]) -> Option<Self> {
        let fields = Fields::read(form, piece)?;
        let field = |names: &[&str]| fields.first(names).map(str::to_owned);
        Some(Self {
            from: field(&["from", "msisdn", "sender"])?,
            to: field(&["to"]).unwrap_or_default(),
            text: field(&["text", "message"])?,
        })
    }
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbound(…)")
    }
}

/// The content of a post, piece by piece: each as it came, and what it says.
#[derive(Debug, Clone)]
pub struct Post {
    /// How it is written.
    pub form: Form,
    /// The pieces; one that cannot be read is kept as well.
    pub pieces: Vec<(Vec<u8>, Option<Report>)>,
}

impl Post {
    /// Reads a post's body.
    #[must_use]
    pub fn read(form: Form, body: &[u8]) -> Self {
        let piece = |piece: &[u8]| (piece.to_vec(), Report::read(form, piece));
        Self { form, pieces: pieces(form, body).into_iter().map(piece).collect() }
    }
}
