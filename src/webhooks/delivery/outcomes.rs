//! The calls of a delivery that ended: what becomes of their events.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::webhook::health::{Called, Outcome};
use crate::domain::webhook::{EndpointId, EndpointState, MAX_AGE, schedule};
use crate::store::{ExceptionState, Happening, NewException};
use crate::webhooks::call::Ended;
use crate::webhooks::delivery::{Delivery, Done, FAILED, What, after};
use crate::webhooks::window::Taken;

/// How often an event is tried in a row before it has tries of its own, so that the others go on.
const TRIES: u32 = 2;

impl Delivery {
    pub(super) fn ended(&mut self, done: Done) {
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
                    What::Alone(event) => self.waiting.back(event.what.position.subject),
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
                let at = schedule::of_event(1, time, time, MAX_AGE, random);
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
        let event = waiting(self.endpoint().id, one.event, one.tries, time);
        self.window.finish(one.number);
        self.tried_alone(event, called, time, random);
        self.line_up();
    }

    fn ended_alone(&mut self, event: NewException, called: &Called, time: Timestamp, random: f64) {
        if called.outcome == Outcome::Taken {
            self.waiting.finish(event.what.position);
            self.pending.taken.push(event.what.position);
        } else if called.outcome != Outcome::Refused
            && (self.health.is_down() || called.retry_after.is_some() || called.outcome == Outcome::Throttled)
        {
            self.waiting.back(event.what.position.subject);
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
            self.waiting.back(event.what.position.subject);
            self.waiting.put(event);
        } else {
            event.state = ExceptionState::GivenUp;
            self.waiting.finish(event.what.position);
            self.inner.parts.metrics.webhook_given_up();
        }
        self.pending.exceptions.push(event);
    }

    /// Puts what waits of subjects that have an event with tries of its own behind that.
    pub(super) fn line_up(&mut self) {
        let (endpoint, time) = (self.endpoint().id, self.inner.parts.clock.now());
        let held = &self.waiting;
        for event in self.window.take_held(|subject| held.has(subject)) {
            let behind = waiting(endpoint, event, 0, time);
            self.waiting.put(behind);
            self.pending.exceptions.push(behind);
            self.pending.urgent = true;
        }
    }
}

/// An event that is to have tries of its own after so many, or to wait behind another one.
fn waiting(endpoint: EndpointId, event: Happening, tries: u32, time: Timestamp) -> NewException {
    NewException {
        endpoint,
        what: event,
        state: ExceptionState::Waiting,
        tries,
        first_at: time,
        next_try_at: None,
        last: None,
    }
}
