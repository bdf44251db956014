//! `send-many`: lines, keys, cut streams, exit codes.

use messaging::cli::client::Exit;
use serde_json::json;

use super::fake::{Fake, Script};
use super::terminal::{Done, run_input};

async fn send(fake: &Fake, arguments: &[&str], input: &str) -> Done {
    let addr = fake.addr.to_string();
    let arguments: Vec<&str> = ["send-many", "-"].iter().chain(arguments).copied().collect();
    run_input(&[("MESSAGING_ADDR", addr.as_str())], &arguments, input).await
}

async fn service(streams: &[usize]) -> Fake {
    Fake::start(Script { many: streams.iter().copied().collect(), ..Default::default() }).await
}

fn line(n: usize, text: &str) -> String {
    json!({"destination": "+306900000001", "text": text, "idempotencyKey": format!("key-{n}")}).to_string() + "\n"
}

#[tokio::test]
async fn every_line_is_a_message_that_is_called_by_its_number() {
    let fake = service(&[usize::MAX]).await;
    let input = format!("{}\n{}", line(1, "a"), line(3, "bad"));

    let done = send(&fake, &["--json"], &input).await;

    assert_eq!((done.exit, done.err.as_str()), (Exit::Failed, ""));
    let lines = done.json();
    assert_eq!(lines[0], json!({"sequence": "1", "sent": {"message": {"id": "key-1"}}}));
    let error = &lines[1]["error"];
    assert_eq!(
        (&lines[1]["sequence"], &error["code"], &error["message"]),
        (&json!("3"), &json!(3), &json!("text must be good"))
    );
    let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "VALIDATION_ERROR", "domain": "messaging", "metadata": {}});
    let violations = json!([{"field": "text", "description": "must be good"}]);
    let bad = json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations});
    assert_eq!(error["details"], json!([info, bad]));
    let many = fake.heard().many;
    let [first, third] = many[0].as_slice() else { panic!("two messages") };
    assert_eq!((first.sequence, third.sequence), (1, 3));
    assert_eq!(third.message.as_ref().unwrap().idempotency_key, "key-3");
}

#[tokio::test]
async fn people_read_the_failures_and_the_counts() {
    let fake = service(&[usize::MAX]).await;
    let done = send(&fake, &[], &(line(1, "a") + &line(2, "bad"))).await;
    assert_eq!(done.exit, Exit::Failed);
    let failed = "failed  line 2  INVALID_ARGUMENT: text must be good [text: must be good] (VALIDATION_ERROR)\n";
    assert_eq!(done.out, format!("{failed}2 in all: 1 taken, 1 failed\n"));
}

#[tokio::test]
async fn a_cut_stream_is_begun_again_with_what_was_not_told_under_the_same_keys() {
    let fake = service(&[10, 0, 500, usize::MAX]).await;
    let input: String = (1..=2_000).map(|n| line(n, "a")).collect();

    let done = send(&fake, &["--json"], &input).await;

    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    let mut told: Vec<i64> = done.json().iter().map(|one| one["sequence"].as_str().unwrap().parse().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, (1..=2_000).collect::<Vec<_>>(), "each once");
    let many = fake.heard().many;
    assert_eq!(many.len(), 4);
    for (stream, begins) in [(1, 11), (2, 11), (3, 511)] {
        assert_eq!(many[stream][0].sequence, begins, "stream {stream}");
    }
    let keyed = |request: &messaging::proto::SendManyRequest| {
        request.message.as_ref().unwrap().idempotency_key == format!("key-{}", request.sequence)
    };
    assert!(many.iter().flatten().all(keyed));
}

#[tokio::test]
async fn lines_without_a_key_get_one_of_their_number_or_are_not_sent() {
    let message = r#"{"destination": "+306900000001", "text": "canary"}"#;
    let input = format!("{message}\n{}{{\"text\": 7}}\n", line(2, "a"));
    let fake = service(&[usize::MAX, usize::MAX]).await;

    let done = send(&fake, &[], &input).await;
    assert_eq!((done.exit, done.out.as_str()), (Exit::Failed, "3 in all: 1 taken, 2 failed\n"));
    let keyless = "error: line 1: has no idempotencyKey: give it one, or give --keys\n";
    assert_eq!(
        done.err,
        format!("{keyless}error: line 3: is no message in JSON, such as POST /api/v1/messages takes\n")
    );

    let done = send(&fake, &["--keys", "spring"], &input).await;
    assert_eq!(done.out, "3 in all: 2 taken, 1 failed\n");
    let many = fake.heard().many;
    let keys: Vec<_> =
        many[1].iter().map(|request| request.message.as_ref().unwrap().idempotency_key.as_str()).collect();
    assert_eq!(keys, ["spring-1", "key-2"]);
}

#[tokio::test]
async fn a_service_that_stays_away_ends_the_command() {
    let fake = service(&[0, 0, 0, 0]).await;
    let done = send(&fake, &[], &line(1, "a")).await;
    assert_eq!(done.exit, Exit::Failed);
    assert!(done.err.starts_with("UNAVAILABLE: going down") || done.err.starts_with("INTERNAL"), "{}", done.err);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_wrong_usage() {
    let fake = service(&[]).await;
    let addr = fake.addr.to_string();
    let done = run_input(&[("MESSAGING_ADDR", addr.as_str())], &["send-many", "/nonexistent/file"], "").await;
    assert_eq!(done.exit, Exit::Usage);
}
