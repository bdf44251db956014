//! What many may ask for at once, readiness first, and the loops in the background, which one message must not end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::SignedDuration;
use messaging::domain::ids::ProviderMessageId;
use messaging::domain::message::Guarantee;
use messaging::domain::outcome::Outcome;
use messaging::domain::rate::Rate;
use messaging::error::Error;
use messaging::metrics::Loop;
use messaging::provider::{Provider, ReadError, Snapshot, Submission};
use messaging::service::{NotReady, Settings};
use messaging::store::{Interruption, Point};
use messaging::worker::Worker;

use crate::support::database::on_both_databases;
use crate::support::messages::queued;
use crate::support::postgres::connect;
use crate::support::scripted::{Scripted, all, id_of};
use crate::support::settings::{self, ForTests as _};
use crate::support::store::{Rig, accept, eventually};

on_both_databases![Rig::on =>
    however_many_ask_whether_it_is_ready_the_database_is_asked_once,
    however_many_posts_come_one_of_the_process_reads_them,
    a_process_whose_database_takes_no_write_is_not_ready,
    a_full_disk_is_told_by_its_name,
    a_loop_that_panics_goes_on_and_is_counted,
];

/// How many transactions begin for what all of these ask at once: none comes further than its beginning before each has asked.
async fn begun_for<T>(rig: &Rig, asked: impl IntoIterator<Item = impl Future<Output = T>>) -> (Vec<T>, usize) {
    let (begun, all_asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, waited_for) = (begun.clone(), all_asked.clone());
    rig.store.interrupt(move |point| {
        if point == Point::Begin {
            counted.fetch_add(1, Ordering::SeqCst);
            while !waited_for.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }
        None
    });
    let mut asked: Vec<_> = asked.into_iter().map(|one| Box::pin(futures::future::maybe_done(one))).collect();
    for one in &mut asked {
        let _ = futures::poll!(one);
    }
    all_asked.store(true, Ordering::SeqCst);
    let mut answers = Vec::new();
    for mut one in asked {
        one.as_mut().await;
        answers.extend(one.as_mut().take_output());
    }
    (answers, begun.load(Ordering::SeqCst))
}

async fn however_many_posts_come_one_of_the_process_reads_them(rig: Rig) {
    let service = settings::service(&rig.store, &rig.clock, Scripted::new(all), Settings::for_tests());
    let (read, begun) = begun_for(&rig, (0..50).map(|_| service.read_inbound())).await;
    assert!(read.len() == 50 && read.into_iter().all(|read| read.is_ok_and(|read| read == 0)));
    // Each would wait for its turn by a connection of its own.
    assert_eq!(begun, 1);
}

async fn however_many_ask_whether_it_is_ready_the_database_is_asked_once(rig: Rig) {
    let service = settings::service(&rig.store, &rig.clock, Scripted::new(all), Settings::for_tests());
    let (ready, begun) = begun_for(&rig, (0..500).map(|_| service.ready())).await;
    assert!(ready.len() == 500 && ready.into_iter().all(|ready| ready.is_ok()));
    assert_eq!(begun, 1);
}

async fn a_process_whose_database_takes_no_write_is_not_ready(rig: Rig) {
    let service = settings::service(&rig.store, &rig.clock, Scripted::new(all), Settings::for_tests());
    rig.store.interrupt(|point| (point == Point::Commit).then_some(Interruption::Unavailable));
    rig.store.ping().await.expect("it can be read");
    assert!(matches!(service.ready().await, Err(NotReady::Database)));
}

async fn a_full_disk_is_told_by_its_name(rig: Rig) {
    let owner = rig.owner().await;
    let service = settings::service(&rig.store, &rig.clock, Scripted::new(all), Settings::for_tests());
    // As each database says it. On Postgres a small row may find room where no message does.
    let full = if rig.is_postgres() {
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$; \
         CREATE TRIGGER no_room BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION no_room()"
    } else {
        "CREATE TRIGGER no_room BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END; \
         CREATE TRIGGER no_note BEFORE INSERT ON processes BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    };
    rig.execute(full).await;
    let refused = accept(&rig.store, &queued(owner, Guarantee::AtLeastOnce, rig.clock.now())).await;
    assert_eq!(refused.err().map(|e| Error::from(e).reason()), Some("STORAGE_FULL"));
    assert!(matches!(service.ready().await, Err(NotReady::Full)));
}

/// A provider that takes everything, and whose read model breaks the one that reads.
struct Breaking;

#[async_trait]
impl Provider for Breaking {
    async fn send(&self, message: &Submission) -> Outcome {
        id_of(message)
    }

    async fn send_bulk(&self, messages: &[Submission]) -> Result<Vec<Outcome>, Outcome> {
        all(messages)
    }

    async fn read(&self, _: &ProviderMessageId) -> Result<Snapshot, ReadError> {
        panic!("an answer that nobody thought of")
    }
}

async fn a_loop_that_panics_goes_on_and_is_counted(rig: Rig) {
    let settings = Settings { poll_rate: Rate::new(1000, 1000), ..Settings::for_tests() };
    let service = settings::service(&rig.store, &rig.clock, Arc::new(Breaking), settings);
    let owner = rig.owner().await;
    rig.sent(owner, None, "p-1").await;
    rig.clock.advance(SignedDuration::from_hours(24));
    let worker = Worker::start(&service, true);
    let panics = async || {
        let text = service.render_metrics().await;
        let line = text.lines().find_map(|line| line.strip_prefix(r#"messaging_loop_panics_total{loop="polls"} "#));
        line.map_or(0, |n| n.parse().unwrap())
    };
    for panicked in 1..=2 {
        eventually(async || panics().await == panicked).await;
        // It is asked about again.
        rig.clock.advance(SignedDuration::from_hours(24));
    }
    assert!(service.metrics().loop_ages().iter().any(|(which, _)| *which == Loop::Polls));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_writes_stand_still_is_not_ready() {
    let rig = Rig::postgres().await;
    let service = settings::service(&rig.store, &rig.clock, Scripted::new(all), Settings::for_tests());
    service.ready().await.unwrap();
    let holder = connect(&rig.address).await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (store, message) = (rig.store.clone(), queued(rig.owner().await, Guarantee::AtLeastOnce, rig.clock.now()));
    let sends = tokio::spawn(async move { while accept(&store, &message).await.is_err() {} });
    eventually(async || matches!(service.ready().await, Err(NotReady::Database))).await;
    holder.batch_execute("COMMIT").await.unwrap();
    sends.await.unwrap();
    eventually(async || service.ready().await.is_ok()).await;
}
