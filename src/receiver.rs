//! The port to owners' own receivers of webhooks. `http` is what stands behind it.

pub mod http;
pub mod names;

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

use crate::domain::ids::OwnerId;
use crate::domain::trace::TraceContext;
use crate::domain::webhook::health::Called;

/// A call to a receiver. Its URL may hold a secret, and its body a number: it has no `Debug`.
#[derive(Clone)]
pub struct Post {
    /// Whose endpoint it is.
    pub owner: OwnerId,
    /// Where the receiver is.
    pub url: Url,
    /// `webhook-id`: the same in every repetition.
    pub id: String,
    /// `webhook-timestamp`: the time of this call, in seconds of the Unix epoch.
    pub seconds: i64,
    /// `webhook-signature`: one or several, with a space between them.
    pub signature: String,
    /// The body, JSON.
    pub body: Bytes,
    /// `traceparent`: the span of this call, if somebody keeps its trace.
    pub trace: Option<TraceContext>,
}

/// Whoever calls receivers.
#[async_trait]
pub trait Receiver: Send + Sync {
    /// Calls a receiver once. Never fails: whatever happens is an outcome, within 15 seconds.
    async fn post(&self, post: Post) -> Called;
}
