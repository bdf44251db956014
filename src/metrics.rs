//! The process's counters, for Prometheus: one registry that is passed along, no globals. Labels come from the closed
//! sets of `labels`.

mod labels;
mod names;
mod process;
mod reading;
mod render;
mod start;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

pub use labels::{
    Code, ErasedKind, Hook, InboundOutcome, Loop, PollOutcome, PostOutcome, ProviderCall, ReportOutcome, Route, Rpc,
    SendOutcome, Verb,
};
pub use reading::Reading;

use crate::domain::message::{Lane, Status};
use crate::domain::spend::Limit;
use crate::domain::supersede::Fate;
use crate::domain::webhook::health as webhook;
use labels::{
    Answer, OfCall, OfConnection, OfErased, OfFate, OfFlight, OfGate, OfInbound, OfLane, OfLimit, OfLoop, OfPoll,
    OfPost, OfProviderCall, OfQuota, OfReport, OfRequest, OfRoute, OfSend, OfSpan, OfState, OfStatus, OfWebhook,
};
use process::Process;

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Seconds<L> = Family<L, Histogram, fn() -> Histogram>;

/// All that is counted. Cheap to clone: clones count together.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    process: Process,
    calls: Family<OfCall, Counter>,
    call_seconds: Seconds<OfCall>,
    outcomes: Family<OfSend, Counter>,
    retries: Counter,
    divided: Counter,
    late_settles: Counter,
    timers: Family<OfStatus, Counter>,
    provider_seconds: Seconds<OfProviderCall>,
    limited: Counter,
    webhooks: Family<OfPost, Counter>,
    requests: Family<OfRequest, Counter>,
    request_seconds: Seconds<OfRoute>,
    reports: Family<OfReport, Counter>,
    unknown_words: Counter,
    inbound: Family<OfInbound, Counter>,
    polls: Family<OfPoll, Counter>,
    over_limit: Family<OfLimit, Counter>,
    superseded: Family<OfFate, Counter>,
    erased: Family<OfErased, Counter>,
    spans: Family<OfSpan, Counter>,
    in_flight: Family<OfFlight, Gauge>,
    watches: Gauge,
    shares: Family<OfQuota, Gauge>,
    open_connections: Gauge,
    gates: Family<OfGate, Gauge>,
    waiting: Family<OfLane, Gauge>,
    oldest: Family<OfLane, Gauge<f64, AtomicU64>>,
    states: Family<OfState, Gauge>,
    webhook_calls: Family<OfWebhook, Counter>,
    webhook_seconds: Histogram,
    webhook_lag: Histogram,
    webhook_given_up: Counter,
    webhook_cursors: Gauge,
    accepted: Family<OfLane, Counter>,
    status_changes: Family<OfStatus, Counter>,
    batches: Counter,
    writes: Counter,
    connections: Family<OfConnection, Gauge>,
    panics: Family<OfLoop, Counter>,
    loop_ages: Family<OfLoop, Gauge<f64, AtomicU64>>,
    /// When each loop last came round.
    rounds: Mutex<HashMap<Loop, Instant>>,
}

/// From half a millisecond to half a minute.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 17))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("messaging"),
            process: Process::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(seconds),
            outcomes: Family::default(),
            retries: Counter::default(),
            divided: Counter::default(),
            late_settles: Counter::default(),
            timers: Family::default(),
            provider_seconds: Family::new_with_constructor(seconds),
            limited: Counter::default(),
            webhooks: Family::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            reports: Family::default(),
            unknown_words: Counter::default(),
            inbound: Family::default(),
            polls: Family::default(),
            over_limit: Family::default(),
            superseded: Family::default(),
            erased: Family::default(),
            spans: Family::default(),
            in_flight: Family::default(),
            watches: Gauge::default(),
            shares: Family::default(),
            open_connections: Gauge::default(),
            gates: Family::default(),
            waiting: Family::default(),
            oldest: Family::default(),
            states: Family::default(),
            webhook_calls: Family::default(),
            webhook_seconds: seconds(),
            webhook_lag: Histogram::new(exponential_buckets(0.01, 2.0, 20)),
            webhook_given_up: Counter::default(),
            webhook_cursors: Gauge::default(),
            accepted: Family::default(),
            status_changes: Family::default(),
            batches: Counter::default(),
            writes: Counter::default(),
            connections: Family::default(),
            panics: Family::default(),
            loop_ages: Family::default(),
            rounds: Mutex::default(),
        };
        inner.register();
        inner.begin();
        Self { inner: Arc::new(inner) }
    }
}

impl Metrics {
    /// So many connections are open.
    pub fn open_connections(&self, n: usize) {
        self.inner.open_connections.set(i64::try_from(n).unwrap_or(i64::MAX));
    }

