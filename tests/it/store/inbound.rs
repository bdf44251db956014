//! STOP and START of one number: what came last counts, whoever reads it and when.

use jiff::{SignedDuration, Timestamp};
use messaging::domain::ids::OwnerId;
use messaging::domain::keyword::{Effect, Keywords, Verdict};
use messaging::domain::phone::Msisdn;
use messaging::domain::report::Form;
use messaging::domain::sender::SenderId;
use messaging::store::{Error, InboundFilter, Store};

use crate::store::sqlite::plan;
use crate::support::database::on_both_databases;
use crate::support::postgres::connect;
use crate::support::store::{Rig, eventually, nobody_else_is_connected};

on_both_databases![Rig::on =>
    what_came_last_counts_in_whatever_order_it_is_read,
    a_stop_that_is_said_again_outlives_a_start_from_before_it,
    a_message_that_the_database_refuses_to_have_read_holds_up_no_other,
    a_post_of_thousands_is_taken_whole,
    a_message_to_a_sender_of_several_or_of_nobody_concerns_who_wrote_last,
    a_stop_that_is_read_after_a_later_start_says_so,
    what_was_read_before_its_number_was_noted_is_listed_all_the_same,
    a_number_that_was_written_with_spaces_is_erased_as_well,
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

async fn a_stop_that_is_said_again_outlives_a_start_from_before_it(rig: Rig) {
    let owner = owner(&rig).await;
    // Each word, and when it came, in the order in which they are read.
    for (word, second) in [("STOP", 0), ("STOP", 5), ("START", 3)] {
        rig.clock.advance(SignedDuration::from_secs(second));
        file(&rig.store, word).await;
        read_all(&rig.store).await;
        rig.clock.advance(SignedDuration::from_secs(-second));
    }
    assert!(is_opted_out(&rig, owner).await);
    rig.clock.advance(SignedDuration::from_secs(6));
    file(&rig.store, "START").await;
    read_all(&rig.store).await;
    assert!(!is_opted_out(&rig, owner).await);
}

async fn a_message_that_the_database_refuses_to_have_read_holds_up_no_other(rig: Rig) {
    let owner = owner(&rig).await;
    let refused = if rig.is_postgres() {
        "ALTER TABLE opt_outs ADD CONSTRAINT refuse CHECK (destination <> '+306900000001')"
    } else {
        "CREATE TRIGGER refuse BEFORE INSERT ON opt_outs WHEN NEW.destination = '+306900000001' \
         BEGIN SELECT RAISE(ABORT, 'refused'); END"
    };
    rig.execute(refused).await;
    file(&rig.store, "STOP").await;
    rig.clock.advance(SignedDuration::from_secs(1));
    let body = serde_json::json!({"from": "+306900000002", "to": "Alice", "text": "STOP"}).to_string();
    rig.store.file_inbound(Form::Json, body.as_bytes(), None).await.unwrap();
    assert!(matches!(rig.store.read_next_inbound(Keywords::default()).await, Err(Error::Query(_))));
    read_all(&rig.store).await;
    assert_eq!(rig.store.opt_outs(owner, None, 10).await.unwrap().len(), 1);
    rig.execute(if rig.is_postgres() { "ALTER TABLE opt_outs DROP CONSTRAINT refuse" } else { "DROP TRIGGER refuse" })
        .await;
    rig.clock.advance(SignedDuration::from_mins(5));
    read_all(&rig.store).await;
    assert_eq!(rig.store.opt_outs(owner, None, 10).await.unwrap().len(), 2);
}

async fn a_stop_that_is_read_after_a_later_start_says_so(rig: Rig) {
    let owner = owner(&rig).await;
    rig.clock.advance(SignedDuration::from_secs(1));
    file(&rig.store, "START").await;
    read_all(&rig.store).await;
    rig.clock.advance(SignedDuration::from_secs(-1));
    file(&rig.store, "STOP").await;
    read_all(&rig.store).await;
    let told = rig.store.inbound(owner, InboundFilter::default(), None, 10).await.unwrap();
    let effects: Vec<_> = told.iter().map(|one| (one.text.as_str(), one.effect)).collect();
    assert_eq!(effects, [("START", Some(Effect::NothingToUndo)), ("STOP", Some(Effect::Overtaken))]);
}

async fn what_was_read_before_its_number_was_noted_is_listed_all_the_same(rig: Rig) {
    let owner = owner(&rig).await;
    file(&rig.store, "STOP").await;
    read_all(&rig.store).await;
    // As the release before leaves it.
    rig.execute("UPDATE inbound SET number = NULL, effect = NULL").await;
    let told = rig.store.inbound(owner, InboundFilter::default(), None, 10).await.unwrap();
    assert_eq!((told[0].number.as_str(), told[0].verdict, told[0].effect), ("+306900000001", Verdict::Stop, None));
}

async fn a_number_that_was_written_with_spaces_is_erased_as_well(rig: Rig) {
    let rig = rig.with_key(Some("a key of the tests, 32 bytes or more")).await.unwrap();
    owner(&rig).await;
    let body = serde_json::json!({"from": "0030 690 000-0001", "to": "Alice", "text": "Hello"}).to_string();
    rig.store.file_inbound(Form::Json, body.as_bytes(), None).await.unwrap();
    read_all(&rig.store).await;
    let number = Msisdn::parse("+306900000001").unwrap();
    assert_eq!(rig.store.erase_number(&number, None).await.unwrap().bodies, 1);
    assert_eq!(rig.count("inbound").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_reads_each_list_by_an_index_of_its_own() {
    let rig = Rig::sqlite().await;
    for (filter, index) in [
        ("", "inbound_owner (owner_id=? AND id<?)"),
        ("AND number = 'a'", "inbound_number (owner_id=? AND number=? AND id<?)"),
        ("AND verdict = 1", "inbound_verdict (owner_id=? AND verdict=? AND id<?)"),
        ("AND id >= x'00' AND received_at >= 7", "inbound_owner (owner_id=? AND id>? AND id<?)"),
    ] {
        let plan = plan(&rig, "inbound", filter);
        assert!(plan.contains(index), "{filter}: {plan}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_reads_little_more_than_a_list_finds() {
    let rig = Rig::postgres().await;
    let fill = "INSERT INTO inbound (id, received_at, form, body, state, verdict, owner_id, number) \
        SELECT (lpad(to_hex(1767225600000 + i * 1000::bigint), 12, '0') || '70008000' || lpad(to_hex(i), 12, '0'))::uuid, \
          '2026-01-01'::timestamptz + i * interval '1 second', 1, '{\"from\":\"+306900000001\",\"text\":\"Hi\"}', 2, \
          CASE WHEN i % 1000 = 0 THEN 1 ELSE 4 END, 1 + i % 200, '+3069' || (i % 2000) FROM generate_series(1, 20000) AS i; ANALYZE";
    rig.execute(fill).await;
    let (url, config) = (rig.address.clone(), rig.config.clone());
    drop(rig.store);
    let read = async || {
        nobody_else_is_connected(&url).await;
        let query = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'inbound'";
        connect(&url).await.unwrap().query_one(query, &[]).await.unwrap().get::<_, i64>(0)
    };
    let at = |seconds: i64| Some(Timestamp::from_second(1_767_225_600 + seconds).unwrap());
    let of = InboundFilter::default;
    for (name, filter, finds) in [
        ("all", of(), 50),
        ("number", InboundFilter { number: Some(Msisdn::from_stored("+30697".to_owned())), ..of() }, 10),
        ("verdict", InboundFilter { verdict: Some(Verdict::Stop), ..of() }, 20),
        ("time", InboundFilter { after: at(5000), before: at(7000), ..of() }, 10),
    ] {
        let before = read().await;
        let store = Store::open(&config, rig.clock.clone(), true).await.unwrap();
        let owner = OwnerId(if name == "number" { 8 } else { 1 });
        for _ in 0..8 {
            assert_eq!(store.inbound(owner, filter.clone(), None, 50).await.unwrap().len(), finds, "{name}");
        }
        drop(store);
        let each = (read().await - before) / 8;
        assert!(each <= 60, "{name}: {each} rows");
    }
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
