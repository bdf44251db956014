//! Calling the API, without a network in between.

use axum::body::Body;
use http::request::Builder;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use messaging::domain::ids::OwnerId;
use messaging::http::{Front, routes};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::support::app::{ORDINARY, ORIGIN, TestApp};

/// An answer: its status, its headers, and its bytes.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {:?}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body of an answer that is 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.json()
    }

    /// Status and body of an answer that is an error.
    pub fn error(&self) -> (u16, Value) {
        (self.status.as_u16(), self.json())
    }
}

/// Sends a request to the API.
pub async fn send(app: &TestApp, request: Builder, body: impl Into<Body>) -> Answer {
    let front = Front { origins: vec![ORIGIN.parse().unwrap()], ..Front::default() };
    let request = request.body(body.into()).unwrap();
    let answer = routes(&app.service, front).oneshot(request).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let bytes = answer.into_body().collect().await.unwrap().to_bytes().to_vec();
    Answer { status, headers, bytes }
}

/// A request of this user's.
pub fn of(app: &TestApp, user: OwnerId, method: &str, path: &str) -> Builder {
    with_scopes(app, user, ORDINARY, method, path)
}

/// The same with these scopes.
pub fn with_scopes(app: &TestApp, user: OwnerId, scopes: &str, method: &str, path: &str) -> Builder {
    let token = format!("Bearer {}", app.token(user, scopes));
    Request::builder().method(method).uri(path).header("authorization", token)
}

/// A request without a body, of this user's.
pub async fn ask(app: &TestApp, user: OwnerId, method: &str, path: &str) -> Answer {
    send(app, of(app, user, method, path), Body::empty()).await
}

/// A request with a body of JSON, of this user's.
pub async fn post(app: &TestApp, user: OwnerId, path: &str, body: &Value) -> Answer {
    let request = of(app, user, "POST", path).header("content-type", "application/json");
    send(app, request, body.to_string()).await
}
