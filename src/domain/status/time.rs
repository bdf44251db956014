//! The events of time and people: leases, waits and validity end; a message is given up, cancelled, put off or tried again.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::sending::lose_answer;
use super::{
    Done, EventKind, MAX_CRASHES, NO_REPORT, OPTED_OUT, OPTED_OUT_WHY, PROCESS_LOST, Refused, expire, explain, rest,
};
use crate::domain::evidence::Rank;
use crate::domain::message::{Dispatch, Lane, Message};
use crate::domain::polling;

pub(super) fn timer(m: &mut Message, now: Timestamp) -> Done {
    if m.state.due_at.is_none_or(|at| at > now) && m.expires_at > now {
        return Err(Refused::State);
    }
    let due = m.state.due_at.is_some_and(|at| at <= now);
    match m.state.dispatch {
        Dispatch::Queued | Dispatch::Scheduled if m.expires_at <= now => Ok(expire(m)),
        Dispatch::Scheduled if due => {
            m.state.dispatch = Dispatch::Queued;
            Ok((None, Value::Null))
        }
        Dispatch::Claimed if due => {
            m.state.crashes += 1;
            m.state.due_at = Some(now);
            m.state.dispatch = Dispatch::Queued;
            Ok((Some(EventKind::LeaseLost), bury(m, now)))
        }
        Dispatch::Sending if due => {
            m.state.crashes += 1;
            lose_answer(m, PROCESS_LOST, "the process that was sending it ended before the answer", now);
            Ok((Some(EventKind::LeaseLost), bury(m, now)))
        }
        Dispatch::Unknown if due && m.expires_at <= now => {
            m.state.due_at = None;
            Ok((None, Value::Null))
        }
        Dispatch::Unknown if due => {
            m.state.dispatch = Dispatch::Queued;
            Ok((Some(EventKind::Resend), Value::Null))
        }
        _ => Err(Refused::State),
    }
}

/// When it is polled next. Whoever lets this happen asks the provider.
pub(super) fn poll(m: &mut Message, asks: bool, now: Timestamp) -> Done {
    let due = m.state.due_at.is_some_and(|at| at <= now);
    if m.state.dispatch != Dispatch::Accepted || !due {
        return Err(Refused::State);
    }
    if polling::long_unreported(m, now) {
        return unreported(m, now);
    }
    m.state.due_at = if asks { polling::next_poll_at(m, now) } else { polling::last_poll_at(m, now) };
    Ok((None, Value::Null))
}

pub(super) fn unreported(m: &mut Message, now: Timestamp) -> Done {
    if m.state.dispatch != Dispatch::Accepted || m.state.rank >= Rank::NoReport || polling::unreported_from(m) > now {
        return Err(Refused::State);
    }
    m.state.rank = Rank::NoReport;
    (m.state.evidence_at, m.state.evidence_hash) = (None, 0);
    explain(m, NO_REPORT, "no final report came in time; one that comes later still counts");
    m.state.due_at = polling::next_poll_at(m, now);
    Ok((Some(EventKind::Unreported), Value::Null))
}

/// The third crash of one message ends its tries. One that may be at the provider stays unknown: that is the truth.
fn bury(m: &mut Message, now: Timestamp) -> Value {
    let crashes = m.state.crashes;
    // What was reported meanwhile is at the provider, and asked about like any other.
    if crashes >= MAX_CRASHES && m.state.dispatch != Dispatch::Accepted {
        m.state.due_at = None;
        if m.state.dispatch == Dispatch::Queued && m.may_be_at_provider() {
            m.state.dispatch = Dispatch::Unknown;
        } else if m.state.dispatch == Dispatch::Queued {
            m.state.dispatch = Dispatch::Dead;
            m.state.held_by = None;
            m.state.failed_at = Some(now);
            explain(m, "PROCESS_CRASHED", "the process that held it ended three times");
        }
    }
    json!({"crashes": crashes})
}

pub(super) fn cancel(m: &mut Message) -> Done {
    if !matches!(m.state.dispatch, Dispatch::Scheduled | Dispatch::Queued) && !m.waits_for_resend() {
        return Err(Refused::State);
    }
    // One that may be at the provider already must not read as "never sent".
    m.state.dispatch = if m.may_be_at_provider() { Dispatch::Unknown } else { Dispatch::Cancelled };
    rest(m);
    Ok((Some(EventKind::Cancelled), Value::Null))
}

pub(super) fn opt_out(m: &mut Message) -> Done {
    if !matches!(m.state.dispatch, Dispatch::Scheduled | Dispatch::Queued) {
        return Err(Refused::State);
    }
    // One that may be at the provider already must not read as "never sent".
    if m.may_be_at_provider() {
        m.state.dispatch = Dispatch::Unknown;
    } else {
        m.state.dispatch = Dispatch::Cancelled;
        explain(m, OPTED_OUT, OPTED_OUT_WHY);
    }
    rest(m);
    Ok((Some(EventKind::OptedOut), Value::Null))
}

pub(super) fn defer(m: &mut Message, until: Timestamp) -> Done {
    if m.state.dispatch != Dispatch::Queued {
        return Err(Refused::State);
    }
    m.state.due_at = Some(until.min(m.expires_at));
    Ok((None, Value::Null))
}

pub(super) fn requeue(m: &mut Message, may_duplicate: bool, now: Timestamp) -> Done {
    let given_up =
        m.state.dispatch == Dispatch::Dead || m.state.dispatch == Dispatch::Unknown && m.state.due_at.is_none();
    if !given_up || m.state.rank > Rank::None {
        return Err(Refused::State);
    }
    if m.destination.is_erased() {
        return Err(Refused::Erased);
    }
    if m.expires_at <= now {
        return Err(Refused::Expired);
    }
    if m.may_be_at_provider() && !may_duplicate {
        return Err(Refused::MayDuplicate);
    }
    // Its campaign may be over, and then nobody looks at its queue.
    m.lane = Lane::Single;
    let evidence = json!({"attempts_before": m.state.attempts, "crashes_before": m.state.crashes});
    let s = &mut m.state;
    s.dispatch = Dispatch::Queued;
    s.due_at = Some(now);
    (s.attempts, s.crashes) = (0, 0);
    s.held_by = None;
    (s.failed_at, s.error_code, s.error) = (None, None, None);
    Ok((Some(EventKind::Requeued), evidence))
}
