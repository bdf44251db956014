//! The delivery of one cursor's events, from when it is held until it is lost, has come to its end or the process stops.

mod calls;
mod outcomes;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::webhook::event::EventType;
use crate::domain::webhook::health::{Health, MOST_CALLS};
use crate::error::Error;
use crate::store::{Cursor, Endpoint, Happening, Held, JournalEntry, NewException, Position};
use crate::tail::{Follower, Purpose, Step};
use crate::webhooks::Inner;
use crate::webhooks::call::{self, Ended};
use crate::webhooks::hold::Hold;
use crate::webhooks::waiting::Waiting;
use crate::webhooks::window::{Taken, Window};
use writing::{Pending, Settling};

/// How many events wait in memory at least, and how many while the endpoint is down.
const READ_AHEAD: usize = 256;
const READ_AHEAD_DOWN: usize = 8;
/// How many events may be done with beyond the first one that is not: they are written down with each progress.
const MOST_AHEAD: usize = 512;
/// How many events may have tries of their own, or wait behind such. With more the cursor stands still.
const MOST_WAITING: usize = 10_000;
/// How often it is written down how far the journal was read, while nothing of it is wanted.
const IDLE: Duration = Duration::from_secs(5);
/// How long to wait after the database failed.
const FAILED: Duration = Duration::from_secs(1);

/// A call that ended.
struct Done {
    what: What,
    ended: Ended,
}

/// The events that a call was for.
enum What {
    /// Some of the window.
    Window(Vec<Taken>),
    /// One with tries of its own.
    Alone(NewException),
}

/// See the module.
pub(super) struct Delivery {
    inner: Arc<Inner>,
    held: Held,
    hold: watch::Receiver<Hold>,
    stop: CancellationToken,
    /// The place before which it ends, and the types that it tells, if it tells the past again.
    replay: Option<(i64, Vec<EventType>)>,
    follower: Follower,
    window: Window,
    waiting: Waiting,
    health: Health,
    calls: JoinSet<Done>,
    pending: Pending,
    settling: Settling,
    /// The place that was written down last, and when.
    written: (Position, Instant),
    /// Nothing is begun before, because the database failed.
    paused_until: Option<Instant>,
    /// No call is begun before, because of the endpoint's rate.
    next_call: Instant,
    /// Whether the last call was for an event with tries of its own: they take turns with the others.
    alone_last: bool,
    read_all: bool,
}

impl Delivery {
    pub(super) fn new(inner: Arc<Inner>, cursor: Cursor, hold: watch::Receiver<Hold>, stop: CancellationToken) -> Self {
        let now = Instant::now();
        Self {
            follower: inner.parts.tail.follow(Purpose::Endpoint, cursor.owner, cursor.at),
            window: Window::new(cursor.at, cursor.ahead),
            waiting: Waiting::default(),
            health: cursor.health,
            calls: JoinSet::new(),
            pending: Pending::default(),
            settling: None,
            written: (cursor.at, now),
            paused_until: None,
            next_call: now,
            alone_last: false,
            // There may be nothing to tell again.
            read_all: cursor.replay.as_ref().is_some_and(|(until, _)| cursor.at >= Position::before(*until)),
            held: cursor.held,
            replay: cursor.replay,
            hold,
            stop,
            inner,
        }
    }

