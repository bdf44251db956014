//! The engine that delivers events to owners' webhook endpoints.
//!
//! Nothing is written when a message changes. An endpoint is a cursor on the journal: one process at a time holds it, follows the
//! journal from there, calls the endpoint, and writes down how far it came. What was called for and not written down is called for
//! again after a kill: at least once, and no more than was in flight.

mod body;
mod call;
mod claims;
mod delivery;
mod facts;
mod hold;
mod waiting;
pub mod window;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::clock::Clock;
use crate::domain::webhook::secret::{EndpointSecret, HookKeys};
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::receiver::Receiver;
use crate::store::{Endpoint, Store};
use crate::tail::Tail;
use crate::traces::Traces;
use crate::turns::Turns;
use claims::Running;

/// How many calls to endpoints there are at once. One that waits for its answer costs a connection and some kilobytes.
const CALLS: usize = 512;

/// A source of random numbers from 0 to 1, passed in so that tests decide.
pub type Random = Arc<dyn Fn() -> f64 + Send + Sync>;

/// The parts of the engine.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Calls receivers.
    pub receiver: Arc<dyn Receiver>,
    /// The journal as it grows.
    pub tail: Tail,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// The keys that secrets are derived from.
    pub keys: HookKeys,
    /// The counters.
    pub metrics: Metrics,
    /// Whether the process is to stop.
    pub lifecycle: Lifecycle,
    /// By what this process is known as a holder.
    pub holder: Uuid,
    /// Spans of calls to endpoints.
    pub traces: Traces,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    /// The calls to endpoints that the process has in flight.
    in_flight: Turns,
    /// The cursors that are at work here.
    running: Mutex<HashMap<Uuid, Running>>,
    tasks: TaskTracker,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").field("holder", &self.inner.parts.holder).finish_non_exhaustive()
    }
}

impl Webhooks {
    /// The engine over its parts. It delivers once it is told to look.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let inner = Inner { parts, in_flight: Turns::new(CALLS), running: Mutex::default(), tasks: TaskTracker::new() };
        Self { inner: Arc::new(inner) }
    }

    /// The keys that secrets are derived from.
    #[must_use]
    pub fn keys(&self) -> &HookKeys {
        &self.inner.parts.keys
    }
}

impl Inner {
    /// The secrets that a call to this endpoint is signed with at this time: the newest first. None if the service has none of their
    /// keys any more.
    fn secrets(&self, endpoint: &Endpoint) -> Vec<EndpointSecret> {
        let now = self.parts.clock.now();
        let old = endpoint.old_secret.filter(|(_, until)| *until > now).map(|(secret, _)| secret);
        let of = [Some(endpoint.secret), old].into_iter().flatten();
        of.filter_map(|secret| self.parts.keys.secret(secret.mark, endpoint.id, secret.rotation)).collect()
    }
}
