//! A newer message takes the place of an older one, if that has not passed the fence.

use jiff::Timestamp;
use serde_json::json;

use super::{Change, Done, Event, EventKind, Refused, SUPERSEDED, apply, explain, rest};
use crate::domain::ids::MessageId;
use crate::domain::message::{Dispatch, Message};
use crate::domain::supersede::Fate;

/// Lets `by` take the place of `older`. Returns what changed, if it was waiting, and what is told of it, if there is something to tell:
/// of one that was cancelled before, that was refused, or whose validity has ended there is not.
pub fn supersede(older: &mut Message, by: MessageId, now: Timestamp) -> (Option<Change>, Option<Fate>) {
    let change = apply(older, &Event::Supersede { by }, now).ok();
    let fate = match older.state.dispatch {
        Dispatch::Cancelled => change.is_some().then_some(Fate::Cancelled),
        Dispatch::Sending | Dispatch::Accepted | Dispatch::Unknown => {
            (older.expires_at > now).then_some(Fate::AlreadySent)
        }
        _ => None,
    };
    (change, fate)
}

/// One that is claimed waits, too: its holder is refused at the fence. So does one whose answer was lost: sent again, it would come behind
/// the newer one.
pub(super) fn take_place(m: &mut Message, by: MessageId) -> Done {
    let waits = matches!(m.state.dispatch, Dispatch::Scheduled | Dispatch::Queued | Dispatch::Claimed);
    if !waits && !m.waits_for_resend() {
        return Err(Refused::State);
    }
    // One that may be at the provider already must not read as "never sent".
    if m.may_be_at_provider() {
        m.state.dispatch = Dispatch::Unknown;
    } else {
        m.state.dispatch = Dispatch::Cancelled;
        explain(m, SUPERSEDED, "a newer message with the same key took its place");
    }
    rest(m);
    Ok((Some(EventKind::Cancelled), json!({"superseded_by": by.to_string()})))
}
