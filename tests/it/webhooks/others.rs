//! What endpoints are told besides changes of messages: campaigns, messages from recipients and opt-outs.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use messaging::auth::Caller;
use messaging::domain::campaign::Action;
use messaging::domain::gate::Signal;
use messaging::domain::ids::{CampaignId, OwnerId};
use messaging::domain::keyword::Keywords;
use messaging::domain::opt_out::OptOutSource;
use messaging::domain::phone::Msisdn;
use messaging::domain::report::Form;
use messaging::domain::sender::SenderId;
use messaging::domain::webhook::health::Outcome;
use messaging::service::{CreateEndpoint, GivenCalling, UpdateEndpoint};
use messaging::store::{Move, Pace};
use serde_json::{Value, json};

use super::{Fake, answer, caller, endpoint, look, service, told};
use crate::support::database::on_both_databases;
use crate::support::store::{Rig, eventually};

const NUMBER: &str = "+306900000001";

async fn step(rig: &Rig, owner: OwnerId, campaign: CampaignId, action: Action) {
    let step = Move { owner, campaign, action, sender: Some(SenderId::parse("Alice").unwrap()), recipients: None };
    rig.store.move_campaign(step).await.unwrap().unwrap().unwrap();
}

/// A campaign with one recipient.
async fn campaign(rig: &Rig, owner: OwnerId) -> CampaignId {
    let id = rig.campaign(owner).await;
    rig.execute(&format!("UPDATE campaigns SET recipients = 1 WHERE id = {id}")).await;
    id
}

async fn wrote(rig: &Rig, text: &str) {
    let body = json!({"from": NUMBER, "to": "Alice", "text": text}).to_string();
    rig.store.file_inbound(Form::Json, body.as_bytes(), None).await.unwrap();
    rig.store.read_next_inbound(Keywords::default()).await.unwrap().unwrap();
    rig.clock.advance(SignedDuration::from_secs(1));
}

async fn alice(rig: &Rig) -> OwnerId {
    rig.store.create_user("alice", Some(&SenderId::parse("Alice").unwrap())).await.unwrap()
}

/// An endpoint that is told numbers and texts.
fn telling() -> CreateEndpoint {
    let calling = GivenCalling { include_destination: Some(true), include_text: Some(true), ..Default::default() };
    CreateEndpoint { calling, ..Default::default() }
}

fn of(types: &[&str]) -> CreateEndpoint {
    CreateEndpoint { types: types.iter().map(|&name| name.to_owned()).collect(), ..Default::default() }
}

/// What was heard of each type, in its order.
fn types(fake: &Fake) -> Vec<String> {
    fake.heard().into_iter().map(|heard| heard.of).collect()
}

/// The data of what was heard of this type.
fn data(fake: &Fake, of: &str) -> Vec<Value> {
    fake.bodies().into_iter().filter(|body| body["type"] == of).map(|body| body["data"].clone()).collect()
}

