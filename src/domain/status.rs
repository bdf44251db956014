//! The one place where a message's state changes, whoever causes it: an answer, a report, a refresh or a timer.
//!
//! [`apply`] takes a message and what happened, changes the message and says what is to be recorded; or it refuses,
//! and then nothing has changed.

mod kind;

pub use kind::Kind;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::evidence::{Evidence, Rank};
use crate::domain::message::{Dispatch, Guarantee, Hold, Message, Status};
use crate::domain::outcome::{Acceptance, Hold as HoldBack, NotSent, Outcome, Reason};
use crate::domain::retry;

/// How long an ambiguous send under at-least-once waits for a report before it is sent again.
pub const RESEND_AFTER: SignedDuration = SignedDuration::from_mins(2);
/// How long a message waits when the provider refused the account.
pub const BLOCKED_RETRY: SignedDuration = SignedDuration::from_mins(1);
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
        /// The hold that the claim gave.
        hold: Hold,
        /// The end of the renewed lease.
        until: Timestamp,
        /// How much of the old lease has to be left.
        margin: SignedDuration,
    },
    /// The provider's answer is there, or known to be lost.
    Settle {
        /// The hold it was sent under.
        hold: Hold,
        /// What it came to.
        outcome: Outcome,
        /// A random number from 0 to 1, for the jitter of a retry.
        random: f64,
    },
    /// A worker gives it back unsent.
    Release {
        /// The hold that the claim gave.
        hold: Hold,
    },
    /// The carrier said something of it.
    Evidence(Evidence),
    /// Its time has come: the end of a lease, of its validity, or of the wait for a report.
    Timer,
    /// Its owner does not want it sent any more.
    Cancel,
}

/// What changed, for the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What happened; `None` where nothing worth a record did (a claim, a release).
    pub kind: Option<Kind>,
    /// The status before.
    pub from: Status,
    /// The status after.
    pub to: Status,
    /// The attempt it belongs to.
    pub attempt: i32,
    /// What it rests on; never a number or a text.
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
}

/// The status that the owner reads.
#[must_use]
pub fn public(dispatch: Dispatch, rank: Rank) -> Status {
    match (rank, dispatch) {
        (Rank::Delivered, _) => Status::Delivered,
        (Rank::Failed, _) | (_, Dispatch::Rejected | Dispatch::Dead) => Status::Failed,
        (_, Dispatch::Cancelled) => Status::Cancelled,
        (_, Dispatch::Expired) => Status::Expired,
        (Rank::NoReport, Dispatch::Accepted) => Status::Expired,
        (_, Dispatch::Accepted) => Status::Sent,
        (_, Dispatch::Unknown) => Status::Unknown,
        (_, Dispatch::Sending) => Status::Sending,
        (_, Dispatch::Queued | Dispatch::Claimed) => Status::Queued,
        (_, Dispatch::Scheduled) => Status::Scheduled,
    }
}

/// Lets `event` happen to `message` at `now`.
pub fn apply(message: &mut Message, event: &Event, now: Timestamp) -> Result<Change, Refused> {
    let from = message.status();
    let before = message.state.clone();
    let done = match event {
        Event::Claim { by, until } => claim(message, *by, *until, now),
        Event::Fence { hold, until, margin } => fence(message, *hold, *until, *margin, now),
        Event::Settle { hold, outcome, random } => settle(message, *hold, outcome, *random, now),
        Event::Release { hold } => release(message, *hold, now),
        Event::Evidence(evidence) => report(message, evidence, now),
        Event::Timer => timer(message, now),
        Event::Cancel => cancel(message),
    };
    let (kind, evidence) = match done {
        Ok(done) => done,
        Err(refused) => {
            message.state = before;
            return Err(refused);
        }
    };
    let state = &mut message.state;
    let visible = from != public(state.dispatch, state.rank)
        || state.provider_status != before.provider_status
        || (&state.error, state.delivered_at, state.failed_at)
            != (&before.error, before.delivered_at, before.failed_at)
        || state.attempts != before.attempts;
    state.version += 1;
    if visible {
        state.updated_at = now;
    }
    let attempt = state.attempts.max(before.attempts);
    Ok(Change { kind, from, to: message.status(), attempt, evidence, visible })
}

type Done = Result<(Option<Kind>, Value), Refused>;

fn claim(m: &mut Message, by: Uuid, until: Timestamp, now: Timestamp) -> Done {
    let s = &mut m.state;
    let due = s.due_at.is_some_and(|at| at <= now);
    if !matches!(s.dispatch, Dispatch::Queued | Dispatch::Scheduled) || !due {
        return Err(Refused::State);
    }
    if m.expires_at <= now {
        return expire(m);
    }
    s.dispatch = Dispatch::Claimed;
    s.held_by = Some(by);
    s.epoch += 1;
    s.due_at = Some(until);
    Ok((None, Value::Null))
}

