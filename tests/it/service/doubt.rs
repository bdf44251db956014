//! A database that commits and does not say so, or is away with answers in hand: whatever it does, a message is sent as often
//! as its guarantee allows, and nobody is told anything else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use messaging::auth::Caller;
use messaging::domain::gate::Gate;
use messaging::domain::ids::{MessageId, OwnerId};
use messaging::domain::message::{Dispatch, Message, Status};
use messaging::provider::Submission;
use messaging::service::{CreateCampaign, GivenRecipient, GivenTags, SendSingle, Sent, Service, Settings};
use messaging::spool::Spool;
use messaging::store::{Filter, Interruption, Point, Store};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::support::database::on_both_databases;
use crate::support::scripted::{Scripted, all};
use crate::support::settings::{self, ACCOUNT, ForTests as _};
use crate::support::store::{Rig, eventually};

on_both_databases![Rig::on =>
    a_commit_whose_answer_is_lost_is_seen_by_nobody,
    what_another_worker_sends_meanwhile_is_not_sent_by_whoever_accepted_it,
    a_worker_that_stood_still_past_its_lease_sends_nothing_under_it,
    an_answer_in_hand_outlives_a_long_outage,
    an_answer_in_hand_outlives_its_process,
    a_send_whose_commit_cannot_be_found_is_not_sent_after_its_caller_was_told_so,
    a_send_of_which_the_database_refuses_to_be_told_more_was_accepted_all_the_same,
];

/// How often the provider was handed each message.
type Copies = Arc<Mutex<HashMap<MessageId, usize>>>;

/// A provider that takes everything, and counts.
fn counting() -> (Arc<Scripted>, Copies) {
    let copies = Copies::default();
    let noted = copies.clone();
    let provider = Scripted::new(move |messages: &[Submission]| {
        let mut copies = noted.lock().unwrap();
        for message in messages {
            *copies.entry(message.reference).or_insert(0) += 1;
        }
        all(messages)
    });
    (provider, copies)
}

/// Loses the answer to the commit that is `nth` from now.
fn lose(rig: &Rig, nth: usize) {
    let seen = AtomicUsize::new(0);
    rig.store.interrupt(move |point| {
        let due = point == Point::Committed && seen.fetch_add(1, Ordering::Relaxed) == nth;
        due.then_some(Interruption::Unavailable)
    });
}

fn send(guarantee: i32, scheduled_at: Option<jiff::Timestamp>, key: &str) -> SendSingle {
    SendSingle {
        destination: "+306900000001".to_owned(),
        text: "Hello".to_owned(),
        sender: None,
        traffic_account_id: None,
        user_id: None,
        campaign_id: None,
        idempotency_key: key.to_owned(),
        delivery_guarantee: guarantee,
        dry_run: false,
        scheduled_at,
        validity: None,
        tags: GivenTags::default(),
        supersede_key: String::new(),
    }
}

/// Starts a campaign of a few recipients.
async fn campaign(service: &Service, caller: &Caller) {
    let new = CreateCampaign {
        name: "spring".to_owned(),
        text: "Hello".to_owned(),
        sender: None,
        delivery_guarantee: 1,
        scheduled_at: None,
        validity: None,
        tags: GivenTags::default(),
        idempotency_key: String::new(),
    };
    let id = service.create_campaign(caller, new, Vec::new()).await.unwrap().id.0;
    let mut adding = service.add_recipients(caller, id).await.unwrap();
    let one = |i| GivenRecipient { destination: format!("+30690000010{i}"), ..Default::default() };
    adding.push((0..3).map(one).collect()).await.unwrap();
    adding.finish().await.unwrap();
    service.start_campaign(caller, id, None).await.unwrap();
    while service.reconcile_campaigns().await.unwrap() > 0 {}
}

