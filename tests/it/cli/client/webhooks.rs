//! `messaging webhooks …`: what is asked of the service, and what is shown.

use messaging::cli::client::Exit;
use messaging::proto::enable_endpoint_request::Start;
use messaging::proto::update_endpoint_request::{Pairs, Types};
use messaging::proto::*;
use pbjson_types::{Duration, Timestamp};
use serde_json::{Value, json};

use super::fake::{Fake, Script, hooks};
use super::terminal::run;

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn endpoint(id: &str) -> Endpoint {
    Endpoint {
        id: id.to_owned(),
        url: "https://receiver.example/hook".to_owned(),
        types: vec!["message.sent".to_owned()],
        max_batch: 1,
        max_wait: Some(Duration { seconds: 0, nanos: 250_000_000 }),
        max_age: Some(Duration { seconds: 86_400, nanos: 0 }),
        state: EndpointState::Enabled.into(),
        created_at: Some(at(1_800_000_000)),
        ..Endpoint::default()
    }
}

async fn fake(hooks: hooks::Script) -> Fake {
    Fake::start(Script { hooks: Box::new(hooks), ..Default::default() }).await
}

#[tokio::test]
async fn create_asks_for_what_the_options_say_and_shows_the_secret_once() {
    let created = CreateEndpointResponse { endpoint: Some(endpoint("e-1")), secret: "whsec_c2VjcmV0".to_owned() };
    let fake = fake(hooks::Script { created: Some(created), ..Default::default() }).await;
    #[rustfmt::skip]
    let args = [
        "webhooks", "create", "https://receiver.example/hook", "--type", "message.sent", "--type", "message.failed",
        "--campaign", "7", "--metadata", "shop=athens", "--max-batch", "100", "--max-wait", "250ms", "--max-rate", "5",
        "--max-age", "2d", "--include-destination", "--include-text", "--description", "Athens", "--disabled", "--user", "3",
    ];
    let done = run(fake.addr, &args).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    for shown in ["e-1", "ENABLED", "https://receiver.example/hook", "250ms", "secret  whsec_c2VjcmV0"] {
        assert!(done.out.contains(shown), "{shown}: {}", done.out);
    }
    let expected = CreateEndpointRequest {
        url: "https://receiver.example/hook".to_owned(),
        types: vec!["message.sent".to_owned(), "message.failed".to_owned()],
        campaign_id: Some(7),
        metadata: [("shop".to_owned(), "athens".to_owned())].into(),
        max_batch: 100,
        max_wait: Some(Duration { seconds: 0, nanos: 250_000_000 }),
        max_rate: 5,
        max_age: Some(Duration { seconds: 172_800, nanos: 0 }),
        include_destination: true,
        include_text: true,
        description: "Athens".to_owned(),
        disabled: true,
        owner_id: Some(3),
    };
    assert_eq!(fake.heard().hooks.created, [expected]);
}

#[tokio::test]
async fn list_goes_through_all_pages_a_line_an_endpoint() {
    let first = ListEndpointsResponse { endpoints: vec![endpoint("e-2")], next_page_token: "2".to_owned() };
    let last = ListEndpointsResponse { endpoints: vec![endpoint("e-1")], next_page_token: String::new() };
    let fake = fake(hooks::Script { pages: [first, last].into(), ..Default::default() }).await;
    let done = run(fake.addr, &["webhooks", "list"]).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    let lines: Vec<Vec<&str>> = done.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["e-2", "ENABLED", "https://receiver.example/hook", "message.sent"]);
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn show_tells_how_an_endpoint_stands_and_as_json_everything() {
    let standing = EndpointStanding {
        lag: Some(Duration { seconds: 90, nanos: 0 }),
        resume_token: "token".to_owned(),
        taken_at: Some(at(1_800_000_000)),
        last_outcome: CallOutcome::Failed.into(),
        last_http_status: 503,
        waiting: 2,
        ..EndpointStanding::default()
    };
    let got = GetEndpointResponse { endpoint: Some(endpoint("e-1")), standing: Some(standing) };
    let script = || hooks::Script { got: Some(got.clone()), ..Default::default() };
    let human = fake(script()).await;
    let done = run(human.addr, &["webhooks", "show", "e-1"]).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    for shown in ["1m 30s", "FAILED (503)", "2027-01-15T08:00:00Z", "token"] {
        assert!(done.out.contains(shown), "{shown}: {}", done.out);
    }
    let json = fake(script()).await;
    let done = run(json.addr, &["webhooks", "show", "e-1", "--json"]).await;
    let shown: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(shown["standing"]["lastOutcome"], "CALL_OUTCOME_FAILED");
    assert_eq!(shown["endpoint"]["createdAt"], "2027-01-15T08:00:00Z");
}

