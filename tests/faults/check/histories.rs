//! Each message's events, replayed: one leads to the next, the last to the row, and none takes a step that is forbidden.

use messaging::domain::message::{Guarantee, Status};
use messaging::domain::status::EventKind;

use super::Verdict;
use crate::evidence::tables::{Event, Message};

const SCHEDULED: i16 = Status::Scheduled as i16;
const QUEUED: i16 = Status::Queued as i16;
const SENDING: i16 = Status::Sending as i16;
const UNKNOWN: i16 = Status::Unknown as i16;

/// Replays them.
pub fn check(row: &Message, events: &[Event], verdict: &mut Verdict) {
    let mut status = 0;
    let mut version = 0;
    let mut resends = 0;
    // Where its own way has come to: what the carrier says may cover it before its answer is there.
    let mut own = 0;
    for event in events {
        // A claim makes a scheduled message a queued one, and is not worth an event.
        let follows = event.from == status || (status == SCHEDULED && event.from == QUEUED);
        if !follows || event.version <= version {
            verdict.contradictions.push(format!("{}: event {} does not follow the one before", row.id, event.version));
        }
        if let Some(what) = forbidden(row, event, own) {
            verdict.contradictions.push(format!("{}: event {}: {what}", row.id, event.version));
        }
        resends += u32::from(event.kind == EventKind::Resend as i16);
        let lost = event.kind == EventKind::LeaseLost as i16 && event.to == UNKNOWN;
        *(if row.in_bulk() { &mut verdict.lost_in_bulk } else { &mut verdict.lost_answers }) += u32::from(lost);
        (status, version) = (event.to, event.version);
        if event.kind != EventKind::Reported as i16 || own != SENDING {
            own = event.to;
        }
    }
    if status != row.status || events.is_empty() {
        verdict.contradictions.push(format!("{}: its last event says {status}, its row {}", row.id, row.status));
    }
    if resends > 1 {
        verdict.contradictions.push(format!("{}: given {resends} resends", row.id));
    }
}

/// Why this step may never be taken.
fn forbidden(row: &Message, event: &Event, own: i16) -> Option<&'static str> {
    let at_most_once = row.guarantee == Guarantee::AtMostOnce as i16;
    let kind = |kind: EventKind| event.kind == kind as i16;
    if event.version == 1 && !kind(EventKind::Accepted) {
        return Some("a history begins with its acceptance");
    }
    if kind(EventKind::Settled) && own != SENDING {
        return Some("a settle by somebody who no longer held it");
    }
    if kind(EventKind::LeaseLost) && event.from == SENDING && event.to == QUEUED {
        return Some("queued again past the fence");
    }
    if event.from == UNKNOWN
        && (event.to == QUEUED || event.to == SENDING)
        && (at_most_once || !kind(EventKind::Resend))
        // Its last holder lives, and knows that the provider does not have it.
        && !kind(EventKind::Released)
        && !kind(EventKind::LateAnswer)
    {
        return Some("sent again although nobody knows whether it was sent");
    }
    None
}
