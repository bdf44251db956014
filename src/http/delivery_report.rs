//! `/webhooks/mitto/dlr`: delivery reports, one or an array, as a post or in the query of a GET. They are acknowledged once
//! they are on the disk.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use crate::http::webhook::Webhook;
use crate::metrics::Hook;
use crate::service::Service;

/// The route, if there is a secret.
pub(super) fn routes(service: &Service) -> Router {
    match Webhook::new(service, Hook::Reports) {
        Some(webhook) => Router::new().route("/webhooks/mitto/dlr", get(take).post(take)).with_state(webhook),
        None => Router::new(),
    }
}

async fn take(State(webhook): State<Webhook>, request: Request) -> Response {
    let post = match webhook.receive(request).await {
        Ok(post) => post,
        Err(answer) => return answer,
    };
    match webhook.service.file_reports(post.form, &post.body).await {
        Ok(updated) => webhook.accept(json!({"ok": true, "updated": updated}), false),
        Err(e) => webhook.not_stored(&e),
    }
}
