//! The HTTP door.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::support::app::{Kind, TestApp, on_both_databases};

async fn answer(app: &TestApp, method: &str, path: &str) -> (StatusCode, serde_json::Value) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let answer = messaging::http::routes(app.service.clone()).oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

on_both_databases! {
    async fn the_watchers_routes_answer_and_everything_else_is_told_in_json(app) {
        assert_eq!(answer(&app, "GET", "/healthz").await.0, StatusCode::OK);
        assert_eq!(answer(&app, "GET", "/readyz").await.0, StatusCode::OK);
        let (status, body) = answer(&app, "GET", "/nowhere").await;
        assert_eq!((status, body["code"].as_str()), (StatusCode::NOT_FOUND, Some("RESOURCE_NOT_FOUND")));
        let (status, body) = answer(&app, "POST", "/healthz").await;
        assert_eq!((status, body["code"].as_str()), (StatusCode::METHOD_NOT_ALLOWED, Some("METHOD_NOT_ALLOWED")));
    }
}
