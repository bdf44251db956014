//! The ledger: its entries, its filters, its summary and its file.

use std::io::Write;

use messaging::sandbox::Config;
use serde_json::{Value, json};

use super::rig::{Rig, message};

#[tokio::test]
async fn a_lost_answer_is_in_the_ledger_all_the_same() {
    let rig = Rig::start().await;
    rig.accepted("+306900000001").await;
    assert!(rig.try_send("+306900000010").await.is_err());
    let summary = rig.control("ledger/summary").await;
    assert_eq!((&summary["accepted"], &summary["answered"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn an_entry_tells_everything_but_the_text() {
    let rig = Rig::start().await;
    let mut body = message("+306900000001");
    body["sms"]["text"] = "Καλημέρα".into();
    body["reference"] = "order-7".into();
    rig.post("/api/v1.1/Messages/send", &body).await.unwrap();
    let ledger = rig.control("ledger").await;
    assert_eq!(ledger[0]["text_length"], 8);
    assert_eq!(ledger[0]["text_sha256"], "2490eeca78367633c751b53a044a74c714837a8bc6704b738275a4340a694a0a");
    assert_eq!(ledger[0]["reference"], "order-7");
    assert_eq!(ledger[0]["sender"], "MyCompany");
    assert_eq!(ledger[0]["bulk_id"], Value::Null);
    assert!(!ledger.to_string().contains("Καλημέρα"));
}

#[tokio::test]
async fn entries_are_found_by_destination_and_reference_and_come_as_lines_if_wanted() {
    let rig = Rig::start().await;
    for (destination, reference) in [("+306900000001", "a"), ("+306900000001", "b"), ("+306900000002", "a")] {
        let mut body = message(destination);
        body["reference"] = reference.into();
        rig.post("/api/v1.1/Messages/send", &body).await.unwrap();
    }
    for (query, count) in [
        ("", 3),
        ("?destination=%2B306900000001", 2),
        ("?destination=+306900000001", 2),
        ("?destination=306900000001&reference=a", 1),
        ("?reference=a", 2),
        ("?reference=c", 0),
    ] {
        let entries = rig.control(&format!("ledger{query}")).await;
        assert_eq!(entries.as_array().unwrap().len(), count, "{query}");
    }
    let lines = rig.client.get(format!("{}/sandbox/ledger?format=ndjson", rig.base)).send().await.unwrap();
    let lines = lines.text().await.unwrap();
    let entries: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 3);
    let wrong = rig.client.get(format!("{}/sandbox/ledger?destination=nobody", rig.base)).send().await.unwrap();
    assert_eq!(wrong.status(), 400);
}

#[tokio::test]
async fn a_long_ledger_comes_whole_and_repeated_references_are_counted() {
    let rig = Rig::with(|config| config.report_url = None).await;
    for call in 0..3 {
        let messages: Vec<_> = (0..1_500)
            .map(|index| {
                let mut body = message("+306900000001");
                body["reference"] = if index == 0 { "again".into() } else { format!("{call}-{index}").into() };
                body
            })
            .collect();
        let answer = rig.post("/api/v1.1/Messages/sendmessagesbulk", &json!({ "messages": messages })).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let ledger = rig.control("ledger").await;
    let mut ids: Vec<_> =
        ledger.as_array().unwrap().iter().map(|entry| entry["message_id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted());
    ids.dedup();
    assert_eq!(ids.len(), 4_500);
    let summary = rig.control("ledger/summary").await;
    let expected =
        json!({ "accepted": 4_500, "answered": 4_500, "distinct_references": 4_498, "repeated_references": 1 });
    assert_eq!(summary, expected);
}

#[tokio::test]
async fn deleting_the_ledger_forgets_the_messages() {
    let rig = Rig::start().await;
    let id = rig.accepted("+306900000001").await;
    let answer = rig.client.delete(format!("{}/sandbox/ledger", rig.base)).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(rig.control("ledger").await, json!([]));
    assert_eq!(rig.read(&id).await.status(), 404);
}

#[tokio::test]
async fn a_restarted_sandbox_knows_its_messages_and_a_torn_last_line_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.ndjson");
    let config = || Config { ledger_file: Some(path.clone()), ..Config::default() };
    let rig = Rig::with(|old| *old = config()).await;
    let first = rig.accepted("+306900000001").await;
    assert!(rig.try_send("+306900000010").await.is_err());
    drop(rig);

    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"message_id\":\"01ARZ3NDEKTSV4").unwrap();
    let rig = Rig::with(|old| *old = config()).await;
    assert_eq!(rig.read(&first).await.status(), 200);
    let third = rig.accepted("+306900000001").await;
    drop(rig);

    let rig = Rig::with(|old| *old = config()).await;
    let ledger = rig.control("ledger").await;
    let answered: Vec<_> = ledger.as_array().unwrap().iter().map(|entry| &entry["answered"]).collect();
    assert_eq!(answered, [true, false, true]);
    assert_eq!(ledger[2]["message_id"], third.as_str());
    rig.client.delete(format!("{}/sandbox/ledger", rig.base)).send().await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}