    /// A gRPC call ended.
    pub fn call(&self, method: Rpc, code: Code, took: Duration) {
        let labels = OfCall { method, code };
        self.inner.calls.get_or_create(&labels).inc();
        self.inner.call_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Handing a message over came to this.
    pub fn outcome(&self, lane: Lane, outcome: SendOutcome) {
        self.inner.outcomes.get_or_create(&OfSend { lane, outcome }).inc();
    }

    /// So many messages were tried again.
    pub fn retries(&self, n: usize) {
        self.inner.retries.inc_by(u64::try_from(n).unwrap_or(u64::MAX));
    }

    /// A bulk call was divided.
    pub fn divided(&self) {
        self.inner.divided.inc();
    }

    /// An answer came after its holder had lost the message.
    pub fn late_settle(&self) {
        self.inner.late_settles.inc();
    }

    /// A timer moved a message to this status.
    pub fn timer(&self, to: Status) {
        self.inner.timers.get_or_create(&OfStatus { to }).inc();
    }

    /// A provider call ended.
    pub fn provider(&self, call: ProviderCall, took: Duration) {
        self.inner.provider_seconds.get_or_create(&OfProviderCall { call }).observe(took.as_secs_f64());
    }

    /// A rate limit cut a pass over the queue short.
    pub fn limited(&self) {
        self.inner.limited.inc();
    }

    /// A post to a webhook ended like this.
    pub fn webhook(&self, hook: Hook, outcome: PostOutcome) {
        self.inner.webhooks.get_or_create(&OfPost { hook, outcome }).inc();
    }

    /// An HTTP request was answered.
    pub fn request(&self, route: Route, method: Verb, status: StatusCode, took: Duration) {
        let labels = OfRequest { route: route.clone(), method, status: Answer(status) };
        self.inner.requests.get_or_create(&labels).inc();
        self.inner.request_seconds.get_or_create(&OfRoute { route }).observe(took.as_secs_f64());
    }

    /// These routes are served: what can be wrong with them is told from the first reading on.
    pub fn serves(&self, routes: impl Iterator<Item = (Route, Verb)>) {
        for (route, method) in routes {
            for status in start::WATCHED_STATUSES {
                let labels = OfRequest { route: route.clone(), method, status: Answer(status) };
                drop(self.inner.requests.get_or_create(&labels));
            }
        }
    }

    /// So many delivery reports came to this.
    pub fn reports(&self, outcome: ReportOutcome, n: usize) {
        if n > 0 {
            let n = u64::try_from(n).unwrap_or(u64::MAX);
            self.inner.reports.get_or_create(&OfReport { outcome }).inc_by(n);
        }
    }

    /// How many posts to a webhook have ended like this.
    #[must_use]
    pub fn posted(&self, hook: Hook, outcome: PostOutcome) -> u64 {
        self.inner.webhooks.get_or_create(&OfPost { hook, outcome }).get()
    }

    /// How many delivery reports have come to this.
    #[must_use]
    pub fn reported(&self, outcome: ReportOutcome) -> u64 {
        self.inner.reports.get_or_create(&OfReport { outcome }).get()
    }

    /// A delivery report had a word that nobody knows.
    pub fn unknown_word(&self) {
        self.inner.unknown_words.inc();
    }

    /// A recipient's message asked for this.
    pub fn inbound(&self, outcome: InboundOutcome) {
        self.inner.inbound.get_or_create(&OfInbound { outcome }).inc();
    }

    /// A question about a message without a final report came to this.
    pub fn poll(&self, outcome: PollOutcome) {
        self.inner.polls.get_or_create(&OfPoll { outcome }).inc();
    }

    /// A limit of spending refused a send.
    pub fn over_limit(&self, limit: Limit) {
        self.inner.over_limit.get_or_create(&OfLimit { limit }).inc();
    }

    /// A call to a webhook endpoint ended.
    pub fn webhook_call(&self, outcome: webhook::Outcome, took: Duration) {
        self.inner.webhook_calls.get_or_create(&OfWebhook { outcome }).inc();
        self.inner.webhook_seconds.observe(took.as_secs_f64());
    }

    /// A webhook endpoint took an event, so long after it happened.
    pub fn webhook_taken(&self, lag: Duration) {
        self.inner.webhook_lag.observe(lag.as_secs_f64());
    }

    /// An event was given up.
    pub fn webhook_given_up(&self) {
        self.inner.webhook_given_up.inc();
    }

    /// A message took another one's place.
    pub fn superseded(&self, fate: Fate) {
        self.inner.superseded.get_or_create(&OfFate { fate }).inc();
    }

    /// So many of these were erased because of their age.
    pub fn erased(&self, what: ErasedKind, n: usize) {
        if n > 0 {
            self.inner.erased.get_or_create(&OfErased { what }).inc_by(u64::try_from(n).unwrap_or(u64::MAX));
        }
    }

    /// A loop in the background came round, whether or not it did what it was to do.
    pub fn came_round(&self, which: Loop) {
        self.rounds().insert(which, Instant::now());
    }

    /// A loop in the background ended, as it was told to.
    pub fn ended(&self, which: Loop) {
        self.rounds().remove(&which);
    }

    /// A loop in the background panicked.
    pub fn panicked(&self, which: Loop) {
        self.inner.panics.get_or_create(&OfLoop { r#loop: which }).inc();
    }

    /// How long ago each loop in the background last came round.
    #[must_use]
    pub fn loop_ages(&self) -> Vec<(Loop, Duration)> {
        self.rounds().iter().map(|(which, at)| (*which, at.elapsed())).collect()
    }

    fn rounds(&self) -> MutexGuard<'_, HashMap<Loop, Instant>> {
        self.inner.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
