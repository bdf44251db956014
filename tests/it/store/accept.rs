//! Accepting: everything is kept, and a repeated call finds the first one's message.

use std::collections::HashSet;

use jiff::SignedDuration;
use messaging::domain::evidence::Rank;
use messaging::domain::ids::{CampaignId, MessageId, OwnerId};
use messaging::domain::message::{Dispatch, Guarantee, Message, State};
use messaging::domain::status::EventKind;
use messaging::domain::supersede::{Fate, Supersede, SupersedeKey, Superseded};
use messaging::domain::tags::Tags;
use messaging::domain::text::MessageText;
use messaging::store::{Accepted, Error, Filter, IdempotencyKey, Store, Terms};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::database::on_both_databases;
use crate::support::messages::{queued, start};
use crate::support::store::{Rig, provider_id};

on_both_databases![Rig::on =>
    a_message_reads_back_as_it_was_accepted,
    a_message_is_read_by_its_owner_alone,
    equal_concurrent_calls_make_one_message,
    a_key_with_other_content_is_refused_even_in_the_same_moment,
    two_owners_may_use_one_key,
    a_repeat_finds_the_message_as_it_is_now,
    a_key_is_forgotten_a_week_after_its_messages_validity,
    a_call_that_was_cancelled_stores_nothing,
];

fn key(key: &str, content: u8) -> IdempotencyKey {
    IdempotencyKey { key: key.to_owned(), fingerprint: [content; 32] }
}

async fn with_key(store: &Store, owner: OwnerId, key: IdempotencyKey) -> (MessageId, Accepted) {
    let message = queued(owner, Guarantee::AtLeastOnce, start());
    let id = message.id;
    (id, store.accept(message, Some(key), Terms::default(), CancellationToken::new()).await.unwrap())
}

