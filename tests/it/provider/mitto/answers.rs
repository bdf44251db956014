//! The content of answers to sends: the shapes, the bulk pairing, the words of a failure.

use messaging::domain::outcome::Outcome;
use messaging::provider::Provider;
use serde_json::json;

use super::scripted::{Scripted, Step, answer, json as whole};
use super::{brief, description, mitto, submission};

async fn send(step: Step) -> Outcome {
    let server = Scripted::play(vec![step]).await;
    mitto(&server.base).send(&submission()).await
}

async fn send_bulk(count: usize, step: Step) -> Result<Vec<Outcome>, Outcome> {
    let server = Scripted::play(vec![step]).await;
    let messages: Vec<_> = (0..count).map(|_| submission()).collect();
    let outcomes = mitto(&server.base).send_bulk(&messages).await;
    assert_eq!(server.requests().await.len(), 1);
    outcomes
}

#[tokio::test]
async fn the_three_shapes_are_accepted_in_their_order() {
    let unreadable = "ambiguous PROVIDER_ANSWER_UNREADABLE";
    let rows = [
        (json!({"messages": [{"messageId": "A", "trafficAccountId": "T"}]}), "accepted A"),
        (json!({"id": "B"}), "accepted B"),
        (json!({"messageId": "C"}), "accepted C"),
        (json!({"messages": [{"messageId": "A"}], "id": "B", "messageId": "C"}), "accepted A"),
        (json!({"messages": [], "id": "B", "messageId": "C"}), "accepted B"),
        (json!({"messages": null, "id": null, "messageId": "C"}), "accepted C"),
        (json!({"id": 12_345}), "accepted 12345"),
        (json!({"id": u64::MAX}), "accepted 18446744073709551615"),
        (json!({"id": 1.5e300}), unreadable),
        (json!({"id": ""}), unreadable),
        (json!({"id": "with space"}), unreadable),
        (json!({"id": {"a": 1}}), unreadable),
        (json!([{"id": "A"}]), unreadable),
        (json!("A"), unreadable),
        (json!({"messages": [{"error": "no route"}]}), unreadable),
    ];
    for (body, expected) in rows {
        assert_eq!(brief(&send(Step::Answer(whole(200, &body.to_string()))).await), expected, "{body}");
    }
    let marked = answer(200, "", b"\xEF\xBB\xBF{\"id\":\"B\"}");
    assert_eq!(brief(&send(Step::Answer(marked)).await), "accepted B");
    let rounded = Step::Answer(whole(200, r#"{"id":123456789012345678901234567890}"#));
    assert_eq!(brief(&send(rounded).await), unreadable);
}

#[tokio::test]
async fn the_answer_is_kept_as_it_came() {
    let body = json!({"messages": [{"messageId": "A"}], "more": [1, null, {"x": "ω"}]});
    let Outcome::Accepted(acceptance) = send(Step::Answer(whole(200, &body.to_string()))).await else {
        panic!("not accepted");
    };
    assert_eq!((acceptance.raw, acceptance.bulk_id), (body, None));
}

#[tokio::test]
async fn bulk_results_pair_by_position() {
    let body = json!({"bulkId": "b-1", "messages": [
        {"messageId": "A"}, {"error": "no route"}, {"messageId": null}, {"messageId": 7}, {"messageId": {}}, null,
    ]});
    let outcomes = send_bulk(6, Step::Answer(whole(200, &body.to_string()))).await.unwrap();
    let briefs: Vec<String> = outcomes.iter().map(brief).collect();
    assert_eq!(
        briefs,
        [
            "accepted A",
            "rejected PROVIDER_REJECTED",
            "rejected PROVIDER_REJECTED",
            "accepted 7",
            "ambiguous PROVIDER_ANSWER_UNREADABLE",
            "ambiguous PROVIDER_ANSWER_UNREADABLE",
        ]
    );
    assert_eq!(description(&outcomes[1]), "no route");
    assert_eq!(description(&outcomes[2]), "The provider refused the message.");
    let Outcome::Accepted(first) = &outcomes[0] else { panic!("not accepted") };
    assert_eq!((first.bulk_id.as_deref(), &first.raw), (Some("b-1"), &json!({"messageId": "A"})));
}

#[tokio::test]
async fn a_bulk_answer_that_does_not_fit_is_ambiguous_for_all() {
    let rows = [
        whole(200, r#"{"messages":[{"messageId":"A"}]}"#),
        whole(200, r#"{"messages":[{"messageId":"A"},{"messageId":"B"},{"messageId":"C"}]}"#),
        whole(200, r#"{"messages":[]}"#),
        whole(200, r#"{"messages":{"messageId":"A"}}"#),
        whole(200, r#"[{"messageId":"A"},{"messageId":"B"}]"#),
        whole(200, r#"{"id":"A"}"#),
        whole(200, ""),
    ];
    for bytes in rows {
        let outcome = send_bulk(2, Step::Answer(bytes)).await.unwrap_err();
        assert_eq!(brief(&outcome), "ambiguous PROVIDER_ANSWER_UNREADABLE");
    }
}

#[tokio::test]
async fn a_bulk_call_that_fails_has_one_outcome_for_all() {
    let rows = [
        (Step::Answer(whole(400, r#"{"message":"bad"}"#)), "rejected PROVIDER_REJECTED"),
        (Step::Answer(whole(503, "")), "server failed PROVIDER_ERROR"),
        (Step::Answer(answer(429, "retry-after: 3\r\n", b"")), "throttled 3s PROVIDER_THROTTLED"),
        (Step::Close(vec![]), "ambiguous PROVIDER_CONNECTION_LOST"),
        (Step::Hang(vec![]), "ambiguous PROVIDER_TIMEOUT"),
    ];
    for (step, expected) in rows {
        assert_eq!(brief(&send_bulk(3, step).await.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn an_empty_bulk_is_no_call() {
    let server = Scripted::play(vec![]).await;
    assert!(mitto(&server.base).send_bulk(&[]).await.unwrap().is_empty());
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn error_bodies_of_every_kind_are_told_in_one_line() {
    let none = "The provider refused the message.";
    let aspnet = r#"{"type":"https://x","title":"One or more validation errors occurred.","status":400,"traceId":"00-1",
        "errors":{"Destination":["The field is invalid.","Too short."],"Sms.Text":["Missing."]}}"#;
    let rows: [(&[u8], &str); 18] = [
        (br#"{"message":"No route"}"#, "No route"),
        (br#"{"error":"No route"}"#, "No route"),
        (br#"{"error":{"code":7,"message":"No route"}}"#, "No route"),
        (br#"{"message":"","error":"No route"}"#, "No route"),
        (br#"{"errors":["One",{"message":"Two"},3,null]}"#, "One; Two"),
        (br#"{"errors":{"Sender":"is too long"}}"#, "Sender: is too long"),
        (
            aspnet.as_bytes(),
            "One or more validation errors occurred.; Destination: The field is invalid.; Too short.; Sms.Text: Missing.",
        ),
        (br#"["One","Two"]"#, "One; Two"),
        (br#""Just text""#, "Just text"),
        (b"Just text", "Just text"),
        (b"a\r\n\tb\x00\x1b[31mc", "a b [31mc"),
        (b"", none),
        (b"{}", none),
        (b"42", none),
        (b"<html><body>403 secret</body></html>", none),
        (br#"{"message":"<!DOCTYPE html><p>x"}"#, none),
        (b"\xff\xfe\x00broken", none),
        (b"{\"message\":\"caf\xe9\"}", none),
    ];
    for (body, expected) in rows {
        let outcome = send(Step::Answer(answer(400, "", body))).await;
        assert_eq!(brief(&outcome), "rejected PROVIDER_REJECTED");
        assert_eq!(description(&outcome), expected, "{:?}", String::from_utf8_lossy(body));
    }
    let long = json!({"message": "ω".repeat(100_000)}).to_string();
    let outcome = send(Step::Answer(whole(400, &long))).await;
    assert_eq!(description(&outcome), "ω".repeat(500));
    let deep = "[".repeat(100_000);
    assert_eq!(brief(&send(Step::Answer(whole(400, &deep))).await), "rejected PROVIDER_REJECTED");
}

#[tokio::test]
async fn what_is_quoted_holds_neither_the_number_nor_the_text_that_the_provider_echoed() {
    let number = submission().destination.as_str().to_owned();
    let (digits, text) = (number.trim_start_matches('+'), submission().text.as_str().to_owned());
    for words in [format!("{number} is bad"), format!("bad: {digits}"), format!("'{text}' is not allowed")] {
        let outcome = send(Step::Answer(whole(400, &json!({"message": words}).to_string()))).await;
        let Outcome::Rejected(reason) = outcome else { panic!("{outcome:?}") };
        assert!(reason.description.0.contains('…'), "{}", reason.description.0);
        assert!(!reason.description.0.contains(digits) && !reason.description.0.contains(&text));
    }
}