/// Lets everything happen that waits for a worker or for time.
async fn settle(rig: &Rig, service: &Service) {
    for _ in 0..6 {
        loop {
            // What fails is done again, as the worker does it.
            let one = service.sender().send_due().await;
            let bulk = service.sender().send_due_in_bulk().await;
            service.drain().await;
            if one.is_ok_and(|pass| pass.done == 0) && bulk.is_ok_and(|pass| pass.done == 0) {
                break;
            }
        }
        rig.clock.advance(SignedDuration::from_mins(1));
        let _ = service.run_timers().await;
    }
}

async fn messages(rig: &Rig, owner: OwnerId) -> Vec<Message> {
    rig.store.messages(owner, &Filter::default(), None, 1000).await.unwrap()
}

async fn a_commit_whose_answer_is_lost_is_seen_by_nobody(rig: Rig) {
    let (provider, copies) = counting();
    let service = settings::service(&rig.store, &rig.clock, provider, Settings::for_tests());
    for nth in 0..5 {
        for guarantee in [1, 2] {
            let owner = rig.owner().await;
            let caller = Caller::new(owner, "messages:send campaigns");
            campaign(&service, &caller).await;
            let later = rig.clock.now() + SignedDuration::from_secs(30);
            service.send_single(&caller, send(guarantee, Some(later), ""), Vec::new(), None).await.unwrap();
            lose(&rig, nth);
            let sent = service.send_single(&caller, send(guarantee, None, ""), Vec::new(), None).await.unwrap();
            assert_eq!(sent.message.status(), Status::Sent, "loss {nth}");
            lose(&rig, nth);
            settle(&rig, &service).await;
            rig.store.interrupt(|_| None);
            settle(&rig, &service).await;
            let messages = messages(&rig, owner).await;
            assert_eq!(messages.len(), 5, "loss {nth}");
            for message in messages {
                let state = &message.state;
                assert_eq!(copies.lock().unwrap().get(&message.id), Some(&1), "loss {nth}: {state:?}");
                let told = (message.status(), state.attempts, state.ambiguous, state.possible_duplicate);
                assert_eq!(told, (Status::Sent, 1, 0, false), "loss {nth}");
            }
        }
    }
}

async fn what_another_worker_sends_meanwhile_is_not_sent_by_whoever_accepted_it(rig: Rig) {
    let (provider, copies) = counting();
    let patient = || Settings { repeat_patience: Duration::from_mins(1), ..Settings::for_tests() };
    let here = settings::service(&rig.store, &rig.clock, provider, patient());
    let (answer, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let theirs = copies.clone();
    let slow = Scripted::new(move |messages: &[Submission]| {
        *theirs.lock().unwrap().entry(messages[0].reference).or_insert(0) += 1;
        // Not on a thread that others' tasks wait for.
        tokio::task::block_in_place(|| held.lock().unwrap().recv().unwrap());
        all(messages)
    });
    // A store of its own on SQLite, too: what is interrupted here goes well there.
    let other = Store::open(&rig.config, rig.clock.clone(), false).await.unwrap();
    let there = settings::service(&other, &rig.clock, slow, Settings::for_tests());
    let narrow = |gate: &mut Gate, _| (gate.rate, gate.burst) = (Some(1), Some(1));
    rig.store.change_gate(ACCOUNT, narrow).await.unwrap();
    for service in [&here, &there] {
        service.sender().refresh_gates().await.unwrap();
    }
    let caller = Caller::new(rig.owner().await, "messages:send");
    here.send_single(&caller, send(2, None, ""), Vec::new(), None).await.unwrap();
    // The second one finds no room and is queued, and its caller's process does not hear so.
    let (begun, back, told) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_back, tells) = (back.clone(), told.clone());
    rig.store.interrupt(move |point| match point {
        _ if is_back.load(Ordering::Relaxed) => {
            tells.fetch_or(point == Point::Committed, Ordering::Relaxed);
            None
        }
        Point::Begin if begun.fetch_add(1, Ordering::Relaxed) == 0 => None,
        Point::Begin | Point::Committed => Some(Interruption::Unavailable),
        Point::Commit => None,
    });
    let (service, by) = (here.clone(), caller.clone());
    let sending = tokio::spawn(async move { service.send_single(&by, send(2, None, ""), Vec::new(), None).await });
    eventually(async || rig.count("messages").await == 2).await;
    rig.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(there.sender().send_due().await.unwrap().done, 1);
    eventually(async || copies.lock().unwrap().len() == 2).await;
    back.store(true, Ordering::Relaxed);
    eventually(async || told.load(Ordering::Relaxed)).await;
    answer.send(()).unwrap();
    there.drain().await;
    let sent = sending.await.unwrap().unwrap();
    assert_eq!(sent.message.status(), Status::Sent);
    assert!(copies.lock().unwrap().values().all(|n| *n == 1), "each once: {copies:?}");
}

