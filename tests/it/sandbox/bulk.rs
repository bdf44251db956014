//! The bulk calls, the validation, and the forms of ids, times and answers.

use messaging::clock::Clock;
use serde_json::{Value, json};

use super::rig::{ACCOUNT, Rig, message};

#[tokio::test]
async fn a_bulk_answer_pairs_by_position_and_a_bad_element_has_no_id() {
    let rig = Rig::start().await;
    let destinations = ["+306900000001", "6900", "+306900000016", "+306900000002"];
    let messages: Vec<_> = destinations.iter().map(|destination| message(destination)).collect();
    let answer = rig.post("/api/v1.1/Messages/sendmessagesbulk", &json!({ "messages": messages })).await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let ids: Vec<_> = answer["messages"].as_array().unwrap().iter().map(|one| one["messageId"].as_str()).collect();
    assert_eq!(ids.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false, true]);
    let ledger = rig.control("ledger").await;
    assert_eq!(ledger.as_array().unwrap().len(), 2);
    for (entry, (destination, id)) in [(&ledger[0], (destinations[0], ids[0])), (&ledger[1], (destinations[3], ids[3]))]
    {
        assert_eq!(entry["destination"], destination);
        assert_eq!(entry["message_id"].as_str(), id);
        assert_eq!(entry["bulk_id"], answer["bulkId"]);
        assert_eq!(entry["answered"], true);
    }
}

#[tokio::test]
async fn one_text_goes_to_many() {
    let rig = Rig::start().await;
    let mut body = message("");
    body["destinations"] = json!(["+306900000001", "+306900000002", "nobody"]);
    let answer = rig.post("/api/v1.1/Messages/sendbulk", &body).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["messages"].as_array().unwrap().len(), 3);
    assert!(answer["messages"][2].get("messageId").is_none());
    assert_eq!(rig.control("ledger/summary").await["accepted"], 2);
}

#[tokio::test]
async fn one_element_decides_how_a_whole_bulk_call_ends() {
    let rig = Rig::start().await;
    let call = |suffix: &str| {
        let messages = [message("+306900000001"), message(&format!("+30690000{suffix}"))];
        json!({ "messages": messages })
    };
    let path = "/api/v1.1/Messages/sendmessagesbulk";
    assert!(rig.post(path, &call("0010")).await.is_err());
    assert_eq!(rig.control("ledger/summary").await["accepted"], 2);
    assert_eq!(rig.post(path, &call("0009")).await.unwrap().status(), 429);
    assert_eq!(rig.post(path, &call("0012")).await.unwrap().status(), 500);
    assert_eq!(rig.control("ledger/summary").await["accepted"], 2);
    assert_eq!(rig.post(path, &call("0009")).await.unwrap().status(), 200);
    let malformed = rig.post(path, &call("0013")).await.unwrap().bytes().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&malformed).is_err());
}

#[tokio::test]
async fn what_is_missing_is_named_and_nothing_is_accepted() {
    let rig = Rig::start().await;
    let refused = rig.post("/api/v1.1/Messages/send", &json!({})).await.unwrap();
    assert_eq!(refused.status(), 400);
    let body: Value = refused.json().await.unwrap();
    let fields: Vec<_> = body["errors"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["Destination", "Sms.Sender", "Sms.Text", "TrafficAccountId"]);

    let mut faulty = message("+306900000001");
    faulty["sms"]["text"] = Value::Null;
    let call = json!({ "messages": [message("+306900000001"), faulty] });
    let refused = rig.post("/api/v1.1/Messages/sendmessagesbulk", &call).await.unwrap();
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["errors"]["Messages[1].Sms.Text"][0], "The Sms.Text field is required.");
    for path in ["sendmessagesbulk", "sendbulk"] {
        let refused = rig.post(&format!("/api/v1.1/Messages/{path}"), &json!({})).await.unwrap();
        assert_eq!(refused.status(), 400);
    }
    assert_eq!(rig.control("ledger/summary").await["accepted"], 0);
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused() {
    let rig = Rig::start().await;
    for path in ["send", "sendmessagesbulk", "sendbulk"] {
        for body in ["", "{", "[]", "\"text\"", "{\"messages\":7,\"destination\":7,\"destinations\":7}", "\u{0}"] {
            let call = rig.client.post(format!("{}/api/v1.1/Messages/{path}", rig.base)).body(body);
            let refused = call.header("X-Mitto-API-Key", "sandbox-key").send().await.unwrap();
            assert_eq!(refused.status(), 400, "{path} {body}");
        }
    }
    let huge = format!("{{\"messages\":[{}{{}}]}}", "{},".repeat(200_000));
    let call = rig.client.post(format!("{}/api/v1.1/Messages/sendmessagesbulk", rig.base)).body(huge);
    assert_eq!(call.header("X-Mitto-API-Key", "sandbox-key").send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_wrong_key_and_no_key_are_unauthorized() {
    let rig = Rig::start().await;
    for key in [Some("another-key"), Some(""), None] {
        let calls = [
            rig.client.post(format!("{}/api/v1.1/Messages/send", rig.base)).json(&message("+306900000001")),
            rig.client.get(format!("{}/api/v1.1/Messages/01ARZ3NDEKTSV4RRFFQ69G5FAV", rig.base)),
        ];
        for call in calls {
            let call = key.iter().fold(call, |call, key| call.header("X-Mitto-API-Key", *key));
            assert_eq!(call.send().await.unwrap().status(), 401);
        }
    }
    assert_eq!(rig.control("ledger/summary").await["accepted"], 0);
}

#[tokio::test]
async fn unknown_ids_are_not_found_and_known_ones_only_as_they_are_written() {
    let rig = Rig::start().await;
    let id = rig.accepted("+306900000001").await;
    for unknown in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "nonsense", &id.to_lowercase()] {
        assert_eq!(rig.read(unknown).await.status(), 404);
    }
    assert_eq!(rig.read(&id).await.status(), 200);
}

#[tokio::test]
async fn ids_are_growing_ulids_and_times_have_seven_digits() {
    let rig = Rig::start().await;
    let (first, second) = (rig.accepted("+306900000001").await, rig.accepted("+306900000001").await);
    assert!(first < second);
    let now = Clock::system().now().as_millisecond();
    let millisecond = i64::try_from(ulid::Ulid::from_string(&first).unwrap().timestamp_ms()).unwrap();
    assert!((now - 60_000..=now).contains(&millisecond));
    let view: Value = rig.read(&first).await.json().await.unwrap();
    let created = view["createdAt"].as_str().unwrap();
    assert_eq!(created.split_once('.').unwrap().1.len(), "1234567Z".len());
    assert!(created.ends_with('Z'));
}

#[tokio::test]
async fn parts_are_told_only_of_texts_that_take_several() {
    let rig = Rig::start().await;
    for (text, parts) in [
        ("a".repeat(160), Value::Null),
        ("a".repeat(161), json!(2)),
        ("€".repeat(81), json!(2)),
        ("я".repeat(71), json!(2)),
    ] {
        let mut body = message("+306900000001");
        body["sms"]["text"] = text.into();
        body["reference"] = "order-7".into();
        let answer: Value = rig.post("/api/v1.1/Messages/send", &body).await.unwrap().json().await.unwrap();
        let view = rig.read(answer["messages"][0]["messageId"].as_str().unwrap()).await;
        let view: Value = view.json().await.unwrap();
        assert_eq!(view["messageParts"], parts);
        assert_eq!(view["reference"], "order-7");
        assert_eq!(view["trafficAccountId"], ACCOUNT);
    }
}
