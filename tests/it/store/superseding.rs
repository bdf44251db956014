//! Taking the place of older messages: in the transaction that accepts the new one, in an order, found by an index.

use futures::future::join_all;
use jiff::SignedDuration;
use messaging::clock::Clock;
use messaging::domain::ids::{MessageId, OwnerId};
use messaging::domain::message::{Dispatch, Guarantee, Message, Status};
use messaging::domain::outcome::Backoff;
use messaging::domain::phone::Msisdn;
use messaging::domain::status::EventKind;
use messaging::domain::supersede::{Fate, Supersede, SupersedeKey, Superseded};
use messaging::store::{Accepted, Config, IdempotencyKey, Store, Terms, Url};
use tokio_util::sync::CancellationToken;

use crate::support::database::on_both_databases;
use crate::support::messages::{queued, start};
use crate::support::outcomes::{accepted, not_sent, rejected};
use crate::support::postgres::connect;
use crate::support::store::{Rig, accept, nobody_else_is_connected};

on_both_databases![Rig::on =>
    a_newer_message_cancels_the_older_one_and_names_it,
    what_has_passed_the_fence_is_named_and_stays,
    one_that_is_claimed_is_refused_at_the_fence,
    another_owners_another_numbers_and_another_keys_stay,
    of_several_that_wait_all_are_cancelled_and_the_newest_is_named,
    within_one_batch_each_takes_the_place_of_the_one_before,
    calls_at_once_on_two_replicas_leave_one_that_waits,
    a_repeat_and_one_whose_answer_was_lost_tell_the_same,
    what_was_refused_or_is_over_is_not_spoken_of,
];

/// A message of the owner's with this key.
fn keyed(rig: &Rig, owner: OwnerId, key: &str) -> Message {
    let supersede = Supersede { key: SupersedeKey::parse(key).unwrap(), older: None };
    // Ids of one moment are in no order.
    rig.clock.advance(SignedDuration::from_millis(1));
    Message { supersede, ..queued(owner, Guarantee::AtLeastOnce, rig.clock.now()) }
}

/// Stores the message, and returns it as it was stored.
async fn stored(store: &Store, message: Message) -> Message {
    match accept(store, &message).await.unwrap() {
        Accepted::New(stored) => *stored,
        other => panic!("{other:?}"),
    }
}

fn older(message: &Message, fate: Fate) -> Superseded {
    Superseded { id: message.id, fate }
}

async fn a_newer_message_cancels_the_older_one_and_names_it(rig: Rig) {
    let owner = rig.owner().await;
    let first = stored(&rig.store, keyed(&rig, owner, "login")).await;
    assert_eq!(first.supersede.older, None);
    let second = stored(&rig.store, keyed(&rig, owner, "login")).await;
    assert_eq!(second.supersede.older, Some(older(&first, Fate::Cancelled)));
    assert_eq!(rig.read(&second).await, second);
    let first = rig.read(&first).await;
    assert_eq!((first.status(), first.state.error_code.as_deref()), (Status::Cancelled, Some("SUPERSEDED")));
    let history = rig.store.history(owner, first.id).await.unwrap();
    let last = history.last().unwrap();
    assert_eq!(
        (last.kind, last.evidence["superseded_by"].as_str()),
        (Some(EventKind::Cancelled), Some(second.id.to_string().as_str()))
    );

    let mut scheduled = keyed(&rig, owner, "login");
    (scheduled.state.dispatch, scheduled.scheduled_at) = (Dispatch::Scheduled, Some(rig.lease_end()));
    let third = stored(&rig.store, scheduled).await;
    let fourth = stored(&rig.store, keyed(&rig, owner, "login")).await;
    assert_eq!(
        (third.supersede.older, fourth.supersede.older),
        (Some(older(&second, Fate::Cancelled)), Some(older(&third, Fate::Cancelled)))
    );
    assert_eq!(rig.take(10).await.len(), 1, "the newest alone is sent");
}

async fn what_has_passed_the_fence_is_named_and_stays(rig: Rig) {
    let owner = rig.owner().await;
    let first = stored(&rig.store, keyed(&rig, owner, "login")).await;
    let sending = rig.fenced(&first).await;
    let second = stored(&rig.store, keyed(&rig, owner, "login")).await;
    assert_eq!(second.supersede.older, Some(older(&first, Fate::AlreadySent)));
    assert_eq!(rig.read(&first).await, sending);
    rig.settle(&sending, accepted("p-1")).await.result.unwrap();
    rig.fenced(&second).await;
    let third = stored(&rig.store, keyed(&rig, owner, "login")).await;
    assert_eq!(third.supersede.older, Some(older(&second, Fate::AlreadySent)), "the newest of those that were sent");
}

