//! Everything under `/sandbox/`: the handles for tests and demos. No key is asked for: it belongs on loopback.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::settings::Change;
use super::state::State;
use super::{inbound, ledger_view, problem};

/// The control routes.
pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/sandbox/health", get(health))
        .route("/sandbox/settings", get(settings).put(change))
        .route("/sandbox/ledger", get(ledger_view::entries).delete(ledger_view::clear))
        .route("/sandbox/ledger/summary", get(ledger_view::summary))
        .route("/sandbox/inbound", post(inbound::inject))
}

async fn health(Shared(state): Shared<Arc<State>>) -> Response {
    let accepted = state.ledger.counts().accepted;
    Json(json!({ "status": "ok", "accepted": accepted, "reports": state.reports.tally() })).into_response()
}

async fn settings(Shared(state): Shared<Arc<State>>) -> Response {
    Json(state.settings.get()).into_response()
}

async fn change(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Change>(&body) {
        Ok(change) => Json(state.settings.change(&change)).into_response(),
        Err(error) => problem::message(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}
