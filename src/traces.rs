//! Spans of what the process does, for an OpenTelemetry collector: begun where work begins, ended where it ends, and dropped rather than waited for.
//! Without a collector they cost a look at an `Option`.

mod sampler;

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::clock::Clock;
use crate::domain::trace::TraceContext;

pub use sampler::Sampler;

/// How many ended spans wait for the exporter at most; further ones are dropped, and counted.
const WAITING: usize = 4_096;
/// How many links a span has at most, as the specification has it without being told otherwise.
const MOST_LINKS: usize = 128;

/// Chance, of which ids are made.
pub type Chance = Arc<dyn Fn() -> u128 + Send + Sync>;

/// Makes spans. Clones make the same trace's; the default makes none.
#[derive(Clone, Default)]
pub struct Traces {
    inner: Option<Arc<Inner>>,
}

struct Inner {
    sampler: Sampler,
    clock: Clock,
    chance: Chance,
    ended: mpsc::Sender<Ended>,
    /// The other end of it, until somebody takes it.
    spans: Mutex<Option<mpsc::Receiver<Ended>>>,
    exported: AtomicU64,
    dropped: AtomicU64,
}

/// The side of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It answers a call.
    Server,
    /// It makes one.
    Client,
}

/// A value that a span tells. Nothing that a caller wrote fits in: no number, no text, no secret.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One of the program's own words.
    Word(&'static str),
    /// A number.
    Number(i64),
    /// An id of ours.
    Id(Uuid),
}

/// Where a span belongs.
#[derive(Debug, Clone, Copy, Default)]
pub enum From<'a> {
    /// It is the first of a trace.
    #[default]
    Nothing,
    /// It is a child of this one, if there is one.
    Parent(Option<TraceContext>),
    /// It is the first of a trace, and these led to it.
    Links(&'a [TraceContext]),
}

/// A span that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Its name: an RPC, a route, a step.
    pub name: Cow<'static, str>,
    /// Its side.
    pub kind: Kind,
    /// Its own place.
    pub context: TraceContext,
    /// The span that it is a child of.
    pub parent: Option<u64>,
    /// The places that led to it.
    pub links: Vec<TraceContext>,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Its attributes, by the names of the semantic conventions.
    pub told: Vec<(&'static str, Value)>,
    /// Whether it failed.
    pub failed: bool,
}

/// A span under way, which ends when it is dropped. One that nobody keeps is empty.
#[must_use = "it ends when it is dropped"]
#[derive(Default)]
pub struct Span {
    open: Option<Box<Open>>,
}

struct Open {
    span: Ended,
    inner: Arc<Inner>,
}

impl Traces {
    /// Makes spans of what the sampler picks.
    #[must_use]
    pub fn new(sampler: Sampler, clock: Clock, chance: Chance) -> Self {
        let (ended, spans) = mpsc::channel(WAITING);
        let (spans, exported, dropped) = (Mutex::new(Some(spans)), AtomicU64::default(), AtomicU64::default());
        Self { inner: Some(Arc::new(Inner { sampler, clock, chance, ended, spans, exported, dropped })) }
    }

    /// The spans that end, for the one who asks first.
    #[must_use]
    pub fn ended(&self) -> Option<mpsc::Receiver<Ended>> {
        self.inner.as_ref()?.spans.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes that so many spans were taken by a collector, or by nobody.
    pub fn exported(&self, n: usize, taken: bool) {
        if let Some(inner) = &self.inner {
            let count = if taken { &inner.exported } else { &inner.dropped };
            count.fetch_add(u64::try_from(n).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// How many spans a collector took, and how many were dropped.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let counts = |inner: &Arc<Inner>| [&inner.exported, &inner.dropped].map(|n| n.load(Ordering::Relaxed)).into();
        self.inner.as_ref().map(counts).unwrap_or_default()
    }

    /// Reads the context in a header's value; `None` without one that can be used, and where no spans are made.
    #[must_use]
    pub fn read(&self, traceparent: Option<&http::HeaderValue>) -> Option<TraceContext> {
        self.inner.as_ref()?;
        TraceContext::parse(traceparent?.to_str().ok()?)
    }

    /// Begins a span.
    pub fn begin<N: Into<Cow<'static, str>>>(&self, kind: Kind, name: impl FnOnce() -> N, from: From<'_>) -> Span {
        let Some(inner) = &self.inner else { return Span::default() };
        let (parent, links) = match from {
            From::Nothing => (None, &[][..]),
            From::Parent(parent) => (parent, &[][..]),
            From::Links(links) => (None, links),
        };
        let trace = parent.map_or_else(|| (inner.chance)().max(1), |parent| parent.trace);
        let led = parent.map(|parent| parent.sampled).or_else(|| links.first().map(|link| link.sampled));
        if !inner.sampler.keeps(trace, led) {
            return Span::default();
        }
        let span = u64::try_from((inner.chance)() >> 64).unwrap_or_default().max(1);
        let begun = inner.clock.now();
        let span = Ended {
            name: name().into(),
            kind,
            context: TraceContext { trace, span, sampled: true },
            parent: parent.map(|parent| parent.span),
            links: links.iter().take(MOST_LINKS).copied().collect(),
            begun,
            ended: begun,
            told: Vec::new(),
            failed: false,
        };
        Span { open: Some(Box::new(Open { span, inner: inner.clone() })) }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traces").field(&self.inner.is_some()).finish()
    }
}

impl Span {
    /// Its place in the trace, which what follows from it is given.
    #[must_use]
    pub fn context(&self) -> Option<TraceContext> {
        self.open.as_ref().map(|open| open.span.context)
    }

    /// Tells something.
    pub fn tell(&mut self, name: &'static str, value: Value) {
        if let Some(open) = &mut self.open {
            open.span.told.push((name, value));
        }
    }

    /// Says that it failed.
    pub fn fail(&mut self) {
        if let Some(open) = &mut self.open {
            open.span.failed = true;
        }
    }

    /// Ends it without a trace: it was a stranger's, who decides neither what is kept nor what others' spans wait behind.
    pub fn forget(&mut self) {
        self.open = None;
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Open { span, inner } = *open;
        if inner.ended.try_send(Ended { ended: inner.clock.now(), ..span }).is_err() {
            inner.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
