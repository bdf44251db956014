//! `watch`: what people and programs read, going on after a cut, and the token at the end.

use messaging::cli::client::Exit;
use messaging::proto::watch_messages_response::Event;
use messaging::proto::{MessageStatus, WatchMessagesResponse};
use serde_json::json;
use tonic::Status;

use super::fake::{Fake, Script};
use super::terminal::run;
use MessageStatus::{Delivered, Queued, Sent, Unspecified};

/// The content of one scripted stream.
type Told = Result<WatchMessagesResponse, Status>;

fn heartbeat(token: &str) -> WatchMessagesResponse {
    WatchMessagesResponse { resume_token: token.to_owned(), event: None }
}

fn change(token: &str, from: MessageStatus, to: MessageStatus, campaign_id: Option<i64>) -> WatchMessagesResponse {
    let at = Some(pbjson_types::Timestamp { seconds: 1_800_000_000, nanos: 5 });
    let event =
        Event { id: format!("m-{token}"), campaign_id, from: from.into(), to: to.into(), at, ..Event::default() };
    WatchMessagesResponse { resume_token: token.to_owned(), event: Some(event) }
}

async fn service(streams: impl IntoIterator<Item = Vec<Told>>) -> Fake {
    Fake::start(Script { changes: streams.into_iter().collect(), ..Default::default() }).await
}

fn tokens(fake: &Fake) -> Vec<String> {
    fake.heard().watches.into_iter().map(|watch| watch.resume_token).collect()
}

/// The error that ends a watch in these tests.
fn no_more() -> Vec<Told> {
    vec![Err(Status::permission_denied("enough"))]
}

#[tokio::test]
async fn people_read_a_line_for_each_change_and_the_token_at_the_end() {
    let first = vec![
        Ok(heartbeat("t-0")),
        Ok(change("t-1", Unspecified, Queued, None)),
        Ok(change("t-2", Sent, Delivered, Some(7))),
    ];
    let fake = service([first, no_more()]).await;
    let done = run(fake.addr, &["watch", "--campaign", "7", "--status", "queued", "--status", "delivered"]).await;
    assert_eq!(done.exit, Exit::Failed);
    insta::assert_snapshot!(done.out, @r"
    2027-01-15T08:00:00Z  m-t-1  NEW -> QUEUED
    2027-01-15T08:00:00Z  m-t-2  SENT -> DELIVERED  campaign 7
    ");
    assert_eq!(done.err, "to go on: --resume-token t-2\nPERMISSION_DENIED: enough\n");
    let watch = &fake.heard().watches[0];
    assert_eq!((watch.campaign_id, watch.statuses.clone()), (Some(7), vec![Queued.into(), Delivered.into()]));
}

#[tokio::test]
async fn a_watch_goes_on_with_its_last_token_after_a_cut_and_after_it_was_too_slow() {
    let fake = service([
        vec![Ok(heartbeat("t-0")), Ok(change("t-1", Unspecified, Queued, None)), Err(Status::unavailable("stopping"))],
        vec![Err(Status::unavailable("not yet"))],
        vec![Ok(heartbeat("t-1")), Ok(change("t-2", Queued, Sent, None)), Err(Status::resource_exhausted("too slow"))],
        vec![Ok(change("t-3", Sent, Delivered, None)), Err(Status::aborted("again"))],
        no_more(),
    ])
    .await;
    let done = run(fake.addr, &["watch", "--json"]).await;
    assert_eq!(tokens(&fake), ["", "t-1", "t-1", "t-2", "t-3"]);
    let lines = done.json();
    assert_eq!(lines.len(), 5, "{}", done.out);
    assert_eq!(lines[0], json!({"resumeToken": "t-0"}));
    assert_eq!(lines[1]["event"]["to"], "MESSAGE_STATUS_QUEUED");
}

#[tokio::test]
async fn a_given_token_is_where_it_begins_and_a_refusal_is_not_tried_again() {
    let fake = service([vec![Err(Status::invalid_argument("resume_token is not a token"))]]).await;
    let done = run(fake.addr, &["watch", "--resume-token", "mine"]).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Usage, "INVALID_ARGUMENT: resume_token is not a token\n"));
    assert_eq!(tokens(&fake), ["mine"]);
}

#[tokio::test]
async fn a_service_that_stays_away_is_given_up_with_the_token() {
    let away = || vec![Err(Status::unavailable("away"))];
    let fake = service([vec![Ok(heartbeat("t-0"))], away(), away(), away(), away()]).await;
    let done = run(fake.addr, &["watch"]).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Failed, "to go on: --resume-token t-0\nUNAVAILABLE: away\n"));
}