    /// Delivers. Whoever drops it drops the calls that are in flight.
    pub(super) async fn run(mut self) {
        while !self.load().await {
            tokio::time::sleep(FAILED).await;
            if Instant::now() >= self.hold.borrow().until {
                return;
            }
        }
        loop {
            let (now, until) = (Instant::now(), self.hold.borrow_and_update().until);
            if now >= until {
                return;
            }
            let stopping = self.stop.is_cancelled();
            let paused = self.paused_until.filter(|at| *at > now);
            let mut wake = until;
            if !stopping && paused.is_none() {
                wake = wake.min(self.start_calls(now, until));
            }
            wake = wake.min(self.settle(now).unwrap_or(until)).min(paused.unwrap_or(until));
            if stopping && self.calls.is_empty() && self.settling.is_none() && !self.pending.urgent {
                return;
            }
            let reads = !stopping && paused.is_none() && self.has_room();
            tokio::select! {
                step = self.follower.next(), if reads => self.read(step),
                Some(done) = self.calls.join_next(), if !self.calls.is_empty() => match done {
                    Ok(done) => self.ended(done),
                    // It panicked, and nobody knows which events it was for: begin anew.
                    Err(_) => return,
                },
                settled = writing::settled(&mut self.settling) => {
                    if !self.settled(settled) {
                        return;
                    }
                }
                changed = self.hold.changed() => if changed.is_err() { return },
                () = self.stop.cancelled(), if !stopping => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    /// Reads which events have tries of their own. False if the database did not answer.
    async fn load(&mut self) -> bool {
        let store = &self.inner.parts.store;
        let limit = i64::try_from(2 * MOST_WAITING).unwrap_or(i64::MAX);
        match (store.waiting_exceptions(self.held.cursor, limit).await, store.journal_horizon().await) {
            (Ok(waiting), Ok(horizon)) => {
                for exception in waiting {
                    self.waiting.put(exception.event);
                }
                if self.window.at().place > horizon.end {
                    tracing::warn!("the journal is shorter than a webhook was delivered: it goes on from now");
                    let now = Position::before(horizon.settled);
                    self.window = Window::new(now, []);
                    self.follower = self.inner.parts.tail.follow(Purpose::Endpoint, self.endpoint().owner, now);
                }
                true
            }
            (Err(e), _) | (_, Err(e)) => {
                call::note_failure(&e);
                false
            }
        }
    }

    fn endpoint(&self) -> Arc<Endpoint> {
        self.hold.borrow().endpoint.clone()
    }

    fn has_room(&self) -> bool {
        let batch = usize::from(self.endpoint().calling.max_batch);
        let most = if self.health.is_down() { READ_AHEAD_DOWN } else { READ_AHEAD.max(MOST_CALLS * batch) };
        !self.read_all
            && self.window.len() < most
            && self.window.ahead_len() < MOST_AHEAD
            && self.waiting.len() < MOST_WAITING
    }

    fn read(&mut self, step: Result<Step, Error>) {
        let now = Instant::now();
        match step {
            Ok(Step::Entry(entry)) if self.is_beyond(entry.what.position) => self.read_all = true,
            Ok(Step::Nothing(to)) if self.is_beyond(to) => self.read_all = true,
            Ok(Step::Nothing(to)) => self.window.read(to, None, now),
            Ok(Step::Entry(entry)) => {
                let event = self.wanted(&entry);
                self.window.read(entry.what.position, event, now);
                if event.is_some_and(|event| self.waiting.has(event.position.subject)) {
                    self.line_up();
                }
            }
            Err(e) => {
                tracing::debug!(cause = e.cause(), "webhooks wait for the database");
                self.paused_until = Some(now + FAILED);
            }
        }
    }

    /// Whether a place is behind the end of what is told again.
    fn is_beyond(&self, at: Position) -> bool {
        self.replay.as_ref().is_some_and(|(until, _)| at >= Position::before(*until))
    }

    /// The event of an entry, if the endpoint wants it.
    fn wanted(&self, entry: &JournalEntry) -> Option<Happening> {
        let of = EventType::of_number(entry.what.to)?;
        let replayed = self.replay.as_ref().is_none_or(|(_, types)| types.is_empty() || types.contains(&of));
        let wanted = replayed && self.endpoint().wanted.has(of, entry.campaign, &entry.tags);
        wanted.then_some(entry.what)
    }
}

/// The instant at which it will be `at`, if it is `time` now.
fn after(now: Instant, time: Timestamp, at: Timestamp) -> Instant {
    now + Duration::try_from(at.duration_since(time)).unwrap_or_default()
}
