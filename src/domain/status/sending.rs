//! The way to the provider: claimed, past the fence, settled; or given back.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    BLOCKED_RETRY, Done, EventKind, NOT_SENT, PROCESS_LOST, RESEND_AFTER, Refused, expire, explain, rest, taken,
};
use crate::domain::evidence::Rank;
use crate::domain::message::{Dispatch, Guarantee, Lane, Lease, Message};
use crate::domain::outcome::{Acceptance, Backoff, NotSent, Outcome, Reason};
use crate::domain::retry;

pub(super) fn claim(m: &mut Message, by: Uuid, until: Timestamp, now: Timestamp) -> Done {
    let s = &mut m.state;
    let due = s.due_at.is_some_and(|at| at <= now);
    if !matches!(s.dispatch, Dispatch::Queued | Dispatch::Scheduled) || !due {
        return Err(Refused::State);
    }
    if m.expires_at <= now {
        return Ok(expire(m));
    }
    s.dispatch = Dispatch::Claimed;
    s.held_by = Some(by);
    s.epoch += 1;
    s.due_at = Some(until);
    Ok((None, Value::Null))
}

pub(super) fn fence(m: &mut Message, lease: Lease, until: Timestamp, margin: SignedDuration, now: Timestamp) -> Done {
    if m.state.dispatch != Dispatch::Claimed {
        return Err(Refused::State);
    }
    let leased = m.state.due_at.is_some_and(|end| end.duration_since(now) >= margin);
    if m.lease() != Some(lease) || !leased {
        return Err(Refused::NotHolder);
    }
    if m.expires_at <= now {
        return Ok(expire(m));
    }
    let s = &mut m.state;
    s.dispatch = Dispatch::Sending;
    s.attempts += 1;
    s.possible_duplicate |= s.ambiguous > 0;
    s.due_at = Some(until);
    Ok((Some(EventKind::Fenced), Value::Null))
}

pub(super) fn settle(m: &mut Message, lease: Lease, outcome: &Outcome, random: f64, now: Timestamp) -> Done {
    let rested = rests_in_campaign(m);
    let holds = m.state.dispatch == Dispatch::Sending && m.lease() == Some(lease);
    // The holder was thought to have died, and knows what came of it.
    let late = !holds && !matches!(outcome, Outcome::Accepted(_) | Outcome::Ambiguous(_)) && retake(m, lease, now);
    if holds || late {
        let evidence = match outcome {
            Outcome::NotSent(_) if rested && !m.may_be_at_provider() => {
                never_sent(m, now);
                Value::Null
            }
            Outcome::NotSent(not_sent) if rested => {
                give_up_unsure(m, PROCESS_LOST, &not_sent.reason.description.0, now);
                Value::Null
            }
            Outcome::ServerFailed(reason) if rested => lose_answer(m, reason.code, &reason.description.0, now),
            Outcome::Accepted(acceptance) => accept(m, acceptance, now),
            Outcome::Rejected(reason) => reject(m, reason, now),
            Outcome::NotSent(not_sent) => retry_later(m, not_sent, random, now),
            Outcome::ServerFailed(reason) => doubt(m, reason, random, now),
            Outcome::Ambiguous(reason) => lose_answer(m, reason.code, &reason.description.0, now),
        };
        m.state.held_by = None;
        return Ok((Some(if late { EventKind::LateAnswer } else { EventKind::Settled }), evidence));
    }
    // Of a holder that somebody followed good news alone is evidence, and saves the resend that may be waiting.
    let Outcome::Accepted(acceptance) = outcome else { return Err(Refused::NotHolder) };
    let news = match m.state.dispatch {
        Dispatch::Unknown => true,
        Dispatch::Queued | Dispatch::Claimed | Dispatch::Sending => m.may_be_at_provider(),
        // A report settled it, and named no id of the provider's.
        Dispatch::Accepted => m.state.provider_message_id.is_none(),
        _ => false,
    };
    if !news {
        return Err(Refused::NotHolder);
    }
    Ok((Some(EventKind::LateAnswer), accept(m, acceptance, now)))
}

