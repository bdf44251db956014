//! Delivery reports and inbound messages: what is posted, with which header, and what happens when nobody listens.

use std::time::Duration;

use messaging::clock::Clock;
use messaging::sandbox::{Config, Error, Sandbox};
use serde_json::{Value, json};

use super::rig::{Rig, message, words};

#[tokio::test]
async fn a_report_carries_the_fields_of_mitto_and_the_configured_header() {
    let rig = Rig::start().await;
    let mut body = message("+306900000001");
    body["reference"] = "order-7".into();
    let answer: Value = rig.post("/api/v1.1/Messages/send", &body).await.unwrap().json().await.unwrap();
    let reports = rig.webhook.posts(2).await;
    for report in &reports {
        assert_eq!(report["messageId"], answer["messages"][0]["messageId"]);
        assert_eq!(report["reference"], "order-7");
        assert_eq!(report["updatedAt"].as_str().unwrap().split_once('.').unwrap().1.len(), 8);
    }
    assert!(reports[0]["updatedAt"].as_str() < reports[1]["updatedAt"].as_str());
    assert_eq!(reports[0]["createdAt"], reports[1]["createdAt"]);
    assert_eq!(rig.webhook.header("x-webhook-token").as_deref(), Some("let-me-in"));
}

#[tokio::test]
async fn a_report_that_is_not_taken_is_posted_again_in_its_order() {
    let rig = Rig::start().await;
    rig.webhook.fail(2);
    rig.accepted("+306900000001").await;
    assert_eq!(words(&rig.webhook.posts(2).await), ["Sent", "Delivered"]);
    let health = rig.control("health").await;
    assert_eq!(health["status"], "ok");
    assert_eq!(health["accepted"], 1);
}

#[tokio::test]
async fn a_webhook_that_is_down_does_not_hold_up_sends() {
    let rig = Rig::with(|config| config.report_url = Some("http://127.0.0.1:9/nobody".into())).await;
    for _ in 0..100 {
        rig.accepted("+306900000001").await;
    }
    assert_eq!(rig.control("health").await["reports"]["queued"].as_u64().map(|queued| queued > 0), Some(true));
}

#[tokio::test]
async fn an_inbound_message_is_posted_to_the_configured_or_the_given_url() {
    let rig = Rig::start().await;
    let inject = async |body: Value| {
        let call = rig.client.post(format!("{}/sandbox/inbound", rig.base)).json(&body);
        call.send().await.unwrap()
    };
    let nowhere = inject(json!({ "from": "+306900000001", "to": "+306999999999", "text": "STOP" })).await;
    assert_eq!(nowhere.status(), 409);
    let body = json!({ "from": "+306900000001", "to": "+306999999999", "text": "STOP", "url": rig.webhook.url });
    let answer = inject(body).await;
    assert_eq!(answer.status(), 200);
    let posted = rig.webhook.bodies();
    assert_eq!((&posted[0]["from"], &posted[0]["text"]), (&json!("+306900000001"), &json!("STOP")));
    assert_eq!(answer.json::<Value>().await.unwrap()["messageId"], posted[0]["messageId"]);
    assert_eq!(rig.webhook.header("x-webhook-token").as_deref(), Some("let-me-in"));
    assert_eq!(inject(json!({ "from": "+306900000001" })).await.status(), 400);
    let away = json!({ "from": "+306900000001", "to": "+3069", "text": "x", "url": "http://127.0.0.1:9/" });
    assert_eq!(inject(away).await.status(), 502);
}

#[tokio::test]
async fn the_inbound_url_can_be_configured() {
    let rig = Rig::with(|config| config.inbound_url.clone_from(&config.report_url)).await;
    let body = json!({ "from": "+306900000001", "to": "+306999999999", "text": "Hi" });
    let answer = rig.client.post(format!("{}/sandbox/inbound", rig.base)).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(rig.webhook.bodies().len(), 1);
}

#[tokio::test]
async fn ids_and_times_follow_the_seed_and_the_clock() {
    let start: jiff::Timestamp = "2026-01-02T03:04:05.6789Z".parse().unwrap();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let clock = Clock::manual(start);
        let config = Config { seed: 7, ..Config::default() };
        let sandbox = Sandbox::bind("127.0.0.1:0", config, clock.clone()).await.unwrap();
        let base = format!("http://{}/api/v1.1/Messages", sandbox.addr());
        let stop = tokio_util::sync::CancellationToken::new();
        let run = tokio::spawn(sandbox.run(stop.clone()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let call = client.post(format!("{base}/send")).json(&message("+306900000001"));
        let answer = call.header("X-Mitto-API-Key", "sandbox-key").send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let id = answer["messages"][0]["messageId"].as_str().unwrap().to_owned();
        let read = async || {
            let call = client.get(format!("{base}/{id}")).header("X-Mitto-API-Key", "sandbox-key");
            call.send().await.unwrap().json::<Value>().await.unwrap()
        };
        assert_eq!(read().await["deliveryStatus"], "Sent");
        clock.advance(jiff::SignedDuration::from_secs(1));
        let view = read().await;
        assert_eq!(view["deliveryStatus"], "Delivered");
        assert_eq!(view["createdAt"], "2026-01-02T03:04:05.6789000Z");
        assert_eq!(view["updatedAt"], "2026-01-02T03:04:06.6789000Z");
        ids.push(id);
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), run).await.unwrap().unwrap();
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_at_the_start() {
    let bind = async |config| Sandbox::bind("127.0.0.1:0", config, Clock::system()).await.err();
    let config = Config { report_url: Some("ftp://example.com".into()), ..Config::default() };
    assert!(matches!(bind(config).await, Some(Error::Url { field: "report_url" })));
    let config = Config { report_header: Some(("bad name".into(), "value".into())), ..Config::default() };
    assert!(matches!(bind(config).await, Some(Error::Header)));
    let config = Config { ledger_file: Some("/".into()), ..Config::default() };
    assert!(matches!(bind(config).await, Some(Error::LedgerFile { .. })));
}
