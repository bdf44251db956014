//! The queue: every message is claimed by one claimer, and passes the fence under its lease alone.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use messaging::domain::ids::MessageId;
use messaging::domain::message::{Dispatch, Lease};
use messaging::domain::status::{Event, Refused};
use messaging::store::Store;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::database::on_both_databases;
use crate::support::outcomes::{accepted, ambiguous, not_sent};
use crate::support::store::{ME, Rig};

on_both_databases![Rig::on =>
    concurrent_claimers_take_every_message_exactly_once,
    claims_of_one_moment_take_different_messages,
    the_oldest_due_is_claimed_first_and_nothing_before_its_time,
    only_the_holder_passes_the_fence_and_only_in_time,
    a_released_message_is_claimed_again_at_once,
    a_late_holder_queues_a_message_only_if_it_is_the_last,
];

/// Claims until `total` messages are taken by all claimers together.
async fn take(store: Store, by: u128, until: jiff::Timestamp, taken: Arc<AtomicUsize>, total: usize) -> Vec<MessageId> {
    let mut mine = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while taken.load(Ordering::SeqCst) < total {
        assert!(Instant::now() < deadline, "{} of {total} were taken", taken.load(Ordering::SeqCst));
        let claimed = crate::support::store::take(&store, Uuid::from_u128(by), until, 25).await;
        let claimed: Vec<MessageId> = claimed.leased.iter().map(|m| m.id).collect();
        taken.fetch_add(claimed.len(), Ordering::SeqCst);
        mine.extend(claimed);
        tokio::task::yield_now().await;
    }
    mine
}

async fn concurrent_claimers_take_every_message_exactly_once(rig: Rig) {
    const TOTAL: usize = 1000;
    let owner = rig.owner().await;
    let all: HashSet<MessageId> = rig.many(owner, TOTAL).await.into_iter().map(|m| m.id).collect();
    let (taken, mut claimers) = (Arc::<AtomicUsize>::default(), Vec::new());
    for by in 1..=4 {
        let store = rig.another().await;
        claimers.push(tokio::spawn(take(store, by, rig.lease_end(), taken.clone(), TOTAL)));
    }
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await.unwrap());
    }
    assert_eq!(claimed.len(), TOTAL);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), all);
    assert_eq!(rig.count(&format!("messages WHERE dispatch = {} AND epoch = 1", Dispatch::Claimed as i16)).await, 1000);
}

async fn claims_of_one_moment_take_different_messages(rig: Rig) {
    let owner = rig.owner().await;
    rig.many(owner, 40).await;
    let claimed = futures::future::join_all((0..4).map(|_| rig.take(10))).await;
    let ids: HashSet<MessageId> = claimed.iter().flatten().map(|m| m.id).collect();
    assert_eq!(ids.len(), claimed.iter().map(Vec::len).sum::<usize>(), "none was taken twice");
    // One that skips what another is at may get less; nothing is left to those who come after.
    let rest = rig.take(40).await.len();
    assert_eq!(ids.len() + rest, 40);
}

async fn the_oldest_due_is_claimed_first_and_nothing_before_its_time(rig: Rig) {
    let owner = rig.owner().await;
    let mut waiting = Vec::new();
    for seconds in [30_i64, 10, 20] {
        let mut message = crate::support::messages::queued(
            owner,
            messaging::domain::message::Guarantee::AtLeastOnce,
            rig.clock.now(),
        );
        message.state.due_at = Some(rig.clock.now() + SignedDuration::from_secs(seconds));
        waiting.push(rig.stored(message).await.id);
    }
    rig.clock.advance(SignedDuration::from_secs(20));
    let (first, rest) = (rig.take(1).await, rig.take(9).await);
    assert_eq!(first.iter().map(|m| m.id).collect::<Vec<_>>(), [waiting[1]]);
    assert_eq!(rest.iter().map(|m| m.id).collect::<Vec<_>>(), [waiting[2]]);
}

async fn only_the_holder_passes_the_fence_and_only_in_time(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.queued(owner).await;
    let claimed = rig.claimed(&message).await;
    let lease = claimed.lease().unwrap();
    for wrong in [Lease { by: Uuid::from_u128(2), ..lease }, Lease { epoch: lease.epoch - 1, ..lease }] {
        assert_eq!(rig.apply(message.id, rig.fence(wrong)).await.result, Err(Refused::NotHolder));
    }
    rig.clock.advance(SignedDuration::from_secs(56));
    assert_eq!(rig.apply(message.id, rig.fence(lease)).await.result, Err(Refused::NotHolder));
    assert_eq!(rig.read(&message).await, claimed, "a refused event writes nothing");

    let other = rig.queued(owner).await;
    let sending = rig.fenced(&other).await;
    assert_eq!((sending.state.dispatch, sending.state.attempts), (Dispatch::Sending, 1));
    assert_eq!(rig.read(&other).await, sending);
    assert_eq!(rig.apply(other.id, rig.fence(sending.lease().unwrap())).await.result, Err(Refused::State));
}

async fn a_released_message_is_claimed_again_at_once(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.queued(owner).await;
    let claimed = rig.claimed(&message).await;
    let released = rig.apply(message.id, Event::Release { lease: claimed.lease().unwrap() }).await.message;
    assert_eq!((released.state.dispatch, released.state.held_by), (Dispatch::Queued, None));
    let again = rig.claimed(&message).await;
    assert_eq!(again.lease(), Some(Lease { by: ME, epoch: 2 }));
}

async fn a_late_holder_queues_a_message_only_if_it_is_the_last(rig: Rig) {
    let owner = rig.owner().await;
    for (outcome, ends) in [
        (not_sent(messaging::domain::outcome::Backoff::Unhealthy), Dispatch::Queued),
        (ambiguous(), Dispatch::Unknown),
        (accepted("p-1"), Dispatch::Accepted),
    ] {
        let message = rig.queued(owner).await;
        let sending = rig.fenced(&message).await;
        rig.clock.advance(SignedDuration::from_mins(1));
        assert_eq!(rig.timer(Dispatch::Sending).await.len(), 1);
        rig.settle(&sending, outcome).await;
        assert_eq!(rig.read(&message).await.state.dispatch, ends);
        // Once somebody else has had it, what its holder says of a send that was not one is of no use.
        let message = rig.queued(owner).await;
        let sending = rig.fenced(&message).await;
        rig.clock.advance(SignedDuration::from_mins(1));
        assert_eq!(rig.timer(Dispatch::Sending).await.len(), 1);
        rig.clock.advance(SignedDuration::from_mins(2));
        assert!(!rig.timer(Dispatch::Unknown).await.is_empty());
        let other = rig.claimed(&message).await;
        rig.settle(&sending, not_sent(messaging::domain::outcome::Backoff::Unhealthy)).await;
        assert_eq!(rig.read(&message).await, other);
    }
}
