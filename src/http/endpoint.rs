//! One route of the API: how it is reached, what it is about, and what answers it.

use axum::Router;
use axum::http::Method;
use axum::routing::MethodRouter;
use serde_json::Value;

use crate::http::entry::HttpApi;

/// See the module.
pub(super) struct Endpoint {
    pub(super) method: Method,
    /// The path, with names such as `{id}`.
    pub(super) path: &'static str,
    pub(super) about: About,
    handler: MethodRouter<HttpApi>,
}

/// The subject of a route, for the document.
pub(super) enum About {
    /// The RPC of this service and name: its request and answer are the messages of the contract.
    Rpc(&'static str, &'static str),
    /// The operation, as the document has it.
    Operation(fn() -> Value),
}

impl Endpoint {
    pub(super) fn new(method: Method, path: &'static str, about: About, handler: MethodRouter<HttpApi>) -> Self {
        Self { method, path, about, handler }
    }

    /// A route that does what an RPC of `MessagingService` does.
    pub(super) fn message(method: Method, path: &'static str, rpc: &'static str, run: MethodRouter<HttpApi>) -> Self {
        Self::new(method, path, About::Rpc("messaging.v1.MessagingService", rpc), run)
    }

    /// A route that does what an RPC of `CampaignService` does.
    pub(super) fn campaign(method: Method, path: &'static str, rpc: &'static str, run: MethodRouter<HttpApi>) -> Self {
        Self::new(method, path, About::Rpc("messaging.v1.CampaignService", rpc), run)
    }

    /// A route that does what an RPC of `InboundService` does.
    pub(super) fn inbound(method: Method, path: &'static str, rpc: &'static str, run: MethodRouter<HttpApi>) -> Self {
        Self::new(method, path, About::Rpc("messaging.v1.InboundService", rpc), run)
    }

    /// A route that does what an RPC of `WebhookService` does.
    pub(super) fn webhook(method: Method, path: &'static str, rpc: &'static str, run: MethodRouter<HttpApi>) -> Self {
        Self::new(method, path, About::Rpc("messaging.v1.WebhookService", rpc), run)
    }

    /// A route that does what an RPC of `AdminService` does.
    pub(super) fn admin(method: Method, path: &'static str, rpc: &'static str, run: MethodRouter<HttpApi>) -> Self {
        Self::new(method, path, About::Rpc("messaging.v1.AdminService", rpc), run)
    }
}

/// The router over some routes.
pub(super) fn router(endpoints: Vec<Endpoint>) -> Router<HttpApi> {
    endpoints.into_iter().fold(Router::new(), |router, endpoint| router.route(endpoint.path, endpoint.handler))
}
