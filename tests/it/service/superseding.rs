//! One-time codes: however many replicas send them at once, an older one is cancelled or sent, and its successor knows which.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use messaging::auth::Caller;
use messaging::domain::ids::MessageId;
use messaging::domain::message::{Message, Status};
use messaging::domain::outcome::Backoff;
use messaging::domain::supersede::Fate;
use messaging::provider::Submission;
use messaging::service::{GivenTags, SendSingle, Service, Settings};
use messaging::store::Filter;

use crate::support::database::on_both_databases;
use crate::support::outcomes::not_sent;
use crate::support::scripted::{Scripted, id_of};
use crate::support::settings::{self, ForTests as _};
use crate::support::store::Rig;

on_both_databases![Rig::on => a_code_is_cancelled_or_sent_and_the_answer_says_which];

fn code(n: usize, later: Option<jiff::Timestamp>) -> SendSingle {
    SendSingle {
        destination: format!("+30690000000{}", n % 4),
        text: "Your code".to_owned(),
        sender: None,
        traffic_account_id: None,
        user_id: None,
        campaign_id: None,
        idempotency_key: format!("call-{n}"),
        delivery_guarantee: 1,
        dry_run: false,
        scheduled_at: later,
        validity: None,
        tags: GivenTags::default(),
        supersede_key: "login".to_owned(),
    }
}

/// The messages that the provider had no room for, and those that it took.
type Seen = Arc<Mutex<(HashSet<MessageId>, HashSet<MessageId>)>>;

/// A provider that has no room for every third message when it first comes.
fn busy() -> (Arc<Scripted>, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    let take = move |message: &Submission| {
        let mut seen = noted.lock().unwrap();
        if message.reference.0.as_bytes()[15].is_multiple_of(3) && seen.0.insert(message.reference) {
            return not_sent(Backoff::Throttled { retry_after: None });
        }
        assert!(seen.1.insert(message.reference), "nothing is sent twice");
        id_of(message)
    };
    (Scripted::new(move |messages: &[Submission]| Ok(messages.iter().map(&take).collect())), seen)
}

async fn work(service: &Service) {
    for _ in 0..8 {
        service.sender().refresh_gates().await.unwrap();
        service.run_timers().await.unwrap();
        service.sender().send_due().await.unwrap();
        service.drain().await;
    }
}

async fn a_code_is_cancelled_or_sent_and_the_answer_says_which(rig: Rig) {
    let (provider, seen) = busy();
    let other = rig.another().await;
    let replicas =
        [&rig.store, &other].map(|store| settings::service(store, &rig.clock, provider.clone(), Settings::for_tests()));
    let owner = rig.owner().await;
    let caller = Caller::new(owner, "messages:send");
    let later = rig.clock.now() + jiff::SignedDuration::from_secs(1);
    let mut told: HashMap<MessageId, Message> = HashMap::new();
    for round in 0..6 {
        // Every other one waits for its time, which comes meanwhile.
        let calls = (0..48).map(|n| {
            let (service, caller) = (replicas[n % 2].clone(), caller.clone());
            let later = (n % 8 < 4).then_some(later + jiff::SignedDuration::from_secs(round * 30));
            let call = code(usize::try_from(round).unwrap() * 48 + n, later);
            async move { service.send_single(&caller, call, Vec::new(), None).await.unwrap().message }
        });
        let (sent, (), ()) = tokio::join!(join_all(calls), work(&replicas[0]), work(&replicas[1]));
        told.extend(sent.into_iter().map(|message| (message.id, message)));
        rig.clock.advance(jiff::SignedDuration::from_secs(30));
    }
    for _ in 0..4 {
        rig.clock.advance(jiff::SignedDuration::from_mins(2));
        work(&replicas[0]).await;
    }
    let messages = rig.store.messages(owner, &Filter::default(), None, 1000).await.unwrap();
    assert_eq!(messages.len(), 6 * 48);
    let taken = seen.lock().unwrap().1.clone();
    let is_sent: HashMap<MessageId, bool> = messages.iter().map(|m| (m.id, taken.contains(&m.id))).collect();
    let mut cancelled = HashSet::new();
    for message in &messages {
        assert_eq!(message.supersede, told[&message.id].supersede, "what was told is what is stored");
        let status = message.status();
        assert!(matches!(status, Status::Sent | Status::Cancelled), "{status:?}");
        assert_eq!(is_sent[&message.id], status == Status::Sent, "sent, or cancelled");
        match message.supersede.older {
            Some(older) if older.fate == Fate::Cancelled => {
                assert!(!is_sent[&older.id]);
                assert!(cancelled.insert(older.id), "one takes its place, and no other");
            }
            // It may have come back, and its place been taken by a later one.
            Some(_) | None => {}
        }
    }
    assert!(!cancelled.is_empty() && taken.len() > 4, "both happen");
    let again = replicas[1].send_single(&caller, code(0, Some(later)), Vec::new(), None).await.unwrap();
    assert_eq!(again.message.supersede, told[&again.message.id].supersede, "a repeat tells the same");
}
