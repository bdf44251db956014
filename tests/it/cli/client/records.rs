//! Sending, reading and listing, with JSON lines and for people.

use messaging::cli::client::Exit;
use messaging::proto::count_messages_response::StatusCount;
use messaging::proto::{
    CountMessagesRequest, CountMessagesResponse, DeliveryGuarantee, GetMessageResponse, InboundEffect, InboundMessage,
    InboundVerdict, ListInboundResponse, ListMessagesResponse, Message, MessageStatus, SendSingleResponse, Superseded,
    WatchInboundResponse,
};
use serde_json::json;

use super::fake::{Fake, Script};
use super::terminal::{run, run_into_closed_pipe};

fn message(id: &str) -> Message {
    Message {
        id: id.into(),
        owner_id: 7,
        destination: "+306900000001".into(),
        status: MessageStatus::Sent.into(),
        ..Message::default()
    }
}

fn page(ids: &[&str], next: &str) -> ListMessagesResponse {
    ListMessagesResponse { messages: ids.iter().map(|id| message(id)).collect(), next_page_token: next.into() }
}

#[tokio::test]
async fn send_prints_the_answer_as_one_line_of_proto3_json() {
    let sent_at = Some(pbjson_types::Timestamp { seconds: 1_800_000_000, nanos: 500_000_000 });
    let text = "until 2027-01-15T08:00:00+00:00";
    let metadata = [("sentAt".to_owned(), "2027-01-15T08:00:00+00:00".to_owned())].into();
    let message = Message { sent_at, text: text.into(), metadata, ..message("m-1") };
    let answer = SendSingleResponse { message_id: "p-1".into(), message: Some(message), ..Default::default() };
    let fake = Fake::start(Script { send: [Ok(answer)].into(), ..Default::default() }).await;

    let done = run(fake.addr, &["send", "--to", "+306900000001", "--text", "Hi", "--json"]).await;

    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    let expected = json!({
        "messageId": "p-1",
        "message": {"id": "m-1", "ownerId": "7", "destination": "+306900000001", "status": "MESSAGE_STATUS_SENT",
            "text": "until 2027-01-15T08:00:00+00:00", "sentAt": "2027-01-15T08:00:00.500Z",
            "metadata": {"sentAt": "2027-01-15T08:00:00+00:00"}},
    });
    assert_eq!(done.json(), [expected]);
}

#[tokio::test]
async fn send_asks_for_what_the_options_say() {
    let answer = SendSingleResponse { message: Some(message("")), ..Default::default() };
    let fake = Fake::start(Script { send: [Ok(answer)].into(), ..Default::default() }).await;
    #[rustfmt::skip]
    let args = [
        "send", "--to", "+306900000001", "--text", "Hi", "--sender", "Acme", "--campaign", "3", "--key", "k-1",
        "--at-most-once", "--dry-run", "--at", "2999-01-31T09:00:00.5+02:00", "--validity", "1h 30m", "--user", "9",
        "--reference", "order 7", "--metadata", "shop=athens", "--metadata", "formula=a=b",
        "--supersede-key", "login",
    ];

    let done = run(fake.addr, &args).await;

    assert!(done.out.starts_with("dry run  nothing was stored or sent\n"), "{}", done.out);
    let sends = fake.heard().sends;
    let [send] = sends.as_slice() else { panic!("one call, not {}", sends.len()) };
    assert_eq!((send.destination.as_str(), send.text.as_str()), ("+306900000001", "Hi"));
    assert_eq!((send.sender.as_deref(), send.campaign_id, send.user_id), (Some("Acme"), Some(3), Some(9)));
    assert_eq!((send.idempotency_key.as_str(), send.dry_run), ("k-1", true));
    assert_eq!(send.delivery_guarantee(), DeliveryGuarantee::AtMostOnce);
    let at = send.scheduled_at.as_ref().unwrap();
    assert_eq!((at.seconds, at.nanos), (32_474_761_200, 500_000_000));
    assert_eq!(send.validity, Some(pbjson_types::Duration { seconds: 5400, nanos: 0 }));
    let metadata: Vec<_> = send.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!((send.reference.as_deref(), metadata), (Some("order 7"), vec![("formula", "a=b"), ("shop", "athens")]));
    assert_eq!(send.supersede_key.as_deref(), Some("login"));
}

