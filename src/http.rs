//! The HTTP door: whether the process lives and whether it can work, for those who watch over it; and what the provider
//! posts.

mod delivery_report;
mod inbound;
mod signature;
mod webhook;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::metrics;
use crate::service::Service;

/// All routes of the door. What it does not know it says so, in JSON.
pub fn routes(service: Service) -> Router {
    let webhooks = delivery_report::routes(&service).merge(inbound::routes(&service));
    let counted = service.clone();
    let metrics = move || {
        let service = counted.clone();
        async move { ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], service.render_metrics().await) }
    };
    let ready = move || {
        let service = service.clone();
        async move { readiness(&service).await }
    };
    Router::new()
        .route("/healthz", get(|| async { Json(json!({"ok": true})) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(webhooks)
        .method_not_allowed_fallback(|| async {
            problem(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", "METHOD_NOT_ALLOWED")
        })
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "No such route", "RESOURCE_NOT_FOUND") })
}

async fn readiness(service: &Service) -> Response {
    match service.ready().await {
        Ok(()) => {
            // What is held does not make the process unfit: it accepts, and sends once it may.
            let held = service.held_gates().into_iter().map(|gate| {
                json!({"gate": gate.name, "why": gate.holding.name(), "code": gate.code,
                    "since": gate.since.map(|at| at.to_string()), "until": gate.until.map(|at| at.to_string())})
            });
            Json(json!({"ok": true, "held": held.collect::<Vec<_>>()})).into_response()
        }
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "The database cannot be reached", "DATABASE_UNAVAILABLE"),
    }
}

fn problem(status: StatusCode, message: &str, code: &str) -> Response {
    (status, Json(json!({"message": message, "code": code}))).into_response()
}
