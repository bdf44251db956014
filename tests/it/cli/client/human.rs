//! The text for people.

use messaging::proto::MessageStatus::{Failed, Queued, Sending, Unspecified};
use messaging::proto::explain_message_response::Entry;
use messaging::proto::get_message_status_response::Sender;
use messaging::proto::{
    Campaign, CampaignState, CampaignStats, CancelMessageResponse, Encoding, ExplainMessageResponse,
    GetMessageStatusResponse, HistoryKind, ListMessagesResponse, Message, MessageStatus, RefreshStatusResponse,
};
use pbjson_types::Timestamp;

use super::fake::{Fake, Script};
use super::terminal::run;

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds: 1_800_000_000 + seconds, nanos: 5 }
}

fn message() -> Message {
    Message {
        id: "01938c5e-0000-7000-8000-000000000001".into(),
        destination: "+306900000001".into(),
        text: "Hi\nthere".into(),
        sender: "Acme".into(),
        status: MessageStatus::Failed.into(),
        provider_message_id: Some("p-1".into()),
        error_code: Some("PROVIDER_REJECTED".into()),
        error: Some("no route".into()),
        attempts: 1,
        segments: 1,
        encoding: Encoding::Gsm7.into(),
        created_at: Some(at(0)),
        failed_at: Some(at(2)),
        ..Message::default()
    }
}

async fn out(script: Script, args: &[&str]) -> String {
    let done = run(Fake::start(script).await.addr, args).await;
    assert_eq!(done.err, "");
    done.out
}

fn view() -> GetMessageStatusResponse {
    GetMessageStatusResponse {
        message_id: "p-1".into(),
        delivery_status: Some("Delivered".into()),
        sender: Some(Sender { name: Some("Acme".into()), ..Sender::default() }),
        message_parts: 1,
        updated_at: Some(at(1)),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_list_is_a_line_a_message() {
    let page = ListMessagesResponse { messages: vec![message()], ..Default::default() };
    let text = out(Script { pages: [page].into(), ..Default::default() }, &["list"]).await;
    insta::assert_snapshot!(text, @"01938c5e-0000-7000-8000-000000000001  FAILED     +306900000001     2027-01-15T08:00:00Z  p-1");
}

#[tokio::test]
async fn an_explanation_is_the_record_and_what_happened_to_it() {
    let entry = |at, kind: HistoryKind, from: MessageStatus, to: MessageStatus, attempt| Entry {
        at: Some(at),
        kind: kind.into(),
        from: from.into(),
        to: to.into(),
        attempt,
        evidence: None,
        event_id: String::new(),
    };
    let mut last = entry(at(2), HistoryKind::Settled, Sending, Failed, 1);
    last.evidence =
        Some(pbjson_types::Struct { fields: [("http".to_owned(), pbjson_types::Value::from(400.0))].into() });
    let answer = ExplainMessageResponse {
        message: Some(message()),
        entries: vec![
            entry(at(0), HistoryKind::Accepted, Unspecified, Queued, 0),
            entry(at(1), HistoryKind::Fenced, Queued, Sending, 1),
            last,
        ],
    };
    let text = out(Script { explain: [answer].into(), ..Default::default() }, &["explain", "x"]).await;
    insta::assert_snapshot!(text, @r#"
    status       FAILED
    id           01938c5e-0000-7000-8000-000000000001
    provider id  p-1
    to           +306900000001
    sender       Acme
    text         Hi\nthere
    segments     1 (GSM7)
    attempts     1
    error        PROVIDER_REJECTED: no route
    created      2027-01-15T08:00:00Z
    failed       2027-01-15T08:00:02Z

    2027-01-15T08:00:00Z  ACCEPTED     QUEUED
    2027-01-15T08:00:01Z  FENCED       QUEUED → SENDING       attempt 1
    2027-01-15T08:00:02Z  SETTLED      SENDING → FAILED       attempt 1   {"http":400.0}
    "#);
}

#[tokio::test]
async fn a_cancelled_message_is_shown_as_it_is_then() {
    let cancelled = Message { status: MessageStatus::Cancelled.into(), ..message() };
    let answer = CancelMessageResponse { message: Some(cancelled) };
    let text = out(Script { cancel: [answer].into(), ..Default::default() }, &["cancel", "x"]).await;
    assert!(text.starts_with("status       CANCELLED\nid           01938c5e-"), "{text}");
}

#[tokio::test]
async fn the_providers_view_leaves_out_what_the_provider_left_out() {
    let text = out(Script { status: [view()].into(), ..Default::default() }, &["status", "p-1"]).await;
    insta::assert_snapshot!(text, @r"
    provider status  Delivered
    provider id      p-1
    sender           Acme
    segments         1
    updated          2027-01-15T08:00:01Z
    ");
}

#[tokio::test]
async fn a_refresh_tells_what_it_changed_and_what_the_provider_said() {
    let answer = RefreshStatusResponse {
        updated: 2,
        internal_status: MessageStatus::Delivered.into(),
        status: Some(view()),
        affected_campaign_ids: vec![3, 5],
    };
    let text = out(Script { refresh: [answer].into(), ..Default::default() }, &["refresh", "p-1"]).await;
    insta::assert_snapshot!(text, @r"
    status           DELIVERED
    records          2 brought up to date
    campaigns        3, 5
    provider status  Delivered
    provider id      p-1
    sender           Acme
    segments         1
    updated          2027-01-15T08:00:01Z
    ");
}

#[tokio::test]
async fn a_campaign_and_its_counters_are_aligned() {
    let campaign = Campaign {
        id: 5,
        name: "Spring".into(),
        text: "Hi {{first_name}}".into(),
        state: CampaignState::Draft.into(),
        created_at: Some(at(0)),
        ..Default::default()
    };
    let args = ["campaign", "create", "--name", "Spring", "--text", "Hi {{first_name}}"];
    let text = out(Script { campaign: [campaign].into(), ..Default::default() }, &args).await;
    insta::assert_snapshot!(text, @r"
    id       5
    state    DRAFT
    name     Spring
    text     Hi {{first_name}}
    created  2027-01-15T08:00:00Z
    ");

    let stats =
        CampaignStats { total: 10, sent: 6, delivered: 3, delivered_rate: 1.0 / 3.0, failed: 1, ..Default::default() };
    let text = out(Script { stats: [stats].into(), ..Default::default() }, &["campaign", "stats", "5"]).await;
    insta::assert_snapshot!(text, @r"
    total      10
    queued     0
    sent       6
    delivered  3 (33.3 % of those that the provider took)
    failed     1
    unknown    0
    cancelled  0
    ");
}

#[test]
fn a_rate_is_told_once_there_was_a_second_to_measure() {
    let rate = |done, milliseconds| messaging::cli::client::rate(done, std::time::Duration::from_millis(milliseconds));
    // As a refresh that goes on from what an earlier one had done began.
    assert_eq!((rate(40_000, 0), rate(40_000, 20)), (String::new(), String::new()));
    assert_eq!((rate(500, 1000), rate(500, 4000)), ("500/s".to_owned(), "125/s".to_owned()));
}