#[tokio::test]
async fn send_says_whose_place_the_message_took() {
    let superseded = Message {
        supersede_key: Some("login".to_owned()),
        superseded_message_id: Some("m-1".to_owned()),
        superseded: Superseded::AlreadySent.into(),
        ..message("m-2")
    };
    let answer = SendSingleResponse { message: Some(superseded), ..Default::default() };
    let fake = Fake::start(Script { send: [Ok(answer)].into(), ..Default::default() }).await;
    let done = run(fake.addr, &["send", "--to", "+306900000001", "--text", "Hi", "--supersede-key", "login"]).await;
    assert!(done.out.contains("superseded     m-1 ALREADY_SENT\n"), "{}", done.out);
}

#[tokio::test]
async fn message_prints_the_record_itself() {
    let answer = GetMessageResponse { message: Some(message("m-1")) };
    let fake = Fake::start(Script { message: [answer].into(), ..Default::default() }).await;
    let done = run(fake.addr, &["message", "m-1", "--json"]).await;
    assert_eq!(done.json()[0]["id"], "m-1");
}

#[tokio::test]
async fn list_goes_from_page_to_page_by_itself() {
    let pages = [page(&["a", "b"], "2"), page(&["c"], "3"), page(&[], "")];
    let fake = Fake::start(Script { pages: pages.into(), ..Default::default() }).await;

    let done = run(fake.addr, &["list", "--status", "delivered", "--to", "+306900000001", "--json"]).await;

    assert_eq!(done.exit, Exit::Success);
    let ids: Vec<_> = done.json().iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let lists = fake.heard().lists;
    assert_eq!(lists.iter().map(|list| list.page_token.as_str()).collect::<Vec<_>>(), ["", "2", "3"]);
    assert!(lists.iter().all(|list| list.status() == MessageStatus::Delivered && list.destination == "+306900000001"));
}

#[tokio::test]
async fn list_asks_for_no_more_than_its_limit() {
    let pages = [page(&["a", "b"], "2"), page(&["c", "d"], "3")];
    let fake = Fake::start(Script { pages: pages.into(), ..Default::default() }).await;

    #[rustfmt::skip]
    let args = [
        "list", "--limit", "3", "--json", "--reference", "order 7", "--provider-id", "p-1", "--error", "NO_REPORT",
        "--after", "2027-01-31T09:00:00+02:00", "--before", "2027-02-01T09:00:00Z", "--user", "3",
    ];
    let done = run(fake.addr, &args).await;

    assert_eq!((done.exit, done.json().len()), (Exit::Success, 3));
    let lists = fake.heard().lists;
    assert_eq!(lists.iter().map(|list| list.page_size).collect::<Vec<_>>(), [3, 1]);
    for list in lists {
        let named = (list.reference.as_str(), list.provider_message_id.as_str(), list.error_code.as_str());
        assert_eq!((named, list.owner_id), (("order 7", "p-1", "NO_REPORT"), Some(3)));
        let times = (list.created_after.unwrap().seconds, list.created_before.unwrap().seconds);
        assert_eq!(times, (1_801_378_800, 1_801_472_400));
    }
}

