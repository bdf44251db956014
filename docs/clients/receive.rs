use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

struct Receiver {
    webhook: Webhook,
    /// The newest version of each message: in your database, in the transaction that uses the event.
    versions: Mutex<HashMap<String, i64>>,
    each: Box<dyn Fn(&Value) + Send + Sync>,
}

/// Receives events, and calls `each` with what is new. `secret` is what `CreateEndpoint` answered.
pub async fn receive(
    listener: TcpListener,
    secret: &str,
    each: impl Fn(&Value) + Send + Sync + 'static,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (webhook, versions) = (Webhook::new(secret)?, Mutex::default());
    let receiver = Receiver { webhook, versions, each: Box::new(each) };
    let app = Router::new().route("/", post(told)).with_state(Arc::new(receiver));
    Ok(axum::serve(listener, app).await?)
}

async fn told(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    // The bytes as they came, and no more than five minutes old.
    if receiver.webhook.verify(&body, &headers).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(told) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    // A list where `max_batch` is above 1.
    let events = told["events"].as_array().map_or(std::slice::from_ref(&told), Vec::as_slice);
    events.iter().filter(|event| receiver.is_new(event)).for_each(|event| (receiver.each)(event));
    StatusCode::NO_CONTENT
}

impl Receiver {
    /// Passes over what is repeated. What is about no message has no version.
    fn is_new(&self, event: &Value) -> bool {
        let Some(id) = event["data"]["id"].as_str() else { return true };
        let version = event["data"]["version"].as_i64().unwrap_or_default();
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.get(id).is_some_and(|last| version <= *last) {
            return false;
        }
        versions.insert(id.to_owned(), version);
        true
    }
}
