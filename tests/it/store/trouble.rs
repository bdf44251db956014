//! Callers that go away, writes that cannot be, databases that are not there: nothing is stuck afterwards.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use messaging::domain::evidence::Evidence;
use messaging::domain::message::Guarantee;
use messaging::domain::status::Event;
use messaging::domain::text::MessageText;
use messaging::store::{Accepted, Error, Job, Pick, Terms};
use tokio_util::sync::CancellationToken;

use crate::support::database::on_both_databases;
use crate::support::messages::queued;
use crate::support::postgres::{administer, connect, count, server_url};
use crate::support::store::{Rig, accept, eventually, provider_id};

on_both_databases![Rig::on => callers_that_go_away_leave_nothing_behind, a_write_that_cannot_be_fails_alone];

async fn callers_that_go_away_leave_nothing_behind(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    let known = rig.sent(owner, Some(campaign), "p-1").await;
    for i in 0..200_u64 {
        let patience = Duration::from_micros(i * 37 % 2500);
        let mut message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
        message.campaign = Some(campaign);
        let event = Event::Evidence(Evidence::of_read_model("Buffered", Some(rig.clock.now()), Some(&i.to_string())));
        let report = Job { pick: Pick::Provider(owner, provider_id("p-1")), event };
        let writes = futures::future::join(accept(&rig.store, &message), rig.store.apply(report));
        let _ = tokio::time::timeout(patience, writes).await;
        let _ = tokio::time::timeout(patience, rig.store.roll_up_counters()).await;
        let _ = tokio::time::timeout(patience, rig.store.campaign_stats(owner, campaign)).await;
        let _ = tokio::time::timeout(patience, rig.store.create_user(&format!("user {i}"), None)).await;
    }
    // Every connection of the pool, and both writers, still serve.
    let more = rig.many(owner, 100).await;
    let reads = futures::future::join_all(more.iter().map(|m| rig.read(m))).await;
    assert_eq!(reads, more);
    assert!(rig.read(&known).await.state.version >= known.state.version);
    let stats = rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap();
    assert_eq!(stats.total(), rig.count(&format!("messages WHERE campaign_id = {}", campaign.0)).await);
    assert_eq!(rig.count("messages").await, rig.count("events WHERE kind = 1").await);
    if rig.is_postgres() {
        let idle = "pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        eventually(async || count(&rig.address, idle).await == 0).await;
    }
}

async fn a_write_that_cannot_be_fails_alone(rig: Rig) {
    let owner = rig.owner().await;
    let first = rig.queued(owner).await;
    let writes = (0..60).map(|i| {
        let mut message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
        if i % 20 == 7 {
            message.id = first.id;
        } else if i % 20 == 13 && rig.is_postgres() {
            message.text = MessageText::from_stored("a\0b".to_owned());
        }
        let store = rig.store.clone();
        async move { (i, store.accept(message, None, Terms::default(), CancellationToken::new()).await) }
    });
    for (i, answer) in futures::future::join_all(writes).await {
        let impossible = i % 20 == 7 || (i % 20 == 13 && rig.is_postgres());
        match answer {
            Ok(Accepted::New(_)) => assert!(!impossible),
            Err(Error::Query(_)) => assert!(impossible),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rig.read(&first).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_connections_are_replaced() {
    let rig = Rig::postgres().await;
    let owner = rig.owner().await;
    let known = rig.many(owner, 50).await;
    futures::future::join_all(known.iter().map(|m| rig.read(m))).await;
    let open = "pg_stat_activity WHERE datname = current_database() AND application_name = 'messaging'";
    assert!(count(&rig.address, open).await >= 4, "the pool has several connections");
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND application_name = 'messaging'";
    connect(&rig.address).await.unwrap().batch_execute(kill).await.unwrap();
    eventually(async || count(&rig.address, open).await == 0).await;

    // A connection whose end has not been noticed may be handed out once, and never again.
    let mut failures = 0;
    for _ in 0..40 {
        match rig.store.message(owner, known[0].id).await {
            Ok(found) => assert!(found.is_some()),
            Err(Error::Unavailable(_)) => failures += 1,
            Err(other) => panic!("{other:?}"),
        }
        match accept(&rig.store, &queued(owner, Guarantee::AtLeastOnce, rig.clock.now())).await {
            Ok(_) => {}
            Err(Error::Unavailable(_)) => failures += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(failures <= 8, "{failures} calls got a dead connection; the pool has 8");
    rig.many(owner, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_unavailable_and_serves_again_when_it_is_back() {
    let rig = Rig::postgres().await;
    let owner = rig.owner().await;
    let known = rig.queued(owner).await;
    let name = url::Url::parse(&rig.address).unwrap().path().trim_start_matches('/').to_owned();
    let away = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
    administer(&away).await.unwrap();
    let kill = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    administer(&kill).await.unwrap();
    let gone = format!("pg_stat_activity WHERE datname = '{name}'");
    eventually(async || count(server_url(), &gone).await == 0).await;

    let claim = Job { pick: Pick::Id(known.id), event: rig.claim() };
    let lost = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
    assert!(matches!(accept(&rig.store, &lost).await, Err(Error::Unavailable(_))));
    assert!(matches!(rig.store.apply(claim.clone()).await, Err(Error::Unavailable(_))));
    assert!(matches!(rig.store.message(owner, known.id).await, Err(Error::Unavailable(_))));
    assert!(matches!(rig.store.ping().await, Err(Error::Unavailable(_))));

    administer(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await.unwrap();
    assert!(rig.store.apply(claim).await.unwrap()[0].result.is_ok());
    rig.stored(lost).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_waits_while_a_command_writes_the_sqlite_file() {
    let rig = Rig::sqlite().await;
    let owner = rig.owner().await;
    let message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
    let mut command = SqliteConnection::establish(&rig.address).unwrap();
    command.batch_execute("BEGIN IMMEDIATE").unwrap();
    let (store, waiting) = (rig.store.clone(), message.clone());
    let mut write = tokio::spawn(async move { accept(&store, &waiting).await });
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut write).await.is_err(), "it did not wait");
    assert_eq!(rig.store.users(None, 10).await.unwrap().len(), 1, "readers do not wait");
    command.batch_execute("COMMIT").unwrap();
    assert!(matches!(write.await.unwrap(), Ok(Accepted::New(_))));
    assert_eq!(rig.read(&message).await, message);
}
