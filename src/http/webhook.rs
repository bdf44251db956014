//! The common part of both webhooks: how much of posts is held in memory at once, how much of one is read, and whose it is.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::report::Form;
use crate::error::Error;
use crate::http::signature::Keys;
use crate::metrics::{Hook, PostOutcome};
use crate::service::Service;

/// The longest body, in bytes.
const MAX_BODY: usize = 1 << 20;
/// How much the posts may hold in memory that are being served, in KiB. When the database is slow for a moment, thousands of
/// reports wait rather than being refused: nobody knows whether the provider posts one again.
const MEMORY: usize = 64 << 10;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// One webhook: its service, its keys and its places.
#[derive(Clone)]
pub(super) struct Webhook {
    pub(super) service: Service,
    hook: Hook,
    keys: Arc<Keys>,
    memory: Arc<Semaphore>,
}

/// A post that is the provider's, and the memory that it may hold.
pub(super) struct Authentic {
    pub(super) form: Form,
    pub(super) body: Bytes,
    _memory: OwnedSemaphorePermit,
}

impl Webhook {
    /// The webhook; `None` without a secret: then there is none.
    pub(super) fn new(service: &Service, hook: Hook) -> Option<Self> {
        let keys = Keys::of(service.webhook_secrets());
        let open = !keys.is_empty();
        open.then(|| Self {
            service: service.clone(),
            hook,
            keys: Arc::new(keys),
            memory: Arc::new(Semaphore::new(MEMORY)),
        })
    }

    /// Reads a post and makes sure that it is the provider's; else it answers what is to be answered.
    pub(super) async fn receive(&self, request: Request) -> Result<Authentic, Response> {
        let (head, body) = request.into_parts();
        if !self.keys.may_pass(&head.headers) {
            return Err(self.refuse(StatusCode::UNAUTHORIZED, PostOutcome::Forged));
        }
        let Ok(memory) = self.memory.clone().try_acquire_many_owned(weight(&body)) else {
            return Err(self.refuse(StatusCode::SERVICE_UNAVAILABLE, PostOutcome::Busy));
        };
        let (form, body) = if head.method == Method::GET {
            (Form::Query, Bytes::copy_from_slice(head.uri.query().unwrap_or_default().as_bytes()))
        } else {
            match tokio::time::timeout(PATIENCE, to_bytes(body, MAX_BODY)).await {
                Ok(Ok(body)) => (form(&head.headers, &body), body),
                Ok(Err(_)) => return Err(self.refuse(StatusCode::PAYLOAD_TOO_LARGE, PostOutcome::TooLarge)),
                Err(_) => return Err(self.refuse(StatusCode::REQUEST_TIMEOUT, PostOutcome::TooSlow)),
            }
        };
        if !self.keys.pass(&head.headers, &body, self.service.clock().now()) {
            return Err(self.refuse(StatusCode::UNAUTHORIZED, PostOutcome::Forged));
        }
        Ok(Authentic { form, body, _memory: memory })
    }

    /// The post is on the disk.
    pub(super) fn accept(&self, answer: serde_json::Value) -> Response {
        self.service.metrics().webhook(self.hook, PostOutcome::Stored);
        (StatusCode::ACCEPTED, Json(answer)).into_response()
    }

    /// The post could not be stored: it has to come again.
    pub(super) fn not_stored(&self, e: &Error) -> Response {
        tracing::warn!(
            webhook = self.hook.name(),
            cause = e.cause(),
            "a post could not be stored; its sender was told to repeat it"
        );
        self.refuse(StatusCode::SERVICE_UNAVAILABLE, PostOutcome::NotStored)
    }

    fn refuse(&self, status: StatusCode, outcome: PostOutcome) -> Response {
        self.service.metrics().webhook(self.hook, outcome);
        let mut answer = (status, Json(json!({"ok": false}))).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(RETRY_AFTER, axum::http::HeaderValue::from_static("5"));
        }
        answer
    }
}

/// The memory that a post is counted for, in KiB: its body, and one for what else it takes. A body of unknown length may be of any.
fn weight(body: &Body) -> u32 {
    let most = u64::try_from(MAX_BODY).unwrap_or(u64::MAX);
    let length = body.size_hint().upper().unwrap_or(most).min(most);
    u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX).saturating_add(1)
}

/// How a body is written. What begins as JSON is JSON, whatever its sender calls it: curl calls everything a form.
fn form(headers: &HeaderMap, body: &[u8]) -> Form {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    if kind.starts_with("application/x-www-form-urlencoded") && !json { Form::Query } else { Form::Json }
}
