//! Reports: they reach all of the owner's messages with the provider's id, and nobody else's.

use messaging::domain::evidence::{Evidence, Rank};
use messaging::domain::ids::OwnerId;
use messaging::domain::message::Status;
use messaging::domain::status::{Event, Refused};
use messaging::store::{Filter, Job, Moved, Pick};

use crate::support::database::on_both_databases;
use crate::support::store::{Rig, provider_id};

on_both_databases![Rig::on =>
    a_report_reaches_all_of_the_owners_messages_with_the_id_and_no_others,
    a_repeated_report_changes_nothing,
    a_finer_time_than_the_database_keeps_is_news_once,
    concurrent_reports_of_many_messages_end_in_the_best_one,
];

async fn report(rig: &Rig, owner: OwnerId, id: &str, word: &str, at: &str) -> Vec<Moved> {
    let event = Event::Evidence(Evidence::of_read_model(word, at.parse().ok(), None));
    rig.store.apply(Job { pick: Pick::Provider(owner, provider_id(id)), event }).await.unwrap()
}

const AT: &str = "2026-03-01T12:00:05.000001Z";

async fn a_report_reaches_all_of_the_owners_messages_with_the_id_and_no_others(rig: Rig) {
    let (owner, other) = (rig.owner().await, rig.owner().await);
    let twins = [rig.sent(owner, None, "p-1").await, rig.sent(owner, None, "p-1").await];
    let (another, theirs) = (rig.sent(owner, None, "p-2").await, rig.sent(other, None, "p-1").await);
    // Together with a report of the other owner's, so that both are in one batch.
    let (moved, _) =
        tokio::join!(report(&rig, owner, "p-1", "Delivered", AT), report(&rig, other, "p-2", "Failure", AT),);
    assert_eq!(moved.len(), 2);
    for twin in &twins {
        let now = rig.read(twin).await;
        assert_eq!((now.status(), now.state.delivered_at), (Status::Delivered, AT.parse().ok()));
    }
    assert_eq!(rig.read(&another).await, another);
    assert_eq!(rig.read(&theirs).await, theirs);
    assert!(report(&rig, owner, "p-3", "Delivered", AT).await.is_empty());
}

async fn a_repeated_report_changes_nothing(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.sent(owner, None, "p-1").await;
    report(&rig, owner, "p-1", "Delivered", AT).await;
    let (after, events) = (rig.read(&message).await, rig.count("events").await);
    for (word, at) in [("Delivered", AT), ("Failure", "2030-01-01T00:00:00Z"), ("Buffered", "")] {
        let moved = report(&rig, owner, "p-1", word, at).await;
        assert_eq!(moved[0].result, Err(Refused::Known));
    }
    assert_eq!((rig.read(&message).await, rig.count("events").await), (after, events));
}

async fn a_finer_time_than_the_database_keeps_is_news_once(rig: Rig) {
    let owner = rig.owner().await;
    rig.sent(owner, None, "p-1").await;
    let fine = "2026-03-01T12:00:05.1234567Z";
    assert!(report(&rig, owner, "p-1", "Delivered", fine).await[0].result.is_ok());
    assert_eq!(report(&rig, owner, "p-1", "Delivered", fine).await[0].result, Err(Refused::Known));
}

async fn concurrent_reports_of_many_messages_end_in_the_best_one(rig: Rig) {
    let owner = rig.owner().await;
    // Two ids over twenty messages each: two replicas lock the same rows by way of either.
    let ids = ["p-1", "p-2"];
    futures::future::join_all((0..40).map(|i| rig.sent(owner, None, ids[i % 2]))).await;
    let replicas = [rig.store.clone(), rig.another().await];
    let reports = (0..120).map(|i| {
        let (word, at) = (["Buffered", "Failure", "Delivered"][i % 3], format!("2026-03-01T12:00:{:02}Z", i % 60));
        let event = Event::Evidence(Evidence::of_read_model(word, at.parse().ok(), None));
        let pick = Pick::Provider(owner, provider_id(ids[i / 3 % 2]));
        let store = replicas[i % 2].clone();
        tokio::spawn(async move { store.apply(Job { pick, event }).await.unwrap().len() })
    });
    for reached in futures::future::join_all(reports).await {
        assert_eq!(reached.unwrap(), 20);
    }
    let all = rig.store.messages(owner, &Filter::default(), None, 100).await.unwrap();
    assert!(all.iter().all(|m| m.state.rank == Rank::Delivered));
    for id in ids {
        let mine: Vec<_> = all.iter().filter(|m| m.state.provider_message_id == Some(provider_id(id))).collect();
        assert!(mine.iter().all(|m| m.state.delivered_at == mine[0].state.delivered_at));
    }
}
