//! Settling what is known from before: it saves a read, and never overwrites what has changed since.

use jiff::SignedDuration;
use messaging::domain::message::{Dispatch, Message, Status};
use messaging::domain::outcome::Outcome;
use messaging::domain::status::{Event, EventKind, Refused};
use messaging::store::{Job, Moved, Pick};

use crate::support::database::on_both_databases;
use crate::support::outcomes::{accepted, ambiguous, rejected};
use crate::support::store::Rig;

on_both_databases![Rig::on =>
    a_known_message_is_settled_as_one_that_was_read,
    what_changed_meanwhile_decides_over_what_is_known,
    what_is_out_of_date_does_not_hold_up_the_others,
];

const LEASE: SignedDuration = SignedDuration::from_mins(1);

async fn settle(rig: &Rig, known: &Message, outcome: Outcome) -> Moved {
    let event = Event::Settle { lease: known.lease().unwrap(), outcome, random: 1.0 };
    let job = Job { pick: Pick::Known(Box::new(known.clone())), event };
    rig.store.apply(job).await.unwrap().into_iter().next().unwrap()
}

async fn kinds(rig: &Rig, message: &Message) -> Vec<EventKind> {
    let history = rig.store.history(message.owner, message.id).await.unwrap();
    history.into_iter().map(|entry| entry.kind.unwrap()).collect()
}

async fn a_known_message_is_settled_as_one_that_was_read(rig: Rig) {
    let owner = rig.owner().await;
    let sending = rig.fenced(&rig.queued(owner).await).await;
    let moved = settle(&rig, &sending, accepted("p-1")).await;
    assert!(moved.result.is_ok());
    assert_eq!((moved.message.status(), rig.read(&sending).await), (Status::Sent, moved.message));
    assert_eq!(kinds(&rig, &sending).await, [EventKind::Accepted, EventKind::Fenced, EventKind::Settled]);
}

async fn what_changed_meanwhile_decides_over_what_is_known(rig: Rig) {
    let owner = rig.owner().await;
    let good = rig.fenced(&rig.queued(owner).await).await;
    let bad = rig.fenced(&rig.queued(owner).await).await;
    rig.clock.advance(LEASE);
    assert_eq!(rig.timer(Dispatch::Sending).await.len(), 2);

    let late = settle(&rig, &good, accepted("p-1")).await;
    assert!(late.result.is_ok());
    assert_eq!((late.message.status(), rig.read(&good).await), (Status::Sent, late.message));
    assert_eq!(
        kinds(&rig, &good).await,
        [EventKind::Accepted, EventKind::Fenced, EventKind::LeaseLost, EventKind::LateAnswer]
    );

    let lost = rig.read(&bad).await;
    assert_eq!(settle(&rig, &bad, ambiguous()).await.result, Err(Refused::NotHolder), "that is known already");
    assert_eq!((lost.status(), rig.read(&bad).await), (Status::Unknown, lost));
    assert_eq!(settle(&rig, &bad, rejected()).await.message.status(), Status::Failed, "its holder lives");
}

async fn what_is_out_of_date_does_not_hold_up_the_others(rig: Rig) {
    let owner = rig.owner().await;
    let old = rig.fenced(&rig.queued(owner).await).await;
    rig.clock.advance(LEASE);
    rig.timer(Dispatch::Sending).await;
    let fresh = futures::future::join_all((0..20).map(async |_| rig.fenced(&rig.queued(owner).await).await)).await;
    // All at once, so that they share batches.
    let all = fresh.iter().chain([&old]).enumerate();
    let moved = futures::future::join_all(all.map(async |(i, m)| {
        let (moved, _new) = tokio::join!(settle(&rig, m, accepted(&format!("p-{i}"))), rig.queued(owner));
        moved
    }));
    assert!(moved.await.iter().all(|moved| moved.result.is_ok() && moved.message.status() == Status::Sent));
    assert_eq!(rig.count("messages").await, 42);
    // Accepted, fenced and settled each; one lost its lease before its late answer; 21 are only accepted.
    assert_eq!(rig.count("events").await, 21 * 3 + 1 + 21);
}
