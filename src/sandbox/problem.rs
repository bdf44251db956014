//! The answers that are not success, in the bodies that Mitto's API is known or thought to give them.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

/// The violations of a call, by field, named as ASP.NET names it: `Sms.Text`, `Messages[3].Destination`.
#[derive(Default)]
pub(super) struct Faults(BTreeMap<String, Vec<String>>);

impl Faults {
    pub(super) fn add(&mut self, field: String, text: String) {
        self.0.entry(field).or_default().push(text);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// 400 with the validation body of ASP.NET. `trace` becomes the trace id.
    fn into_response(self, trace: Uuid) -> Response {
        let (trace, span) = (trace.simple().to_string(), trace.as_u64_pair().1);
        let body = json!({
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
            "title": "One or more validation errors occurred.",
            "status": 400,
            "traceId": format!("00-{trace}-{span:016x}-00"),
            "errors": self.0,
        });
        let kind = HeaderValue::from_static("application/problem+json; charset=utf-8");
        (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, kind)], Json(body)).into_response()
    }
}

/// Why a send is not accepted.
pub(super) enum Refusal {
    /// 400
    Invalid(Faults),
    /// 429, to be tried again after so many seconds.
    Busy(u16),
    /// 500
    Broken,
}

impl Refusal {
    /// The answer; `trace` becomes the trace id, where there is one.
    pub(super) fn into_response(self, trace: Uuid) -> Response {
        match self {
            Self::Invalid(faults) => faults.into_response(trace),
            Self::Busy(seconds) => busy(seconds),
            Self::Broken => broken(),
        }
    }
}

/// A body that is not the JSON that is expected. The text never repeats the body.
pub(super) fn not_json(error: &serde_json::Error) -> Faults {
    let mut faults = Faults::default();
    let (line, column) = (error.line(), error.column());
    faults.add("$".into(), format!("The JSON value could not be read. LineNumber: {line} | BytePosition: {column}."));
    faults
}

/// 401: the key is missing, wrong, or not welcome now.
pub(super) fn unauthorized() -> Response {
    message(StatusCode::UNAUTHORIZED, "Unauthorized: a valid X-Mitto-API-Key is required.")
}

/// 404 for an id that no message has.
pub(super) fn not_found() -> Response {
    message(StatusCode::NOT_FOUND, "The message was not found.")
}

/// 429, to be tried again after so many seconds.
pub(super) fn busy(seconds: u16) -> Response {
    let mut response = message(StatusCode::TOO_MANY_REQUESTS, "Too many requests.");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// 500 without acceptance.
pub(super) fn broken() -> Response {
    message(StatusCode::INTERNAL_SERVER_ERROR, "An unexpected error occurred.")
}

/// 503, in HTML: proxies in front of an API answer so.
pub(super) fn unavailable() -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let page = "<html><body><h1>503 Service Unavailable</h1></body></html>";
    (StatusCode::SERVICE_UNAVAILABLE, [(CONTENT_TYPE, kind)], page).into_response()
}

/// A status and a `message`.
pub(super) fn message(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "message": text }))).into_response()
}

/// 200 and a body that calls itself JSON and stops half way.
pub(super) fn malformed() -> Response {
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    (StatusCode::OK, [(CONTENT_TYPE, kind)], r#"{"messages":[{"messageId":"#).into_response()
}