fn fence(m: &mut Message, hold: Hold, until: Timestamp, margin: SignedDuration, now: Timestamp) -> Done {
    if m.state.dispatch != Dispatch::Claimed {
        return Err(Refused::State);
    }
    let leased = m.state.due_at.is_some_and(|end| end.duration_since(now) >= margin);
    if m.hold() != Some(hold) || !leased {
        return Err(Refused::NotHolder);
    }
    if m.expires_at <= now {
        return expire(m);
    }
    let s = &mut m.state;
    s.dispatch = Dispatch::Sending;
    s.attempts += 1;
    s.possible_duplicate |= s.ambiguous > 0;
    s.due_at = Some(until);
    Ok((Some(Kind::Fenced), Value::Null))
}

fn settle(m: &mut Message, hold: Hold, outcome: &Outcome, random: f64, now: Timestamp) -> Done {
    if m.state.dispatch == Dispatch::Sending && m.hold() == Some(hold) {
        let evidence = match outcome {
            Outcome::Accepted(acceptance) => accept(m, acceptance, now),
            Outcome::Rejected(reason) => reject(m, reason, now),
            Outcome::NotSent(not_sent) => retry_later(m, not_sent, random, now),
            Outcome::Ambiguous(reason) => lose_answer(m, reason.code, &reason.description.0, now),
        };
        return Ok((Some(Kind::Settled), evidence));
    }
    // A late holder's good news is evidence, and saves the resend that may be waiting; it never queues anything.
    let Outcome::Accepted(acceptance) = outcome else { return Err(Refused::NotHolder) };
    let undecided = match m.state.dispatch {
        Dispatch::Unknown => true,
        Dispatch::Queued | Dispatch::Claimed => m.state.ambiguous > 0,
        _ => false,
    };
    if !undecided {
        return Err(Refused::NotHolder);
    }
    Ok((Some(Kind::LateAnswer), accept(m, acceptance, now)))
}

fn accept(m: &mut Message, acceptance: &Acceptance, now: Timestamp) -> Value {
    let s = &mut m.state;
    s.dispatch = Dispatch::Accepted;
    s.provider_message_id = Some(acceptance.provider_message_id.clone());
    s.bulk_id.clone_from(&acceptance.bulk_id);
    s.sent_at = Some(now);
    (s.error_code, s.error) = (None, None);
    rest(m);
    json!({"outcome": "accepted", "provider_message_id": acceptance.provider_message_id.as_str(), "raw": acceptance.raw})
}

fn reject(m: &mut Message, reason: &Reason, now: Timestamp) -> Value {
    m.state.dispatch = Dispatch::Rejected;
    m.state.failed_at = Some(now);
    explain(m, reason.code, &reason.description.0);
    rest(m);
    json!({"outcome": "rejected", "code": reason.code})
}

fn retry_later(m: &mut Message, not_sent: &NotSent, random: f64, now: Timestamp) -> Value {
    let s = &mut m.state;
    s.held_by = None;
    let wait = match not_sent.hold {
        HoldBack::AccountBlocked => {
            s.attempts -= 1;
            BLOCKED_RETRY
        }
        HoldBack::Throttled { retry_after } => {
            let asked = retry_after.unwrap_or_default().min(retry::RETRY_AFTER_MAX);
            signed(asked.max(backoff(s.attempts, random)))
        }
        HoldBack::Unwell => signed(backoff(s.attempts, random)),
    };
    let code = not_sent.reason.code;
    if s.attempts >= i32::try_from(retry::MAX_TRIES).unwrap_or(i32::MAX) {
        s.dispatch = Dispatch::Dead;
        s.failed_at = Some(now);
        explain(m, "RETRIES_EXHAUSTED", &not_sent.reason.description.0);
        rest(m);
        return json!({"outcome": "not sent", "code": code, "given_up": true});
    }
    s.dispatch = Dispatch::Queued;
    // Not past its validity: the queue then says so at once instead of after the wait.
    s.due_at = Some(now.checked_add(wait).unwrap_or(now).min(m.expires_at));
    explain(m, code, &not_sent.reason.description.0);
    json!({"outcome": "not sent", "code": code, "wait_seconds": wait.as_secs()})
}

fn backoff(attempts: i32, random: f64) -> std::time::Duration {
    retry::backoff(u32::try_from(attempts).unwrap_or(1), random)
}

fn signed(wait: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO)
}

fn lose_answer(m: &mut Message, code: &str, description: &str, now: Timestamp) -> Value {
    let s = &mut m.state;
    s.dispatch = Dispatch::Unknown;
    s.ambiguous += 1;
    s.held_by = None;
    let again = m.guarantee == Guarantee::AtLeastOnce && s.ambiguous == 1;
    s.due_at = again.then(|| now.checked_add(RESEND_AFTER).unwrap_or(now));
    explain(m, code, description);
    json!({"outcome": "ambiguous", "code": code, "resend": again})
}

