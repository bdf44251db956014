//! The gates that a send has to pass: the provider as a whole (its breaker) and the route account (its breaker, its block, its
//! `Retry-After`, its rate). The state is shared by all replicas; this file says how it changes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::outcome::{Backoff, Outcome, UNREADABLE};
use crate::domain::rate::Rate;

/// The name of the gate that every send passes; the others are route accounts.
pub const PROVIDER: &str = "*";

/// Why a gate is held. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Holding {
    /// It is not held.
    Free = 0,
    /// The provider asked to wait (429): it is released by itself.
    Throttled = 1,
    /// The provider is unhealthy: it is released after a send that went well.
    Unhealthy = 2,
    /// The provider refused the account (401, 402, 403): it is released after a send that went well, or by hand.
    Blocked = 3,
}

impl Holding {
    /// The holding with this number; one that no version of this program wrote counts as free.
    #[must_use]
    pub fn from_number(n: i16) -> Self {
        [Self::Throttled, Self::Unhealthy, Self::Blocked].into_iter().find(|h| *h as i16 == n).unwrap_or(Self::Free)
    }

    /// Its name, for operators and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Throttled => "throttled",
            Self::Unhealthy => "unhealthy",
            Self::Blocked => "blocked",
        }
    }
}

/// The signal that a call to the provider gives the gates it went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The provider works: it accepted a message, or refused one for its own sake.
    Healthy,
    /// Nobody is to send on the account for so long.
    Throttled(Duration),
    /// The provider failed, or did not answer.
    Unhealthy(&'static str),
    /// The provider could not be reached, which says nothing of the account.
    Unreachable(&'static str),
    /// The provider refused the account.
    Blocked(&'static str),
}

impl Signal {
    /// The signal of an outcome.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted(_) | Outcome::Rejected(_) => Self::Healthy,
            Outcome::Ambiguous(reason) if reason.code == UNREADABLE => Self::Healthy,
            Outcome::Ambiguous(reason) | Outcome::ServerFailed(reason) => Self::Unhealthy(reason.code),
            Outcome::NotSent(not_sent) => match not_sent.backoff {
                Backoff::Unhealthy => Self::Unreachable(not_sent.reason.code),
                Backoff::Throttled { retry_after } => Self::Throttled(retry_after.unwrap_or(THROTTLED)),
                Backoff::AccountBlocked => Self::Blocked(not_sent.reason.code),
            },
        }
    }
}

/// How long an account waits after a 429 that names no time.
const THROTTLED: Duration = Duration::from_secs(1);
/// How long the breaker stays open after its first trip; it doubles with every probe that fails,
const FIRST_COOLDOWN: SignedDuration = SignedDuration::from_secs(2);
/// up to this.
const LAST_COOLDOWN: SignedDuration = SignedDuration::from_secs(30);
/// How often a blocked account is tried.
const BLOCKED_RETRY: SignedDuration = SignedDuration::from_mins(1);

/// One gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// [`PROVIDER`], or a route account.
    pub name: String,
    /// The account's own rate: segments a second, 0 for no limit; `None` is the configured default.
    pub rate: Option<u32>,
    /// The account's own burst in segments.
    pub burst: Option<u32>,
    /// Until when the rate is booked.
    pub booked: Option<Timestamp>,
    /// Whether it is held, and why.
    pub holding: Holding,
    /// Until when; after that it is free, or may be probed.
    pub until: Option<Timestamp>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// A stable upper-snake reason.
    pub code: Option<String>,
    /// How many probes in a row failed.
    pub failed_probes: i32,
    /// Who may send one message through the held gate to see whether it goes, and until when.
    pub probe: Option<(Uuid, Timestamp)>,
}

/// The state of the gate's circuit, by the names of the circuit breaker pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Sends pass.
    Closed,
    /// No send passes before this time.
    Open(Timestamp),
    /// One send may pass, made by whoever takes the probe first.
    HalfOpen,
}

