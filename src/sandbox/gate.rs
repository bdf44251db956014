//! The checks that every call of Mitto's API passes: the key, the outage, and, on the way back, how the answer ends.

use std::sync::Arc;

use axum::extract::{Extension, Request, State as Shared};
use axum::middleware::Next;
use axum::response::Response;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::problem;
use super::send::Ending;
use super::settings::Outage;
use super::state::State;

/// The connection that a call came over.
#[derive(Clone, Default)]
pub(super) struct Line(CancellationToken);

impl Line {
    /// Drops the connection without another byte. Never returns: the server drops the waiting call with it.
    async fn cut(&self) -> Response {
        self.0.cancel();
        std::future::pending().await
    }

    /// Until a call asked for the connection to be dropped.
    pub(super) async fn is_cut(&self) {
        self.0.cancelled().await;
    }
}

/// Lets a call in, and its answer out.
pub(super) async fn pass(
    Shared(state): Shared<Arc<State>>,
    Extension(line): Extension<Line>,
    request: Request,
    next: Next,
) -> Response {
    let outage = state.settings.get().outage;
    let mut response = match outage {
        Outage::Hang => {
            state.settings.until_it_hangs_no_longer().await;
            return line.cut().await;
        }
        Outage::Refuse => return line.cut().await,
        Outage::Broken => problem::broken(),
        Outage::Unavailable => problem::unavailable(),
        Outage::Busy => problem::busy(1),
        Outage::Unauthorized => problem::unauthorized(),
        _ if !has_key(&state, &request) => problem::unauthorized(),
        Outage::None | Outage::Cut | Outage::Malformed => next.run(request).await,
    };
    let ending: Ending = response.extensions_mut().remove().unwrap_or_default();
    if ending.slow {
        tokio::time::sleep(state.slow_answer).await;
    }
    if ending.drop || outage == Outage::Cut {
        return line.cut().await;
    }
    let latency = state.settings.get().latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    state.ledger.answered(&ending.accepted);
    if ending.malformed || outage == Outage::Malformed { problem::malformed() } else { response }
}

fn has_key(state: &State, request: &Request) -> bool {
    let key = request.headers().get("x-mitto-api-key");
    key.is_some_and(|key| key.as_bytes() == state.api_key.expose_secret().as_bytes())
}
