//! The settings that are changed while the sandbox runs: outages, latency, rate limit, answer shape.

use std::time::{Duration, Instant};

use messaging::sandbox::AnswerShape;
use serde_json::{Value, json};

use super::rig::{Rig, message};

#[tokio::test]
async fn an_outage_with_a_status_accepts_nothing_and_ends_when_it_is_lifted() {
    let rig = Rig::start().await;
    for (outage, status) in [("500", 500), ("503", 503), ("429", 429), ("unauthorized", 401)] {
        assert_eq!(rig.settings(json!({ "outage": outage })).await.status(), 200);
        let answer = rig.send("+306900000001").await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().contains_key("retry-after"), status == 429);
        assert_eq!(rig.read("01ARZ3NDEKTSV4RRFFQ69G5FAV").await.status(), status);
    }
    assert_eq!(rig.control("ledger/summary").await["accepted"], 0);
    rig.settings(json!({ "outage": "none" })).await;
    rig.accepted("+306900000001").await;
}

#[tokio::test]
async fn a_refused_connection_accepts_nothing_and_a_cut_one_accepts() {
    let rig = Rig::start().await;
    rig.settings(json!({ "outage": "refuse" })).await;
    assert!(rig.try_send("+306900000001").await.is_err());
    assert_eq!(rig.control("ledger/summary").await["accepted"], 0);
    rig.settings(json!({ "outage": "cut" })).await;
    assert!(rig.try_send("+306900000001").await.is_err());
    let summary = rig.control("ledger/summary").await;
    assert_eq!((&summary["accepted"], &summary["answered"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn a_malformed_outage_accepts_and_answers_what_is_not_json() {
    let rig = Rig::start().await;
    rig.settings(json!({ "outage": "malformed" })).await;
    let answer = rig.send("+306900000001").await.bytes().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&answer).is_err());
    assert_eq!(rig.control("ledger/summary").await["accepted"], 1);
}

#[tokio::test]
async fn a_hanging_call_is_dropped_when_the_outage_is_lifted() {
    let rig = Rig::start().await;
    rig.settings(json!({ "outage": "hang" })).await;
    let lift = async {
        // Nothing outside tells that the call has come.
        tokio::time::sleep(Duration::from_secs(1)).await;
        rig.settings(json!({ "outage": "none" })).await
    };
    let (answer, _) = tokio::join!(rig.try_send("+306900000001"), lift);
    assert!(answer.is_err());
    assert_eq!(rig.control("ledger/summary").await["accepted"], 0);
    rig.accepted("+306900000001").await;
}

#[tokio::test]
async fn settings_change_one_by_one_and_a_misspelt_one_is_refused() {
    let rig = Rig::start().await;
    let first = json!({ "latency_ms": 0, "rate_limit": null, "answer_shape": 1, "outage": "none" });
    assert_eq!(rig.control("settings").await, first);
    let answer = rig.settings(json!({ "latency_ms": 20, "rate_limit": 200, "answer_shape": "2" })).await;
    let second = json!({ "latency_ms": 20, "rate_limit": 200, "answer_shape": 2, "outage": "none" });
    assert_eq!(answer.json::<Value>().await.unwrap(), second);
    for wrong in [json!({ "outrage": "500" }), json!({ "outage": "flood" }), json!({ "answer_shape": 4 }), json!(7)] {
        assert_eq!(rig.settings(wrong).await.status(), 400);
    }
    assert_eq!(rig.control("settings").await, second);
    rig.settings(json!({ "rate_limit": null })).await;
    assert_eq!(rig.control("settings").await["rate_limit"], Value::Null);
}

#[tokio::test]
async fn every_answer_takes_the_latency() {
    let rig = Rig::start().await;
    rig.settings(json!({ "latency_ms": 40 })).await;
    let start = Instant::now();
    rig.accepted("+306900000001").await;
    assert!(start.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn sends_over_the_rate_limit_are_told_to_come_back() {
    let rig = Rig::with(|config| config.rate_limit = Some(2)).await;
    let bulk = json!({ "messages": vec![message("+306900000001"); 50] });
    let answer = rig.post("/api/v1.1/Messages/sendmessagesbulk", &bulk).await.unwrap();
    assert_eq!(answer.status(), 200, "a call larger than the limit gets through");
    let refused = rig.send("+306900000001").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(rig.control("ledger/summary").await["accepted"], 50);
    rig.settings(json!({ "rate_limit": 0 })).await;
    rig.accepted("+306900000001").await;
}

#[tokio::test]
async fn a_single_send_is_answered_in_the_shape_that_is_set() {
    for (shape, pointer) in
        [(AnswerShape::One, "/messages/0/messageId"), (AnswerShape::Two, "/id"), (AnswerShape::Three, "/messageId")]
    {
        let rig = Rig::with(|config| config.answer_shape = shape).await;
        let answer: Value = rig.send("+306900000001").await.json().await.unwrap();
        let id = answer.pointer(pointer).unwrap().as_str().unwrap();
        assert_eq!(rig.read(id).await.status(), 200);
        assert_eq!(shape.to_string().parse::<AnswerShape>(), Ok(shape));
    }
}