impl Gate {
    /// A free gate of which nothing is known.
    #[must_use]
    pub fn free(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            rate: None,
            burst: None,
            booked: None,
            holding: Holding::Free,
            until: None,
            since: None,
            code: None,
            failed_probes: 0,
            probe: None,
        }
    }

    /// Whether it holds sends back at `now`: a throttle is over when its time is, whoever noted it; what else holds is so
    /// until a probe goes well.
    #[must_use]
    pub fn is_held(&self, now: Timestamp) -> bool {
        match self.holding {
            Holding::Free => false,
            Holding::Throttled => self.until.is_some_and(|until| until > now),
            Holding::Unhealthy | Holding::Blocked => true,
        }
    }

    /// The rate that holds here, where `default` holds unless the gate has its own.
    #[must_use]
    pub fn limit(&self, default: Option<Rate>) -> Option<Rate> {
        match self.rate {
            Some(rate) => Rate::new(rate, self.burst.unwrap_or(rate)),
            None => default,
        }
    }

    /// Whether a send may pass now.
    #[must_use]
    pub fn circuit(&self, now: Timestamp) -> Circuit {
        let until = self.until.unwrap_or(now);
        let taken = self.probe.map(|(_, until)| until).filter(|until| *until > now);
        match self.holding {
            Holding::Free => Circuit::Closed,
            _ if until > now => Circuit::Open(until),
            Holding::Throttled => Circuit::Closed,
            Holding::Unhealthy | Holding::Blocked => taken.map_or(Circuit::HalfOpen, Circuit::Open),
        }
    }

    /// Gives the probe to `by` until `until`; false if there is none to give.
    pub fn take_probe(&mut self, by: Uuid, until: Timestamp, now: Timestamp) -> bool {
        let free = self.circuit(now) == Circuit::HalfOpen;
        if free {
            self.probe = Some((by, until));
        }
        free
    }

    /// Gives the probe back unused.
    pub fn return_probe(&mut self, by: Uuid) {
        self.probe = self.probe.filter(|(holder, _)| *holder != by);
    }

    /// Releases the gate.
    pub fn reset(&mut self) {
        *self = Self {
            rate: self.rate,
            burst: self.burst,
            booked: self.booked,
            ..Self::free(&std::mem::take(&mut self.name))
        };
    }

    /// Takes in what a call of `by`'s said. Returns whether anything changed.
    ///
    /// Good news releases a gate that is held only if it comes from the probe: a call that began before the trouble says
    /// nothing about now.
    pub fn record(&mut self, signal: Signal, by: Uuid, now: Timestamp) -> bool {
        let before = self.clone();
        let probing = self.probe.is_some_and(|(holder, _)| holder == by);
        match signal {
            Signal::Healthy if probing => self.reset(),
            Signal::Healthy => {}
            Signal::Throttled(_) if self.holding > Holding::Throttled && !probing => {}
            Signal::Throttled(wait) => {
                // A probe that was told to wait found the provider alive.
                let wait = SignedDuration::try_from(wait).unwrap_or(BLOCKED_RETRY);
                let until = now.checked_add(wait).unwrap_or(now);
                if probing {
                    self.reset();
                }
                self.hold(Holding::Throttled, self.until.map_or(until, |u| u.max(until)), "PROVIDER_THROTTLED", now);
            }
            Signal::Unhealthy(_) | Signal::Unreachable(_) if self.holding >= Holding::Unhealthy && !probing => {}
            Signal::Unhealthy(code) | Signal::Unreachable(code) => {
                self.failed_probes = self.failed_probes.saturating_add(1);
                let doublings = u32::try_from(self.failed_probes - 1).unwrap_or(0).min(8);
                let wait = FIRST_COOLDOWN.saturating_mul(1 << doublings).min(LAST_COOLDOWN);
                let holding = self.holding.max(Holding::Unhealthy);
                self.hold(holding, now.checked_add(wait).unwrap_or(now), code, now);
            }
            Signal::Blocked(code) => {
                self.failed_probes = self.failed_probes.saturating_add(1);
                self.hold(Holding::Blocked, now.checked_add(BLOCKED_RETRY).unwrap_or(now), code, now);
            }
        }
        *self != before
    }

    fn hold(&mut self, holding: Holding, until: Timestamp, code: &str, now: Timestamp) {
        if self.holding != holding {
            self.since = Some(now);
        }
        self.holding = holding;
        self.until = Some(until);
        self.code = Some(code.to_owned());
        self.probe = None;
    }
}
