//! What a send has to pass: the provider as a whole (the breaker) and the route account (its block, its `Retry-After`,
//! its rate). The state is shared by all replicas; this file says how it changes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::outcome::{Hold, Outcome, UNREADABLE};
use crate::domain::rate::Rate;

/// The name of the gate that every send passes; the others are route accounts.
pub const PROVIDER: &str = "*";

/// Why a gate is held. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Holding {
    /// It is open.
    Open = 0,
    /// The provider asked to wait (429): it opens by itself.
    Throttled = 1,
    /// The provider is unwell: it opens after a send that went well.
    Unwell = 2,
    /// The provider refused the account (401, 402, 403): it opens after a send that went well, or by hand.
    Blocked = 3,
}

impl Holding {
    /// The holding with this number; one that no version of this program wrote counts as open.
    #[must_use]
    pub fn from_number(n: i16) -> Self {
        [Self::Throttled, Self::Unwell, Self::Blocked].into_iter().find(|h| *h as i16 == n).unwrap_or(Self::Open)
    }

    /// Its name, for operators and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Throttled => "throttled",
            Self::Unwell => "unwell",
            Self::Blocked => "blocked",
        }
    }
}

/// What a call to the provider says about the gates it went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The provider works: it accepted a message, or refused one for its own sake.
    Healthy,
    /// Nobody is to send on the account for so long.
    Throttled(Duration),
    /// The provider could not be reached, failed, or did not answer.
    Unwell(&'static str),
    /// The provider refused the account.
    Blocked(&'static str),
}

impl Word {
    /// What an outcome says.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted(_) | Outcome::Rejected(_) => Self::Healthy,
            Outcome::Ambiguous(reason) if reason.code == UNREADABLE => Self::Healthy,
            Outcome::Ambiguous(reason) => Self::Unwell(reason.code),
            Outcome::NotSent(not_sent) => match not_sent.hold {
                Hold::Unwell => Self::Unwell(not_sent.reason.code),
                Hold::Throttled { retry_after } => Self::Throttled(retry_after.unwrap_or(THROTTLED)),
                Hold::AccountBlocked => Self::Blocked(not_sent.reason.code),
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
    /// The account's own rate: parts a second, 0 for no limit; `None` is the configured default.
    pub rate: Option<u32>,
    /// The account's own burst in parts.
    pub burst: Option<u32>,
    /// Until when the rate is booked.
    pub booked: Option<Timestamp>,
    /// Whether it is held, and why.
    pub holding: Holding,
    /// Until when; after that it is open, or may be probed.
    pub until: Option<Timestamp>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// A stable upper-snake reason.
    pub code: Option<String>,
    /// How many probes in a row failed.
    pub strikes: i32,
    /// Who may send one message through the held gate to see whether it goes, and until when.
    pub probe: Option<(Uuid, Timestamp)>,
}

/// Whether a send may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Yes.
    Open,
    /// No, not before this time.
    Held(Timestamp),
    /// One may, by whoever takes the probe first.
    Probe,
}

impl Gate {
    /// An open gate of which nothing is known.
    #[must_use]
    pub fn open(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            rate: None,
            burst: None,
            booked: None,
            holding: Holding::Open,
            until: None,
            since: None,
            code: None,
            strikes: 0,
            probe: None,
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
    pub fn passage(&self, now: Timestamp) -> Passage {
        let until = self.until.unwrap_or(now);
        let taken = self.probe.map(|(_, until)| until).filter(|until| *until > now);
        match self.holding {
            Holding::Open => Passage::Open,
            _ if until > now => Passage::Held(until),
            Holding::Throttled => Passage::Open,
            Holding::Unwell | Holding::Blocked => taken.map_or(Passage::Probe, Passage::Held),
        }
    }

    /// Gives the probe to `by` until `until`; false if there is none to give.
    pub fn take_probe(&mut self, by: Uuid, until: Timestamp, now: Timestamp) -> bool {
        let free = self.passage(now) == Passage::Probe;
        if free {
            self.probe = Some((by, until));
        }
        free
    }

    /// Gives the probe back unused.
    pub fn return_probe(&mut self, by: Uuid) {
        self.probe = self.probe.filter(|(holder, _)| *holder != by);
    }

    /// Opens the gate.
    pub fn lift(&mut self) {
        *self = Self {
            rate: self.rate,
            burst: self.burst,
            booked: self.booked,
            ..Self::open(&std::mem::take(&mut self.name))
        };
    }

    /// Takes in what a call of `by`'s said. Answers whether anything changed.
    ///
    /// Good news opens a gate that is closed only if it comes from the probe: a call that began before the trouble says
    /// nothing about now.
    pub fn hear(&mut self, word: Word, by: Uuid, now: Timestamp) -> bool {
        let before = self.clone();
        let probing = self.probe.is_some_and(|(holder, _)| holder == by);
        match word {
            Word::Healthy if probing => self.lift(),
            Word::Healthy => {}
            Word::Throttled(_) if self.holding > Holding::Throttled && !probing => {}
            Word::Throttled(wait) => {
                // A probe that was told to wait found the provider alive.
                let wait = SignedDuration::try_from(wait).unwrap_or(BLOCKED_RETRY);
                let until = now.checked_add(wait).unwrap_or(now);
                if probing {
                    self.lift();
                }
                self.hold(Holding::Throttled, self.until.map_or(until, |u| u.max(until)), "PROVIDER_THROTTLED", now);
            }
            Word::Unwell(_) if self.holding >= Holding::Unwell && !probing => {}
            Word::Unwell(code) => {
                self.strikes = self.strikes.saturating_add(1);
                let doublings = u32::try_from(self.strikes - 1).unwrap_or(0).min(8);
                let wait = FIRST_COOLDOWN.saturating_mul(1 << doublings).min(LAST_COOLDOWN);
                let holding = self.holding.max(Holding::Unwell);
                self.hold(holding, now.checked_add(wait).unwrap_or(now), code, now);
            }
            Word::Blocked(code) => {
                self.strikes = self.strikes.saturating_add(1);
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
