//! Streams of changes beside their readers: replay runs into live without gap or double, slow readers and readers who do not
//! read at all slow nobody and lose nothing.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use messaging::auth::Caller;
use messaging::domain::ids::{MessageId, OwnerId};
use messaging::domain::message::{Guarantee, Message};
use messaging::domain::tags::Tags;
use messaging::error::Error;
use messaging::service::{Service, Settings, Watch, WatchMessages, Watched, WatchedChange, Watching};
use messaging::store::Store;

use crate::support::database::on_both_databases;
use crate::support::messages::queued;
use crate::support::settings::{self, ForTests as _};
use crate::support::store::{Rig, accept, eventually};

on_both_databases![Rig::on =>
    replay_runs_into_live_without_gap_or_double_while_others_write,
    through_ten_restarts_every_change_is_seen_once,
    a_reader_who_does_not_read_is_ended_and_goes_on_with_his_last_token,
    a_slow_reader_gets_everything_and_slows_nobody,
    changes_whose_tags_are_too_much_to_keep_are_read_from_the_database,
    heartbeats_carry_a_token_that_is_past_what_is_not_wanted,
];

/// A service over a store, without a provider that could be reached.
fn service(store: &Store, rig: &Rig, watching: Watching) -> Service {
    let settings = Settings { watching, ..Settings::for_tests() };
    settings::service(store, &rig.clock, settings::nobody(), settings)
}

async fn watch(service: &Service, owner: OwnerId, token: &str) -> Watch<WatchedChange> {
    let caller = Caller::new(owner, "messages:read");
    let request = WatchMessages { resume_token: token.to_owned(), ..Default::default() };
    service.watch_messages(&caller, request).await.unwrap()
}

/// Reads `n` changes; each must be new. Keeps the last token.
async fn take(stream: &mut Watch<WatchedChange>, n: usize, token: &mut String, seen: &mut HashSet<MessageId>) {
    let mut taken = 0;
    while taken < n {
        let next = tokio::time::timeout(Duration::from_secs(30), stream.next()).await;
        let Watched { resume_token, event: change } = next.expect("a change comes").unwrap().unwrap();
        *token = resume_token;
        if let Some(change) = change {
            assert!(seen.insert(change.message), "{} came twice", change.message);
            taken += 1;
        }
    }
}

/// Accepts messages by both stores at once.
async fn write(rig: &Rig, other: &Store, owner: OwnerId, n: usize) {
    let there = futures::future::join_all((0..n / 2).map(|_| async {
        accept(other, &queued(owner, Guarantee::AtLeastOnce, rig.clock.now())).await.unwrap();
    }));
    tokio::join!(rig.many(owner, n - n / 2), there);
}

async fn replay_runs_into_live_without_gap_or_double_while_others_write(rig: Rig) {
    let owner = rig.owner().await;
    let other = rig.another().await;
    let service = service(&rig.store, &rig, Watching::default());
    let (mut token, mut seen) = (String::new(), HashSet::new());
    let mut first = watch(&service, owner, "").await;
    token.clone_from(&first.next().await.unwrap().unwrap().resume_token);
    write(&rig, &other, owner, 300).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(watch(&service, owner, &token).await);
    }
    let writing = async {
        for _ in 0..10 {
            write(&rig, &other, owner, 40).await;
        }
    };
    let reading = futures::future::join_all(streams.iter_mut().map(async |stream| {
        let mut seen = HashSet::new();
        take(stream, 700, &mut String::new(), &mut seen).await;
        seen
    }));
    let (all, (), ()) = tokio::join!(reading, writing, take(&mut first, 700, &mut token, &mut seen));
    assert!(all.iter().all(|one| *one == seen));
    assert_eq!(rig.count("events").await, 700);
}

async fn changes_whose_tags_are_too_much_to_keep_are_read_from_the_database(rig: Rig) {
    let owner = rig.owner().await;
    let service = service(&rig.store, &rig, Watching::default());
    let mut streams = [watch(&service, owner, "").await, watch(&service, owner, "").await];
    let metadata = serde_json::json!({"a": "x".repeat(2000)}).to_string();
    let tags = Tags::from_stored(None, Some(&metadata));
    let messages: Vec<_> = (0..600)
        .map(|_| Message { tags: tags.clone(), ..queued(owner, Guarantee::AtLeastOnce, rig.clock.now()) })
        .collect();
    futures::future::join_all(messages.iter().map(|message| accept(&rig.store, message))).await;
    for stream in &mut streams {
        take(stream, 600, &mut String::new(), &mut HashSet::new()).await;
    }
}

async fn through_ten_restarts_every_change_is_seen_once(rig: Rig) {
    let owner = rig.owner().await;
    let other = rig.another().await;
    let (mut token, mut seen) = (String::new(), HashSet::new());
    // A token before anything has happened.
    let begin = service(&rig.store, &rig, Watching::default());
    token.clone_from(&watch(&begin, owner, "").await.next().await.unwrap().unwrap().resume_token);
    let writing = async {
        for _ in 0..22 {
            write(&rig, &other, owner, 30).await;
        }
    };
    let reading = async {
        for restart in 0..11 {
            // Another process each time, on Postgres with connections of its own.
            let store = rig.another().await;
            let service = service(&store, &rig, Watching::default());
            let mut stream = watch(&service, owner, &token).await;
            take(&mut stream, 60, &mut token, &mut seen).await;
            if restart % 2 == 0 {
                service.stop_sending();
            }
        }
    };
    tokio::join!(writing, reading);
    assert_eq!(seen.len(), 660);
    assert_eq!(rig.count("events").await, 660);
}

