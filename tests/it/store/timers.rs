//! The effect of time on messages that somebody left.

use jiff::SignedDuration;
use messaging::domain::message::{Dispatch, Guarantee, Status};
use messaging::domain::status::{Event, EventKind, Refused};
use messaging::store::DeadFilter;

use crate::support::database::on_both_databases;
use crate::support::messages::queued;
use crate::support::outcomes::{accepted, ambiguous};
use crate::support::store::Rig;

on_both_databases![Rig::on =>
    a_claim_that_ran_out_goes_back_to_the_queue,
    a_send_that_ran_out_becomes_unknown,
    the_third_crash_ends_a_message,
    a_lost_answer_is_sent_again_after_two_minutes,
    what_is_scheduled_is_queued_when_its_time_comes,
    what_was_given_up_is_listed_and_can_be_put_back,
    what_may_have_been_sent_is_put_back_only_on_demand,
];

const LEASE: SignedDuration = SignedDuration::from_mins(1);

async fn a_claim_that_ran_out_goes_back_to_the_queue(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.queued(owner).await;
    rig.claimed(&message).await;
    assert!(rig.timer(Dispatch::Claimed).await.is_empty(), "the lease has not ended");
    rig.clock.advance(LEASE);
    let back = rig.timer(Dispatch::Claimed).await;
    assert_eq!((back.len(), back[0].state.dispatch, back[0].state.crashes), (1, Dispatch::Queued, 1));
    assert_eq!(rig.read(&message).await, back[0]);
    rig.claimed(&message).await;
}

async fn a_send_that_ran_out_becomes_unknown(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.queued(owner).await;
    rig.fenced(&message).await;
    rig.clock.advance(LEASE);
    let lost = rig.timer(Dispatch::Sending).await;
    assert_eq!(lost[0].status(), Status::Unknown);
    assert_eq!(rig.read(&message).await, lost[0]);
    let history = rig.store.history(owner, message.id).await.unwrap();
    assert_eq!(history.last().unwrap().kind, Some(EventKind::LeaseLost));
}

async fn the_third_crash_ends_a_message(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.queued(owner).await;
    for _ in 0..3 {
        rig.claimed(&message).await;
        rig.clock.advance(LEASE);
        rig.timer(Dispatch::Claimed).await;
    }
    let dead = rig.read(&message).await;
    assert_eq!((dead.state.dispatch, dead.status()), (Dispatch::Dead, Status::Failed));
    assert_eq!(dead.state.error_code.as_deref(), Some("PROCESS_CRASHED"));
}

async fn a_lost_answer_is_sent_again_after_two_minutes(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.queued(owner).await;
    let sending = rig.fenced(&message).await;
    rig.settle(&sending, ambiguous()).await;
    rig.clock.advance(SignedDuration::from_secs(119));
    assert!(rig.timer(Dispatch::Unknown).await.is_empty());
    rig.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(rig.timer(Dispatch::Unknown).await[0].state.dispatch, Dispatch::Queued);

    let sending = rig.fenced(&message).await;
    assert!(sending.state.possible_duplicate);
    rig.settle(&sending, ambiguous()).await;
    rig.clock.advance(SignedDuration::from_hours(1));
    assert!(rig.timer(Dispatch::Unknown).await.is_empty(), "once and not more");
}

async fn what_is_scheduled_is_queued_when_its_time_comes(rig: Rig) {
    let owner = rig.owner().await;
    let mut message = queued(owner, Guarantee::AtMostOnce, rig.clock.now());
    message.state.dispatch = Dispatch::Scheduled;
    message.state.due_at = Some(rig.clock.now() + SignedDuration::from_mins(1));
    let message = rig.stored(message).await;
    assert!(rig.timer(Dispatch::Scheduled).await.is_empty());
    assert!(rig.take(10).await.is_empty());
    rig.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(rig.timer(Dispatch::Scheduled).await.len(), 1);
    assert_eq!(rig.take(10).await[0].id, message.id);
}

async fn what_was_given_up_is_listed_and_can_be_put_back(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.queued(owner).await;
    for _ in 0..3 {
        rig.claimed(&message).await;
        rig.clock.advance(LEASE);
        rig.timer(Dispatch::Claimed).await;
    }
    let dead = rig.store.dead(&DeadFilter::default(), None, 10).await.unwrap();
    assert_eq!(dead.iter().map(|m| m.id).collect::<Vec<_>>(), [message.id]);
    assert!(rig.store.dead(&DeadFilter::default(), Some(message.id), 10).await.unwrap().is_empty());
    let back = rig.apply(message.id, Event::Requeue { may_duplicate: false }).await;
    back.result.unwrap();
    assert_eq!((back.message.status(), back.message.state.error_code), (Status::Queued, None));
    assert_eq!(rig.take(10).await.len(), 1);
    assert_eq!(rig.store.history(owner, message.id).await.unwrap().last().unwrap().kind, Some(EventKind::Requeued));
}

async fn what_may_have_been_sent_is_put_back_only_on_demand(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.stored(queued(owner, Guarantee::AtMostOnce, rig.clock.now())).await;
    let sending = rig.fenced(&message).await;
    rig.settle(&sending, ambiguous()).await;
    let refused = rig.apply(message.id, Event::Requeue { may_duplicate: false }).await;
    assert_eq!(refused.result, Err(Refused::MayDuplicate));
    rig.apply(message.id, Event::Requeue { may_duplicate: true }).await.result.unwrap();
    assert!(rig.fenced(&message).await.state.possible_duplicate);
    rig.settle(&rig.read(&message).await, accepted("p-1")).await;
    assert_eq!(rig.apply(message.id, Event::Requeue { may_duplicate: true }).await.result, Err(Refused::State));
}
