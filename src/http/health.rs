//! Routes that need no user's credentials: whether the process lives and can work, what it counts, and the
//! provider's webhooks, which have secrets of their own.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::{delivery_report, inbound};
use crate::metrics::{self, Loop};
use crate::service::{NotReady, Service};

/// The provider's webhooks.
pub(super) fn webhooks(service: &Service) -> Router {
    delivery_report::routes(service).merge(inbound::routes(service))
}

/// The probes, and what the process counts.
pub(super) fn probes(service: &Service) -> Router {
    let (counted, asked) = (service.clone(), service.clone());
    let metrics = move || {
        let service = counted.clone();
        async move { ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], service.render_metrics().await) }
    };
    let ready = move || {
        let service = asked.clone();
        async move { readiness(&service).await }
    };
    Router::new()
        .route("/healthz", get(|| async { Json(json!({"ok": true})) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

async fn readiness(service: &Service) -> Response {
    if let Err(why) = service.ready().await {
        let body = match why {
            NotReady::Database => json!({"message": "The database takes no write", "code": "DATABASE_UNAVAILABLE"}),
            NotReady::Full => json!({"message": "The database's disk is full", "code": Error::STORAGE_FULL}),
            NotReady::Stalled(loops) => {
                let loops: Vec<&str> = loops.into_iter().map(Loop::name).collect();
                json!({"message": "Work in the background stands still", "code": "STALLED", "loops": loops})
            }
        };
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    // What is held does not make the process unfit: it accepts, and sends once it may.
    let held = service.held_gates().into_iter().map(|gate| {
        json!({"gate": gate.name, "why": gate.holding.name(), "code": gate.code,
            "since": gate.since.map(|at| at.to_string()), "until": gate.until.map(|at| at.to_string())})
    });
    let ages = service.metrics().loop_ages().into_iter();
    let loops: serde_json::Map<String, Value> =
        ages.map(|(which, age)| (which.name().to_owned(), json!(age.as_millis()))).collect();
    Json(json!({"ok": true, "held": held.collect::<Vec<_>>(), "loop_ages_ms": loops})).into_response()
}
