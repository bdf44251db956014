//! STOP and START of one number: what came last counts, whoever reads it and when.

use jiff::SignedDuration;
use messaging::domain::ids::OwnerId;
use messaging::domain::keyword::Keywords;
use messaging::domain::report::Form;
use messaging::domain::sender::SenderId;
use messaging::store::Store;

use crate::support::database::on_both_databases;
use crate::support::postgres::connect;
use crate::support::store::{Rig, eventually};

on_both_databases![Rig::on =>
    what_came_last_counts_in_whatever_order_it_is_read,
    a_post_of_thousands_is_taken_whole,
    a_message_to_a_sender_of_several_or_of_nobody_concerns_who_wrote_last,
];

async fn a_message_to_a_sender_of_several_or_of_nobody_concerns_who_wrote_last(rig: Rig) {
    let sender = SenderId::parse("Shared").unwrap();
    let shares = async || rig.store.create_user("one of them", Some(&sender)).await.unwrap();
    let (first, second, third) = (shares().await, shares().await, rig.owner().await);
    rig.clock.advance(SignedDuration::from_secs(1));
    let number = "+306912345678";
    let ask = async |to: &str| {
        let body = serde_json::json!({"from": number, "to": to, "text": "Hello"}).to_string();
        rig.store.file_inbound(Form::Json, body.as_bytes(), None).await.unwrap();
        rig.store.read_next_inbound(Keywords::default()).await.unwrap().unwrap().owner
    };
    assert_eq!((ask("Shared").await, ask("Nobody").await), (None, None), "nobody wrote");
    for (wrote, shared, nobody) in
        [(third, third, third), (second, second, second), (third, second, third), (first, first, first)]
    {
        rig.queued(wrote).await;
        rig.clock.advance(SignedDuration::from_secs(1));
        assert_eq!((ask("SHARED").await, ask("Nobody").await), (Some(shared), Some(nobody)));
    }
}

async fn a_post_of_thousands_is_taken_whole(rig: Rig) {
    let one = serde_json::json!({"from": "+306900000001", "to": "Alice", "text": "Hello"});
    let body = serde_json::Value::Array(vec![one; 8_400]).to_string();
    assert!(body.len() < 1 << 20, "as much as the webhook takes");
    rig.store.file_inbound(Form::Json, body.as_bytes(), None).await.unwrap();
    assert_eq!(rig.count("inbound").await, 8_400);
}

async fn owner(rig: &Rig) -> OwnerId {
    rig.store.create_user("alice", Some(&SenderId::parse("Alice").unwrap())).await.unwrap()
}

async fn file(store: &Store, text: &str) {
    let body = serde_json::json!({"from": "+306900000001", "to": "Alice", "text": text}).to_string();
    store.file_inbound(Form::Json, body.as_bytes(), None).await.unwrap();
}

async fn read_all(store: &Store) {
    while store.read_next_inbound(Keywords::default()).await.unwrap().is_some() {}
}

async fn is_opted_out(rig: &Rig, owner: OwnerId) -> bool {
    !rig.store.opt_outs(owner, None, 10).await.unwrap().is_empty()
}

async fn what_came_last_counts_in_whatever_order_it_is_read(rig: Rig) {
    let owner = owner(&rig).await;
    // Each word, and when it came; they are stored, and read, in this order.
    for (words, opted_out) in [
        ([("STOP", 0), ("START", 1)], false),
        ([("START", 2), ("STOP", 3)], true),
        ([("START", 5), ("STOP", 4)], false),
        ([("STOP", 7), ("START", 6)], true),
        ([("START", 9), ("START", 8)], false),
    ] {
        for (word, second) in words {
            let back = rig.clock.now();
            rig.clock.advance(SignedDuration::from_secs(second));
            file(&rig.store, word).await;
            read_all(&rig.store).await;
            rig.clock.advance(back.duration_since(rig.clock.now()));
        }
        assert_eq!(is_opted_out(&rig, owner).await, opted_out, "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_slow_with_a_start_does_not_undo_a_later_stop() {
    let rig = Rig::postgres().await;
    let owner = owner(&rig).await;
    file(&rig.store, "START").await;
    rig.clock.advance(SignedDuration::from_secs(1));
    file(&rig.store, "STOP").await;
    // Somebody is at the first one.
    let slow = connect(&rig.address).await.unwrap();
    slow.batch_execute("BEGIN; SELECT * FROM inbound ORDER BY id LIMIT 1 FOR UPDATE").await.unwrap();
    let another = rig.another().await;
    let reading = tokio::spawn(async move { read_all(&another).await });
    let waits = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually(async || rig.count(waits).await == 1).await;
    slow.batch_execute("COMMIT").await.unwrap();
    reading.await.unwrap();
    assert!(is_opted_out(&rig, owner).await);
}