async fn a_reader_who_does_not_read_is_ended_and_goes_on_with_his_last_token(rig: Rig) {
    let owner = rig.owner().await;
    let hasty = Watching { patience: Duration::from_millis(50), ..Watching::default() };
    let service = service(&rig.store, &rig, hasty);
    let mut stream = watch(&service, owner, "").await;
    let mut token = stream.next().await.unwrap().unwrap().resume_token;
    rig.many(owner, 200).await;
    let ended = async || service.render_metrics().await.contains("\nmessaging_watch_streams 0\n");
    eventually(ended).await;
    // What was buffered, and then why it ended.
    let mut seen = HashSet::new();
    let end = loop {
        match stream.next().await.unwrap() {
            Ok(watched) => {
                token = watched.resume_token;
                seen.extend(watched.event.map(|change| change.message));
            }
            Err(e) => break e,
        }
    };
    assert!(matches!(end, Error::Exhausted { reason: "READER_TOO_SLOW", .. }), "{end:?}");
    assert!((1..200).contains(&seen.len()), "{} were buffered", seen.len());
    let mut again = watch(&service, owner, &token).await;
    let rest = 200 - seen.len();
    take(&mut again, rest, &mut token, &mut seen).await;
    assert_eq!(seen.len(), 200);
}

async fn a_slow_reader_gets_everything_and_slows_nobody(rig: Rig) {
    let owner = rig.owner().await;
    let other = rig.another().await;
    let service = service(&rig.store, &rig, Watching::default());
    let (mut slow, mut quick) = (watch(&service, owner, "").await, watch(&service, owner, "").await);
    let (mut token, mut seen, mut behind) = (String::new(), HashSet::new(), HashSet::new());
    for _ in 0..20 {
        write(&rig, &other, owner, 60).await;
        take(&mut quick, 60, &mut String::new(), &mut seen).await;
        // Far behind, with a full buffer, while the other one is up to date.
        take(&mut slow, 1, &mut token, &mut behind).await;
    }
    take(&mut slow, 1200 - 20, &mut token, &mut behind).await;
    assert_eq!(behind, seen);
}

async fn heartbeats_carry_a_token_that_is_past_what_is_not_wanted(rig: Rig) {
    let owner = rig.owner().await;
    let lively = Watching { heartbeat: Duration::from_millis(20), ..Watching::default() };
    let service = service(&rig.store, &rig, lively);
    let caller = Caller::new(owner, "messages:read");
    let delivered = WatchMessages { statuses: vec![5], ..Default::default() };
    let mut stream = service.watch_messages(&caller, delivered).await.unwrap();
    let first = stream.next().await.unwrap().unwrap().resume_token;
    let message = rig.queued(owner).await;
    let mut past = first.clone();
    // A token from which nothing is left to be told, once the heartbeats have passed the message.
    eventually(async || {
        let mut all = watch(&service, owner, &first).await;
        all.next().await.unwrap().unwrap();
        all.next().await.unwrap().unwrap().event.is_some_and(|change| change.message == message.id)
    })
    .await;
    for _ in 0..200 {
        let watched = stream.next().await.unwrap().unwrap();
        assert_eq!(watched.event, None);
        past = watched.resume_token;
    }
    let mut rest = watch(&service, owner, &past).await;
    let later = rig.queued(owner).await;
    let change = loop {
        if let Some(change) = rest.next().await.unwrap().unwrap().event {
            break change;
        }
    };
    assert_eq!(change.message, later.id, "what was not wanted is not told again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_after_the_point_to_which_the_database_was_set_back_is_not_gone_on_from() {
    let rig = Rig::postgres().await;
    let owner = rig.owner().await;
    let lively = Watching { heartbeat: Duration::from_millis(20), ..Watching::default() };
    let before = service(&rig.store, &rig, lively);
    let (mut kept, mut lost, mut seen) = (String::new(), String::new(), HashSet::new());
    let mut stream = watch(&before, owner, "").await;
    rig.queued(owner).await;
    take(&mut stream, 1, &mut kept, &mut seen).await;
    // A heartbeat is no entry, and can be told from what came after it all the same.
    let idle = stream.next().await.unwrap().unwrap();
    assert_eq!(idle.event, None);
    rig.clock.advance(jiff::SignedDuration::from_secs(1));
    let gone = rig.queued(owner).await;
    take(&mut stream, 1, &mut lost, &mut seen).await;
    drop(stream);

    // As a recovery to the point between them leaves it: the second one never happened, the server counts a new timeline, and
    // the journal grows past its place.
    let id = gone.id;
    let database = rig.address.rsplit('/').next().unwrap();
    rig.execute(&format!("DELETE FROM events WHERE message_id = '{id}'; DELETE FROM messages WHERE id = '{id}'")).await;
    rig.execute(&format!(
        "CREATE FUNCTION pg_walfile_name(pg_lsn) RETURNS text LANGUAGE sql AS \
         $$ SELECT '0000000B' || substr(pg_catalog.pg_walfile_name($1), 9) $$; \
         ALTER DATABASE {database} SET search_path = public, pg_catalog"
    ))
    .await;
    let store = rig.another().await;
    let after = service(&store, &rig, Watching::default());
    rig.many(owner, 5).await;
    let caller = Caller::new(owner, "messages:read");
    let request = WatchMessages { resume_token: lost, ..Default::default() };
    let Err(refused) = after.watch_messages(&caller, request).await else {
        panic!("it goes on, and lacks what came since")
    };
    assert!(format!("{refused:?}").contains("set back to an older state"), "{refused:?}");
    // Who had not read so far misses nothing.
    for token in [kept, idle.resume_token] {
        let mut stream = watch(&after, owner, &token).await;
        take(&mut stream, 5, &mut String::new(), &mut seen.clone()).await;
    }
}
