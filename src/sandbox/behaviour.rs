//! The sixteen behaviours as a table: the last four digits of a destination choose what happens to its messages.

use std::time::Duration;

/// The treatment of the call that sends the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Accept, answer.
    Answer,
    /// Accept, post all reports, then answer.
    ReportFirst,
    /// 429 the first time, without accepting; then accept.
    BusyFirst,
    /// Accept, then drop the connection without a byte.
    Drop,
    /// Accept, answer late.
    Slow,
    /// 500 the first time, without accepting; then accept.
    BrokenFirst,
    /// Accept, answer something that is not JSON.
    Malformed,
    /// 400 with a validation body; never accept.
    Refuse,
}

/// A value of `deliveryStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportStatus {
    Sent,
    Delivered,
    Failure,
    /// A word that no document and no integration knows.
    Unknown,
}

impl ReportStatus {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Sent => "Sent",
            Self::Delivered => "Delivered",
            Self::Failure => "Failure",
            Self::Unknown => "Parked",
        }
    }

    pub(super) fn description(self) -> Option<&'static str> {
        (self == Self::Failure).then_some("Absent subscriber: the handset could not be reached")
    }
}

/// A status and when it came to be, in report delays after acceptance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) at: u32,
    pub(super) status: ReportStatus,
}

/// One callback: when it is posted, in report delays after acceptance, and what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post {
    pub(super) at: u32,
    pub(super) events: &'static [Event],
    /// A JSON array instead of one object.
    pub(super) array: bool,
}

/// All that a suffix decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behaviour {
    pub(super) call: Call,
    /// The read model's states over time.
    pub(super) read: &'static [Event],
    /// The callbacks, in order.
    pub(super) posts: &'static [Post],
    /// How often each callback is posted.
    pub(super) copies: u8,
}

const SENT: Event = Event { at: 0, status: ReportStatus::Sent };
const DELIVERED: Event = Event { at: 1, status: ReportStatus::Delivered };
const DELIVERED_AT_ONCE: Event = Event { at: 0, status: ReportStatus::Delivered };
const DELIVERED_LATE: Event = Event { at: 2, status: ReportStatus::Delivered };
const FAILURE: Event = Event { at: 1, status: ReportStatus::Failure };
const UNKNOWN: Event = Event { at: 1, status: ReportStatus::Unknown };

const POST_SENT: Post = one(0, &[SENT]);
const POST_DELIVERED: Post = one(1, &[DELIVERED]);

const NORMAL: Behaviour =
    Behaviour { call: Call::Answer, read: &[SENT, DELIVERED], posts: &[POST_SENT, POST_DELIVERED], copies: 1 };

/// The row at index n belongs to the suffix n + 1.
const TABLE: [Behaviour; 16] = [
    // 0001 Sent, then Delivered
    NORMAL,
    // 0002 Sent, then Failure with a description
    Behaviour { read: &[SENT, FAILURE], posts: &[POST_SENT, one(1, &[FAILURE])], ..NORMAL },
    // 0003 never reports; only reading tells that it was delivered
    Behaviour { posts: &[], ..NORMAL },
    // 0004 stays at Sent
    Behaviour { read: &[SENT], posts: &[POST_SENT], ..NORMAL },
    // 0005 an unknown status word
    Behaviour { read: &[SENT, UNKNOWN], posts: &[POST_SENT, one(1, &[UNKNOWN])], ..NORMAL },
    // 0006 Delivered, then a late Sent, which tells of the earlier moment
    Behaviour { posts: &[POST_DELIVERED, one(2, &[SENT])], ..NORMAL },
    // 0007 every report three times
    Behaviour { copies: 3, ..NORMAL },
    // 0008 reports before it answers the send
    Behaviour {
        call: Call::ReportFirst,
        read: &[DELIVERED_AT_ONCE],
        posts: &[POST_SENT, one(0, &[DELIVERED_AT_ONCE])],
        copies: 1,
    },
    // 0009 429 with Retry-After: 2, then accepts
    Behaviour { call: Call::BusyFirst, ..NORMAL },
    // 0010 accepts, then drops the connection before answering
    Behaviour { call: Call::Drop, ..NORMAL },
    // 0011 answers after 60 s
    Behaviour { call: Call::Slow, ..NORMAL },
    // 0012 500 without accepting, then accepts
    Behaviour { call: Call::BrokenFirst, ..NORMAL },
    // 0013 accepts, answers malformed JSON
    Behaviour { call: Call::Malformed, ..NORMAL },
    // 0014 reports as an array of events
    Behaviour { posts: &[Post { at: 1, events: &[SENT, DELIVERED], array: true }], ..NORMAL },
    // 0015 Failure, then Delivered
    Behaviour {
        read: &[SENT, FAILURE, DELIVERED_LATE],
        posts: &[one(1, &[FAILURE]), one(2, &[DELIVERED_LATE])],
        ..NORMAL
    },
    // 0016 400 with a validation body
    Behaviour { call: Call::Refuse, read: &[], posts: &[], copies: 1 },
];

const fn one(at: u32, events: &'static [Event]) -> Post {
    Post { at, events, array: false }
}

impl Behaviour {
    /// The behaviour of a destination, given as the digits of its E.164 form. Unlisted suffixes behave as 0001.
    pub(super) fn of(digits: u64) -> &'static Self {
        let row = usize::try_from(digits % 10_000).ok().and_then(|suffix| suffix.checked_sub(1));
        row.and_then(|row| TABLE.get(row)).unwrap_or(&NORMAL)
    }

    /// The read model's state `elapsed` after acceptance.
    pub(super) fn status(&self, elapsed: Duration, delay: Duration) -> Event {
        let reached = self.read.iter().rev().find(|event| delay.saturating_mul(event.at) <= elapsed);
        reached.or(self.read.first()).copied().unwrap_or(SENT)
    }
}
