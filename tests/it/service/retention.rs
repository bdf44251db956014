//! Retention as its callers see it: what is erased still answers.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use messaging::proto::{
    ExplainMessageRequest, GetMessageRequest, ListMessagesRequest, MessageStatus, RefreshStatusRequest,
    SendSingleRequest, SendSingleResponse,
};
use serde_json::Value;
use tonic::Code;
use tower::ServiceExt as _;

use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

const NUMBER: &str = "+306900000001";
const DAY: i64 = 86_400;

async fn send(app: &TestApp) -> SendSingleResponse {
    let request = SendSingleRequest { destination: NUMBER.to_owned(), text: "canary".to_owned(), ..Default::default() };
    app.alice().send_single(request).await.unwrap().into_inner()
}

async fn erase_old(app: &TestApp) {
    while app.service.erase_old().await.unwrap() {}
}

async fn metrics(app: &TestApp) -> String {
    let request = Request::builder().uri("/metrics").body(Body::empty()).unwrap();
    let answer =
        messaging::http::routes(&app.service, messaging::http::Front::default()).oneshot(request).await.unwrap();
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn what_is_erased_answers_without_its_number_and_its_text_until_it_goes(app: TestApp) {
    let sent = send(&app).await;
    let id = sent.message.unwrap().id;
    app.advance(29 * DAY);
    erase_old(&app).await;
    let get = async || app.alice().get_message(GetMessageRequest { id: id.clone(), ..Default::default() }).await;
    let message = async || get().await.unwrap().into_inner().message.unwrap();
    assert_eq!(message().await.text, "canary", "it is not old enough");
    app.advance(2 * DAY);
    // On Postgres anybody's open transaction holds back what is settled.
    crate::support::store::eventually(async || {
        erase_old(&app).await;
        message().await.text.is_empty()
    })
    .await;
    let erased = message().await;
    assert!(erased.text.is_empty() && erased.destination.starts_with('~') && erased.destination.len() == 33);
    assert_eq!((erased.segments, erased.attempts), (1, 1));
    assert!(metrics(&app).await.lines().any(|line| line == r#"messaging_erased_total{what="text"} 1"#));

    let list = ListMessagesRequest { destination: NUMBER.to_owned(), ..Default::default() };
    let list = app.alice().list_messages(list).await.unwrap().into_inner();
    assert_eq!(list.messages.len(), 1, "who knows the number finds it");
    let explained = app
        .alice()
        .explain_message(ExplainMessageRequest { id: id.clone(), ..Default::default() })
        .await
        .unwrap()
        .into_inner();
    assert!(explained.entries.len() >= 2, "{explained:?}");
    assert!(!format!("{explained:?}").contains("canary"), "{explained:?}");
    let refresh = RefreshStatusRequest { provider_message_id: sent.message_id, owner_id: None };
    app.alice().refresh_status(refresh).await.unwrap();
    assert_eq!(message().await.status(), MessageStatus::Delivered, "it is still brought up to date");

    app.advance(60 * DAY);
    erase_old(&app).await;
    assert_eq!(get().await.unwrap_err().code(), Code::NotFound);
}

async fn stop_from_an_erased_number_finds_who_wrote_to_it_last(app: TestApp) {
    send(&app).await;
    app.advance(31 * DAY);
    erase_old(&app).await;
    let answered = app.inject(NUMBER, "Nobody", "STOP").await;
    assert_ne!(answered, Value::Null);
    app.run_due().await;
    assert_eq!(app.count(&format!("opt_outs WHERE owner_id = {}", app.alice)).await, 1);
    app.advance(31 * DAY);
    erase_old(&app).await;
    assert_eq!(app.count(&format!("opt_outs WHERE destination = '{NUMBER}'")).await, 0);
    let request = SendSingleRequest { destination: NUMBER.to_owned(), text: "x".to_owned(), ..Default::default() };
    assert_eq!(app.alice().send_single(request).await.unwrap_err().code(), Code::FailedPrecondition);
    app.inject(NUMBER, "Alice", "START").await;
    app.run_due().await;
    assert_eq!(app.count("opt_outs").await, 0, "START takes the pseudonym off the list");
    send(&app).await;
}

on_both_databases![TestApp::keyed =>
    what_is_erased_answers_without_its_number_and_its_text_until_it_goes,
    stop_from_an_erased_number_finds_who_wrote_to_it_last,
];