on_both_databases! { Rig::on =>
    async fn every_step_of_a_campaign_is_told_in_its_order(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, CreateEndpoint::default()).await;
        look(&service).await;
        let id = campaign(&rig, owner).await;
        for action in [Action::Start, Action::Pause, Action::Pause, Action::Resume, Action::Cancel, Action::Finish] {
            step(&rig, owner, id, action).await;
        }
        let expected = ["campaign.started", "campaign.paused", "campaign.resumed", "campaign.cancelled"];
        told(&service, async || fake.taken().len() >= expected.len()).await;
        assert_eq!(types(&fake), expected, "what changes nothing is told to nobody");
        let versions: Vec<i64> = fake.heard().into_iter().map(|heard| heard.version).collect();
        assert_eq!(versions, [1, 2, 3, 4]);
        let at = rig.clock.now().to_string();
        assert_eq!(data(&fake, "campaign.paused"), [
            json!({"campaign_id": id.to_string(), "version": 2, "at": at, "name": "spring", "recipients": 1}),
        ]);
    }

    async fn a_campaign_that_is_over_is_told_as_completed(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, of(&["campaign.completed", "campaign.started"])).await;
        look(&service).await;
        let id = campaign(&rig, owner).await;
        step(&rig, owner, id, Action::Start).await;
        let pace = Pace { page: 100, ceiling: 100, traffic_account_id: "default".to_owned(), default_sender: SenderId::parse("Shop").ok() };
        told(&service, async || {
            rig.store.reconcile(id, pace.clone()).await.unwrap();
            fake.taken().len() >= 2
        }).await;
        assert_eq!(types(&fake), ["campaign.started", "campaign.completed"]);
    }

    async fn a_message_from_a_recipient_is_told_with_what_it_did(rig) {
        let (owner, stranger, fake) = (alice(&rig).await, rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, telling()).await;
        endpoint(&service, stranger, telling()).await;
        look(&service).await;
        for text in ["STOP", "STOP", "START", "Thanks!"] {
            wrote(&rig, text).await;
        }
        told(&service, async || fake.taken().len() >= 6).await;
        let told = data(&fake, "inbound.received");
        let mut by_time: BTreeMap<String, &Value> = BTreeMap::new();
        for one in &told {
            by_time.insert(one["received_at"].as_str().unwrap().to_owned(), one);
        }
        let told: Vec<_> = by_time.values().map(|one| {
            assert_eq!((&one["number"], &one["to"]), (&json!(NUMBER), &json!("Alice")));
            (one["text"].as_str().unwrap(), one["verdict"].as_str().unwrap(), one["effect"].as_str())
        }).collect();
        assert_eq!(told, [
            ("STOP", "stop", Some("opted_out")),
            ("STOP", "stop", Some("already_opted_out")),
            ("START", "start", Some("opted_in")),
            ("Thanks!", "other", None),
        ]);
        let opted: Vec<Value> = fake.bodies().into_iter().filter(|body| body["type"].as_str().unwrap().starts_with("opt_out")).collect();
        let subject = opted[0]["data"]["subject"].clone();
        let steps: Vec<_> = opted.iter().map(|body| {
            let data = &body["data"];
            assert_eq!((&data["destination"], &data["source"], &data["subject"]), (&json!(NUMBER), &json!("recipient"), &subject));
            (body["type"].as_str().unwrap(), data["version"].as_i64().unwrap())
        }).collect();
        assert_eq!(steps, [("opt_out.added", 1), ("opt_out.removed", 2)]);
        assert_eq!(fake.heard().len(), 6, "a stranger is told of nothing");
    }

    async fn numbers_and_texts_are_for_endpoints_that_ask_for_them(rig) {
        let (owner, fake) = (alice(&rig).await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, CreateEndpoint::default()).await;
        look(&service).await;
        wrote(&rig, "STOP").await;
        let number = Msisdn::parse("+306900000002").unwrap();
        rig.store.add_opt_out(owner, &number, OptOutSource::Owner).await.unwrap();
        rig.store.add_opt_out(owner, &number, OptOutSource::Owner).await.unwrap();
        assert!(rig.store.remove_opt_out(owner, &number).await.unwrap());
        told(&service, async || fake.taken().len() >= 4).await;
        let told = serde_json::to_string(&fake.bodies()).unwrap();
        assert!(!told.contains("3069000000") && !told.contains("\"text\""), "{told}");
        let sources: Vec<Value> = data(&fake, "opt_out.added").iter().map(|data| data["source"].clone()).collect();
        assert!(sources.contains(&json!("owner")) && sources.contains(&json!("recipient")) && sources.len() == 2);
        assert_eq!(data(&fake, "opt_out.removed").len(), 1);
    }

    async fn what_was_erased_is_told_without_the_number(rig) {
        let rig = rig.with_key(Some("a key of the tests, 32 bytes or more")).await.unwrap();
        let (owner, fake) = (alice(&rig).await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, telling()).await;
        wrote(&rig, "STOP").await;
        rig.store.erase_number(&Msisdn::parse(NUMBER).unwrap(), None).await.unwrap();
        assert_eq!(rig.count("owner_events WHERE number IS NOT NULL").await, 0);
        look(&service).await;
        told(&service, async || fake.taken().len() >= 2).await;
        let told = serde_json::to_string(&fake.bodies()).unwrap();
        assert!(!told.contains("3069000000") && !told.contains("STOP") && told.contains("inbound.received"), "{told}");
    }

    async fn filters_by_type_campaign_and_metadata_hold_for_campaigns_too(rig) {
        let (owner, fake) = (alice(&rig).await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let (one, other) = (campaign(&rig, owner).await, campaign(&rig, owner).await);
        rig.execute(&format!(r#"UPDATE campaigns SET metadata = '{{"shop":"7"}}' WHERE id = {one}"#)).await;
        endpoint(&service, owner, CreateEndpoint { campaign_id: Some(one.0), ..of(&[]) }).await;
        let shop = BTreeMap::from([("shop".to_owned(), "7".to_owned())]);
        endpoint(&service, owner, CreateEndpoint { metadata: shop, ..of(&[]) }).await;
        endpoint(&service, owner, of(&["campaign.paused"])).await;
        look(&service).await;
        for id in [one, other] {
            step(&rig, owner, id, Action::Start).await;
            step(&rig, owner, id, Action::Pause).await;
        }
        wrote(&rig, "Hello").await;
        told(&service, async || fake.taken().len() >= 6).await;
        let mut told: Vec<(String, String)> = fake.bodies().into_iter().map(|body| {
            (body["type"].as_str().unwrap().to_owned(), body["data"]["campaign_id"].as_str().unwrap_or_default().to_owned())
        }).collect();
        told.sort();
        let (one, other) = (one.to_string(), other.to_string());
        let mut expected = vec![("campaign.started", &one), ("campaign.started", &one), ("campaign.paused", &one)];
        expected.extend([("campaign.paused", &one), ("campaign.paused", &one), ("campaign.paused", &other)]);
        let mut expected: Vec<_> = expected.into_iter().map(|(of, id)| (of.to_owned(), id.clone())).collect();
        expected.sort();
        assert_eq!(told, expected);
    }

    async fn behind_a_step_that_is_refused_the_later_ones_wait(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        endpoint(&service, owner, CreateEndpoint::default()).await;
        fake.answers(|heard| answer(if heard.iter().any(|one| one.of == "campaign.started") { 422 } else { 200 }));
        look(&service).await;
        let (stuck, free) = (campaign(&rig, owner).await, rig.campaign(owner).await);
        step(&rig, owner, stuck, Action::Start).await;
        step(&rig, owner, stuck, Action::Pause).await;
        step(&rig, owner, free, Action::Cancel).await;
        told(&service, async || fake.taken().len() == 1).await;
        assert_eq!(rig.count("webhook_exceptions").await, 2);
        fake.answers(|_| answer(200));
        eventually(async || {
            rig.clock.advance(SignedDuration::from_secs(1));
            look(&service).await;
            fake.taken().len() == 3
        }).await;
        let taken = fake.heard().into_iter().filter(|heard| heard.answer == Outcome::Taken).map(|heard| heard.of);
        assert_eq!(taken.collect::<Vec<_>>(), ["campaign.cancelled", "campaign.started", "campaign.paused"]);
    }

    async fn what_is_older_than_eight_days_is_let_go_of(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        for (n, days) in [(1, 7), (2, 2)] {
            let number = Msisdn::parse(&format!("+30690000000{n}")).unwrap();
            rig.store.add_opt_out(owner, &number, OptOutSource::Owner).await.unwrap();
            rig.clock.advance(SignedDuration::from_hours(24 * days));
        }
        service.run_maintenance().await.unwrap();
        assert_eq!((rig.count("owner_events").await, rig.count("opt_outs").await), (1, 2));
    }

    async fn operators_are_told_of_accounts_and_of_endpoints_that_were_disabled(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let all = endpoint(&service, owner, CreateEndpoint::default()).await;
        let operational = of(&["ops.account_blocked", "ops.account_unblocked", "ops.endpoint_disabled"]);
        let request = CreateEndpoint { url: "https://receiver.example/ops".to_owned(), ..operational };
        let refused = service.create_endpoint(&caller(owner), request.clone(), Vec::new()).await.err().unwrap();
        assert_eq!(refused.reason(), "SCOPE_REQUIRED");
        let operator = Caller::new(owner, "messages:read messages:send ops");
        service.create_endpoint(&operator, request, Vec::new()).await.unwrap();
        let change = UpdateEndpoint { id: all.id.to_string(), types: Some(vec!["ops.account_blocked".to_owned()]), ..Default::default() };
        let refused = service.update_endpoint(&caller(owner), change, Vec::new()).await.err().unwrap();
        assert_eq!(refused.reason(), "SCOPE_REQUIRED");
        look(&service).await;
        let signal = async |signal: Signal| {
            rig.store.change_gate("vip", move |gate, now| gate.record(signal, uuid::Uuid::nil(), now)).await.unwrap();
        };
        signal(Signal::Blocked("PROVIDER_REFUSED")).await;
        signal(Signal::Blocked("PROVIDER_REFUSED")).await;
        rig.store.change_gate("vip", |gate, _| gate.reset()).await.unwrap();
        told(&service, async || fake.taken().len() >= 2).await;
        assert_eq!(types(&fake), ["ops.account_blocked", "ops.account_unblocked"], "once each, and for who asks for it");
        assert_eq!(data(&fake, "ops.account_blocked")[0]["route_account_id"], "vip");
        fake.answers(|heard| answer(if heard[0].of == "message.queued" { 410 } else { 200 }));
        rig.queued(owner).await;
        told(&service, async || fake.taken().len() >= 3).await;
        assert_eq!(data(&fake, "ops.endpoint_disabled")[0]["endpoint_id"], all.id.to_string());
    }
}
