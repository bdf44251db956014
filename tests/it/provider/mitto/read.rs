//! Reading one message: the model in full, in shreds, and the ids that are asked for.

use std::time::Duration;

use messaging::domain::ids::ProviderMessageId;
use messaging::provider::{Provider, ReadError, Snapshot, SnapshotConversation, SnapshotSender, SnapshotSms};
use serde_json::{Value, json};

use super::mitto;
use super::scripted::{Scripted, Step, answer, half, json as whole};

fn id(text: &str) -> ProviderMessageId {
    ProviderMessageId::from_provider(text).unwrap()
}

async fn read(step: Step) -> Result<Snapshot, ReadError> {
    let server = Scripted::play(vec![step]).await;
    let result = mitto(&server.base).read(&id("01J")).await;
    assert_eq!(server.requests().await.len(), 1);
    result
}

async fn read_json(body: &Value) -> Snapshot {
    read(Step::Answer(whole(200, &body.to_string()))).await.unwrap()
}

#[tokio::test]
async fn the_whole_model_is_read() {
    let body = json!({
        "messageId": "01J", "text": "Hi", "mediaUrl": null,
        "sender": {"id": "s1", "name": "MyCompany", "messagingAppIdentifier": "app"},
        "conversation": {"id": "c1", "participants": ["+306900000001", {"id": 1}, 7, null]},
        "createdAt": "2025-10-29T16:06:37.6842145Z", "updatedAt": "2025-10-29T18:06:38+02:00",
        "trafficAccountId": "T", "deliveryStatus": "Delivered", "description": "ok", "messageParts": 2,
        "requestInfo": {"sms": {"sender": "MyCompany", "text": "Hi"}}, "reference": "r",
    });
    let expected = Snapshot {
        message_id: Some("01J".to_owned()),
        text: Some("Hi".to_owned()),
        sender: Some(SnapshotSender {
            id: Some("s1".to_owned()),
            name: Some("MyCompany".to_owned()),
            messaging_app_identifier: Some("app".to_owned()),
        }),
        conversation: Some(SnapshotConversation {
            id: Some("c1".to_owned()),
            participants: vec!["+306900000001".to_owned(), r#"{"id":1}"#.to_owned(), "7".to_owned()],
        }),
        created_at: Some("2025-10-29T16:06:37.6842145Z".parse().unwrap()),
        updated_at: Some("2025-10-29T16:06:38Z".parse().unwrap()),
        traffic_account_id: Some("T".to_owned()),
        delivery_status: Some("Delivered".to_owned()),
        description: Some("ok".to_owned()),
        message_parts: Some(2),
        request_sms: Some(SnapshotSms { sender: Some("MyCompany".to_owned()), text: Some("Hi".to_owned()) }),
        raw: body.clone(),
    };
    assert_eq!(read_json(&body).await, expected);
}

#[tokio::test]
async fn nothing_is_a_model_too() {
    let nothing = json!({"messageId": null, "sender": null, "messageParts": null});
    for body in [json!({}), nothing] {
        assert_eq!(read_json(&body).await, Snapshot { raw: body, ..Snapshot::default() });
    }
}

#[tokio::test]
async fn a_field_of_an_unexpected_type_spoils_no_other() {
    let wrong = json!({
        "messageId": 42, "text": ["x"], "sender": "MyCompany", "conversation": {"id": 5, "participants": "one"},
        "createdAt": 1_700_000_000, "updatedAt": "2025-10-29T16:06:37.6842145", "trafficAccountId": {},
        "deliveryStatus": "Sent", "description": "", "messageParts": "3", "requestInfo": {"sms": []},
    });
    let expected = Snapshot {
        message_id: Some("42".to_owned()),
        conversation: Some(SnapshotConversation { id: Some("5".to_owned()), participants: vec!["one".to_owned()] }),
        updated_at: Some("2025-10-29T16:06:37.6842145Z".parse().unwrap()),
        delivery_status: Some("Sent".to_owned()),
        message_parts: Some(3),
        raw: wrong.clone(),
        ..Snapshot::default()
    };
    assert_eq!(read_json(&wrong).await, expected);
    for parts in [json!(0), json!(-1), json!(2.5), json!("many"), json!(10_000_000_000_u64)] {
        assert_eq!(read_json(&json!({"messageParts": parts})).await.message_parts, None);
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let unavailable = |code| ReadError::Unavailable { code };
    let throttled = |seconds| ReadError::Throttled { retry_after: Some(Duration::from_secs(seconds)) };
    let rows = [
        (Step::Answer(whole(404, "")), ReadError::NotFound),
        (Step::Answer(whole(410, "")), ReadError::NotFound),
        (Step::Close(half(404)), ReadError::NotFound),
        (Step::Answer(whole(401, "")), ReadError::AccountBlocked),
        (Step::Answer(whole(403, "")), ReadError::AccountBlocked),
        (Step::Answer(answer(429, "retry-after: 2\r\n", b"")), throttled(2)),
        (Step::Answer(whole(429, "")), ReadError::Throttled { retry_after: None }),
        (Step::Answer(whole(400, "")), unavailable("PROVIDER_REJECTED")),
        (Step::Answer(whole(302, "")), unavailable("PROVIDER_REDIRECTED")),
        (Step::Answer(whole(500, "")), unavailable("PROVIDER_ERROR")),
        (Step::Answer(whole(200, "")), unavailable("PROVIDER_ANSWER_UNREADABLE")),
        (Step::Answer(whole(200, "[]")), unavailable("PROVIDER_ANSWER_UNREADABLE")),
        (Step::Answer(whole(204, "")), unavailable("PROVIDER_ANSWER_UNREADABLE")),
        (Step::Close(half(200)), unavailable("PROVIDER_CONNECTION_LOST")),
        (Step::Close(vec![]), unavailable("PROVIDER_CONNECTION_LOST")),
        (Step::Hang(vec![]), unavailable("PROVIDER_TIMEOUT")),
    ];
    for (step, expected) in rows {
        assert_eq!(read(step).await, Err(expected));
    }
}

#[tokio::test]
async fn an_id_is_one_segment_of_the_path() {
    let rows = [
        ("01J", "/01J"),
        ("a/b", "/a%2Fb"),
        ("../send", "/..%2Fsend"),
        ("..\\send", "/..%5Csend"),
        ("a?b=c#d", "/a%3Fb=c%23d"),
        ("%2e%2e", "/%252e%252e"),
        ("...", "/..."),
    ];
    for (text, segment) in rows {
        let server = Scripted::play(vec![Step::Answer(whole(200, "{}"))]).await;
        mitto(&server.base).read(&id(text)).await.unwrap();
        let requests = server.requests().await;
        let line = format!("GET /api/v1.1/Messages{segment} HTTP/1.1\r\n");
        assert!(requests[0].starts_with(&line), "{text}: {}", requests[0].lines().next().unwrap());
    }
}

#[tokio::test]
async fn dots_alone_are_not_asked_for() {
    let server = Scripted::play(vec![]).await;
    for dots in [".", ".."] {
        assert_eq!(mitto(&server.base).read(&id(dots)).await, Err(ReadError::NotFound));
    }
    assert_eq!(server.connections(), 0);
}