fn accept(m: &mut Message, acceptance: &Acceptance, now: Timestamp) -> Value {
    m.state.provider_message_id = Some(acceptance.provider_message_id.clone());
    m.state.bulk_id.clone_from(&acceptance.bulk_id);
    taken(m, now);
    json!({"outcome": "accepted", "provider_message_id": acceptance.provider_message_id.as_str(), "raw": acceptance.raw})
}

fn reject(m: &mut Message, reason: &Reason, now: Timestamp) -> Value {
    if m.may_be_at_provider() {
        give_up_unsure(m, reason.code, &reason.description.0, now);
    } else {
        m.state.dispatch = Dispatch::Rejected;
        if m.state.rank < Rank::Failed {
            m.state.failed_at = Some(now);
            explain(m, reason.code, &reason.description.0);
        }
        rest(m);
    }
    json!({"outcome": "rejected", "code": reason.code})
}

/// Ends the tries of a message of which an earlier try may be at the provider: it must not read as never sent.
pub(super) fn give_up_unsure(m: &mut Message, code: &str, description: &str, now: Timestamp) {
    if m.state.sent_at.is_some() {
        taken(m, now);
        return;
    }
    m.state.dispatch = Dispatch::Unknown;
    explain(m, code, description);
    rest(m);
}

fn retry_later(m: &mut Message, not_sent: &NotSent, random: f64, now: Timestamp) -> Value {
    let (code, why) = (not_sent.reason.code, &not_sent.reason.description.0);
    if not_sent.backoff == Backoff::AccountBlocked {
        m.state.attempts -= 1;
    }
    if m.state.sent_at.is_some() {
        taken(m, now);
        return json!({"outcome": "not sent", "code": code, "reported": true});
    }
    let attempts = m.state.attempts;
    if attempts >= i32::try_from(retry::MAX_TRIES).unwrap_or(i32::MAX) {
        if m.may_be_at_provider() {
            give_up_unsure(m, "RETRIES_EXHAUSTED", why, now);
        } else {
            m.state.dispatch = Dispatch::Dead;
            m.state.failed_at = Some(now);
            explain(m, "RETRIES_EXHAUSTED", why);
            rest(m);
        }
        return json!({"outcome": "not sent", "code": code, "given_up": true});
    }
    let wait = match not_sent.backoff {
        Backoff::AccountBlocked => BLOCKED_RETRY,
        Backoff::Throttled { retry_after } => {
            let asked = retry_after.unwrap_or_default().min(retry::RETRY_AFTER_MAX);
            signed(asked.max(backoff(attempts, random)))
        }
        Backoff::Unhealthy => signed(backoff(attempts, random)),
    };
    m.state.dispatch = Dispatch::Queued;
    m.state.held_by = None;
    // Not past its validity: the queue then says so at once instead of after the wait.
    m.state.due_at = Some(now.checked_add(wait).unwrap_or(now).min(m.expires_at));
    explain(m, code, why);
    json!({"outcome": "not sent", "code": code, "wait_seconds": wait.as_secs()})
}

/// The provider says that it failed, and may have taken the message before it did: what is sent again from here on is a
/// possible duplicate, and nothing under at-most-once is.
fn doubt(m: &mut Message, reason: &Reason, random: f64, now: Timestamp) -> Value {
    if m.guarantee == Guarantee::AtMostOnce {
        return lose_answer(m, reason.code, &reason.description.0, now);
    }
    m.state.possible_duplicate |= m.state.sent_at.is_none();
    retry_later(m, &NotSent { reason: reason.clone(), backoff: Backoff::Unhealthy }, random, now)
}

fn backoff(attempts: i32, random: f64) -> std::time::Duration {
    retry::backoff(u32::try_from(attempts).unwrap_or(1), random)
}

fn signed(wait: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO)
}

