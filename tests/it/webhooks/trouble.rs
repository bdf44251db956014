//! Endpoints that are down, refuse, throttle or go away: nothing is lost, nothing piles up, and others do not notice.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use messaging::domain::webhook::EndpointState;
use messaging::domain::webhook::health::{Called, Outcome};
use messaging::service::{CreateEndpoint, GivenCalling, GivenStart, ListDeliveries, Service};
use messaging::store::{ExceptionState, Interruption, Point};

use super::{Fake, answer, caller, cancelled, endpoint, in_order, look, none, service, service_with, told};
use crate::support::database::on_both_databases;
use crate::support::store::{Rig, eventually};

/// Lets time pass for the engine, second by second, until it has come to pass.
async fn passing(rig: &Rig, services: &[&Service], done: impl AsyncFn() -> bool) {
    eventually(async || {
        rig.clock.advance(SignedDuration::from_secs(1));
        for service in services {
            look(service).await;
        }
        done().await
    })
    .await;
}

on_both_databases! { Rig::on =>
    async fn an_endpoint_that_is_down_is_asked_rarely_and_catches_up_when_it_is_back(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let made = endpoint(&service, owner, CreateEndpoint::default()).await;
        fake.answers(|_| none(Outcome::NoConnection));
        look(&service).await;
        let messages = cancelled(&rig, owner, 50).await;
        // An hour of it.
        for _ in 0..120 {
            rig.clock.advance(SignedDuration::from_secs(30));
            look(&service).await;
            tokio::task::yield_now().await;
        }
        told(&service, async || {
            let (_, stands) = service.endpoint(&caller(owner), &made.id.to_string(), None).await.unwrap();
            stands.standing.next_try_at.is_some() && stands.standing.failing_since.is_some()
        }).await;
        let asked = fake.heard().len();
        assert!((3..=70).contains(&asked), "{asked} calls in an hour");
        assert_eq!(rig.count("webhook_exceptions").await, 0, "nothing is written about its events");
        fake.answers(|_| answer(200));
        passing(&rig, &[&service], async || fake.taken().len() >= 100).await;
        let heard = fake.heard();
        let ids: BTreeSet<String> = fake.taken().into_iter().collect();
        assert_eq!(ids.len(), 100);
        assert!(messages.iter().all(|message| in_order(&heard, message.id)));
    }

    async fn one_event_that_is_refused_waits_alone_and_its_message_with_it(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let made = endpoint(&service, owner, CreateEndpoint::default()).await;
        let guilty = rig.queued(owner).await.id.to_string();
        let bad = guilty.clone();
        fake.answers(move |heard| answer(if heard[0].message == bad { 422 } else { 200 }));
        look(&service).await;
        rig.apply(messaging::domain::ids::MessageId::parse(&guilty).unwrap(), messaging::domain::status::Event::Cancel).await;
        let messages = cancelled(&rig, owner, 10).await;
        told(&service, async || fake.taken().len() >= 20).await;
        let list = ListDeliveries { id: made.id.to_string(), ..Default::default() };
        told(&service, async || {
            let page = service.list_deliveries(&caller(owner), &list).await.unwrap();
            page.deliveries.len() == 2
        }).await;
        let page = service.list_deliveries(&caller(owner), &list).await.unwrap();
        let mut events: Vec<_> = page.deliveries.iter().map(|one| one.event).collect();
        events.sort_by_key(|event| event.what.position.version);
        assert!(events.iter().all(|event| event.what.position.subject.to_string() == guilty));
        assert_eq!((events[0].tries, events[0].last), (1, Some((Outcome::Refused, Some(422)))));
        assert_eq!((events[1].tries, events[1].next_try_at), (0, None), "the later one waits behind it");
        fake.answers(|_| answer(200));
        passing(&rig, &[&service], async || fake.taken().len() >= 22).await;
        let heard = fake.heard();
        assert!(messages.iter().all(|message| in_order(&heard, message.id)));
        assert!(in_order(&heard, messaging::domain::ids::MessageId::parse(&guilty).unwrap()));
        told(&service, async || rig.count("webhook_exceptions").await == 0).await;
    }

    async fn an_event_that_is_never_taken_is_given_up_and_those_behind_it_come(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let calling = GivenCalling { max_age: Some(SignedDuration::from_mins(2)), ..Default::default() };
        let made = endpoint(&service, owner, CreateEndpoint { calling, ..Default::default() }).await;
        fake.answers(|heard| answer(if heard[0].of == "message.queued" { 400 } else { 200 }));
        look(&service).await;
        cancelled(&rig, owner, 1).await;
        passing(&rig, &[&service], async || fake.taken().len() == 1).await;
        let list = ListDeliveries { id: made.id.to_string(), ..Default::default() };
        told(&service, async || {
            let page = service.list_deliveries(&caller(owner), &list).await.unwrap();
            page.deliveries.len() == 1 && page.deliveries[0].event.state == ExceptionState::GivenUp
        }).await;
    }

    async fn a_refused_batch_is_halved_down_to_the_guilty_one(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let wait = SignedDuration::from_secs(1);
        let calling = GivenCalling { max_batch: Some(64), max_wait: Some(wait), ..Default::default() };
        let made = endpoint(&service, owner, CreateEndpoint { calling, ..Default::default() }).await;
        let messages = rig.many(owner, 64).await;
        let guilty = messages[20].id.to_string();
        fake.answers(move |heard| answer(if heard.iter().any(|one| one.message == guilty) { 413 } else { 200 }));
        look(&service).await;
        told(&service, async || fake.taken().len() >= 63).await;
        let list = ListDeliveries { id: made.id.to_string(), ..Default::default() };
        told(&service, async || service.list_deliveries(&caller(owner), &list).await.unwrap().deliveries.len() == 1).await;
        assert!(fake.bodies().len() < 24, "{} calls", fake.bodies().len());
    }

    async fn an_endpoint_that_refuses_everything_costs_few_rows(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, CreateEndpoint::default()).await;
        fake.answers(|_| answer(401));
        look(&service).await;
        rig.many(owner, 100).await;
        told(&service, async || fake.heard().len() >= 12).await;
        told(&service, async || rig.count("webhook_exceptions").await >= 12).await;
        assert!(rig.count("webhook_exceptions").await < 24);
        fake.answers(|_| answer(200));
        passing(&rig, &[&service], async || fake.taken().len() >= 100).await;
    }

    async fn half_of_the_answers_may_be_errors(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, CreateEndpoint::default()).await;
        let calls = std::sync::atomic::AtomicUsize::new(0);
        fake.answers(move |_| {
            let n = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            // Evenly spread, and the same in each run.
            let spread = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            answer(if (spread >> 40).is_multiple_of(2) { 500 } else { 200 })
        });
        look(&service).await;
        let messages = cancelled(&rig, owner, 50).await;
        eventually(async || {
            rig.clock.advance(SignedDuration::from_mins(1));
            look(&service).await;
            fake.taken().len() >= 100
        }).await;
        let heard = fake.heard();
        assert!(messages.iter().all(|message| in_order(&heard, message.id)));
    }

    async fn an_endpoint_that_throttles_is_left_alone_for_as_long_as_it_asks(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, CreateEndpoint::default()).await;
        fake.answers(|_| Called { retry_after: Some(Duration::from_mins(20)), ..answer(429) });
        look(&service).await;
        rig.many(owner, 3).await;
        told(&service, async || fake.heard().len() == 1).await;
        for _ in 0..19 {
            rig.clock.advance(SignedDuration::from_mins(1));
            look(&service).await;
        }
        assert_eq!(fake.heard().len(), 1);
        fake.answers(|_| answer(200));
        passing(&rig, &[&service], async || fake.taken().len() == 3).await;
        assert_eq!(rig.count("webhook_exceptions").await, 0);
    }

    async fn an_endpoint_that_is_gone_is_disabled_and_can_go_on_from_its_place(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let made = endpoint(&service, owner, CreateEndpoint::default()).await;
        let id = made.id.to_string();
        fake.answers(|_| answer(410));
        look(&service).await;
        rig.many(owner, 3).await;
        told(&service, async || service.endpoint(&caller(owner), &id, None).await.unwrap().0.state == EndpointState::Gone).await;
        fake.answers(|_| answer(200));
        service.enable_endpoint(&caller(owner), &id, None, GivenStart::Resume, Vec::new()).await.unwrap();
        eventually(async || {
            look(&service).await;
            fake.taken().len() >= 3
        }).await;
    }

    async fn an_endpoint_that_takes_nothing_for_five_days_is_disabled(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let made = endpoint(&service, owner, CreateEndpoint::default()).await;
        fake.answers(|_| answer(500));
        look(&service).await;
        rig.many(owner, 1).await;
        told(&service, async || !fake.heard().is_empty()).await;
        eventually(async || {
            rig.clock.advance(SignedDuration::from_hours(6));
            // However late the calls are behind the clock: there is always an event that is not too old to be told.
            rig.many(owner, 1).await;
            look(&service).await;
            service.endpoint(&caller(owner), &made.id.to_string(), None).await.unwrap().0.state == EndpointState::Failing
        }).await;
    }

    async fn a_database_that_fails_costs_repetitions_and_no_event(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, CreateEndpoint::default()).await;
        look(&service).await;
        rig.many(owner, 20).await;
        let n = std::sync::atomic::AtomicUsize::new(0);
        rig.store.interrupt(move |point| {
            let nth = n.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let spread = (nth as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (point != Point::Begin && (spread >> 40).is_multiple_of(3)).then_some(Interruption::Unavailable)
        });
        passing(&rig, &[&service], async || {
            let ids: BTreeSet<String> = fake.taken().into_iter().collect();
            ids.len() >= 20
        }).await;
        rig.store.interrupt(|_| None);
    }

    async fn an_endpoint_that_hangs_keeps_nobody_else_waiting(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let slow = endpoint(&service, owner, CreateEndpoint::default()).await;
        service.webhooks().look().await.unwrap();
        fake.takes(Duration::from_secs(8));
        rig.many(owner, 1).await;
        told(&service, async || fake.most_at_once() == 1).await;
        fake.takes(Duration::ZERO);
        service.disable_endpoint(&caller(owner), &slow.id.to_string(), None).await.unwrap();
        endpoint(&service, owner, CreateEndpoint::default()).await;
        look(&service).await;
        rig.many(owner, 10).await;
        told(&service, async || fake.taken().len() >= 10).await;
    }

    async fn an_endpoint_whose_key_is_gone_is_not_called_until_it_has_another_secret(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let before = service(&rig.store, &rig, &fake);
        let id = endpoint(&before, owner, CreateEndpoint::default()).await.id.to_string();
        let after = service_with(&rig.store, &rig, &fake, "another key of the tests, long enough, too");
        look(&after).await;
        rig.many(owner, 2).await;
        told(&after, async || {
            let (_, stands) = after.endpoint(&caller(owner), &id, None).await.unwrap();
            stands.standing.last == Some((Outcome::NoKey as i16, None))
        }).await;
        assert!(fake.heard().is_empty());
        after.rotate_secret(&caller(owner), &id, None, false).await.unwrap();
        passing(&rig, &[&after], async || fake.taken().len() >= 2).await;
    }
}
