//! The common part of both webhooks: how much of posts is held in memory at once, how much of one is read, and whose it is.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::admission::Peer;
use crate::domain::report::Form;
use crate::error::Error;
use crate::http::bodies::{Bodies, Held, Unread};
use crate::http::signature::{Keys, Proof};
use crate::metrics::{Hook, PostOutcome};
use crate::service::{Service, SignedPost};

/// One webhook: its service, its keys and its places.
#[derive(Clone)]
pub(super) struct Webhook {
    pub(super) service: Service,
    hook: Hook,
    keys: Arc<Keys>,
    bodies: Bodies,
}

/// A post that is the provider's, and the memory that it may hold.
pub(super) struct Authentic {
    pub(super) form: Form,
    pub(super) body: Bytes,
    /// By what it is known if it comes again.
    pub(super) signed: Option<SignedPost>,
    _memory: Option<Held>,
}

impl Webhook {
    /// The webhook; `None` without a secret: then there is none.
    pub(super) fn new(service: &Service, hook: Hook) -> Option<Self> {
        let keys = Keys::of(service.webhook_secrets());
        let open = !keys.is_empty();
        open.then(|| Self { service: service.clone(), hook, keys: Arc::new(keys), bodies: Bodies::default() })
    }

    /// Reads a post and makes sure that it is the provider's; else it answers what is to be answered.
    pub(super) async fn receive(&self, request: Request) -> Result<Authentic, Response> {
        let (head, body) = request.into_parts();
        if !self.keys.may_pass(&head.headers) {
            return Err(self.refuse(StatusCode::UNAUTHORIZED, PostOutcome::Forged));
        }
        let (form, body, memory) = if head.method == Method::GET {
            (Form::Query, Bytes::copy_from_slice(head.uri.query().unwrap_or_default().as_bytes()), None)
        } else {
            match self.bodies.read(body).await {
                Ok(come) => (form(&head.headers, &come.bytes), come.bytes.clone(), Some(come)),
                Err(Unread::Busy) => return Err(self.refuse(StatusCode::SERVICE_UNAVAILABLE, PostOutcome::Busy)),
                Err(Unread::TooLarge) => return Err(self.refuse(StatusCode::PAYLOAD_TOO_LARGE, PostOutcome::TooLarge)),
                Err(Unread::TooSlow) => return Err(self.refuse(StatusCode::REQUEST_TIMEOUT, PostOutcome::TooSlow)),
            }
        };
        let signed = match self.keys.proof(&head.headers, &body, self.service.clock().now()) {
            None => return Err(self.refuse(StatusCode::UNAUTHORIZED, PostOutcome::Forged)),
            // A wish that was recorded is not to be made again: a report says the same however often it is posted.
            Some(Proof::Undated) if self.hook == Hook::Inbound => {
                tracing::warn!(
                    "a message from a recipient was refused: it is signed without a time; let its relay sign as Standard \
                     Webhooks does, or show the token"
                );
                return Err(self.refuse(StatusCode::UNAUTHORIZED, PostOutcome::Undated));
            }
            Some(Proof::Dated(signed)) => Some(signed),
            Some(Proof::Token | Proof::Undated) => None,
        };
        Peer::vouch(&head.extensions, None);
        Ok(Authentic { form, body, signed, _memory: memory })
    }

    /// The post is on the disk, now or since it came `before`: that it is known is no reason for its sender to go on.
    pub(super) fn accept(&self, answer: serde_json::Value, before: bool) -> Response {
        let outcome = if before { PostOutcome::Repeated } else { PostOutcome::Stored };
        self.service.metrics().webhook(self.hook, outcome);
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

/// How a body is written. What begins as JSON is JSON, whatever its sender calls it: curl calls everything a form.
fn form(headers: &HeaderMap, body: &[u8]) -> Form {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    if kind.starts_with("application/x-www-form-urlencoded") && !json { Form::Query } else { Form::Json }
}
