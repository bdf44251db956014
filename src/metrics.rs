//! The process's counters, for Prometheus: one registry that is passed along, no globals. Labels come from closed sets,
//! and never hold a number, a text or an account.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type One = [(&'static str, &'static str); 1];
type Two = [(&'static str, &'static str); 2];
type Named = [(&'static str, String); 1];
type NamedTwo = [(&'static str, String); 2];
type NamedThree = [(&'static str, String); 3];
type Seconds = Family<Named, Histogram, fn() -> Histogram>;
type SecondsOf = Family<One, Histogram, fn() -> Histogram>;

/// All that is counted. Cheap to clone: clones count together.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    calls: Family<NamedTwo, Counter>,
    call_seconds: Seconds,
    outcomes: Family<Two, Counter>,
    retries: Counter,
    divided: Counter,
    late_settles: Counter,
    timers: Family<One, Counter>,
    provider_seconds: SecondsOf,
    limited: Counter,
    webhooks: Family<Two, Counter>,
    requests: Family<NamedThree, Counter>,
    request_seconds: Seconds,
    reports: Family<One, Counter>,
    unknown_words: Counter,
    inbound: Family<One, Counter>,
    polls: Family<One, Counter>,
    erased: Family<One, Counter>,
    in_flight: Family<One, Gauge>,
    watches: Gauge,
    gates: Family<One, Gauge>,
    waiting: Family<One, Gauge>,
    oldest: Family<One, Gauge<f64, AtomicU64>>,
    states: Family<One, Gauge>,
    batches: Gauge,
    writes: Gauge,
    connections: Family<One, Gauge>,
}

/// From half a millisecond to half a minute.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 17))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("messaging"),
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
            erased: Family::default(),
            in_flight: Family::default(),
            watches: Gauge::default(),
            gates: Family::default(),
            waiting: Family::default(),
            oldest: Family::default(),
            states: Family::default(),
            batches: Gauge::default(),
            writes: Gauge::default(),
            connections: Family::default(),
        };
        inner.register();
        Self { inner: Arc::new(inner) }
    }
}

impl Inner {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("rpc_calls", "gRPC calls that ended, by method and code", self.calls.clone());
        r.register("rpc_seconds", "How long gRPC calls took", self.call_seconds.clone());
        r.register("send_outcomes", "What handing a message over came to, by lane", self.outcomes.clone());
        r.register("send_retries", "Messages that were tried again", self.retries.clone());
        r.register(
            "bulk_divisions",
            "Bulk calls that were divided because one message spoilt them",
            self.divided.clone(),
        );
        r.register(
            "late_settles",
            "Answers that came after their holder had lost the message",
            self.late_settles.clone(),
        );
        r.register("timer_moves", "What time did to messages, by the status after", self.timers.clone());
        r.register("provider_seconds", "How long provider calls took, by call", self.provider_seconds.clone());
        r.register("rate_limited_passes", "Passes over the queue that a rate limit cut short", self.limited.clone());
        r.register("webhook_posts", "Posts to the webhooks, by hook and outcome", self.webhooks.clone());
        r.register("http_requests", "HTTP requests, by route, method and status", self.requests.clone());
        r.register(
            "http_seconds",
            "How long HTTP requests took until their answer began, by route",
            self.request_seconds.clone(),
        );
        r.register("reports", "Delivery reports that were looked at, by outcome", self.reports.clone());
        r.register("unknown_words", "Delivery reports with a word that nobody knows", self.unknown_words.clone());
        r.register("inbound_messages", "Messages from recipients, by what they ask for", self.inbound.clone());
        r.register("polls", "Questions about messages without a final report, by outcome", self.polls.clone());
        r.register("erased", "What was erased because of its age, by what it was", self.erased.clone());
        r.register("in_flight", "Messages (single) and calls (bulk) in this process's hands", self.in_flight.clone());
        r.register("watch_streams", "Streams of WatchMessages that are open here", self.watches.clone());
        r.register(
            "gates_held",
            "Gates that hold sends back, by reason; unhealthy is the open breaker",
            self.gates.clone(),
        );
        r.register("queue_depth", "Messages in the queue, by lane; of all replicas", self.waiting.clone());
        r.register(
            "queue_oldest_seconds",
            "How long the oldest message in the queue has been due",
            self.oldest.clone(),
        );
        r.register("messages_in_state", "Messages that wait for time or an operator, by state", self.states.clone());
        r.register("writer_batches", "Transactions of the group commit since the start", self.batches.clone());
        r.register("writer_writes", "Writes that they held", self.writes.clone());
        r.register("database_connections", "Connections of the pool, by use", self.connections.clone());
    }
}

/// A reading of the database and its pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// How many messages wait in each lane, and how many seconds the oldest of them has been due.
    pub queue: Vec<(&'static str, i64, f64)>,
    /// How many messages are in each state that waits for time or an operator.
    pub states: Vec<(&'static str, i64)>,
    /// How many transactions the writer has made, and how many writes they held.
    pub writer: (i64, i64),
    /// How many connections of the pool are in use, and how many idle.
    pub connections: (i64, i64),
    /// How many gates are held, by reason.
    pub gates: Vec<(&'static str, i64)>,
    /// How many single messages and bulk calls this process has in flight.
    pub in_flight: (i64, i64),
    /// How many streams of `WatchMessages` are open.
    pub watches: i64,
}

impl Metrics {
    /// A gRPC call ended.
    pub fn call(&self, method: &str, code: &str, took: Duration) {
        let labels = [("method", method.to_owned()), ("code", code.to_owned())];
        self.inner.calls.get_or_create(&labels).inc();
        self.inner.call_seconds.get_or_create(&[("method", method.to_owned())]).observe(took.as_secs_f64());
    }

    /// Handing a message over came to this.
    pub fn outcome(&self, lane: &'static str, outcome: &'static str) {
        self.inner.outcomes.get_or_create(&[("lane", lane), ("outcome", outcome)]).inc();
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
    pub fn timer(&self, to: &'static str) {
        self.inner.timers.get_or_create(&[("to", to)]).inc();
    }

    /// A provider call ended.
    pub fn provider(&self, call: &'static str, took: Duration) {
        self.inner.provider_seconds.get_or_create(&[("call", call)]).observe(took.as_secs_f64());
    }

    /// A rate limit cut a pass over the queue short.
    pub fn limited(&self) {
        self.inner.limited.inc();
    }

    /// A post to a webhook ended like this.
    pub fn webhook(&self, hook: &'static str, outcome: &'static str) {
        self.inner.webhooks.get_or_create(&[("hook", hook), ("outcome", outcome)]).inc();
    }

    /// An HTTP request was answered; `route` and `method` come from closed sets.
    pub fn request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let labels = [("route", route.to_owned()), ("method", method.to_owned()), ("status", status.to_string())];
        self.inner.requests.get_or_create(&labels).inc();
        self.inner.request_seconds.get_or_create(&[("route", route.to_owned())]).observe(took.as_secs_f64());
    }

    /// So many delivery reports came to this.
    pub fn reports(&self, outcome: &'static str, n: usize) {
        if n > 0 {
            let n = u64::try_from(n).unwrap_or(u64::MAX);
            self.inner.reports.get_or_create(&[("outcome", outcome)]).inc_by(n);
        }
    }

    /// A delivery report had a word that nobody knows.
    pub fn unknown_word(&self) {
        self.inner.unknown_words.inc();
    }

    /// A recipient's message asked for this.
    pub fn inbound(&self, outcome: &'static str) {
        self.inner.inbound.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// A question about a message without a final report came to this.
    pub fn poll(&self, outcome: &'static str) {
        self.inner.polls.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// So many of these were erased because of their age.
    pub fn erased(&self, what: &'static str, n: usize) {
        if n > 0 {
            self.inner.erased.get_or_create(&[("what", what)]).inc_by(u64::try_from(n).unwrap_or(u64::MAX));
        }
    }

    /// Everything, in the text format of `OpenMetrics`; what a reading gives is taken in first.
    #[must_use]
    pub fn render(&self, reading: &Reading) -> String {
        let inner = &self.inner;
        for (lane, depth, oldest) in &reading.queue {
            inner.waiting.get_or_create(&[("lane", lane)]).set(*depth);
            inner.oldest.get_or_create(&[("lane", lane)]).set(*oldest);
        }
        for (state, n) in &reading.states {
            inner.states.get_or_create(&[("state", state)]).set(*n);
        }
        for (why, n) in &reading.gates {
            inner.gates.get_or_create(&[("why", why)]).set(*n);
        }
        inner.batches.set(reading.writer.0);
        inner.writes.set(reading.writer.1);
        inner.connections.get_or_create(&[("use", "busy")]).set(reading.connections.0);
        inner.connections.get_or_create(&[("use", "idle")]).set(reading.connections.1);
        inner.in_flight.get_or_create(&[("kind", "single")]).set(reading.in_flight.0);
        inner.in_flight.get_or_create(&[("kind", "bulk")]).set(reading.in_flight.1);
        inner.watches.set(reading.watches);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &inner.registry);
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
