//! The transaction runner: where it may be made to fail, what is left then, and that nothing goes past it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use messaging::domain::message::Guarantee;
use messaging::store::{Accepted, Error, Interruption, Point};

use crate::support::database::on_both_databases;
use crate::support::files;
use crate::support::messages::queued;
use crate::support::postgres::connect;
use crate::support::store::{Rig, accept, count, eventually};

on_both_databases![Rig::on =>
    what_fails_before_its_commit_leaves_nothing,
    what_is_committed_stays_though_its_answer_is_lost,
    a_lost_race_is_run_again,
    a_race_that_is_always_lost_is_given_up,
    a_story_that_panics_harms_no_other,
];

/// Lets the next `times` transactions that come to `point` end so.
fn interrupt(rig: &Rig, point: Point, how: Interruption, times: u32) -> Arc<AtomicU32> {
    let seen = Arc::new(AtomicU32::new(0));
    let counter = seen.clone();
    rig.store.interrupt(move |at| {
        let due = at == point && counter.fetch_add(1, Ordering::Relaxed) < times;
        due.then_some(how)
    });
    seen
}

async fn what_fails_before_its_commit_leaves_nothing(rig: Rig) {
    let owner = rig.owner().await;
    for point in [Point::Begin, Point::Commit] {
        for how in [Interruption::Unavailable, Interruption::Refused] {
            interrupt(&rig, point, how, 1);
            let message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
            let failed = accept(&rig.store, &message).await;
            match how {
                Interruption::Unavailable => assert!(matches!(failed, Err(Error::Unavailable(_)))),
                _ => assert!(matches!(failed, Err(Error::Query(_)))),
            }
            assert_eq!(rig.count("messages").await, 0, "{point:?} {how:?}");
            assert_eq!(rig.count("events").await, 0, "{point:?} {how:?}");
        }
    }
    rig.queued(owner).await;
    assert_eq!(rig.count("messages").await, 1);
    nothing_is_open(&rig).await;
}

async fn what_is_committed_stays_though_its_answer_is_lost(rig: Rig) {
    let owner = rig.owner().await;
    interrupt(&rig, Point::Committed, Interruption::Unavailable, 1);
    let message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
    assert!(matches!(accept(&rig.store, &message).await, Err(Error::InDoubt(_))));
    assert_eq!(rig.read(&message).await, message);
    nothing_is_open(&rig).await;
}

async fn a_lost_race_is_run_again(rig: Rig) {
    let owner = rig.owner().await;
    for point in [Point::Begin, Point::Commit] {
        let seen = interrupt(&rig, point, Interruption::Race, 3);
        let message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
        assert!(matches!(accept(&rig.store, &message).await, Ok(Accepted::New(_))));
        assert_eq!(rig.read(&message).await, message);
        assert_eq!(seen.load(Ordering::Relaxed), 4, "{point:?}");
    }
    assert_eq!(rig.count("events").await, 2);
}

async fn a_race_that_is_always_lost_is_given_up(rig: Rig) {
    let owner = rig.owner().await;
    interrupt(&rig, Point::Commit, Interruption::Race, u32::MAX);
    let message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
    assert!(matches!(accept(&rig.store, &message).await, Err(Error::Unavailable(_))));
    assert_eq!(rig.count("messages").await, 0);
    nothing_is_open(&rig).await;
}

async fn a_story_that_panics_harms_no_other(rig: Rig) {
    let owner = rig.owner().await;
    for point in [Point::Begin, Point::Commit, Point::Committed] {
        interrupt(&rig, point, Interruption::Panic, 1);
        let panicked = rig.store.roll_up_counters().await;
        assert!(matches!(panicked, Err(Error::Query(_))), "{point:?}");
        rig.queued(owner).await;
    }
    assert_eq!(rig.count("messages").await, 3);
    nothing_is_open(&rig).await;
}

