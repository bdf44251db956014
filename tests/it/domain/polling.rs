//! The ladder by which the provider is asked about what nobody reported.

use jiff::{SignedDuration, Timestamp};
use messaging::domain::evidence::{Evidence, Rank};
use messaging::domain::ids::{MessageId, OwnerId};
use messaging::domain::message::{Dispatch, Guarantee, Message, Status};
use messaging::domain::polling::unreported_from;
use messaging::domain::status::{Event, NO_REPORT, Refused, apply};
use proptest::prelude::*;
use uuid::Uuid;

use crate::support::messages::{queued, start};

/// A message that the provider took at the start; the last digits of its id decide its jitter.
fn taken(id: u128) -> Message {
    let mut message = queued(OwnerId(1), Guarantee::AtMostOnce, start());
    message.id = MessageId(Uuid::from_u128(id));
    apply(&mut message, &report(Rank::Sent), start()).unwrap();
    message
}

fn report(rank: Rank) -> Event {
    Event::Evidence(Evidence {
        rank,
        word: format!("{rank:?}"),
        at: None,
        description: None,
        provider_message_id: None,
    })
}

/// Looks at it whenever its time has come; how many seconds after the start that was.
fn looks(message: &mut Message) -> Vec<i64> {
    let mut seen = Vec::new();
    while let Some(at) = message.state.due_at.filter(|at| *at < unreported_from(message)) {
        seen.push(at.duration_since(start()).as_secs());
        apply(message, &Event::Poll { asks: true }, at).unwrap();
    }
    seen
}

#[test]
fn it_is_asked_after_seconds_minutes_and_then_every_hour_for_two_days() {
    let seen = looks(&mut taken(0));
    assert_eq!(seen[..6], [10, 30, 120, 600, 3600, 7200]);
    assert_eq!((seen.len(), *seen.last().unwrap()), (4 + 48, 48 * 3600));
}

#[test]
fn messages_that_were_taken_together_are_not_asked_about_together() {
    let seen = looks(&mut taken(999));
    assert_eq!(seen[..6], [10, 31, 128, 647, 3899, 7559]);
}

#[test]
fn steps_that_were_missed_are_left_out() {
    let mut message = taken(0);
    apply(&mut message, &Event::Poll { asks: true }, start() + SignedDuration::from_mins(5)).unwrap();
    assert_eq!(message.state.due_at, Some(start() + SignedDuration::from_mins(10)));
}

#[test]
fn where_nobody_asks_it_is_looked_at_once_more_at_the_end() {
    let mut message = taken(0);
    let first = message.state.due_at.unwrap();
    apply(&mut message, &Event::Poll { asks: false }, first).unwrap();
    assert_eq!(message.state.due_at, Some(unreported_from(&message)));
}

#[test]
fn what_is_final_is_not_asked_about() {
    for rank in [Rank::Failed, Rank::Delivered] {
        let mut message = taken(0);
        apply(&mut message, &report(rank), start()).unwrap();
        assert_eq!(message.state.due_at, None);
        assert_eq!(apply(&mut message, &Event::Poll { asks: true }, Timestamp::MAX), Err(Refused::State));
    }
}

#[test]
fn a_day_after_its_validity_it_is_unreported_and_a_late_report_still_decides() {
    let mut message = taken(0);
    let end = unreported_from(&message);
    assert_eq!(end, message.expires_at + SignedDuration::from_hours(24));
    let early = end - SignedDuration::from_secs(1);
    assert_eq!(apply(&mut message, &Event::Unreported, early), Err(Refused::State));
    let change = apply(&mut message, &Event::Unreported, end).unwrap();
    assert_eq!((change.from, change.to, message.state.due_at), (Status::Sent, Status::Expired, None));
    assert_eq!(message.state.error_code.as_deref(), Some(NO_REPORT));
    assert_eq!(apply(&mut message, &Event::Unreported, end), Err(Refused::State), "once is enough");
    apply(&mut message, &report(Rank::Delivered), end).unwrap();
    assert_eq!((message.status(), message.state.error_code), (Status::Delivered, None));
}

#[test]
fn while_the_provider_cannot_be_asked_the_note_waits_a_day() {
    let mut message = taken(0);
    let end = unreported_from(&message);
    let mut hours = 0;
    while message.status() == Status::Sent {
        let at = message.state.due_at.unwrap().max(end);
        hours += i32::from(at > end);
        apply(&mut message, &Event::Poll { asks: true }, at).unwrap();
    }
    assert_eq!((hours, message.status()), (24, Status::Expired));
}

proptest! {
    #[test]
    fn every_look_is_later_and_the_ladder_ends(id: u128, late in prop::collection::vec(0..7200_i64, 200)) {
        let mut message = taken(id);
        let mut now = start();
        for late in late {
            let Some(at) = message.state.due_at else { break };
            prop_assert!(at > now, "{at} is not after {now}");
            now = at + SignedDuration::from_secs(late);
            apply(&mut message, &Event::Poll { asks: true }, now).unwrap();
        }
        prop_assert_eq!((message.state.due_at, message.state.dispatch), (None, Dispatch::Accepted));
        prop_assert_eq!(message.status(), Status::Expired);
    }
}