async fn one_that_is_claimed_is_refused_at_the_fence(rig: Rig) {
    let owner = rig.owner().await;
    let first = stored(&rig.store, keyed(&rig, owner, "login")).await;
    let claimed = rig.claimed(&first).await;
    let second = stored(&rig.store, keyed(&rig, owner, "login")).await;
    assert_eq!(second.supersede.older, Some(older(&first, Fate::Cancelled)));
    assert!(rig.apply(first.id, rig.fence(claimed.lease().unwrap())).await.result.is_err());
    assert_eq!(rig.read(&first).await.status(), Status::Cancelled);
}

async fn another_owners_another_numbers_and_another_keys_stay(rig: Rig) {
    let (owner, other) = (rig.owner().await, rig.owner().await);
    let number = Msisdn::from_stored("+306900000009".to_owned());
    let mut all = Vec::new();
    for message in [
        keyed(&rig, owner, "login"),
        keyed(&rig, other, "login"),
        Message { destination: number, ..keyed(&rig, owner, "login") },
        keyed(&rig, owner, "Login"),
        keyed(&rig, owner, ""),
        keyed(&rig, owner, ""),
    ] {
        all.push(stored(&rig.store, message).await);
    }
    for message in all {
        assert_eq!((rig.read(&message).await.status(), message.supersede.older), (Status::Queued, None));
    }
}

async fn of_several_that_wait_all_are_cancelled_and_the_newest_is_named(rig: Rig) {
    let owner = rig.owner().await;
    let mut sending = Vec::new();
    for _ in 0..3 {
        let message = stored(&rig.store, keyed(&rig, owner, "login")).await;
        sending.push(rig.fenced(&message).await);
    }
    // The provider did not take them: all wait again.
    for message in &sending {
        rig.settle(message, not_sent(Backoff::Unhealthy)).await.result.unwrap();
    }
    let newest = stored(&rig.store, keyed(&rig, owner, "login")).await;
    assert_eq!(newest.supersede.older, Some(older(&sending[2], Fate::Cancelled)));
    for message in &sending {
        assert_eq!(rig.read(message).await.status(), Status::Cancelled);
    }
}

async fn within_one_batch_each_takes_the_place_of_the_one_before(rig: Rig) {
    let owner = rig.owner().await;
    let messages: Vec<Message> = (0..100).map(|_| keyed(&rig, owner, "login")).collect();
    let calls = messages.iter().map(|message| stored(&rig.store, message.clone()));
    let told = join_all(calls).await;
    assert!(rig.store.pulse().0.0 < 100, "they are stored together");
    // What a call is told is how its message was when its batch was over.
    let mut waiting = Vec::new();
    for message in &told {
        let now = rig.read(message).await;
        assert_eq!(now.supersede, message.supersede);
        assert!(now.state == message.state || now.status() == Status::Cancelled);
        waiting.extend((now.status() == Status::Queued).then_some(now.id));
    }
    assert_eq!(waiting.len(), 1);
    assert_eq!(rig.count("messages WHERE superseded = 1").await, 99);
    assert_eq!(rig.count("(SELECT DISTINCT superseded_id FROM messages WHERE superseded = 1) AS d").await, 99);
    assert_eq!(rig.count("events WHERE kind = 9").await, 99);
}

async fn calls_at_once_on_two_replicas_leave_one_that_waits(rig: Rig) {
    let owner = rig.owner().await;
    let stores = [rig.store.clone(), rig.another().await];
    let calls = (0..64).map(|n: usize| {
        let (store, message) = (stores[n % 2].clone(), keyed(&rig, owner, "login"));
        tokio::spawn(async move { stored(&store, message).await })
    });
    let calls: Vec<_> = calls.collect();
    join_all(calls).await.into_iter().for_each(|told| drop(told.unwrap()));
    assert_eq!(rig.count("messages WHERE status = 2").await, 1);
    assert_eq!(rig.count("messages WHERE status = 8").await, 63);
    assert_eq!(rig.count("(SELECT DISTINCT superseded_id FROM messages WHERE superseded = 1) AS d").await, 63);
}

async fn a_repeat_and_one_whose_answer_was_lost_tell_the_same(rig: Rig) {
    let owner = rig.owner().await;
    let key = || Some(IdempotencyKey { key: "order-1".to_owned(), fingerprint: [1; 32] });
    let first = stored(&rig.store, keyed(&rig, owner, "login")).await;
    let second = keyed(&rig, owner, "login");
    let call = |message: Message| rig.store.accept(message, key(), Terms::default(), CancellationToken::new());
    let told = join_all([call(second.clone()), call(keyed(&rig, owner, "login"))]).await;
    for told in told {
        let Ok(Accepted::New(message) | Accepted::Repeat(message)) = told else { panic!("{told:?}") };
        assert_eq!(message.supersede.older, Some(older(&first, Fate::Cancelled)));
    }
    let again = rig.store.accept_again(second.clone(), key(), Terms::default()).await.unwrap();
    let Accepted::New(again) = again else { panic!("{again:?}") };
    assert_eq!((again.id, again.status()), (second.id, Status::Queued), "it did not take its own place");
    assert_eq!(again.supersede.older, Some(older(&first, Fate::Cancelled)));
}

