//! The journal: every change once and in order, whatever is committed late; read by an index, and little of it.

use std::collections::HashSet;

use messaging::domain::ids::OwnerId;
use messaging::domain::opt_out::OptOutSource;
use messaging::domain::phone::Msisdn;
use messaging::domain::status::Event;
use messaging::domain::webhook::event::EventType;
use messaging::store::{Config, JournalEntry, Position, Store, Url};
use uuid::Uuid;

use crate::support::database::on_both_databases;
use crate::support::outcomes::accepted;
use crate::support::postgres::connect;
use crate::support::store::{Rig, eventually, nobody_else_is_connected};

on_both_databases![Rig::on =>
    pages_hold_every_change_once_while_others_write,
    a_messages_changes_keep_their_order,
    a_change_that_is_no_change_of_state_is_left_out,
    what_else_happens_stands_among_the_changes_in_one_order,
];

/// All of the owner's changes after `at` that are settled now, in pages of `size`.
async fn read(store: &Store, owner: OwnerId, at: &mut Position, size: i64) -> Vec<JournalEntry> {
    let settled = store.journal_horizon().await.unwrap().settled;
    let mut all = Vec::new();
    loop {
        let page = store.journal(&[owner], *at, settled, size).await.unwrap();
        let Some(last) = page.last() else { return all };
        *at = last.what.position;
        all.extend(page);
    }
}

/// The same of several owners, until as many as expected have come.
async fn read_until(store: &Store, owner: OwnerId, at: &mut Position, n: usize) -> Vec<JournalEntry> {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut all = Vec::new();
    while all.len() < n {
        assert!(tokio::time::Instant::now() < deadline, "{} of {n}", all.len());
        all.extend(read(store, owner, at, 7).await);
    }
    all
}

async fn pages_hold_every_change_once_while_others_write(rig: Rig) {
    let (owner, stranger) = (rig.owner().await, rig.owner().await);
    let other = rig.another().await;
    let writing = async {
        for _ in 0..5 {
            let here = rig.many(owner, 20);
            let there = futures::future::join_all((0..20).map(|_| async {
                let message = crate::support::messages::queued(
                    owner,
                    messaging::domain::message::Guarantee::AtLeastOnce,
                    rig.clock.now(),
                );
                crate::support::store::accept(&other, &message).await.unwrap();
            }));
            tokio::join!(here, there, rig.many(stranger, 3));
        }
    };
    let mut at = Position::before(0);
    let reading = read_until(&rig.store, owner, &mut at, 200);
    let ((), seen) = tokio::join!(writing, reading);
    assert_eq!(seen.len(), 200);
    let messages: HashSet<Uuid> = seen.iter().map(|entry| entry.what.position.subject).collect();
    assert_eq!(messages.len(), 200, "each once");
    assert!(seen.is_sorted_by_key(|entry| entry.what.position));
    assert!(seen.iter().all(|entry| entry.owner == owner && (entry.what.from, entry.what.to) == (0, 2)));
    assert!(read(&rig.store, owner, &mut at, 7).await.is_empty());
    let mut both = Position::before(0);
    let settled = rig.store.journal_horizon().await.unwrap().settled;
    let mut n = 0;
    loop {
        let page = rig.store.journal(&[owner, stranger], both, settled, 50).await.unwrap();
        let Some(last) = page.last() else { break };
        both = last.what.position;
        n += page.len();
    }
    assert_eq!(n, 215, "several owners are read together");
}

async fn a_messages_changes_keep_their_order(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    let message = rig.sent(owner, Some(campaign), "p-1").await;
    let mut at = Position::before(0);
    let seen = read_until(&rig.store, owner, &mut at, 3).await;
    let steps: Vec<_> = seen.iter().map(|entry| (entry.what.from, entry.what.to)).collect();
    assert_eq!(steps, [(0, 2), (2, 3), (3, 4)]);
    assert!(seen.iter().all(|entry| entry.message() == Some(message.id) && entry.campaign == Some(campaign)));
}

async fn a_change_that_is_no_change_of_state_is_left_out(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.sent(owner, None, "p-1").await;
    let same = messaging::domain::evidence::Evidence::of_read_model("Sent", None, None);
    rig.apply(message.id, Event::Evidence(same)).await.result.unwrap();
    let said = rig.count("events WHERE from_status = to_status").await;
    assert_eq!(said, 1, "the report is recorded");
    let mut at = Position::before(0);
    assert_eq!(read_until(&rig.store, owner, &mut at, 3).await.len(), 3);
    assert!(read(&rig.store, owner, &mut at, 7).await.is_empty());
}

