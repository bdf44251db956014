//! The delivery of one cursor's events, from when it is held until it is lost, has come to its end or the process stops.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::webhook::event::EventType;
use crate::domain::webhook::health::{Called, Health, MOST_CALLS, Outcome};
use crate::domain::webhook::{EndpointState, schedule};
use crate::error::Error;
use crate::store::{
    self, Cursor, Endpoint, ExceptionState, Held, JournalEntry, NewException, Position, Progress, Settled,
};
use crate::tail::{Follower, Step};
use crate::webhooks::Inner;
use crate::webhooks::call::{self, Ended};
use crate::webhooks::claims::Hold;
use crate::webhooks::waiting::Waiting;
use crate::webhooks::window::{Choice, Event, Packing, Taken, Window};

/// How many events wait in memory at least, and how many while the endpoint is down.
const READ_AHEAD: usize = 256;
const READ_AHEAD_DOWN: usize = 8;
/// How many events may be done with beyond the first one that is not: they are written down with each progress.
const MOST_AHEAD: usize = 512;
/// How many events may have tries of their own, or wait behind such. With more the cursor stands still.
const MOST_WAITING: usize = 10_000;
/// How often an event is tried in a row before it has tries of its own, so that the others go on.
const TRIES: u32 = 2;
/// How often it is written down how far the journal was read, while nothing of it is wanted.
const IDLE: Duration = Duration::from_secs(5);
/// How long to wait after the database failed.
const FAILED: Duration = Duration::from_secs(1);
/// How many events that nobody takes are left out in turn while an endpoint is down, so that one of them does not stand for all.
const SKIPPED: u32 = 5;

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