fn release(m: &mut Message, hold: Hold, now: Timestamp) -> Done {
    if m.state.dispatch != Dispatch::Claimed || m.hold() != Some(hold) {
        return Err(Refused::NotHolder);
    }
    m.state.dispatch = Dispatch::Queued;
    m.state.held_by = None;
    m.state.due_at = Some(now);
    Ok((None, Value::Null))
}

fn timer(m: &mut Message, now: Timestamp) -> Done {
    if m.state.due_at.is_none_or(|at| at > now) && m.expires_at > now {
        return Err(Refused::State);
    }
    let due = m.state.due_at.is_some_and(|at| at <= now);
    match m.state.dispatch {
        Dispatch::Queued | Dispatch::Scheduled if m.expires_at <= now => expire(m),
        Dispatch::Claimed if due => {
            m.state.crashes += 1;
            m.state.held_by = None;
            m.state.due_at = Some(now);
            m.state.dispatch = Dispatch::Queued;
            Ok((Some(Kind::LeaseLost), bury(m, now)))
        }
        Dispatch::Sending if due => {
            m.state.crashes += 1;
            lose_answer(m, "PROCESS_LOST", "the process that was sending it ended before the answer", now);
            Ok((Some(Kind::LeaseLost), bury(m, now)))
        }
        Dispatch::Unknown if due && m.expires_at <= now => {
            m.state.due_at = None;
            Ok((None, Value::Null))
        }
        Dispatch::Unknown if due => {
            m.state.dispatch = Dispatch::Queued;
            Ok((Some(Kind::Resend), Value::Null))
        }
        _ => Err(Refused::State),
    }
}

/// The third crash of one message ends its tries. One that may be at the provider stays unknown: that is the truth.
fn bury(m: &mut Message, now: Timestamp) -> Value {
    let crashes = m.state.crashes;
    if crashes >= MAX_CRASHES {
        m.state.due_at = None;
        if m.state.dispatch == Dispatch::Queued && m.state.ambiguous > 0 {
            m.state.dispatch = Dispatch::Unknown;
        } else if m.state.dispatch == Dispatch::Queued {
            m.state.dispatch = Dispatch::Dead;
            m.state.failed_at = Some(now);
            explain(m, "PROCESS_CRASHED", "the process that held it ended three times");
        }
    }
    json!({"crashes": crashes})
}

fn expire(m: &mut Message) -> Done {
    // One that may be at the provider already must not read as "never sent".
    m.state.dispatch = if m.state.ambiguous > 0 { Dispatch::Unknown } else { Dispatch::Expired };
    if m.state.dispatch == Dispatch::Expired {
        explain(m, "VALIDITY_ENDED", "its validity ended before it could be sent");
    }
    rest(m);
    Ok((Some(Kind::Expired), Value::Null))
}

fn cancel(m: &mut Message) -> Done {
    if !matches!(m.state.dispatch, Dispatch::Scheduled | Dispatch::Queued) || m.state.ambiguous > 0 {
        return Err(Refused::State);
    }
    m.state.dispatch = Dispatch::Cancelled;
    rest(m);
    Ok((Some(Kind::Cancelled), Value::Null))
}

fn report(m: &mut Message, evidence: &Evidence, now: Timestamp) -> Done {
    let s = &mut m.state;
    let hash = evidence.hash();
    let nothing = evidence.rank == Rank::None;
    if nothing || (evidence.rank, evidence.at, hash) <= (s.rank, s.evidence_at, s.evidence_hash) {
        return Err(Refused::Known);
    }
    (s.rank, s.evidence_at, s.evidence_hash) = (evidence.rank, evidence.at, hash);
    s.provider_status = Some(evidence.word.clone());
    // What the carrier speaks of has been taken by the provider, whatever we thought; one that is being sent right
    // now is left to its holder, whose answer names the provider's id.
    let undecided = matches!(s.dispatch, Dispatch::Unknown | Dispatch::Queued | Dispatch::Claimed);
    if undecided && evidence.rank != Rank::NoReport {
        s.dispatch = Dispatch::Accepted;
        s.sent_at = s.sent_at.or(Some(now));
        (s.held_by, s.due_at) = (None, None);
    }
    let at = evidence.at.unwrap_or(now);
    (s.delivered_at, s.failed_at) = (None, None);
    (s.error_code, s.error) = (None, None);
    match evidence.rank {
        Rank::Delivered => s.delivered_at = Some(at),
        Rank::Failed => {
            s.failed_at = Some(at);
            let why = evidence.description.clone().unwrap_or_else(|| evidence.word.clone());
            explain(m, "DELIVERY_FAILED", &why);
        }
        Rank::None | Rank::Sent | Rank::NoReport => {}
    }
    Ok((Some(Kind::Reported), json!({"word": evidence.word, "at": evidence.at})))
}

fn explain(m: &mut Message, code: &str, description: &str) {
    m.state.error_code = Some(code.to_owned());
    m.state.error = Some(description.to_owned());
}

fn rest(m: &mut Message) {
    m.state.held_by = None;
    m.state.due_at = None;
}
