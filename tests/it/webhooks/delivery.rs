//! Every event is delivered, in order for each message, whichever process is at it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use messaging::domain::tags::{Metadata, Reference, Tags};
use messaging::domain::webhook::health::Outcome;
use messaging::service::{CreateEndpoint, GivenCalling, GivenStart, ListEndpoints, ReplayEvents};

use super::{Fake, answer, caller, cancelled, endpoint, in_order, look, service, settled, told};
use crate::support::database::on_both_databases;
use crate::support::messages::queued;
use crate::support::store::Rig;
use messaging::domain::message::Guarantee;

on_both_databases! { Rig::on =>
    async fn an_endpoint_is_told_of_every_change_from_when_it_was_made_on(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        cancelled(&rig, owner, 3).await;
        settled(&rig, owner, 6).await;
        endpoint(&service, owner, CreateEndpoint::default()).await;
        look(&service).await;
        let messages = cancelled(&rig, owner, 20).await;
        told(&service, async || fake.taken().len() >= 40).await;
        let heard = fake.heard();
        let ids: BTreeSet<&str> = heard.iter().map(|heard| heard.id.as_str()).collect();
        assert_eq!((heard.len(), ids.len()), (40, 40), "each event once");
        assert!(messages.iter().all(|message| in_order(&heard, message.id)));
        assert!(heard.iter().all(|heard| heard.call == heard.id), "a call for one event has the event's id");
        let types: BTreeMap<&str, usize> = heard.iter().fold(BTreeMap::new(), |mut types, heard| {
            *types.entry(heard.of.as_str()).or_default() += 1;
            types
        });
        assert_eq!(types, BTreeMap::from([("message.cancelled", 20), ("message.queued", 20)]));
    }

    async fn an_event_says_what_changed_and_no_more_than_the_endpoint_asks_for(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, CreateEndpoint::default()).await;
        let telling = GivenCalling { include_destination: Some(true), include_text: Some(true), ..Default::default() };
        endpoint(&service, owner, CreateEndpoint { calling: telling, ..Default::default() }).await;
        look(&service).await;
        let mut message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
        let pairs = Metadata::parse([("shop".to_owned(), "7".to_owned())]).unwrap();
        message.tags = Tags { reference: Reference::parse("order 9").unwrap(), metadata: pairs };
        let message = rig.stored(message).await;
        told(&service, async || fake.bodies().len() >= 2).await;
        let mut bodies = fake.bodies();
        bodies.sort_by_key(|body| body["data"].get("text").is_some());
        let at = rig.clock.now().to_string();
        let plain = serde_json::json!({
            "id": format!("evt_{}_{}", message.id.0.as_simple(), 1),
            "type": "message.queued",
            "timestamp": at,
            "data": {
                "id": message.id.to_string(), "version": 1, "to": "queued", "at": at, "reference": "order 9",
                "metadata": {"shop": "7"}, "attempt": 0, "possible_duplicate": false,
            },
        });
        assert_eq!(bodies[0], plain);
        assert_eq!(bodies[1]["data"]["destination"], message.destination.as_str());
        assert_eq!(bodies[1]["data"]["text"], message.text.as_str());
    }

    async fn filters_let_through_what_is_asked_for(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let types = vec!["message.cancelled".to_owned()];
        let metadata = BTreeMap::from([("shop".to_owned(), "7".to_owned())]);
        endpoint(&service, owner, CreateEndpoint { types, metadata, ..Default::default() }).await;
        look(&service).await;
        cancelled(&rig, owner, 5).await;
        let mut message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
        let pairs = Metadata::parse([("shop".to_owned(), "7".to_owned()), ("till".to_owned(), "1".to_owned())]);
        message.tags.metadata = pairs.unwrap();
        let message = rig.stored(message).await;
        rig.apply(message.id, messaging::domain::status::Event::Cancel).await;
        told(&service, async || !fake.heard().is_empty()).await;
        let heard = fake.heard();
        assert_eq!((heard.len(), heard[0].message.clone()), (1, message.id.to_string()));
    }

    async fn a_batching_endpoint_gets_lists_signed_as_a_whole(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let wait = SignedDuration::from_millis(200);
        let calling = GivenCalling { max_batch: Some(100), max_wait: Some(wait), ..Default::default() };
        endpoint(&service, owner, CreateEndpoint { calling, ..Default::default() }).await;
        let messages = cancelled(&rig, owner, 50).await;
        told(&service, async || fake.taken().len() >= 100).await;
        let (heard, calls) = (fake.heard(), fake.bodies().len());
        assert_eq!(heard.len(), 100);
        assert!(calls < 30, "{calls} calls");
        assert!(heard.iter().all(|heard| heard.call.starts_with("batch_")));
        assert!(messages.iter().all(|message| in_order(&heard, message.id)));
    }

    async fn another_process_goes_on_where_one_was_killed(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let (first, second) = (service(&rig.store, &rig, &fake), service(&rig.store, &rig, &fake));
        endpoint(&first, owner, CreateEndpoint::default()).await;
        look(&first).await;
        cancelled(&rig, owner, 10).await;
        told(&first, async || fake.taken().len() >= 20).await;
        // It is written down how far it came.
        told(&first, async || {
            let standing = first.list_endpoints(&caller(owner), &ListEndpoints::default()).await.unwrap();
            let (_, stands) = first.endpoint(&caller(owner), &standing.endpoints[0].id.to_string(), None).await.unwrap();
            stands.lag.is_none()
        }).await;
        // A hold is relied on for three seconds after the last look.
        look(&first).await;
        look(&second).await;
        assert_eq!((first.webhooks().running(), second.webhooks().running()), (1, 0), "one holds it");
        // The first one is heard of no more.
        rig.clock.advance(SignedDuration::from_secs(7));
        look(&second).await;
        assert_eq!(second.webhooks().running(), 1);
        look(&first).await;
        assert_eq!(first.webhooks().running(), 0, "it notices that it lost it");
        cancelled(&rig, owner, 10).await;
        told(&second, async || fake.taken().len() >= 40).await;
        let ids: BTreeSet<String> = fake.taken().into_iter().collect();
        assert_eq!((ids.len(), fake.heard().len()), (40, 40), "nothing is lost, and nothing is told twice");
    }

    async fn a_process_that_stops_lets_go_at_once(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let (first, second) = (service(&rig.store, &rig, &fake), service(&rig.store, &rig, &fake));
        endpoint(&first, owner, CreateEndpoint::default()).await;
        look(&first).await;
        fake.takes(Duration::from_millis(50));
        cancelled(&rig, owner, 10).await;
        told(&first, async || fake.taken().len() >= 3).await;
        first.stop_sending();
        first.webhooks().leave().await;
        look(&second).await;
        assert_eq!(second.webhooks().running(), 1);
        told(&second, async || fake.taken().len() >= 20).await;
        let ids: BTreeSet<String> = fake.taken().into_iter().collect();
        assert_eq!((ids.len(), fake.heard().len()), (20, 20), "what was in flight ended, and was written down");
    }

    async fn no_more_than_eight_calls_are_in_flight(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, CreateEndpoint::default()).await;
        look(&service).await;
        // It begins with one, and doubles with what is taken.
        rig.many(owner, 20).await;
        told(&service, async || fake.taken().len() >= 20).await;
        fake.holds();
        rig.many(owner, 100).await;
        told(&service, async || fake.most_at_once() == 8).await;
        fake.lets_go();
        told(&service, async || fake.taken().len() >= 120).await;
        assert_eq!(fake.most_at_once(), 8);
    }

    async fn a_disabled_endpoint_keeps_its_place_and_goes_on_where_it_is_told(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let made = endpoint(&service, owner, CreateEndpoint { disabled: true, ..Default::default() }).await;
        let id = made.id.to_string();
        look(&service).await;
        assert_eq!(service.webhooks().running(), 0);
        rig.many(owner, 5).await;
        service.enable_endpoint(&caller(owner), &id, None, GivenStart::Resume, Vec::new()).await.unwrap();
        look(&service).await;
        told(&service, async || fake.taken().len() >= 5).await;
        service.disable_endpoint(&caller(owner), &id, None).await.unwrap();
        look(&service).await;
        assert_eq!(service.webhooks().running(), 0, "it is let go of");
        rig.many(owner, 5).await;
        settled(&rig, owner, 10).await;
        service.enable_endpoint(&caller(owner), &id, None, GivenStart::Now, Vec::new()).await.unwrap();
        look(&service).await;
        let last = rig.queued(owner).await;
        told(&service, async || fake.taken().len() >= 6).await;
        assert_eq!(fake.heard().last().unwrap().message, last.id.to_string());
        assert_eq!(fake.heard().len(), 6, "what came while it was disabled is left out");
    }

    async fn the_past_is_told_again_beside_what_happens(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        rig.many(owner, 3).await;
        rig.clock.advance(SignedDuration::from_mins(10));
        let from = rig.clock.now();
        cancelled(&rig, owner, 4).await;
        rig.clock.advance(SignedDuration::from_mins(10));
        settled(&rig, owner, 11).await;
        let made = endpoint(&service, owner, CreateEndpoint::default()).await;
        let types = vec!["message.cancelled".to_owned()];
        let replay = ReplayEvents { id: made.id.to_string(), from: Some(from), to: None, types, owner_id: None };
        service.replay_events(&caller(owner), replay, Vec::new()).await.unwrap();
        look(&service).await;
        told(&service, async || fake.taken().len() >= 4).await;
        rig.queued(owner).await;
        told(&service, async || fake.taken().len() >= 5).await;
        let of: Vec<String> = fake.heard().into_iter().map(|heard| heard.of).collect();
        assert_eq!(of.iter().filter(|of| *of == "message.cancelled").count(), 4);
        assert_eq!(of.len(), 5);
        // A replay that is over is gone.
        told(&service, async || rig.count("webhook_cursors").await == 1).await;
    }

    async fn a_time_in_which_nothing_happened_is_told_again_at_once(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        rig.many(owner, 3).await;
        rig.clock.advance(SignedDuration::from_mins(10));
        settled(&rig, owner, 3).await;
        let made = endpoint(&service, owner, CreateEndpoint::default()).await;
        let replay = ReplayEvents { id: made.id.to_string(), from: Some(rig.clock.now()), ..Default::default() };
        service.replay_events(&caller(owner), replay, Vec::new()).await.unwrap();
        assert_eq!(rig.count("webhook_cursors").await, 2);
        look(&service).await;
        told(&service, async || rig.count("webhook_cursors").await == 1).await;
        assert!(fake.heard().is_empty());
    }

    async fn a_changed_endpoint_is_called_as_it_is_now(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let made = endpoint(&service, owner, CreateEndpoint::default()).await;
        look(&service).await;
        rig.queued(owner).await;
        told(&service, async || fake.taken().len() == 1).await;
        let types = Some(vec!["message.cancelled".to_owned()]);
        let change = messaging::service::UpdateEndpoint { id: made.id.to_string(), types, ..Default::default() };
        service.update_endpoint(&caller(owner), change, Vec::new()).await.unwrap();
        look(&service).await;
        cancelled(&rig, owner, 1).await;
        told(&service, async || fake.taken().len() >= 2).await;
        assert_eq!(fake.heard().last().unwrap().of, "message.cancelled");
        assert_eq!(fake.heard().len(), 2);
    }

    async fn a_test_event_is_sent_at_once_and_its_outcome_told(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let made = endpoint(&service, owner, CreateEndpoint { disabled: true, ..Default::default() }).await;
        fake.answers(|_| answer(503));
        let called = service.test_endpoint(&caller(owner), &made.id.to_string(), None).await.unwrap();
        assert_eq!((called.outcome, called.status), (Outcome::Failed, Some(503)));
        assert_eq!(fake.heard()[0].of, "endpoint.test");
    }
}