async fn what_was_refused_or_is_over_is_not_spoken_of(rig: Rig) {
    let owner = rig.owner().await;
    let refused = stored(&rig.store, keyed(&rig, owner, "a")).await;
    rig.settle(&rig.fenced(&refused).await, rejected()).await.result.unwrap();
    assert_eq!(stored(&rig.store, keyed(&rig, owner, "a")).await.supersede.older, None);
    let sent = stored(&rig.store, keyed(&rig, owner, "b")).await;
    rig.settle(&rig.fenced(&sent).await, accepted("p-1")).await.result.unwrap();
    rig.clock.advance(Message::DEFAULT_VALIDITY);
    assert_eq!(stored(&rig.store, keyed(&rig, owner, "b")).await.supersede.older, None, "its validity has ended");
}

/// Ten thousand messages to one number, all but the last hundred without a key, and as many with one to other numbers.
const FILL: &str = "INSERT INTO messages (id, owner_id, destination, text, sender, traffic_account_id, segments, encoding, \
      delivery_guarantee, created_at, expires_at, dispatch, delivery_rank, status, evidence_hash, attempts, ambiguous, crashes, \
      possible_duplicate, epoch, updated_at, version, supersede_key) \
    SELECT gen_random_uuid(), 1, CASE WHEN i % 2 = 1 THEN '+306912345671' ELSE '+3069' || i END, 'text', 's', 'a', 1, 1, 1, now(), '2126-01-01', 4, 10, 4, 0, 1, 0, 0, \
      false, 1, now(), 1, CASE WHEN i % 2 = 0 OR i > 19800 THEN 'login' END FROM generate_series(1, 20000) AS i; ANALYZE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_finds_the_older_one_by_an_index_and_looks_for_none_without_a_key() {
    let rig = Rig::postgres().await;
    let url = rig.address.clone();
    let owner = rig.owner().await;
    connect(&url).await.unwrap().batch_execute(FILL).await.unwrap();
    let (clock, config) =
        (rig.clock.clone(), Config { url: Url::parse(&url).unwrap(), pool_size: 1, pseudonym_key: None });
    drop(rig.store);
    let read = async |what: &str, of: &str| {
        nobody_else_is_connected(&url).await;
        let query = format!("SELECT sum({what})::bigint FROM {of}");
        connect(&url).await.unwrap().query_one(&query, &[]).await.unwrap().get::<_, i64>(0)
    };
    let tables = "pg_stat_user_tables WHERE relname = 'messages'";
    let indexes = "pg_stat_user_indexes WHERE indexrelname LIKE 'messages_superseding%'";
    for (key, scans) in [("", 0), ("login", 2 * 16)] {
        let before =
            (read("seq_scan", tables).await, read("idx_tup_fetch", tables).await, read("idx_scan", indexes).await);
        let store = Store::open(&config, Clock::manual(start()), true).await.unwrap();
        for _ in 0..16 {
            clock.advance(SignedDuration::from_millis(1));
            let supersede = Supersede { key: SupersedeKey::parse(key).unwrap(), older: None };
            let destination = Msisdn::from_stored("+306912345671".to_owned());
            let message = Message {
                supersede,
                destination,
                id: MessageId::new(clock.now()),
                ..queued(owner, Guarantee::AtLeastOnce, clock.now())
            };
            stored(&store, message).await;
        }
        drop(store);
        assert_eq!(read("seq_scan", tables).await, before.0, "the table is not read whole");
        assert!(read("idx_tup_fetch", tables).await - before.1 <= 16 * 8);
        assert_eq!(read("idx_scan", indexes).await - before.2, scans);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_finds_the_older_one_by_an_index() {
    use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let rig = Rig::sqlite().await;
    let mut connection = SqliteConnection::establish(&rig.address).unwrap();
    for (rest, index) in [
        ("dispatch < 3", "messages_superseding_waits (owner_id=? AND destination=? AND supersede_key=?)"),
        (
            "dispatch >= 3 AND dispatch <= 6 AND dispatch <> 5 ORDER BY id DESC LIMIT 1",
            "messages_superseding_sent (owner_id=? AND destination=? AND supersede_key=?)",
        ),
    ] {
        let mine = "owner_id = 1 AND destination = 'd' AND supersede_key = 'k'";
        let query = format!("EXPLAIN QUERY PLAN SELECT id FROM messages WHERE {mine} AND {rest}");
        let steps: Vec<Step> = diesel::sql_query(query).load(&mut connection).unwrap();
        assert!(steps.len() == 1 && steps[0].detail.contains(index), "{}", steps[0].detail);
    }
}