/// No connection of the pool is in a transaction.
async fn nothing_is_open(rig: &Rig) {
    if rig.is_postgres() {
        let idle = "pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        eventually(async || count(&rig.config.url, idle).await == 0).await;
    }
    // On SQLite a transaction that were open would keep this one out.
    rig.execute("UPDATE chores SET due_at = due_at").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_gets_no_answer_ends_in_time_and_takes_its_connection_with_it() {
    let rig = Rig::postgres().await;
    rig.store.change_gate("account", |_, _| ()).await.unwrap();
    // A server that works on the answer until it is let go. Waiting for a row would be answered.
    rig.execute(
        "CREATE TABLE let_go (at int); CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         WHILE NOT EXISTS (SELECT FROM let_go) LOOP PERFORM pg_sleep(0.05); END LOOP; RETURN NEW; END $$; \
         CREATE TRIGGER hang BEFORE UPDATE ON gates FOR EACH ROW EXECUTE FUNCTION hang()",
    )
    .await;
    let begun = Instant::now();
    // Connections that are open when it gives no answer.
    let pings = futures::future::join_all((0..3).map(|_| rig.store.ping())).await;
    assert!(pings.into_iter().all(|ping| ping.is_ok()));
    rig.execute("CREATE TABLE marker AS SELECT clock_timestamp() AS at").await;
    let waited = rig.store.change_gate("account", |gate, _| gate.rate = Some(5)).await;
    assert!(matches!(waited, Err(Error::Unavailable(_))));
    assert!(begun.elapsed().as_secs() < 40);
    // Whoever is not at that row is served meanwhile.
    rig.queued(rig.owner().await).await;
    rig.execute("INSERT INTO let_go VALUES (1)").await;
    let ours = "pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    eventually(async || count(&rig.config.url, ours).await == 0).await;
    let (gate, ()) = rig.store.change_gate("account", |_, _| ()).await.unwrap();
    assert_eq!(gate.rate, None, "what was given up was not done after all");
    // What took the one may have taken the others: none of them is used any more.
    let before = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
        AND backend_start < (SELECT at FROM marker)";
    eventually(async || count(&rig.config.url, before).await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_another_holds_is_waited_for_as_long_as_an_attempt_may_take_and_no_connection_is_doubted() {
    let rig = Rig::postgres().await;
    rig.store.change_gate("account", |_, _| ()).await.unwrap();
    let holder = connect(&rig.address).await.unwrap();
    holder.batch_execute("CREATE TABLE marker AS SELECT clock_timestamp() AS at").await.unwrap();
    holder.batch_execute("BEGIN; SELECT * FROM gates WHERE name = 'account' FOR UPDATE").await.unwrap();
    // The program's own: those of the test come and go.
    let before = "pg_stat_activity WHERE datname = current_database() AND application_name = 'messaging' \
        AND backend_start < (SELECT at FROM marker) AND state = 'idle'";
    let open = count(&rig.config.url, before).await;
    let waited = rig.store.change_gate("account", |gate, _| gate.rate = Some(5)).await;
    assert!(matches!(waited, Err(Error::Unavailable(_))));
    holder.batch_execute("COMMIT").await.unwrap();
    let (gate, ()) = rig.store.change_gate("account", |_, _| ()).await.unwrap();
    assert_eq!(gate.rate, None, "what was given up was not done after all");
    drop(holder);
    eventually(async || count(&rig.config.url, before).await == open).await;
    assert!(open > 0);
}

/// What opens a transaction, in Diesel's words and in SQL.
const OPENERS: [&str; 11] = [
    "\"BEGIN",
    "BEGIN;",
    "BEGIN IMMEDIATE",
    "\"begin;",
    "START TRANSACTION",
    "SAVEPOINT",
    ".transaction(",
    ".transaction::<",
    "immediate_transaction(",
    "exclusive_transaction(",
    "build_transaction(",
];

#[test]
fn one_file_alone_opens_transactions() {
    let opens = |path: &std::path::Path| {
        let source = std::fs::read_to_string(path).unwrap();
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.filter(|line| OPENERS.iter().any(|opener| line.contains(opener))).count()
    };
    let source = files::root().join("src");
    let rust = files::under(&source).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let openers = rust.filter(|path| opens(path) > 0);
    let openers: Vec<String> = openers.map(|path| path.strip_prefix(&source).unwrap().display().to_string()).collect();
    // The importer reads the system before this one on one snapshot, in a database that it never writes.
    assert_eq!(
        openers,
        ["legacy/read.rs", "store/transaction.rs"],
        "src/store/transaction.rs alone opens transactions"
    );
}

#[test]
fn nothing_is_written_outside_of_a_transaction() {
    // `run!` lends a connection without one: its bodies read.
    for path in files::under(&files::root().join("src/store")) {
        let source = std::fs::read_to_string(&path).unwrap();
        for (start, _) in source.match_indices("run!(") {
            let body: String = source[start..]
                .chars()
                .scan(0_i32, |depth, c| {
                    *depth += i32::from(c == '(') - i32::from(c == ')');
                    (*depth > 0 || c != ')').then_some(c)
                })
                .collect();
            assert!(!body.contains(".execute("), "{} writes in run!: {body}", path.display());
        }
    }
}
