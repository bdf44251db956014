//! Posting to the webhooks, without a network in between.

use axum::body::Body;
use http::request::Builder;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use messaging::service::Service;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::support::app::{TestApp, WEBHOOK_SECRET};

/// Where delivery reports go.
pub const DLR: &str = "/webhooks/mitto/dlr";
/// Where messages from recipients go.
pub const INBOUND: &str = "/webhooks/mitto/inbound";

/// Sends a request to the API.
pub async fn request(service: &Service, request: Builder, body: impl Into<Body>) -> (StatusCode, HeaderMap, Value) {
    let request = request.body(body.into()).unwrap();
    let answer = messaging::http::routes(service, messaging::http::Front::default()).oneshot(request).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, headers, serde_json::from_slice(&body).unwrap_or_default())
}

/// A post with the right token.
pub fn authentic(path: &str) -> Builder {
    Request::post(path).header("x-webhook-token", WEBHOOK_SECRET)
}

/// Posts with the right token; it has to be accepted.
pub async fn post(app: &TestApp, path: &str, body: impl Into<Body>) -> Value {
    let (status, _, answer) = request(&app.service, authentic(path), body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    answer
}
