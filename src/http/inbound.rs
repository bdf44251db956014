//! `/webhooks/mitto/inbound`: messages from recipients. They are acknowledged once they are on the disk, and read after.

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
    match Webhook::new(service, Hook::Inbound) {
        Some(webhook) => Router::new().route("/webhooks/mitto/inbound", get(take).post(take)).with_state(webhook),
        None => Router::new(),
    }
}

async fn take(State(webhook): State<Webhook>, request: Request) -> Response {
    let post = match webhook.receive(request).await {
        Ok(post) => post,
        Err(answer) => return answer,
    };
    match webhook.service.file_inbound(post.form, &post.body, post.signed).await {
        Ok(new) => webhook.accept(json!({"ok": true}), !new),
        Err(e) => webhook.not_stored(&e),
    }
}
