//! The carrier's statements on a message: the best statement counts, in whatever order they come.

use jiff::Timestamp;
use serde_json::json;

use super::{Done, EventKind, Refused, explain, taken};
use crate::domain::evidence::{Evidence, Rank};
use crate::domain::message::{Dispatch, Message};
use crate::domain::{polling, retention};

pub(super) fn report(m: &mut Message, evidence: &Evidence, now: Timestamp) -> Done {
    // The databases keep microseconds: a finer time would read as news each time it is repeated.
    let at = evidence.at.and_then(|at| Timestamp::from_microsecond(at.as_microsecond()).ok());
    let this = (evidence.rank, at, evidence.hash());
    let better = this > (m.state.rank, m.state.evidence_at, m.state.evidence_hash);
    // What the carrier speaks of was taken by the provider, whatever we thought; a statement that is not the best says
    // so, too.
    let spoken_of = matches!(evidence.rank, Rank::Sent | Rank::Failed | Rank::Delivered);
    let decides = spoken_of
        && match m.state.dispatch {
            Dispatch::Scheduled | Dispatch::Queued | Dispatch::Claimed | Dispatch::Unknown => true,
            Dispatch::Sending => m.state.sent_at.is_none(),
            _ => false,
        };
    // One whose answer was lost is known by its id from here on: it can be asked about, and found.
    let named = evidence.provider_message_id.as_ref().filter(|_| spoken_of && m.state.provider_message_id.is_none());
    if evidence.rank == Rank::None || !(better || decides || named.is_some()) {
        return Err(Refused::Known);
    }
    if let Some(id) = named {
        m.state.provider_message_id = Some(id.clone());
    }
    if decides && m.state.dispatch == Dispatch::Sending {
        // Left to its holder, whose answer names the provider's id.
        m.state.sent_at = Some(now);
    } else if decides {
        taken(m, now);
    }
    // Whole, so that it can be replayed; of an erased message without what may quote the number that was erased.
    let whole = json!({"word": evidence.word, "at": evidence.at, "rank": evidence.rank as i16,
        "description": evidence.description});
    let erased = m.destination.is_erased();
    let part = erased.then(|| retention::stripped_record(whole.clone())).flatten();
    let record = part.unwrap_or(whole);
    if !better {
        return Ok((Some(EventKind::Reported), record));
    }
    (m.state.rank, m.state.evidence_at, m.state.evidence_hash) = this;
    m.state.provider_status = Some(evidence.word.clone()).filter(|word| !erased || !retention::may_quote(word));
    // A word on the way says nothing of a failure that we know of ourselves.
    match evidence.rank {
        Rank::Delivered => {
            m.state.delivered_at = Some(at.unwrap_or(now));
            // Its answer may be written later than it came: what was delivered had been taken.
            m.state.sent_at = m.state.sent_at.min(m.state.delivered_at.max(Some(m.created_at)));
            m.state.failed_at = None;
            (m.state.error_code, m.state.error) = (None, None);
        }
        Rank::Failed => {
            m.state.failed_at = Some(at.unwrap_or(now));
            let why = evidence.description.as_ref().unwrap_or(&evidence.word);
            explain(m, "DELIVERY_FAILED", why);
            if erased {
                m.state.error = None;
            }
        }
        Rank::None | Rank::Sent | Rank::NoReport => {}
    }
    if m.state.dispatch == Dispatch::Accepted {
        m.state.due_at = polling::next_poll_at(m, now);
    }
    Ok((Some(EventKind::Reported), record))
}