#[tokio::test]
async fn list_only_counts_if_it_is_told_so_and_says_whether_that_is_all() {
    let of = |status: MessageStatus, count| StatusCount { status: status.into(), count };
    let all = CountMessagesResponse {
        count: 12,
        exact: true,
        statuses: vec![of(MessageStatus::Delivered, 10), of(MessageStatus::Failed, 2)],
    };
    let some = CountMessagesResponse { count: 10_000, exact: false, statuses: vec![of(MessageStatus::Sent, 10_000)] };
    let fake = Fake::start(Script { counts: [all.clone(), some, all].into(), ..Default::default() }).await;
    let done = run(fake.addr, &["list", "--count", "--to", "+306900000001", "--error", "X"]).await;
    assert_eq!((done.exit, done.out.as_str()), (Exit::Success, "10\tDELIVERED\n2\tFAILED\n12\tin all\n"));
    assert!(run(fake.addr, &["list", "--count"]).await.out.ends_with("at least 10000\tin all\n"));
    let json = run(fake.addr, &["list", "--count", "--json"]).await;
    assert!(json.out.starts_with("{\"count\":12,\"exact\":true,"), "{}", json.out);
    let heard = fake.heard();
    let asked =
        CountMessagesRequest { destination: "+306900000001".into(), error_code: "X".into(), ..Default::default() };
    assert_eq!(heard.counts, [asked, CountMessagesRequest::default(), CountMessagesRequest::default()]);
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let fake = Fake::start(Script { pages: [page(&["a"], "2")].into(), ..Default::default() }).await;
    let (exit, err) = run_into_closed_pipe(fake.addr, &["list"]).await;
    assert_eq!((exit, err.as_str()), (Exit::Success, ""));
    assert_eq!(fake.heard().lists.len(), 1, "it reads no further pages");
}

#[tokio::test]
async fn the_inbox_is_a_line_a_message_and_asks_for_what_the_options_say() {
    let message = |id: &str, text: &str| InboundMessage {
        id: id.into(),
        number: "+306900000001".into(),
        text: text.into(),
        verdict: InboundVerdict::Stop.into(),
        effect: InboundEffect::OptedOut.into(),
        received_at: Some(pbjson_types::Timestamp { seconds: 1_800_000_000, nanos: 0 }),
        ..InboundMessage::default()
    };
    let first = ListInboundResponse { messages: vec![message("i-1", "Stop")], next_page_token: "2".into() };
    let last = ListInboundResponse { messages: vec![message("i-2", "STOP\nplease")], next_page_token: String::new() };
    let fake = Fake::start(Script { inbox: [first, last].into(), ..Default::default() }).await;
    #[rustfmt::skip]
    let args = [
        "inbox", "--from", "+306900000001", "--verdict", "perhaps-stop", "--after", "2027-01-31T09:00:00+02:00",
        "--before", "2027-02-01T09:00:00Z",
    ];
    let done = run(fake.addr, &args).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    let lines: Vec<Vec<&str>> = done.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["i-1", "2027-01-15T08:00:00Z", "STOP", "OPTED_OUT", "+306900000001", "Stop"]);
    assert_eq!(lines.len(), 2, "a text takes one line: {}", done.out);
    let heard = fake.heard().inboxes;
    assert_eq!(heard.iter().map(|list| list.page_token.as_str()).collect::<Vec<_>>(), ["", "2"]);
    for list in heard {
        assert_eq!((list.number.as_str(), list.verdict()), ("+306900000001", InboundVerdict::PerhapsStop));
        let times = (list.received_after.unwrap().seconds, list.received_before.unwrap().seconds);
        assert_eq!(times, (1_801_378_800, 1_801_472_400));
    }
}