/// What is to be written down.
#[derive(Default)]
struct Pending {
    exceptions: Vec<NewException>,
    taken: Vec<(Uuid, i32)>,
    disable: Option<EndpointState>,
    /// How many calls ended of which nothing is written down yet.
    calls: usize,
    /// Whether there is anything that must not wait.
    urgent: bool,
    /// Whether it is the last that there is to write down.
    over: bool,
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
    settling: Option<(JoinHandle<Result<Settled, store::Error>>, Pending)>,
    /// What was written down last, and when.
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
            follower: inner.parts.tail.follow(cursor.owner, cursor.at),
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
            read_all: false,
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
            self.settle(now);
            if stopping && self.calls.is_empty() && self.settling.is_none() && !self.pending.urgent {
                return;
            }
            wake = wake.min(paused.unwrap_or(until)).min(self.written.1 + IDLE.max(FAILED));
            let reads = !stopping && paused.is_none() && self.has_room();
            tokio::select! {
                step = self.follower.next(), if reads => self.read(step),
                Some(done) = self.calls.join_next(), if !self.calls.is_empty() => match done {
                    Ok(done) => self.ended(done),
                    // It panicked, and nobody knows which events it was for: begin anew.
                    Err(_) => return,
                },
                settled = settled(&mut self.settling) => {
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
                    self.follower = self.inner.parts.tail.follow(self.endpoint().owner, now);
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
            Ok(Step::Entry(entry)) if self.is_beyond(entry.position) => self.read_all = true,
            Ok(Step::Nothing(to)) if self.is_beyond(to) => self.read_all = true,
            Ok(Step::Nothing(to)) => self.window.read(to, None, now),
            Ok(Step::Entry(entry)) => {
                let event = self.wanted(&entry);
                self.window.read(entry.position, event, now);
                if event.is_some_and(|event| self.waiting.has(event.message())) {
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

    /// The event of a change, if the endpoint wants it.
    fn wanted(&self, entry: &JournalEntry) -> Option<Event> {
        let of = EventType::of_status(entry.to)?;
        let replayed = self.replay.as_ref().is_none_or(|(_, types)| types.is_empty() || types.contains(&of));
        let wanted = replayed && self.endpoint().wanted.has(of, entry.campaign, &entry.tags);
        wanted.then_some(Event { position: entry.position, from: entry.from, to: entry.to, at: entry.at })
    }

    /// Begins as many calls as may be in flight. Returns when to look again at the latest.
    fn start_calls(&mut self, now: Instant, until: Instant) -> Instant {
        let endpoint = self.endpoint();
        let time = self.inner.parts.clock.now();
        let mut wake = until;
        if let Some(at) = self.health.next_try_at.filter(|at| *at > time) {
            wake = wake.min(after(now, time, at));
        }
        while self.calls.len() + self.pending.calls + self.settling_calls() < self.health.calls(time) {
            if self.next_call > now {
                return wake.min(self.next_call);
            }
            let alone = if self.alone_last { None } else { self.waiting.take(time) };
            let what = if let Some(event) = alone {
                What::Alone(event)
            } else {
                match self.choose(now, &endpoint) {
                    Choice::Now(taken) => What::Window(taken),
                    Choice::Later(at) => {
                        wake = wake.min(at);
                        match self.waiting.take(time) {
                            Some(event) => What::Alone(event),
                            None => break,
                        }
                    }
                    Choice::Nothing => match self.waiting.take(time) {
                        Some(event) => What::Alone(event),
                        None => break,
                    },
                }
            };
            self.alone_last = matches!(what, What::Alone(_));
            if let Some(rate) = endpoint.calling.max_rate {
                self.next_call = self.next_call.max(now) + Duration::from_secs(1) / u32::from(rate.max(1));
            }
            self.begin(what, endpoint.clone(), until);
        }
        if let Some(at) = self.waiting.next_due().filter(|at| *at > time) {
            wake = wake.min(after(now, time, at));
        }
        wake
    }

    fn settling_calls(&self) -> usize {
        self.settling.as_ref().map_or(0, |(_, pending)| pending.calls)
    }

    fn choose(&mut self, now: Instant, endpoint: &Endpoint) -> Choice {
        let down = self.health.is_down();
        let packing = Packing {
            // One that is down is asked with little.
            most: if down { 1 } else { usize::from(endpoint.calling.max_batch) },
            wait: if down { Duration::ZERO } else { endpoint.calling.max_wait },
            skip: if down { usize::try_from(self.health.probes % SKIPPED).unwrap_or(0) } else { 0 },
        };
        let waiting = &self.waiting;
        self.window.take(now, packing, |message| waiting.has(message))
    }

    fn begin(&mut self, what: What, endpoint: Arc<Endpoint>, until: Instant) {
        let inner = self.inner.clone();
        let events = match &what {
            What::Window(taken) => taken.iter().map(|taken| taken.event).collect(),
            What::Alone(event) => vec![Event {
                position: Position { place: event.place, message: event.message, version: event.version },
                from: 0,
                to: event.to,
                at: event.at,
            }],
        };
        self.calls.spawn(async move { Done { what, ended: inner.call(endpoint, events, until).await } });
    }

    fn ended(&mut self, done: Done) {
        let now = Instant::now();
        let called = match done.ended {
            Ended::Called(called) => called,
            Ended::NotCalled => {
                self.paused_until = Some(now + FAILED);
                match done.what {
                    What::Window(taken) => {
                        for one in taken {
                            self.window.uncalled(one.number, now + FAILED);
                        }
                    }
                    What::Alone(event) => self.waiting.back(event.message),
                }
                return;
            }
        };
        let time = self.inner.parts.clock.now();
        let random = (self.inner.parts.random)();
        self.health.note(&called, time, random);
        self.pending.calls += 1;
        self.pending.urgent = true;
        if called.outcome == Outcome::Gone {
            self.pending.disable = Some(EndpointState::Gone);
        } else if self.health.is_hopeless(time) {
            self.pending.disable = Some(EndpointState::Failing);
        }
        match done.what {
            What::Window(taken) => self.ended_of_window(&taken, &called, time, random),
            What::Alone(event) => self.ended_alone(event, &called, time, random),
        }
    }

    fn ended_of_window(&mut self, taken: &[Taken], called: &Called, time: Timestamp, random: f64) {
        let now = Instant::now();
        match (called.outcome, taken) {
            (Outcome::Taken, _) => {
                for one in taken {
                    self.window.finish(one.number);
                }
            }
            (Outcome::Refused, [one]) => self.set_aside(one, called, time, random),
            // Somebody in it is to blame: half of it is tried, down to that one.
            (Outcome::Refused, many) => {
                let most = many.len() / 2;
                for one in many {
                    self.window.back(one.number, None, Some(most));
                }
            }
            // The endpoint is down, or asks to wait: nothing is held against the events.
            _ if self.health.is_down() || self.health.next_try_at.is_some() => {
                for one in taken {
                    self.window.back(one.number, None, None);
                }
            }
            (_, [one]) if one.tries + 1 >= TRIES => self.set_aside(one, called, time, random),
            (_, many) => {
                let at = schedule::of_event(1, time, time, crate::domain::webhook::MAX_AGE, random);
                let at = at.map(|at| after(now, time, at));
                // One of many that failed twice is tried with fewer.
                let most = many.iter().any(|one| one.tries + 1 >= TRIES).then_some(many.len() / 2);
                for one in many {
                    self.window.back(one.number, at, most);
                }
            }
        }
    }

    /// Gives an event of the window tries of its own.
    fn set_aside(&mut self, one: &Taken, called: &Called, time: Timestamp, random: f64) {
        let event = NewException {
            endpoint: self.endpoint().id,
            place: one.event.position.place,
            message: one.event.position.message,
            version: one.event.position.version,
            to: one.event.to,
            at: one.event.at,
            state: ExceptionState::Waiting,
            tries: one.tries,
            first_at: time,
            next_try_at: None,
            last: None,
        };
        self.window.finish(one.number);
        self.tried_alone(event, called, time, random);
        self.line_up();
    }

    fn ended_alone(&mut self, event: NewException, called: &Called, time: Timestamp, random: f64) {
        if called.outcome == Outcome::Taken {
            self.waiting.finish(event.message, event.version);
            self.pending.taken.push((event.message, event.version));
        } else if called.outcome != Outcome::Refused
            && (self.health.is_down() || called.retry_after.is_some() || called.outcome == Outcome::Throttled)
        {
            self.waiting.back(event.message);
        } else {
            self.tried_alone(event, called, time, random);
        }
    }

    /// One more try of an event came to nothing.
    fn tried_alone(&mut self, mut event: NewException, called: &Called, time: Timestamp, random: f64) {
        let max_age = self.endpoint().calling.max_age;
        event.tries = event.tries.saturating_add(1);
        event.last = Some((called.outcome, called.status));
        event.next_try_at = schedule::of_event(event.tries, event.first_at, time, max_age, random);
        if event.next_try_at.is_some() {
            self.waiting.back(event.message);
            self.waiting.put(event);
        } else {
            event.state = ExceptionState::GivenUp;
            self.waiting.finish(event.message, event.version);
            self.inner.parts.metrics.webhook_given_up();
        }
        self.pending.exceptions.push(event);
    }

    /// Puts what waits of messages that have an event with tries of its own behind that.
    fn line_up(&mut self) {
        let (endpoint, time) = (self.endpoint().id, self.inner.parts.clock.now());
        let waiting = &self.waiting;
        for event in self.window.take_held(|message| waiting.has(message)) {
            let behind = NewException {
                endpoint,
                place: event.position.place,
                message: event.position.message,
                version: event.position.version,
                to: event.to,
                at: event.at,
                state: ExceptionState::Waiting,
                tries: 0,
                first_at: time,
                next_try_at: None,
                last: None,
            };
            self.waiting.put(behind);
            self.pending.exceptions.push(behind);
            self.pending.urgent = true;
        }
    }

    /// Whether everything that was to be told again is.
    fn is_over(&self) -> bool {
        self.read_all && self.window.is_empty() && self.waiting.is_empty() && self.calls.is_empty()
    }

    /// Begins to write down how far it came, if there is something to write and nothing being written.
    fn settle(&mut self, now: Instant) {
        let moved = self.window.at() != self.written.0;
        let due = self.pending.urgent || self.is_over() || (moved && now >= self.written.1 + IDLE);
        if self.settling.is_some() || !due || self.paused_until.is_some_and(|at| at > now) {
            return;
        }
        let pending = Pending { over: self.is_over(), ..std::mem::take(&mut self.pending) };
        let progress = Progress {
            held: self.held,
            at: self.window.at(),
            ahead: self.window.ahead(),
            health: self.health.clone(),
            exceptions: pending.exceptions.clone(),
            taken: pending.taken.clone(),
            disable: pending.disable,
            over: pending.over,
        };
        self.written = (progress.at, now);
        let inner = self.inner.clone();
        let task = tokio::spawn(async move { inner.parts.store.settle_cursor(progress).await });
        self.settling = Some((task, pending));
    }

    /// Progress was written down, or not. False if there is nothing more to do here.
    fn settled(&mut self, settled: Result<Settled, store::Error>) -> bool {
        let Some((_, mut pending)) = self.settling.take() else { return true };
        match settled {
            Ok(Settled::Done) => pending.disable.is_none() && !pending.over,
            Ok(Settled::Lost) => false,
            Err(e) => {
                call::note_failure(&e);
                // In the order in which it happened: of two states of one event the later one counts.
                pending.exceptions.append(&mut self.pending.exceptions);
                pending.taken.append(&mut self.pending.taken);
                pending.disable = self.pending.disable.or(pending.disable);
                pending.calls += self.pending.calls;
                (pending.urgent, pending.over) = (true, false);
                self.pending = pending;
                self.paused_until = Some(Instant::now() + FAILED);
                true
            }
        }
    }
}

/// The result of what is being written down; never, while there is nothing.
async fn settled(
    settling: &mut Option<(JoinHandle<Result<Settled, store::Error>>, Pending)>,
) -> Result<Settled, store::Error> {
    match settling {
        Some((task, _)) => task.await.unwrap_or_else(|e| Err(store::Error::Query(e.to_string().into()))),
        None => std::future::pending().await,
    }
}

/// The instant at which it will be `at`, if it is `time` now.
fn after(now: Instant, time: Timestamp, at: Timestamp) -> Instant {
    now + Duration::try_from(at.duration_since(time)).unwrap_or_default()
}
