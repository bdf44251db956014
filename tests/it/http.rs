//! The HTTP API.

mod api;
pub mod call;
mod console;
mod delivery_report;
pub mod document;
mod front;
mod full;
mod inbound;
mod matrix;
mod metrics;
mod mitto;
pub mod post;
mod refusals;
mod replays;
mod required;
mod signature;
mod streams;
mod unreadable;
mod webhook_endpoints;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use messaging::proto::SendSingleRequest;
use tower::ServiceExt as _;

use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

pub async fn answer(app: &TestApp, method: &str, path: &str) -> (StatusCode, serde_json::Value) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let answer =
        messaging::http::routes(&app.service, messaging::http::Front::default()).oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn metrics(app: &TestApp) -> String {
    let request = Request::builder().uri("/metrics").body(Body::empty()).unwrap();
    let answer =
        messaging::http::routes(&app.service, messaging::http::Front::default()).oneshot(request).await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

on_both_databases! { TestApp::start =>
    async fn what_is_counted_is_told_without_a_number_a_text_or_an_account(app) {
        let request = |destination: &str| SendSingleRequest {
            destination: destination.to_owned(),
            text: "canary text".to_owned(),
            ..Default::default()
        };
        app.alice().send_single(request("+306900000001")).await.unwrap();
        app.outage("unauthorized").await;
        app.alice().send_single(request("+306900000001")).await.unwrap();
        let text = metrics(&app).await;
        for line in [
            r#"messaging_rpc_calls_total{method="SendSingle",code="Ok"} 2"#,
            r#"messaging_send_outcomes_total{lane="single",outcome="accepted"} 1"#,
            r#"messaging_send_outcomes_total{lane="single",outcome="not_sent"} 1"#,
            r#"messaging_queue_depth{lane="single"} 1"#,
            r#"messaging_gates_held{why="blocked"} 1"#,
            r#"messaging_messages_in_state{state="dead"} 0"#,
            r#"messaging_provider_seconds_count{call="send"} 2"#,
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        for word in ["canary", "306900000", crate::support::settings::ACCOUNT, "alice"] {
            assert!(!text.contains(word), "{word} is in\n{text}");
        }
    }

    async fn a_held_account_is_told_and_does_not_make_the_process_unfit(app) {
        app.outage("unauthorized").await;
        let request = SendSingleRequest { destination: "+306900000001".to_owned(), text: "x".to_owned(), ..Default::default() };
        app.alice().send_single(request).await.unwrap();
        let (status, body) = answer(&app, "GET", "/readyz").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!((&body["held"][0]["why"], &body["held"][0]["code"]), (&"blocked".into(), &"PROVIDER_ACCOUNT_BLOCKED".into()));
        assert!(!app.service.provider_available());
    }

    async fn the_watchers_routes_answer_and_everything_else_is_told_in_json(app) {
        assert_eq!(answer(&app, "GET", "/healthz").await.0, StatusCode::OK);
        assert_eq!(answer(&app, "GET", "/readyz").await.0, StatusCode::OK);
        let (status, body) = answer(&app, "GET", "/nowhere").await;
        assert_eq!((status, body["code"].as_str()), (StatusCode::NOT_FOUND, Some("RESOURCE_NOT_FOUND")));
        let (status, body) = answer(&app, "POST", "/healthz").await;
        assert_eq!((status, body["code"].as_str()), (StatusCode::METHOD_NOT_ALLOWED, Some("METHOD_NOT_ALLOWED")));
    }
}
