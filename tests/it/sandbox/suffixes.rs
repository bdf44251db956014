//! Each of the sixteen suffixes, as the client of one send sees it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::rig::{ACCOUNT, Rig, message, words};

#[tokio::test]
async fn suffix_0001_and_all_unlisted_ones_are_sent_then_delivered() {
    for destination in ["+306900000001", "+306900000000", "+306900004711"] {
        let rig = Rig::start().await;
        let id = rig.accepted(destination).await;
        let view: Value = rig.read(&id).await.json().await.unwrap();
        assert_eq!(view["trafficAccountId"], ACCOUNT);
        assert_eq!(view["requestInfo"]["sms"]["sender"], "MyCompany");
        assert!(!view.to_string().contains(destination), "there is no destination in the read model");
        rig.until_status(&id, "Delivered").await;
        assert_eq!(words(&rig.webhook.posts(2).await), ["Sent", "Delivered"]);
    }
}

#[tokio::test]
async fn suffix_0002_is_sent_then_fails_with_a_description() {
    let rig = Rig::start().await;
    let id = rig.accepted("+306900000002").await;
    let reports = rig.webhook.posts(2).await;
    assert_eq!(words(&reports), ["Sent", "Failure"]);
    assert_eq!(reports[0].get("description"), None);
    assert!(reports[1]["description"].as_str().unwrap().starts_with("Absent subscriber"));
    let view: Value = rig.read(&id).await.json().await.unwrap();
    assert_eq!(view["deliveryStatus"], "Failure");
    assert_eq!(view["description"], reports[1]["description"]);
}

#[tokio::test]
async fn suffix_0003_never_reports_and_only_reading_tells_of_the_delivery() {
    let rig = Rig::start().await;
    let silent = rig.accepted("+306900000003").await;
    rig.until_status(&silent, "Delivered").await;
    // A later message is through with its reports, so the silent one would have been.
    let later = rig.accepted("+306900000001").await;
    for report in rig.webhook.posts(2).await {
        assert_eq!(report["messageId"], later.as_str());
    }
}

#[tokio::test]
async fn suffix_0004_stays_at_sent() {
    let rig = Rig::start().await;
    let id = rig.accepted("+306900000004").await;
    let later = rig.accepted("+306900000001").await;
    rig.until_status(&later, "Delivered").await;
    assert_eq!(rig.status(&id).await, "Sent");
    let reports = rig.webhook.posts(3).await;
    let own: Vec<_> = reports.iter().filter(|report| report["messageId"] == id.as_str()).collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["deliveryStatus"], "Sent");
}

#[tokio::test]
async fn suffix_0005_ends_in_a_status_word_that_nobody_knows() {
    let rig = Rig::start().await;
    let id = rig.accepted("+306900000005").await;
    assert_eq!(words(&rig.webhook.posts(2).await), ["Sent", "Parked"]);
    rig.until_status(&id, "Parked").await;
}

#[tokio::test]
async fn suffix_0006_reports_delivered_and_then_a_late_sent() {
    let rig = Rig::start().await;
    let id = rig.accepted("+306900000006").await;
    let reports = rig.webhook.posts(2).await;
    assert_eq!(words(&reports), ["Delivered", "Sent"]);
    assert!(reports[1]["updatedAt"].as_str() < reports[0]["updatedAt"].as_str(), "it tells of the earlier moment");
    assert_eq!(rig.status(&id).await, "Delivered");
}

#[tokio::test]
async fn suffix_0007_posts_every_report_three_times() {
    let rig = Rig::start().await;
    rig.accepted("+306900000007").await;
    let reports = rig.webhook.posts(6).await;
    assert_eq!(words(&reports), ["Sent", "Sent", "Sent", "Delivered", "Delivered", "Delivered"]);
    assert_eq!(reports[0], reports[2]);
}

#[tokio::test]
async fn suffix_0008_reports_before_it_answers() {
    let rig = Rig::start().await;
    let id = rig.accepted("+306900000008").await;
    assert_eq!(words(&rig.webhook.bodies()), ["Sent", "Delivered"]);
    assert_eq!(rig.status(&id).await, "Delivered");
}

