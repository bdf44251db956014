//! One accepted message, packed: a load test keeps a million of them in memory.

use std::time::Duration;

use jiff::Timestamp;
use ulid::Ulid;
use uuid::Uuid;

use super::behaviour::{Behaviour, Event};

/// A message that is about to be accepted.
#[derive(Clone, Copy)]
pub(super) struct Draft<'a> {
    pub(super) account: Uuid,
    /// The digits of the E.164 form.
    pub(super) destination: u64,
    pub(super) sender: &'a str,
    pub(super) text: &'a str,
    pub(super) reference: Option<&'a str>,
}

/// A message of the ledger.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) id: Ulid,
    pub(super) account: Uuid,
    /// Nil when the message was sent alone.
    bulk: Uuid,
    /// Microseconds since the Unix epoch.
    at: i64,
    destination: u64,
    /// Sender, reference and text in one piece: one allocation per message instead of three.
    words: Box<str>,
    sender_end: u32,
    reference_end: u32,
    pub(super) answered: bool,
}

impl Message {
    pub(super) fn new(id: Ulid, bulk: Option<Uuid>, at: Timestamp, draft: &Draft<'_>) -> Self {
        let reference = draft.reference.unwrap_or_default();
        let words = [draft.sender, reference, draft.text].concat().into_boxed_str();
        let sender_end = u32::try_from(draft.sender.len()).unwrap_or(0);
        let reference_end = sender_end.saturating_add(u32::try_from(reference.len()).unwrap_or(0));
        Self {
            id,
            account: draft.account,
            bulk: bulk.unwrap_or_default(),
            at: at.as_microsecond(),
            destination: draft.destination,
            words,
            sender_end,
            reference_end,
            answered: false,
        }
    }

    pub(super) fn bulk(&self) -> Option<Uuid> {
        (!self.bulk.is_nil()).then_some(self.bulk)
    }

    pub(super) fn destination(&self) -> String {
        format!("+{}", self.destination)
    }

    pub(super) fn is_to(&self, digits: u64) -> bool {
        self.destination == digits
    }

    pub(super) fn sender(&self) -> &str {
        self.words.get(..self.sender_end as usize).unwrap_or_default()
    }

    /// None also when it was sent empty.
    pub(super) fn reference(&self) -> Option<&str> {
        let reference = self.words.get(self.sender_end as usize..self.reference_end as usize);
        reference.filter(|reference| !reference.is_empty())
    }

    pub(super) fn text(&self) -> &str {
        self.words.get(self.reference_end as usize..).unwrap_or_default()
    }

    pub(super) fn behaviour(&self) -> &'static Behaviour {
        Behaviour::of(self.destination)
    }

    /// When it was accepted.
    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.at).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The moment that is `steps` report delays after acceptance.
    pub(super) fn after(&self, steps: u32, delay: Duration) -> Timestamp {
        self.at().checked_add(delay.saturating_mul(steps)).unwrap_or(Timestamp::MAX)
    }

    /// The read model's state at `now`.
    pub(super) fn status(&self, now: Timestamp, delay: Duration) -> Event {
        let elapsed = Duration::try_from(now.duration_since(self.at())).unwrap_or(Duration::ZERO);
        self.behaviour().status(elapsed, delay)
    }
}

/// A time the way Mitto writes it: UTC with seven fractional digits.
pub(super) fn seven_digits(at: Timestamp) -> String {
    format!("{at:.7}")
}

/// The digits of a number in E.164: `+`, then 7 to 15 digits of which the first is not 0.
pub(super) fn e164(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('+')?;
    let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits && !digits.starts_with('0') { digits.parse().ok() } else { None }
}