async fn a_worker_that_stood_still_past_its_lease_sends_nothing_under_it(rig: Rig) {
    let late = Arc::new(AtomicUsize::new(0));
    for nth in 0..6 {
        let ends = rig.clock.now() + SignedDuration::from_hours(24 * 30);
        let (noted, clock) = (late.clone(), rig.clock.clone());
        let provider = Scripted::new(move |messages: &[Submission]| {
            noted.fetch_add(usize::from(clock.now() >= ends), Ordering::Relaxed);
            all(messages)
        });
        let service = settings::service(&rig.store, &rig.clock, provider, Settings::for_tests());
        let caller = Caller::new(rig.owner().await, "messages:send campaigns");
        let later = rig.clock.now() + SignedDuration::from_secs(30);
        service.send_single(&caller, send(1, Some(later), ""), Vec::new(), None).await.unwrap();
        rig.clock.advance(SignedDuration::from_mins(1));
        service.run_timers().await.unwrap();
        let (seen, clock) = (AtomicUsize::new(0), rig.clock.clone());
        rig.store.interrupt(move |point| {
            if point == Point::Committed && seen.fetch_add(1, Ordering::Relaxed) == nth {
                clock.advance(SignedDuration::from_hours(24 * 60));
            }
            None
        });
        settle(&rig, &service).await;
        rig.store.interrupt(|_| None);
        settle(&rig, &service).await;
        assert_eq!(late.load(Ordering::Relaxed), 0, "it stood still after commit {nth}");
    }
}

/// Sends in a task while every commit from the second on fails: the answer is in hand, and cannot be written down.
async fn stuck(rig: &Rig, service: &Service, caller: &Caller, process: &Handle) -> JoinHandle<Sent> {
    let away = AtomicUsize::new(0);
    rig.store.interrupt(move |point| {
        let due = point == Point::Begin && away.fetch_add(1, Ordering::Relaxed) > 0;
        due.then_some(Interruption::Unavailable)
    });
    let (service, caller) = (service.clone(), caller.clone());
    let sending =
        process.spawn(async move { service.send_single(&caller, send(2, None, ""), Vec::new(), None).await.unwrap() });
    eventually(async || rig.count("messages").await == 1).await;
    sending
}

async fn an_answer_in_hand_outlives_a_long_outage(rig: Rig) {
    let (provider, copies) = counting();
    let service = settings::service(&rig.store, &rig.clock, provider, Settings::for_tests());
    let caller = Caller::new(rig.owner().await, "messages:send");
    let sending = stuck(&rig, &service, &caller, &Handle::current()).await;
    eventually(async || copies.lock().unwrap().len() == 1).await;
    rig.clock.advance(SignedDuration::from_mins(7));
    rig.store.interrupt(|_| None);
    // Whoever is first to reach the database thinks that the lease has ended.
    service.run_timers().await.unwrap();
    assert_eq!(sending.await.unwrap().message.status(), Status::Sent);
    assert_eq!(copies.lock().unwrap().values().sum::<usize>(), 1);
}

