//! What time does to messages that somebody left.

use jiff::SignedDuration;
use messaging::domain::message::{Dispatch, Status};

use crate::support::outcomes::ambiguous;
use crate::support::store::{Rig, both};

both![
    a_claim_that_ran_out_goes_back_to_the_queue,
    a_send_that_ran_out_becomes_unknown,
    the_third_crash_ends_a_message,
    a_lost_answer_is_sent_again_after_two_minutes,
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
    assert_eq!(history.last().unwrap().kind, "lease_lost");
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