/// The answer to a send is lost; unless the carrier spoke of the message already, nobody knows whether it was taken.
pub(super) fn lose_answer(m: &mut Message, code: &str, description: &str, now: Timestamp) -> Value {
    m.state.ambiguous += 1;
    if m.state.sent_at.is_some() {
        taken(m, now);
        return json!({"outcome": "ambiguous", "code": code, "reported": true});
    }
    let again = m.guarantee == Guarantee::AtLeastOnce && m.state.ambiguous == 1;
    m.state.dispatch = Dispatch::Unknown;
    m.state.due_at = again.then(|| now.checked_add(RESEND_AFTER).unwrap_or(now));
    explain(m, code, description);
    json!({"outcome": "ambiguous", "code": code, "resend": again})
}

/// Puts a message back into the hands of the holder of its last lease, which was thought to have died: whoever took it
/// from there asked nobody else. Returns whether that was so.
fn retake(m: &mut Message, lease: Lease, now: Timestamp) -> bool {
    let s = &mut m.state;
    let its_own = s.held_by == Some(lease.by) && s.epoch == lease.epoch;
    let presumed = its_own && s.ambiguous > 0 && s.error_code.as_deref() == Some(PROCESS_LOST);
    if !presumed || !matches!(s.dispatch, Dispatch::Unknown | Dispatch::Queued) {
        return false;
    }
    s.dispatch = Dispatch::Sending;
    s.held_by = Some(lease.by);
    s.ambiguous -= 1;
    s.crashes = (s.crashes - 1).max(0);
    (s.error_code, s.error) = (None, None);
    s.due_at = Some(now);
    true
}

/// Ends a campaign's message that was not sent and rests already: its campaign may have ended without it.
fn never_sent(m: &mut Message, now: Timestamp) {
    m.state.dispatch = Dispatch::Dead;
    m.state.failed_at = Some(now);
    explain(m, NOT_SENT, "it was not handed to the provider, and its campaign does not wait for it any more");
    rest(m);
}

/// Whether it is a message that nothing more was to happen to, of a campaign.
fn rests_in_campaign(m: &Message) -> bool {
    m.lane == Lane::Campaign && m.state.dispatch == Dispatch::Unknown && m.state.due_at.is_none()
}

pub(super) fn release(m: &mut Message, lease: Lease, now: Timestamp) -> Done {
    let rested = rests_in_campaign(m);
    let late = m.lease() != Some(lease);
    if late && !retake(m, lease, now) {
        // Its lease ended while it waited for the fence: its holder had not crashed.
        let its_own = m.state.held_by == Some(lease.by) && m.state.epoch == lease.epoch;
        let waited = m.state.dispatch == Dispatch::Queued && its_own && m.state.crashes > 0;
        if !waited {
            return Err(Refused::NotHolder);
        }
        m.state.crashes -= 1;
        m.state.held_by = None;
        return Ok((None, Value::Null));
    }
    let kind = match m.state.dispatch {
        Dispatch::Claimed => None,
        Dispatch::Sending => {
            m.state.attempts -= 1;
            Some(EventKind::Released)
        }
        _ => return Err(Refused::State),
    };
    if m.state.sent_at.is_some() {
        taken(m, now);
    } else if rested && !m.may_be_at_provider() {
        never_sent(m, now);
    } else if rested {
        give_up_unsure(m, PROCESS_LOST, "an earlier try may have reached the provider", now);
    } else {
        m.state.dispatch = Dispatch::Queued;
        m.state.held_by = None;
        m.state.due_at = Some(now);
    }
    Ok((kind, Value::Null))
}

pub(super) fn withdraw(m: &mut Message, lease: Option<Lease>, now: Timestamp) -> Done {
    let untouched = matches!(m.state.dispatch, Dispatch::Scheduled | Dispatch::Queued) && m.state.epoch == 0;
    let mine = lease.is_some_and(|lease| m.lease() == Some(lease) || retake(m, lease, now));
    let unsent = mine && m.state.dispatch == Dispatch::Sending && m.state.sent_at.is_none();
    if !untouched && !unsent {
        return Err(Refused::State);
    }
    m.state.dispatch = Dispatch::Cancelled;
    m.state.attempts = 0;
    explain(m, NOT_SENT, "its caller was told that it could not be accepted");
    rest(m);
    Ok((Some(EventKind::Cancelled), Value::Null))
}
