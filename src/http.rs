//! The HTTP API: the API for browsers, what the provider posts, and whether the process lives and can work.

mod api_keys;
mod audit;
mod bodies;
mod campaigns;
mod console;
mod delivery_report;
mod endpoint;
mod entry;
mod events;
mod fleet;
mod guard;
mod health;
mod inbound;
mod inbox;
mod manual;
mod messages;
mod mitto;
mod numbers;
mod openapi;
mod operated;
mod opt_outs;
mod problem;
pub mod readers;
mod recipients;
mod route_accounts;
mod routes;
mod signature;
mod stream_urls;
mod transcode;
mod users;
mod webhook;
mod webhook_endpoints;

pub use console::{Arrived, Console, Handsets, act_paths, page_paths};
pub use guard::cors;
pub use problem::Problem;

use axum::http::HeaderValue;
use axum::{Router, middleware};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::metrics::{Route, Verb};
use crate::service::Service;
use entry::HttpApi;

/// How the API treats those who call.
#[derive(Debug, Clone, Default)]
pub struct Front {
    /// The origins whose pages may call (`CORS_ALLOWLIST`).
    pub origins: Vec<HeaderValue>,
    /// Set when the process stops: streams end.
    pub stop: CancellationToken,
    /// Whether probes and metrics are elsewhere (`ADMIN_ADDR`).
    pub probes_elsewhere: bool,
    /// The console, unless it is off (`CONSOLE`).
    pub console: Option<Console>,
}

/// All routes of the API. What it does not know it says so, in JSON.
pub fn routes(service: &Service, front: Front) -> Router {
    let served = routes::all().into_iter();
    service.metrics().serves(served.map(|route| (Route::declared(route.path), Verb::from(&route.method))));
    let api = HttpApi { service: service.clone(), stop: front.stop };
    let in_time = || middleware::from_fn(guard::in_time);
    let admitted = middleware::from_fn_with_state(service.clone(), guard::admitted);
    let prompt = endpoint::router(routes::prompt()).layer(in_time());
    let called = prompt.merge(endpoint::router(recipients::endpoints())).layer(admitted);
    let console = console::routes(&api, front.console);
    let by_token = endpoint::router(stream_urls::by_token()).layer(in_time());
    let api = called.merge(by_token).layer(middleware::from_fn(guard::permitted)).with_state(api);
    let probes = if front.probes_elsewhere { Router::new() } else { health::probes(service) };
    let open = probes.merge(health::webhooks(service));
    let manual = manual::routes();
    finish(open.merge(api).merge(console).merge(openapi::routes(routes::all)).merge(manual), service, &front.origins)
}

/// The routes of a process that serves no callers: a worker's.
pub fn worker_routes(service: &Service) -> Router {
    finish(health::probes(service).merge(health::webhooks(service)), service, &[])
}

/// The routes of the listener for operators: probes and metrics alone.
pub fn admin_routes(service: &Service) -> Router {
    finish(health::probes(service), service, &[])
}

fn finish(router: Router, service: &Service, origins: &[HeaderValue]) -> Router {
    let router = router
        .method_not_allowed_fallback(|| async { Problem::WrongMethod })
        .fallback(|| async { Problem::NoRoute })
        .layer(CatchPanicLayer::custom(guard::after_panic));
    let router = match cors(origins) {
        Some(cors) => router.layer(cors),
        None => router,
    };
    let counted = (service.metrics().clone(), service.traces().clone());
    router.layer(middleware::from_fn_with_state(counted, guard::observe))
}
