//! The one place where a message's state changes, whoever causes it: an answer, a report, a refresh or a timer.
//!
//! [`apply`] takes a message and what happened, changes the message and says what is to be recorded; or it refuses,
//! and then nothing has changed. The rules are in three files: `sending`, `report` and `time`.

mod report;
mod sending;
mod supersede;
mod time;

pub use supersede::supersede;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::evidence::{Evidence, Rank};
use crate::domain::ids::MessageId;
use crate::domain::message::{Dispatch, Lease, Message, State, Status};
use crate::domain::outcome::Outcome;
use crate::domain::polling;

/// How long an ambiguous send under at-least-once waits for a report before it is sent again.
pub const RESEND_AFTER: SignedDuration = SignedDuration::from_mins(2);
/// How long a message waits when the provider refused the account.
pub const BLOCKED_RETRY: SignedDuration = SignedDuration::from_mins(1);
/// The error code of a message of which nothing final was reported.
pub const NO_REPORT: &str = "NO_REPORT";
/// The error code of a message whose lease ended while it was being sent.
pub(super) const PROCESS_LOST: &str = "PROCESS_LOST";
/// The error code of a message of which nothing was ever handed to the provider.
pub(super) const NOT_SENT: &str = "NOT_SENT";
/// The error code of a message whose recipient opted out.
pub const OPTED_OUT: &str = "OPTED_OUT";
/// And what is said of it.
pub(super) const OPTED_OUT_WHY: &str = "its recipient does not want messages from this owner";
/// The error code of a message whose place a newer one took.
pub const SUPERSEDED: &str = "SUPERSEDED";
/// After so many deaths of its holder a message is given up.
pub const MAX_CRASHES: i16 = 3;

/// Something that happened to a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A worker takes it under a lease.
    Claim {
        /// The worker's process.
        by: Uuid,
        /// The end of the lease.
        until: Timestamp,
    },
    /// A worker is about to send it: the fence.
    Fence {
        /// The lease that the claim gave.
        lease: Lease,
        /// The end of the renewed lease.
        until: Timestamp,
        /// How much of the old lease has to be left.
        margin: SignedDuration,
    },
    /// The provider's answer is there, or known to be lost.
    Settle {
        /// The lease it was sent under.
        lease: Lease,
        /// The outcome.
        outcome: Outcome,
        /// A random number from 0 to 1, for the jitter of a retry.
        random: f64,
    },
    /// Its holder gives it back: it did not hand it to the provider under this lease, and will not.
    Release {
        /// The lease, in whatever state the message is under it.
        lease: Lease,
    },
    /// It was stored, and its caller was told that it was not: nobody is to send it.
    Withdraw {
        /// The lease that it was stored under, if it was to be sent at once.
        lease: Option<Lease>,
    },
    /// The carrier said something of it.
    Evidence(Evidence),
    /// Its time has come: the end of a lease, of its validity, or of the wait for a report.
    Timer,
    /// Its time has come to be asked about: nothing final was reported.
    Poll {
        /// Whether it is asked about. If nobody ever is, it is not polled again before its report is missed.
        asks: bool,
    },
    /// The provider was asked, and nothing final is known, a day after the end of its validity.
    Unreported,
    /// Its owner does not want it sent any more.
    Cancel,
    /// A newer one took its place.
    Supersede {
        /// The newer one.
        by: MessageId,
    },
    /// Its recipient does not want the owner's messages.
    OptOut,
    /// It waits longer in the queue: there is no room for it now.
    Defer {
        /// When it is looked at again.
        until: Timestamp,
    },
    /// An operator wants a message that was given up to be tried again.
    Requeue {
        /// Also if an earlier try may have reached the provider.
        may_duplicate: bool,
    },
}

/// The kind of a recorded event. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum EventKind {
    /// Accepted and stored.
    Accepted = 1,
    /// Passed the fence.
    Fenced = 2,
    /// The provider's answer came, or is known to be lost.
    Settled = 3,
    /// The answer came after its holder had lost the message.
    LateAnswer = 4,
    /// The carrier's word came.
    Reported = 5,
    /// Its holder died.
    LeaseLost = 6,
    /// No report came in time: it is sent again.
    Resend = 7,
    /// Its validity ended.
    Expired = 8,
    /// Cancelled.
    Cancelled = 9,
    /// Not sent, because its recipient opted out.
    OptedOut = 10,
    /// Put back into the queue by an operator.
    Requeued = 11,
    /// No final report came in time.
    Unreported = 12,
    /// Given back by its holder past the fence: nothing was handed to the provider.
    Released = 13,
}

