//! Inbound messages (MO) on demand: posts one to the webhook, as if a handset had written.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::message::seven_digits;
use super::problem;
use super::state::State;
use super::webhook::http_url;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Injection {
    from: String,
    to: String,
    text: String,
    /// Instead of the configured one.
    url: Option<String>,
}

/// `POST /sandbox/inbound`: answers when the webhook has answered, with its status.
pub(super) async fn inject(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    let injection: Injection = match serde_json::from_slice(&body) {
        Ok(injection) => injection,
        Err(error) => return problem::message(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let url = match injection.url.as_deref().map(http_url) {
        Some(None) => return problem::message(StatusCode::BAD_REQUEST, "url must be an http:// or https:// URL"),
        Some(url) => url,
        None => state.inbound_url.clone(),
    };
    let Some(url) = url else {
        let text = "There is nowhere to post to: start the sandbox with an inbound URL, or give one as \"url\".";
        return problem::message(StatusCode::CONFLICT, text);
    };
    let (id, body) = message(&state, &injection.from, &injection.to, &injection.text);
    match state.reports.poster.post(url, body.into()).await {
        Ok(status) => {
            let code = if status.is_success() { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
            (code, Json(json!({ "messageId": id, "webhookStatus": status.as_u16() }))).into_response()
        }
        Err(_) => problem::message(StatusCode::BAD_GATEWAY, "the webhook cannot be reached or does not answer"),
    }
}

/// Posts one to the configured webhook. True once that has taken it.
pub(super) async fn post(state: &State, from: &str, to: &str, text: &str) -> bool {
    let Some(url) = state.inbound_url.clone() else { return false };
    let (_, body) = message(state, from, to, text);
    state.reports.poster.post(url, body.into()).await.is_ok_and(|status| status.is_success())
}

/// A message's id, and the message as the webhook gets it.
fn message(state: &State, from: &str, to: &str, text: &str) -> (String, String) {
    let now = state.clock.now();
    let id = state.ledger.unused_id(now).to_string();
    let body = json!({ "messageId": id, "from": from, "to": to, "text": text, "receivedAt": seven_digits(now) });
    (id, body.to_string())
}
