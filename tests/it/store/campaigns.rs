//! Campaigns: their counters are the truth at every moment, and a refresh walks their ids.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use messaging::domain::campaign::NewCampaign;
use messaging::domain::evidence::Evidence;
use messaging::domain::ids::{CampaignId, OwnerId};
use messaging::domain::message::{Dispatch, Guarantee, Message, State, Status};
use messaging::domain::outcome::Backoff;
use messaging::domain::status::Event;
use messaging::domain::tags::Tags;
use messaging::store::{CampaignInsert, Filter, IdempotencyKey, Job, Pick};

use crate::support::database::on_both_databases;
use crate::support::messages::queued;
use crate::support::outcomes::{accepted, ambiguous, not_sent, rejected};
use crate::support::store::{Rig, provider_id};

on_both_databases![Rig::on =>
    the_counters_equal_a_recount_after_any_moves,
    the_rate_is_of_those_that_the_provider_took,
    the_first_acceptance_of_a_campaign_is_kept,
    an_acceptance_that_was_reported_before_its_answer_counts_as_the_first,
    a_campaign_is_seen_by_its_owner_alone,
    equal_concurrent_calls_make_one_campaign,
    a_refresh_walks_every_id_of_a_campaign_once,
];

/// Random moves of the campaign's messages, the same in every run.
async fn stir(rig: &Rig, owner: OwnerId, campaign: CampaignId, rounds: u64) {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut known: Vec<Message> = Vec::new();
    for round in 0..rounds {
        let mut message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
        message.campaign = Some(campaign);
        message.state = State::waiting(random(4) == 0, rig.clock.now(), rig.clock.now());
        known.push(rig.stored(message).await);
        let message = rig.read(&known[usize::try_from(random(known.len() as u64)).unwrap()]).await;
        let event = match (message.state.dispatch, random(6)) {
            (Dispatch::Queued | Dispatch::Scheduled, 0) => Event::Cancel,
            (Dispatch::Queued | Dispatch::Scheduled, _) => rig.claim(),
            (Dispatch::Claimed, 0) => Event::Release { lease: message.lease().unwrap() },
            (Dispatch::Claimed, _) => rig.fence(message.lease().unwrap()),
            (Dispatch::Sending, answer) => {
                let outcomes = [rejected(), ambiguous(), not_sent(Backoff::Unhealthy)];
                let outcome = outcomes.get(usize::try_from(answer).unwrap()).cloned();
                let outcome = outcome.unwrap_or_else(|| accepted(&format!("p-{round}")));
                Event::Settle { lease: message.lease().unwrap(), outcome, random: 0.0 }
            }
            (_, 0..2) => Event::Evidence(Evidence::of_read_model("Delivered", None, None)),
            (_, 2) => Event::Evidence(Evidence::of_read_model("Failure", None, None)),
            _ => Event::Timer,
        };
        rig.apply(message.id, event).await;
        rig.clock.advance(SignedDuration::from_secs(5));
    }
}

async fn the_counters_equal_a_recount_after_any_moves(rig: Rig) {
    let owner = rig.owner().await;
    let (campaign, empty) = (rig.campaign(owner).await, rig.campaign(owner).await);
    for _ in 0..2 {
        stir(&rig, owner, campaign, 60).await;
        let filter = Filter { campaign: Some(campaign), ..Filter::default() };
        let all = rig.store.messages(owner, &filter, None, 1000).await.unwrap();
        let recount = Status::ALL.map(|s| i64::try_from(all.iter().filter(|m| m.status() == s).count()).unwrap());
        let accepted = i64::try_from(all.iter().filter(|m| m.was_accepted()).count()).unwrap();
        assert!(recount.iter().filter(|n| **n > 0).count() >= 5, "the moves were not varied: {recount:?}");
        let stats = async || rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap();
        let counted = async || stats().await.accepted;
        assert_eq!((stats().await.counts, counted().await), (recount, accepted));
        // Two at once, as two replicas would.
        let (one, other) = tokio::join!(rig.store.roll_up_counters(), rig.store.roll_up_counters());
        one.and(other).unwrap();
        assert_eq!((stats().await.counts, counted().await), (recount, accepted));
        assert_eq!(rig.count("campaign_counter_changes").await, 0);
    }
    let none = rig.store.campaign_stats(owner, empty).await.unwrap().unwrap();
    assert_eq!((none.total(), none.first_sent_at), (0, None));
}

async fn the_first_acceptance_of_a_campaign_is_kept(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    let first = rig.clock.now();
    for id in ["p-1", "p-2"] {
        rig.sent(owner, Some(campaign), id).await;
        rig.clock.advance(SignedDuration::from_mins(1));
    }
    let stats = rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap();
    assert_eq!((stats.first_sent_at, stats.of(&[Status::Sent])), (Some(first), 2));
}

async fn an_acceptance_that_was_reported_before_its_answer_counts_as_the_first(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    let mut message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
    message.campaign = Some(campaign);
    let sending = rig.fenced(&rig.stored(message).await).await;
    rig.apply(sending.id, Event::Evidence(Evidence::of_read_model("Delivered", None, None))).await;
    rig.settle(&sending, accepted("p-1")).await;
    let stats = rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap();
    assert_eq!((stats.first_sent_at, stats.of(&[Status::Delivered])), (Some(rig.clock.now()), 1));
}