#[tokio::test]
async fn update_names_what_changes_alone() {
    let changed = || hooks::Script { changed: Some(endpoint("e-1")), ..Default::default() };
    let some = fake(changed()).await;
    let args = ["webhooks", "update", "e-1", "--type", "message.sent", "--metadata", "shop=athens", "--max-batch", "5"];
    assert_eq!(run(some.addr, &args).await.exit, Exit::Success);
    let expected = UpdateEndpointRequest {
        id: "e-1".to_owned(),
        types: Some(Types { types: vec!["message.sent".to_owned()] }),
        metadata: Some(Pairs { metadata: [("shop".to_owned(), "athens".to_owned())].into() }),
        max_batch: Some(5),
        ..UpdateEndpointRequest::default()
    };
    assert_eq!(some.heard().hooks.updates, [expected]);
    let all = fake(changed()).await;
    let args =
        ["webhooks", "update", "e-1", "--all-types", "--any-metadata", "--campaign", "0", "--include-text", "false"];
    assert_eq!(run(all.addr, &args).await.exit, Exit::Success);
    let expected = UpdateEndpointRequest {
        id: "e-1".to_owned(),
        types: Some(Types::default()),
        metadata: Some(Pairs::default()),
        campaign_id: Some(0),
        include_text: Some(false),
        ..UpdateEndpointRequest::default()
    };
    assert_eq!(all.heard().hooks.updates, [expected]);
}

#[tokio::test]
async fn enable_says_where_to_go_on_in_one_way() {
    for (options, start) in [
        (&[][..], None),
        (&["--from-now"], Some(Start::FromNow(true))),
        (&["--from", "2027-01-15T09:00:00+01:00"], Some(Start::FromTime(at(1_800_000_000)))),
        (&["--resume-token", "token"], Some(Start::ResumeToken("token".to_owned()))),
    ] {
        let fake = fake(hooks::Script { changed: Some(endpoint("e-1")), ..Default::default() }).await;
        let args = [&["webhooks", "enable", "e-1"], options].concat();
        assert_eq!(run(fake.addr, &args).await.exit, Exit::Success);
        assert_eq!(
            fake.heard().hooks.enabled,
            [EnableEndpointRequest { id: "e-1".to_owned(), start, ..Default::default() }]
        );
    }
}

#[tokio::test]
async fn a_test_that_was_not_taken_is_a_failure_of_the_command() {
    for (outcome, http_status, exit, said) in [
        (CallOutcome::Taken, 204, Exit::Success, "TAKEN (204)\n"),
        (CallOutcome::NotAllowed, 0, Exit::Failed, "NOT_ALLOWED\n"),
    ] {
        let tested = SendTestEventResponse { outcome: outcome.into(), http_status };
        let fake = fake(hooks::Script { tested: Some(tested), ..Default::default() }).await;
        let done = run(fake.addr, &["webhooks", "test", "e-1"]).await;
        assert_eq!((done.exit, done.out.as_str(), done.err.as_str()), (exit, said, ""));
        assert_eq!(fake.heard().hooks.tested[0].id, "e-1");
    }
}

#[tokio::test]
async fn the_other_commands_ask_for_one_thing_each() {
    let delivery = Delivery {
        event_id: "evt_1_2".to_owned(),
        r#type: "message.sent".to_owned(),
        state: DeliveryState::Waiting.into(),
        tries: 3,
        next_try_at: Some(at(1_800_000_000)),
        last_outcome: CallOutcome::Refused.into(),
        last_http_status: 422,
        ..Delivery::default()
    };
    let page = ListDeliveriesResponse { deliveries: vec![delivery], next_page_token: String::new() };
    let rotated = RotateSecretResponse {
        secret: "whsec_bmV3".to_owned(),
        old_until: Some(at(1_800_000_000)),
        ..Default::default()
    };
    let fake = fake(hooks::Script {
        changed: Some(endpoint("e-1")),
        rotated: Some(rotated),
        deliveries: [page].into(),
        replayed: Some(ReplayEventsResponse { replay_id: "r-1".to_owned() }),
        ..Default::default()
    })
    .await;
    let ask = async |args: &[&str]| {
        let done = run(fake.addr, args).await;
        assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""), "{args:?}");
        done.out
    };
    assert!(ask(&["webhooks", "disable", "e-1"]).await.contains("e-1"));
    let rotated: Value =
        serde_json::from_str(&ask(&["webhooks", "rotate-secret", "e-1", "--at-once", "--json"]).await).unwrap();
    assert_eq!(rotated, json!({"secret": "whsec_bmV3", "oldUntil": "2027-01-15T08:00:00Z"}));
    let shown = ask(&["webhooks", "deliveries", "e-1"]).await;
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert_eq!(words, ["evt_1_2", "message.sent", "WAITING", "3", "2027-01-15T08:00:00Z", "REFUSED", "(422)"]);
    let replay = ["webhooks", "replay", "e-1", "--from", "2027-01-15T08:00:00Z", "--type", "message.sent"];
    assert_eq!(ask(&replay).await.trim(), "replay  r-1");
    assert_eq!(ask(&["webhooks", "delete", "e-1"]).await, "");
    let heard = fake.heard().hooks;
    assert_eq!((heard.disabled[0].id.as_str(), heard.deleted[0].id.as_str()), ("e-1", "e-1"));
    assert_eq!(heard.rotated, [RotateSecretRequest { id: "e-1".to_owned(), at_once: true, ..Default::default() }]);
    let (from, types) = (Some(at(1_800_000_000)), vec!["message.sent".to_owned()]);
    assert_eq!(
        heard.replays,
        [ReplayEventsRequest { id: "e-1".to_owned(), from, to: None, types, ..Default::default() }]
    );
}