/// An insert of an old program, or of one by hand, that names no place.
fn event(message: Uuid, version: i32, owner: OwnerId, from: i16, to: i16) -> String {
    format!(
        "INSERT INTO events (message_id, version, owner_id, at, kind, from_status, to_status, attempt, evidence) \
         VALUES ('{message}', {version}, {owner}, now(), 1, {from}, {to}, 0, 'null')"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_commits_late_is_not_skipped_by_those_who_have_read_what_came_after() {
    let rig = Rig::postgres().await;
    let owner = rig.owner().await;
    let late = Uuid::max();
    let client = connect(&rig.address).await.unwrap();
    client.batch_execute(&format!("BEGIN; {}", event(late, 1, owner, 0, 2))).await.unwrap();
    let after = rig.many(owner, 3).await;
    let mut at = Position::before(0);
    let before = read(&rig.store, owner, &mut at, 7).await;
    assert!(before.is_empty(), "nothing passes what is open: {before:?}");
    client.batch_execute("COMMIT").await.unwrap();
    let seen = read_until(&rig.store, owner, &mut at, 4).await;
    assert_eq!(seen[0].what.position.subject, late);
    let rest: HashSet<_> = seen[1..].iter().map(messaging::store::JournalEntry::message).collect();
    assert_eq!(rest, after.iter().map(|message| Some(message.id)).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_is_older_and_waited_for_a_message_comes_after_what_it_waited_for() {
    let rig = Rig::postgres().await;
    let owner = rig.owner().await;
    let message = rig.queued(owner).await;
    let older = connect(&rig.address).await.unwrap();
    // It has its number, and then gets at the message after the other one has changed it.
    older.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    let claimed = rig.claimed(&message).await;
    let fenced = rig.apply(message.id, rig.fence(claimed.lease().unwrap())).await;
    fenced.result.unwrap();
    rig.settle(&fenced.message, accepted("p-1")).await;
    older.batch_execute(&format!("{}; COMMIT", event(message.id.0, 100, owner, 4, 5))).await.unwrap();
    let mut at = Position::before(0);
    let seen = read_until(&rig.store, owner, &mut at, 4).await;
    let steps: Vec<_> = seen.iter().map(|entry| (entry.what.from, entry.what.to)).collect();
    assert_eq!(steps, [(0, 2), (2, 3), (3, 4), (4, 5)]);
}

/// Two owners' events, a hundred to a place; then statistics.
const FILL: &str = "INSERT INTO events (message_id, version, owner_id, at, kind, from_status, to_status, attempt, \
      evidence, place) \
    SELECT gen_random_uuid(), 1, 1 + i % 2, now(), 1, 0, 2, 0, 'null', 3 + i / 100 FROM generate_series(1, 40000) AS i; \
    ANALYZE";

/// How many entries the index gave, and how often the table was read whole.
async fn reads(url: &str) -> (i64, i64) {
    nobody_else_is_connected(url).await;
    let query = "SELECT (SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'events_journal'), \
        (SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'events')";
    let row = connect(url).await.unwrap().query_one(query, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_reads_its_own_entries_and_few_others() {
    let rig = Rig::postgres().await;
    let url = rig.address.clone();
    connect(&url).await.unwrap().batch_execute(FILL).await.unwrap();
    drop(rig.store);
    let places = [3, 100, 390];
    for owners in [vec![OwnerId(1)], vec![OwnerId(1), OwnerId(2)]] {
        let before = reads(&url).await;
        let config = Config { url: Url::parse(&url).unwrap(), pool_size: 1, pseudonym_key: None };
        let store = Store::open(&config, rig.clock.clone(), true).await.unwrap();
        for round in 0..8 {
            for place in places {
                // Of one owner all that is to come, of two what came a moment ago: as they are called.
                let settled = if owners.len() == 1 { i64::MAX } else { place + 4 };
                let page = store.journal(&owners, Position::before(place), settled, 256).await.unwrap();
                assert_eq!(page.len(), 256, "round {round}");
            }
        }
        drop(store);
        let after = reads(&url).await;
        assert_eq!(after.1 - before.1, 0, "the table is not read whole");
        assert!((after.0 - before.0) / 24 <= 500, "{} entries a page", (after.0 - before.0) / 24);
    }
}

async fn what_else_happens_stands_among_the_changes_in_one_order(rig: Rig) {
    let owners = [rig.owner().await, rig.owner().await];
    let mut expected: Vec<(OwnerId, i16)> = Vec::new();
    for n in 0..30_usize {
        let owner = owners[usize::from(n % 3 == 0)];
        if n % 4 == 1 {
            rig.queued(owner).await;
            expected.push((owner, EventType::MessageQueued as i16));
        } else {
            let number = Msisdn::parse(&format!("+3069000000{:02}", n / 8)).unwrap();
            let of = if rig.store.add_opt_out(owner, &number, OptOutSource::Owner).await.unwrap() {
                EventType::OptOutAdded
            } else {
                assert!(rig.store.remove_opt_out(owner, &number).await.unwrap());
                EventType::OptOutRemoved
            };
            expected.push((owner, of as i16));
        }
    }
    let settled = async || rig.store.journal_horizon().await.unwrap().settled;
    let begin = Position::before(0);
    let here = async || rig.store.journal(&owners, begin, settled().await, 1000).await.unwrap().len();
    eventually(async || here().await == expected.len()).await;
    for of in [&owners[..], &owners[..1], &owners[1..]] {
        let expected: Vec<_> = expected.iter().copied().filter(|(owner, _)| of.contains(owner)).collect();
        for size in [1, 2, 3, 7, 1000] {
            let (mut at, mut seen) = (begin, Vec::new());
            loop {
                let page = rig.store.journal(of, at, settled().await, size).await.unwrap();
                assert!(page.len() <= usize::try_from(size).unwrap());
                let Some(last) = page.last() else { break };
                assert!(rig.store.is_in_journal(last.owner, last.what.position).await.unwrap());
                at = last.what.position;
                seen.extend(page);
            }
            assert_eq!(seen.iter().map(|entry| (entry.owner, entry.what.to)).collect::<Vec<_>>(), expected, "{size}");
            assert!(seen.is_sorted_by_key(|entry| entry.what.position));
        }
    }
    let changes = |(_, of): &&(OwnerId, i16)| *of == EventType::MessageQueued as i16;
    let all = rig.store.journal(&owners, begin, settled().await, 1000).await.unwrap();
    let messages = all.iter().filter(|entry| entry.message().is_some()).count();
    assert_eq!(messages, expected.iter().filter(changes).count());
}