impl EventKind {
    const ALL: [Self; 13] = [
        Self::Accepted,
        Self::Fenced,
        Self::Settled,
        Self::LateAnswer,
        Self::Reported,
        Self::LeaseLost,
        Self::Resend,
        Self::Expired,
        Self::Cancelled,
        Self::OptedOut,
        Self::Requeued,
        Self::Unreported,
        Self::Released,
    ];

    /// The kind with this number; `None` for one that this version of the program does not know.
    #[must_use]
    pub fn from_number(n: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i16 == n)
    }
}

/// The change, for the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The event; `None` where nothing worth a record did (a claim, and its release).
    pub kind: Option<EventKind>,
    /// The status before.
    pub from: Status,
    /// The status after.
    pub to: Status,
    /// The attempt it belongs to.
    pub attempt: i32,
    /// The evidence; never a number or a text.
    pub evidence: Value,
    /// True if the owner can see a difference.
    pub visible: bool,
}

/// Why an event changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The message is not in a state where this means anything.
    State,
    /// Another holder has it, or its lease has run out.
    NotHolder,
    /// It is known already, or something better is.
    Known,
    /// Its validity has ended.
    Expired,
    /// An earlier try may have reached the provider, and nobody said that it may be sent again.
    MayDuplicate,
    /// Its number and its text were erased.
    Erased,
}

/// Lets `event` happen to `message` at `now`.
pub fn apply(message: &mut Message, event: &Event, now: Timestamp) -> Result<Change, Refused> {
    let from = message.status();
    let before = message.state.clone();
    let done = match event {
        Event::Claim { by, until } => sending::claim(message, *by, *until, now),
        Event::Fence { lease, until, margin } => sending::fence(message, *lease, *until, *margin, now),
        Event::Settle { lease, outcome, random } => sending::settle(message, *lease, outcome, *random, now),
        Event::Release { lease } => sending::release(message, *lease, now),
        Event::Withdraw { lease } => sending::withdraw(message, *lease, now),
        Event::Evidence(evidence) => report::report(message, evidence, now),
        Event::Timer => time::timer(message, now),
        Event::Poll { asks } => time::poll(message, *asks, now),
        Event::Unreported => time::unreported(message, now),
        Event::Cancel => time::cancel(message),
        Event::Supersede { by } => supersede::take_place(message, *by),
        Event::OptOut => time::opt_out(message),
        Event::Defer { until } => time::defer(message, *until),
        Event::Requeue { may_duplicate } => time::requeue(message, *may_duplicate, now),
    };
    let (kind, evidence) = match done {
        Ok(done) => done,
        Err(refused) => {
            message.state = before;
            return Err(refused);
        }
    };
    let state = &mut message.state;
    let visible = from != Status::of(state.dispatch, state.rank) || shown(state) != shown(&before);
    state.version += 1;
    if visible {
        state.updated_at = now;
    }
    let attempt = state.attempts.max(before.attempts);
    Ok(Change { kind, from, to: message.status(), attempt, evidence, visible })
}

/// The part of a state that the owner can see, besides the status.
fn shown(s: &State) -> impl PartialEq + '_ {
    let words = (&s.provider_message_id, &s.bulk_id, &s.provider_status, &s.error_code, &s.error);
    (words, s.attempts, s.possible_duplicate, s.sent_at, s.delivered_at, s.failed_at)
}

/// The record of an event, and what it rests on.
type Recorded = (Option<EventKind>, Value);
type Done = Result<Recorded, Refused>;

/// The provider has the message.
fn taken(m: &mut Message, now: Timestamp) {
    m.state.dispatch = Dispatch::Accepted;
    m.state.sent_at.get_or_insert(now);
    // What is explained from here on is what the carrier reported.
    if m.state.rank < Rank::Failed {
        (m.state.error_code, m.state.error) = (None, None);
    }
    m.state.held_by = None;
    m.state.due_at = polling::next_poll_at(m, now);
}

fn explain(m: &mut Message, code: &str, description: &str) {
    m.state.error_code = Some(code.to_owned());
    m.state.error = Some(description.to_owned());
}

fn rest(m: &mut Message) {
    m.state.held_by = None;
    m.state.due_at = None;
}

/// Its validity has ended.
fn expire(m: &mut Message) -> Recorded {
    // One that may be at the provider already must not read as "never sent".
    m.state.dispatch = if m.may_be_at_provider() { Dispatch::Unknown } else { Dispatch::Expired };
    if m.state.dispatch == Dispatch::Expired {
        explain(m, "VALIDITY_ENDED", "its validity ended before it could be sent");
    }
    rest(m);
    (Some(EventKind::Expired), Value::Null)
}