async fn the_rate_is_of_those_that_the_provider_took(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    let rate = async || {
        let stats = rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap();
        (stats.accepted, format!("{:.2}", stats.delivered_rate()))
    };
    let sending = async || {
        let mut message = queued(owner, Guarantee::AtMostOnce, rig.clock.now());
        message.campaign = Some(campaign);
        rig.fenced(&rig.stored(message).await).await
    };
    let said = |word| Event::Evidence(Evidence::of_read_model(word, None, None));
    assert_eq!(rate().await, (0, "0.00".to_owned()));
    // Refused, and lost on the way: the provider took neither.
    rig.settle(&sending().await, rejected()).await;
    rig.settle(&sending().await, ambiguous()).await;
    assert_eq!(rate().await, (0, "0.00".to_owned()));
    // Delivered, failed by a report, and one of which nothing is reported.
    let [delivered, failed, silent] = [sending().await, sending().await, sending().await];
    for (message, id) in [(&delivered, "p-1"), (&failed, "p-2"), (&silent, "p-3")] {
        rig.settle(message, accepted(id)).await;
    }
    rig.apply(delivered.id, said("Delivered")).await;
    assert_eq!(rate().await, (3, "0.33".to_owned()));
    rig.apply(failed.id, said("Failure")).await;
    rig.clock.advance(SignedDuration::from_hours(24 * 8));
    rig.apply(silent.id, Event::Unreported).await;
    let stats = rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap();
    assert_eq!(stats.of(&[Status::Failed, Status::Expired]), 3);
    assert_eq!(rate().await, (3, "0.33".to_owned()), "what failed or expired afterwards was taken all the same");
}

async fn a_campaign_is_seen_by_its_owner_alone(rig: Rig) {
    let (owner, other) = (rig.owner().await, rig.owner().await);
    let campaign = rig.campaign(owner).await;
    rig.sent(owner, Some(campaign), "p-1").await;
    assert!(rig.store.campaign(owner, campaign).await.unwrap().is_some());
    assert!(rig.store.campaign(other, campaign).await.unwrap().is_none());
    assert!(rig.store.campaign_stats(other, campaign).await.unwrap().is_none());
    assert_eq!(rig.store.count_refresh_targets(other, campaign, false).await.unwrap(), 0);
    assert!(rig.store.refresh_targets(other, campaign, false, "", 10).await.unwrap().is_empty());
}

async fn equal_concurrent_calls_make_one_campaign(rig: Rig) {
    let owner = rig.owner().await;
    let new = NewCampaign {
        owner,
        name: "Άνοιξη 🌱".to_owned(),
        text: "Hello {name}".to_owned(),
        sender: Some("Shop".to_owned()),
        guarantee: Guarantee::AtLeastOnce,
        scheduled_at: Some(rig.clock.now()),
        validity: SignedDuration::from_hours(3),
        tags: Tags::default(),
    };
    let key = |content| Some(IdempotencyKey { key: "k".to_owned(), fingerprint: [content; 32] });
    let calls = (0..16).map(|_| rig.store.create_campaign(new.clone(), key(1)));
    let mut ids = BTreeSet::new();
    for call in futures::future::join_all(calls).await {
        match call.unwrap() {
            CampaignInsert::Made(made) => {
                assert_eq!(made.content, new);
                ids.insert(made.id);
            }
            CampaignInsert::KeyReused => panic!("an equal call was taken for another"),
        }
    }
    assert_eq!((ids.len(), rig.count("campaigns").await), (1, 1));
    let other = rig.store.create_campaign(new, key(2)).await.unwrap();
    assert!(matches!(other, CampaignInsert::KeyReused));
}

async fn a_refresh_walks_every_id_of_a_campaign_once(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    // Every id twice, one of the twenty final; and some that belong elsewhere.
    for i in 0..40 {
        rig.sent(owner, Some(campaign), &format!("p-{:02}", i % 20)).await;
    }
    rig.sent(owner, None, "p-elsewhere").await;
    let mut waiting = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
    waiting.campaign = Some(campaign);
    rig.stored(waiting).await;
    let event = Event::Evidence(Evidence::of_read_model("Delivered", None, None));
    rig.store.apply(Job { pick: Pick::Provider(owner, provider_id("p-07")), event }).await.unwrap();

    for (only_pending, expected) in [(false, 20_usize), (true, 19)] {
        let count = rig.store.count_refresh_targets(owner, campaign, only_pending).await.unwrap();
        assert_eq!(usize::try_from(count).unwrap(), expected);
        let (mut walked, mut after) = (Vec::new(), String::new());
        loop {
            let page = rig.store.refresh_targets(owner, campaign, only_pending, &after, 7).await.unwrap();
            let Some(last) = page.last() else { break };
            last.as_str().clone_into(&mut after);
            walked.extend(page);
        }
        assert!(walked.is_sorted());
        assert_eq!((walked.len(), walked.iter().collect::<BTreeSet<_>>().len()), (expected, expected));
        assert_eq!(walked.contains(&provider_id("p-07")), !only_pending);
    }
    let ids = ["p-07", "p-08", "p-none"].map(provider_id);
    assert_eq!(rig.store.owned_provider_ids(owner, &ids, false).await.unwrap().len(), 2);
    assert_eq!(rig.store.owned_provider_ids(owner, &ids, true).await.unwrap().len(), 1);
}