async fn an_answer_in_hand_outlives_its_process(rig: Rig) {
    let (provider, copies) = counting();
    let folder = tempfile::tempdir().unwrap();
    let spooling = |provider: Arc<Scripted>| {
        let spool = Some(Spool::open(folder.path()).unwrap());
        settings::service_with(&rig.store, &rig.clock, provider, Settings::for_tests(), spool)
    };
    let caller = Caller::new(rig.owner().await, "messages:send");
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let service = spooling(provider.clone());
    let process = tokio::runtime::Runtime::new().unwrap();
    let sending = stuck(&rig, &service, &caller, process.handle()).await;
    eventually(async || files() == 1).await;
    let spooled =
        std::fs::read_dir(folder.path()).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    assert!(!spooled.collect::<String>().contains("306900000001"), "numbers do not reach the spool");
    process.shutdown_background();
    assert!(sending.await.is_err(), "the process has ended");
    drop(service);
    // Its threads end when they come to it; what they did until then nobody else may undo.
    eventually(async || Spool::open(folder.path()).unwrap().leftovers().len() == 1).await;
    rig.clock.advance(SignedDuration::from_mins(2));
    rig.store.interrupt(|_| None);

    let next = spooling(provider);
    next.run_timers().await.unwrap();
    let message = messages(&rig, caller.owner(None).unwrap()).await.remove(0);
    assert_eq!(message.state.dispatch, Dispatch::Unknown, "nobody else knows");
    eventually(async || {
        next.sender().replay();
        next.drain().await;
        files() == 0
    })
    .await;
    let message = rig.read(&message).await;
    assert_eq!(message.status(), Status::Sent);
    assert_eq!(message.state.provider_message_id.unwrap().to_string(), format!("p-{}", message.id));
    assert_eq!(copies.lock().unwrap().values().sum::<usize>(), 1);
}

async fn a_send_whose_commit_cannot_be_found_is_not_sent_after_its_caller_was_told_so(rig: Rig) {
    let (provider, copies) = counting();
    let settings = Settings { repeat_patience: Duration::from_millis(200), ..Settings::for_tests() };
    let service = settings::service(&rig.store, &rig.clock, provider, settings);
    let caller = Caller::new(rig.owner().await, "messages:send");
    for (key, ends) in [("", Status::Cancelled), ("order-1", Status::Sent)] {
        // The first commit lands, and then nobody answers any more.
        let begun = AtomicUsize::new(0);
        rig.store.interrupt(move |point| match point {
            Point::Begin if begun.fetch_add(1, Ordering::Relaxed) > 0 => Some(Interruption::Unavailable),
            Point::Committed => Some(Interruption::Unavailable),
            _ => None,
        });
        let told = service.send_single(&caller, send(2, None, key), Vec::new(), None).await;
        assert_eq!(told.unwrap_err().reason(), "DATABASE_UNAVAILABLE");
        rig.store.interrupt(|_| None);
        service.drain().await;
        settle(&rig, &service).await;
        let message = messages(&rig, caller.owner(None).unwrap()).await.remove(0);
        assert_eq!(message.status(), ends);
    }
    assert_eq!(copies.lock().unwrap().values().sum::<usize>(), 1);
}

async fn a_send_of_which_the_database_refuses_to_be_told_more_was_accepted_all_the_same(rig: Rig) {
    let (provider, copies) = counting();
    let service = settings::service(&rig.store, &rig.clock, provider, Settings::for_tests());
    let caller = Caller::new(rig.owner().await, "messages:send");
    rig.refuse("NEW.version > 0").await;
    let sent = service.send_single(&caller, send(2, None, ""), Vec::new(), None).await.unwrap();
    assert_eq!((sent.message.status(), sent.raw), (Status::Sending, None));
    rig.allow().await;
    settle(&rig, &service).await;
    let message = messages(&rig, caller.owner(None).unwrap()).await.remove(0);
    assert_eq!((message.id, message.status()), (sent.message.id, Status::Unknown), "nobody knows any more");
    assert_eq!(copies.lock().unwrap().values().sum::<usize>(), 1);
}