/// A message in which no field has its ordinary value.
fn odd(owner: OwnerId) -> Message {
    let at = |seconds, micros| start() + SignedDuration::new(seconds, micros * 1000);
    let text = "tab\tquote' \"\\ \u{feff}ΑΒΓ 👩‍👩‍👧 \u{10ffff} עברית\n".to_owned();
    Message {
        campaign: Some(CampaignId(i64::MAX)),
        text: MessageText::from_stored(text),
        guarantee: Guarantee::AtMostOnce,
        scheduled_at: Some(at(3600, 1)),
        expires_at: at(7200, 999_999),
        tags: Tags::from_stored(Some("Ω '\\ 7".to_owned()), Some(r#"{"a.b-c":"\u0000 \"'"}"#)),
        supersede: Supersede {
            key: SupersedeKey::parse("login ~'\\").unwrap(),
            older: Some(Superseded { id: MessageId(Uuid::from_u128(7)), fate: Fate::AlreadySent }),
        },
        state: State {
            dispatch: Dispatch::Accepted,
            rank: Rank::Failed,
            evidence_at: Some(at(-86_400 * 365 * 60, 7)),
            evidence_hash: i64::MIN,
            provider_message_id: Some(provider_id("01J/x+=~")),
            provider_status: Some("Failure — Ω".to_owned()),
            bulk_id: Some("bulk".to_owned()),
            error_code: Some("DELIVERY_FAILED".to_owned()),
            error: Some(String::new()),
            attempts: i32::MAX,
            ambiguous: i16::MAX,
            crashes: 2,
            possible_duplicate: true,
            held_by: Some(Uuid::max()),
            epoch: 7,
            due_at: Some(at(1, 2)),
            sent_at: Some(at(2, 3)),
            delivered_at: Some(at(3, 4)),
            failed_at: Some(at(4, 5)),
            updated_at: at(5, 6),
            version: 9,
        },
        ..queued(owner, Guarantee::AtMostOnce, start())
    }
}

async fn a_message_reads_back_as_it_was_accepted(rig: Rig) {
    let owner = rig.owner().await;
    for message in [odd(owner), queued(owner, Guarantee::AtLeastOnce, start())] {
        let message = rig.stored(message).await;
        assert_eq!(rig.read(&message).await, message);
        let listed = rig.store.messages(owner, &Filter::default(), None, 100).await.unwrap();
        assert!(listed.contains(&message));
    }
}

async fn a_message_is_read_by_its_owner_alone(rig: Rig) {
    let (owner, other) = (rig.owner().await, rig.owner().await);
    let message = rig.sent(owner, None, "p-1").await;
    let store = &rig.store;
    assert!(store.message(other, message.id).await.unwrap().is_none());
    assert!(store.messages(other, &Filter::default(), None, 10).await.unwrap().is_empty());
    assert!(store.history(other, message.id).await.unwrap().is_empty());
    assert!(!store.owns_provider_id(other, &provider_id("p-1")).await.unwrap());
    assert!(store.owned_provider_ids(other, &[provider_id("p-1")], false).await.unwrap().is_empty());

    assert!(store.owns_provider_id(owner, &provider_id("p-1")).await.unwrap());
    let kinds: Vec<_> = store.history(owner, message.id).await.unwrap().into_iter().map(|e| e.kind.unwrap()).collect();
    assert_eq!(kinds, [EventKind::Accepted, EventKind::Fenced, EventKind::Settled]);
}

async fn equal_concurrent_calls_make_one_message(rig: Rig) {
    let (owner, other) = (rig.owner().await, rig.another().await);
    let calls = (0..64).map(|i| {
        let store = if i % 2 == 0 { rig.store.clone() } else { other.clone() };
        tokio::spawn(async move { with_key(&store, owner, key("order-1", 1)).await })
    });
    let (mut new, mut repeated) = (Vec::new(), Vec::new());
    for call in futures::future::join_all(calls).await {
        match call.unwrap() {
            (id, Accepted::New(_)) => new.push(id),
            (_, Accepted::Repeat(message)) => repeated.push(message.id),
            (_, Accepted::KeyReused) => panic!("an equal call was taken for another"),
            (_, Accepted::OptedOut | Accepted::Over(_)) => panic!("nobody opted out, or has limits"),
        }
    }
    assert_eq!((new.len(), repeated.len()), (1, 63));
    assert!(repeated.iter().all(|id| *id == new[0]));
    assert_eq!(rig.count("messages").await, 1);
}

async fn a_key_with_other_content_is_refused_even_in_the_same_moment(rig: Rig) {
    let owner = rig.owner().await;
    // One store gathers what comes while it commits: most of these are decided within one batch.
    let calls = (0..100_u8).map(|i| {
        let store = rig.store.clone();
        async move { (i % 2, with_key(&store, owner, key("order-1", i % 2)).await) }
    });
    let answers = futures::future::join_all(calls).await;
    let (won, first) =
        answers.iter().find(|(_, (_, a))| matches!(a, Accepted::New(_))).map(|(c, (id, _))| (*c, *id)).unwrap();
    for (content, (id, answer)) in answers {
        match answer {
            Accepted::New(_) => assert_eq!(id, first),
            Accepted::Repeat(message) => assert_eq!((content, message.id), (won, first)),
            Accepted::KeyReused => assert_ne!(content, won),
            Accepted::OptedOut | Accepted::Over(_) => panic!("nobody opted out, or has limits"),
        }
    }
    assert!(matches!(with_key(&rig.store, owner, key("order-1", 2)).await.1, Accepted::KeyReused));
    assert_eq!(rig.count("messages").await, 1);
}

async fn two_owners_may_use_one_key(rig: Rig) {
    let owners = [rig.owner().await, rig.owner().await];
    let calls = owners.map(|owner| with_key(&rig.store, owner, key("order-1", 1)));
    for (_, answer) in futures::future::join_all(calls).await {
        assert!(matches!(answer, Accepted::New(_)));
    }
}

async fn a_repeat_finds_the_message_as_it_is_now(rig: Rig) {
    let owner = rig.owner().await;
    let (id, _) = with_key(&rig.store, owner, key("order-1", 1)).await;
    let claimed = rig.apply(id, rig.claim()).await.message;
    match with_key(&rig.store, owner, key("order-1", 1)).await.1 {
        Accepted::Repeat(message) => assert_eq!(*message, claimed),
        other => panic!("{other:?}"),
    }
}

async fn a_key_is_forgotten_a_week_after_its_messages_validity(rig: Rig) {
    let owner = rig.owner().await;
    with_key(&rig.store, owner, key("order-1", 1)).await;
    let week = Message::DEFAULT_VALIDITY + SignedDuration::from_hours(7 * 24);
    for (time, forgotten) in [(week, false), (SignedDuration::from_micros(1), true)] {
        rig.clock.advance(time);
        rig.store.forget_old_keys().await.unwrap();
        let (_, answer) = with_key(&rig.store, owner, key("order-1", 1)).await;
        assert_eq!(matches!(answer, Accepted::New(_)), forgotten);
    }
}

async fn a_call_that_was_cancelled_stores_nothing(rig: Rig) {
    let owner = rig.owner().await;
    let (gone, there) = (CancellationToken::new(), CancellationToken::new());
    gone.cancel();
    let message = queued(owner, Guarantee::AtLeastOnce, start());
    let cancelled = rig.store.accept(message.clone(), Some(key("order-1", 1)), Terms::default(), gone).await;
    assert!(matches!(cancelled, Err(Error::Cancelled)));
    assert_eq!(rig.count("messages").await + rig.count("idempotency_keys").await + rig.count("events").await, 0);
    assert!(matches!(
        rig.store.accept(message, Some(key("order-1", 1)), Terms::default(), there).await,
        Ok(Accepted::New(_))
    ));
}

#[test]
fn every_message_has_an_id_of_its_own() {
    let ids: HashSet<MessageId> = (0..1000).map(|_| MessageId::new(start())).collect();
    assert_eq!(ids.len(), 1000);
}