#[tokio::test]
async fn a_list_of_no_campaign_says_that_there_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let env = [("DATA_DIR", path.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    let server = crate::support::program::Running::start(&["serve", "--sandbox"], &env);
    let token = crate::support::program::printed(&["token", "--user", "1", "--sandbox"], &env);
    let addr = server.address("grpc").parse().unwrap();
    let at = |args: &[&'static str]| [args, &["--token"]].concat();
    let list = [&at(&["list", "--campaign", "999"])[..], &[token.as_str()]].concat();
    let done = run(addr, &list).await;
    assert_eq!((done.exit, done.out.as_str()), (Exit::Failed, ""));
    assert!(done.err.starts_with("NOT_FOUND: Campaign not found: 999"), "{}", done.err);
    let made =
        run(addr, &["campaign", "create", "--name", "spring", "--text", "Hi", "--json", "--token", &token]).await;
    let id = made.json()[0]["id"].as_str().unwrap().to_owned();
    let done = run(addr, &["list", "--campaign", &id, "--token", &token]).await;
    assert_eq!((done.exit, done.out.as_str()), (Exit::Success, ""), "it is there, and has no messages");
}

#[tokio::test]
async fn a_text_may_come_from_standard_input_and_a_route_account_may_be_named() {
    let answer = || Ok(SendSingleResponse { message: Some(Message::default()), ..Default::default() });
    for (given, text) in [("two\nlines\n", "two\nlines"), ("windows\r\n", "windows"), ("bare", "bare")] {
        let fake = Fake::start(Script { send: [answer()].into(), ..Default::default() }).await;
        let env = [("MESSAGING_ADDR", fake.addr.to_string())];
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let account = "5a4db0c5-0000-4000-8000-000000000001";
        let args = ["send", "--to", "+306900000001", "--text", "-", "--traffic-account", account];
        let done = super::terminal::run_input(&env, &args, given).await;
        assert_eq!(done.exit, Exit::Success, "{}", done.err);
        let sent = fake.heard().sends.remove(0);
        assert_eq!((sent.text.as_str(), sent.traffic_account_id.as_deref()), (text, Some(account)));
    }
}

#[test]
fn a_text_and_a_token_may_begin_with_a_dash() {
    let send = ["send", "--to", "+306900000001", "--text", "-20% today"];
    let create = ["campaign", "create", "--name", "x", "--text", "- one"];
    // Of 64 tokens one begins so.
    let watch = ["watch", "--resume-token", "-abc"];
    let inbox = ["inbox", "--follow", "--resume-token", "-abc"];
    let refresh = ["refresh", "--campaign", "1", "--resume-token", "-abc"];
    for args in [&send[..], &create, &watch, &inbox, &refresh] {
        assert!(super::terminal::parse(args).is_ok(), "{args:?}");
    }
}

#[test]
fn a_time_that_is_over_is_refused_before_anything_is_asked() {
    let send = ["send", "--to", "+306900000001", "--text", "Hi", "--at", "2020-01-01T00:00:00Z"];
    let create = ["campaign", "create", "--name", "x", "--text", "Hi", "--at", "2020-01-01T00:00:00Z"];
    for args in [&send[..], &create] {
        let refused = super::terminal::parse(args).err().unwrap();
        assert!(refused.to_string().contains("is over: leave it out to send at once"), "{refused}");
    }
}

#[tokio::test]
async fn an_inbox_that_is_followed_goes_on_with_its_last_token_after_a_cut() {
    let told = |token: &str, text: &str| {
        let message = InboundMessage { id: format!("i-{token}"), text: text.into(), ..InboundMessage::default() };
        let message = Some(message).filter(|_| !text.is_empty());
        Ok(WatchInboundResponse { resume_token: token.into(), message, event_id: String::new() })
    };
    let cut = Err(tonic::Status::unavailable("cut"));
    let streams = [
        vec![told("t-0", ""), told("t-1", "Hello"), cut],
        vec![told("t-2", "Stop"), Err(tonic::Status::permission_denied("enough"))],
    ];
    let fake = Fake::start(Script { written: streams.into(), ..Default::default() }).await;
    let args = ["inbox", "--follow", "--from", "+306900000001", "--verdict", "stop", "--resume-token", "t"];
    let done = run(fake.addr, &args).await;
    assert_eq!((done.exit, done.out.lines().count()), (Exit::Failed, 2), "{}", done.out);
    assert!(done.out.contains("Hello") && done.out.contains("Stop"), "{}", done.out);
    assert_eq!(done.err, "to go on: --resume-token t-2\nPERMISSION_DENIED: enough\n");
    let heard = fake.heard().follows;
    assert_eq!(heard.iter().map(|request| request.resume_token.as_str()).collect::<Vec<_>>(), ["t", "t-1"]);
    for request in heard {
        assert_eq!((request.number.as_str(), request.verdict()), ("+306900000001", InboundVerdict::Stop));
    }
}
