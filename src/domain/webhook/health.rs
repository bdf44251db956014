//! The health of an endpoint, as its answers show it: how much it is called with at once, and when at all.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::retry::RETRY_AFTER_MAX;
use crate::domain::webhook::{DISABLED_AFTER, schedule};

/// The result of a call to an endpoint. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Outcome {
    /// It answered 2xx.
    Taken = 1,
    /// It answered 4xx: it does not want this event.
    Refused = 2,
    /// It answered 5xx, 408 or 425.
    Failed = 3,
    /// It answered 429: it wants fewer calls.
    Throttled = 4,
    /// It answered 410: it is no more.
    Gone = 5,
    /// It answered 3xx, which is not followed.
    Redirected = 6,
    /// It did not answer in time.
    TimedOut = 7,
    /// Its name leads nowhere.
    NoName = 8,
    /// Its name leads to addresses that nothing is delivered to.
    NotAllowed = 9,
    /// No connection came about, TLS included.
    NoConnection = 10,
    /// The connection broke, or what came was no answer.
    Broken = 11,
    /// It was not made: the key of the endpoint's secret is not among the service's any more.
    NoKey = 12,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 12] = [
        Self::Taken,
        Self::Refused,
        Self::Failed,
        Self::Throttled,
        Self::Gone,
        Self::Redirected,
        Self::TimedOut,
        Self::NoName,
        Self::NotAllowed,
        Self::NoConnection,
        Self::Broken,
        Self::NoKey,
    ];

    /// The outcome with this number.
    #[must_use]
    pub fn from_number(n: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| *outcome as i16 == n)
    }

    /// Its name in lower snake case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::Gone => "gone",
            Self::Redirected => "redirected",
            Self::TimedOut => "timed_out",
            Self::NoName => "no_name",
            Self::NotAllowed => "not_allowed",
            Self::NoConnection => "no_connection",
            Self::Broken => "broken",
            Self::NoKey => "no_key",
        }
    }

    /// The meaning of an answer's status.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Taken,
            300..=399 => Self::Redirected,
            410 => Self::Gone,
            429 => Self::Throttled,
            408 | 425 => Self::Failed,
            400..=499 => Self::Refused,
            _ => Self::Failed,
        }
    }

    /// Whether the endpoint gave an answer.
    #[must_use]
    pub fn is_answer(self) -> bool {
        !matches!(
            self,
            Self::TimedOut | Self::NoName | Self::NotAllowed | Self::NoConnection | Self::Broken | Self::NoKey
        )
    }

    /// How much it speaks against the endpoint.
    fn weight(self) -> u32 {
        match self {
            Self::Taken | Self::Gone | Self::Throttled => 0,
            Self::Refused | Self::Failed | Self::Redirected => 1,
            Self::TimedOut | Self::NoName | Self::NotAllowed | Self::NoConnection | Self::Broken | Self::NoKey => 4,
        }
    }
}

/// A call that ended: what came of it, and the answer's status if there was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Called {
    /// The result.
    pub outcome: Outcome,
    /// The answer's status.
    pub status: Option<u16>,
    /// How long the endpoint asks to wait.
    pub retry_after: Option<Duration>,
}

/// The most calls that one endpoint has in flight.
pub const MOST_CALLS: usize = 8;
/// How much has to speak against an endpoint, without anything for it in between, until it counts as down: three calls without an
/// answer, or twelve answers that it took nothing.
const LIMIT: u32 = 12;
/// With how many calls in vain, since it counts as down, operators are told that it fails: half an hour of them.
pub const FAILING_PROBES: u32 = 4;
/// The wait after 429 without a word of how long.
const THROTTLED: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How much spoke against it since it last took something.
    weight: u32,
    /// How many calls it may have in flight now: one at first and after each call without an answer, then twice as many with each
    /// that it took.
    calls: usize,
    /// How many calls it got in vain since it counts as down.
    pub probes: u32,
    /// Since when it has taken nothing, if the last call was in vain.
    pub failing_since: Option<Timestamp>,
    /// Not called before; set while it is down, or asked to wait.
    pub next_try_at: Option<Timestamp>,
    /// When it last took something.
    pub taken_at: Option<Timestamp>,
    /// The last call.
    pub last: Option<(Outcome, Option<u16>)>,
}

impl Health {
    /// Of an endpoint that is known by this alone. One that is down is not believed to be up again before it took something.
    #[must_use]
    pub fn new(
        probes: u32,
        failing_since: Option<Timestamp>,
        next_try_at: Option<Timestamp>,
        taken_at: Option<Timestamp>,
        last: Option<(Outcome, Option<u16>)>,
    ) -> Self {
        let weight = if next_try_at.is_some() { LIMIT } else { 0 };
        Self { weight, calls: 1, probes, failing_since, next_try_at, taken_at, last }
    }

    /// How many calls it may have in flight at this time.
    #[must_use]
    pub fn calls(&self, now: Timestamp) -> usize {
        match self.next_try_at {
            Some(at) if at > now => 0,
            Some(_) => 1,
            None => self.calls,
        }
    }

    /// Whether it takes nothing, as far as is known: then it gets one call at a time, and nothing is written down about its events.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.weight >= LIMIT
    }

    /// Whether it is to be disabled, because it has taken nothing for too long.
    #[must_use]
    pub fn is_hopeless(&self, now: Timestamp) -> bool {
        self.failing_since.is_some_and(|since| now.duration_since(since) > DISABLED_AFTER)
    }

    /// A call ended.
    pub fn note(&mut self, called: &Called, now: Timestamp, random: f64) {
        self.last = Some((called.outcome, called.status));
        if called.outcome == Outcome::Taken {
            (self.weight, self.probes, self.failing_since, self.next_try_at) = (0, 0, None, None);
            self.calls = (self.calls * 2).min(MOST_CALLS);
            self.taken_at = Some(now);
            return;
        }
        let since = *self.failing_since.get_or_insert(now);
        self.weight = self.weight.saturating_add(called.outcome.weight()).min(LIMIT);
        let asked = called.retry_after.or((called.outcome == Outcome::Throttled).then_some(THROTTLED));
        let asked = asked.map(|wait| schedule::after(now, wait.min(RETRY_AFTER_MAX)));
        let down = self.is_down().then(|| schedule::of_endpoint(self.probes, since, now, random));
        if self.is_down() {
            self.probes = self.probes.saturating_add(1);
        }
        self.next_try_at = [self.next_try_at.filter(|at| *at > now), asked, down].into_iter().flatten().max();
        if !called.outcome.is_answer() || self.is_down() || asked.is_some() {
            self.calls = 1;
        }
    }
}