#[tokio::test]
async fn suffix_0009_is_busy_once_for_each_reference() {
    let rig = Rig::start().await;
    for reference in ["first", "second"] {
        let mut message = message("+306900000009");
        message["reference"] = reference.into();
        let refused = rig.post("/api/v1.1/Messages/send", &message).await.unwrap();
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.headers()["retry-after"], "2");
        let ledger = rig.control(&format!("ledger?reference={reference}")).await;
        assert_eq!(ledger, json!([]), "it is not accepted");
        for _ in 0..2 {
            assert_eq!(rig.post("/api/v1.1/Messages/send", &message).await.unwrap().status(), 200);
        }
    }
}

#[tokio::test]
async fn suffix_0010_accepts_and_drops_the_connection_without_a_byte() {
    let rig = Rig::start().await;
    assert!(rig.try_send("+306900000010").await.is_err());
    let ledger = rig.control("ledger").await;
    assert_eq!(ledger[0]["destination"], "+306900000010");
    assert_eq!(ledger[0]["answered"], false);

    let mut raw = tokio::net::TcpStream::connect(rig.base.trim_start_matches("http://")).await.unwrap();
    let body = message("+306900000010").to_string();
    let call = format!(
        "POST /api/v1.1/Messages/send HTTP/1.1\r\nhost: mitto\r\nx-mitto-api-key: sandbox-key\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    tokio::io::AsyncWriteExt::write_all(&mut raw, call.as_bytes()).await.unwrap();
    tokio::io::AsyncReadExt::read_to_end(&mut raw, &mut answer).await.unwrap();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn suffix_0011_answers_late() {
    let rig = Rig::start().await;
    let start = Instant::now();
    rig.accepted("+306900000011").await;
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(rig.control("ledger/summary").await["answered"], 1);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_late_answer_was_not_answered() {
    let rig = Rig::with(|config| config.slow_answer = Duration::from_millis(200)).await;
    let call = rig.client.post(format!("{}/api/v1.1/Messages/send", rig.base));
    let call = call.header("X-Mitto-API-Key", "sandbox-key").json(&message("+306900000011"));
    let impatient = tokio::spawn(call.send());
    rig.until_accepted(1).await;
    impatient.abort();
    // Accepted later, so its answer comes after the moment in which the impatient client would have had its own.
    rig.accepted("+306900000011").await;
    let summary = rig.control("ledger/summary").await;
    assert_eq!((&summary["accepted"], &summary["answered"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn suffix_0012_breaks_once_for_each_destination_without_a_reference() {
    let rig = Rig::start().await;
    for destination in ["+306900000012", "+306910000012"] {
        assert_eq!(rig.send(destination).await.status(), 500);
        assert_eq!(rig.send(destination).await.status(), 200);
    }
    assert_eq!(rig.control("ledger/summary").await["accepted"], 2);
}

#[tokio::test]
async fn suffix_0013_accepts_and_answers_what_is_not_json() {
    let rig = Rig::start().await;
    let answer = rig.send("+306900000013").await;
    assert_eq!(answer.status(), 200);
    assert!(serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).is_err());
    assert_eq!(rig.control("ledger/summary").await["accepted"], 1);
}

#[tokio::test]
async fn suffix_0014_reports_an_array_of_events() {
    let rig = Rig::start().await;
    rig.accepted("+306900000014").await;
    let reports = rig.webhook.posts(1).await;
    assert_eq!(words(reports[0].as_array().unwrap()), ["Sent", "Delivered"]);
}

#[tokio::test]
async fn suffix_0015_fails_and_is_then_delivered() {
    let rig = Rig::start().await;
    let id = rig.accepted("+306900000015").await;
    assert_eq!(words(&rig.webhook.posts(2).await), ["Failure", "Delivered"]);
    rig.until_status(&id, "Delivered").await;
}

#[tokio::test]
async fn suffix_0016_meets_a_validation_body() {
    let rig = Rig::start().await;
    let refused = rig.send("+306900000016").await;
    assert_eq!(refused.status(), 400);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["title"], "One or more validation errors occurred.");
    assert_eq!(body["errors"]["Destination"][0], "The Destination field is not a valid phone number.");
    assert_eq!(rig.control("ledger").await, json!([]));
}
