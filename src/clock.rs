//! The time, passed in: the machine's in the program, a hand-moved one in tests.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A clock that is further off than this has jumped, instead of having drifted.
const DRIFT: SignedDuration = SignedDuration::from_secs(2);
/// How long a clock has to stay where it jumped to before it is followed: time decides what expires, what is erased and who
/// holds a message, and what it did by a mistake of some seconds cannot be undone.
const DOUBTED: Duration = Duration::from_mins(1);
/// How long nobody may have served before the clock of a start is doubted: a restart and an upgrade take less.
const PLAUSIBLE: SignedDuration = SignedDuration::from_mins(10);

/// The time, to the microsecond, which is what both databases keep.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The time since the process began, which nobody can set, from an anchor: the database's clock on Postgres, so that the
    /// leases of several machines are told by one clock, else the system's.
    System(Arc<Anchor>),
    /// A clock that stands still until it is moved: microseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

/// A point in time that is known by the process's own count and by a clock that can be set.
#[derive(Debug)]
pub struct Anchor {
    begun: Instant,
    /// The time at `begun`, in microseconds.
    micros: AtomicI64,
    doubts: Mutex<Doubts>,
}

/// The reasons not to believe a clock that can be set.
#[derive(Debug, Default)]
struct Doubts {
    jump: Option<Jump>,
    /// Since when the clock of the start is doubted.
    start: Option<Instant>,
}

/// A clock that was seen elsewhere than it should be.
#[derive(Debug, Clone, Copy)]
struct Jump {
    by: SignedDuration,
    since: Instant,
}

/// The result of looking at a clock that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is where it should be, give or take a drift, which is followed.
    InStep,
    /// It has jumped by so much, and is not believed yet.
    Jumped(SignedDuration),
    /// It jumped by so much and stayed there: it is followed now.
    Followed(SignedDuration),
}

/// The clock of a start, beside the time at which the database was served last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It goes on from there, or nobody served before.
    InStep,
    /// It is behind by so much: the time goes on from where it was.
    Behind(SignedDuration),
    /// So much has passed that the clock may be wrong as well as the service may have been away.
    Ahead(SignedDuration),
}

impl Anchor {
    fn at(&self, when: Instant) -> Timestamp {
        let micros = i64::try_from(when.saturating_duration_since(self.begun).as_micros()).unwrap_or(i64::MAX);
        let micros = self.micros.load(Ordering::Relaxed).saturating_add(micros);
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn see(&self, clock: Timestamp, when: Instant) -> Seen {
        let by = clock.duration_since(self.at(when));
        let mut doubts = self.doubts();
        let stayed = doubts.jump.filter(|jump| (by - jump.by).abs() <= DRIFT);
        let seen = match stayed {
            _ if by.abs() <= DRIFT => Seen::InStep,
            Some(jump) if when.saturating_duration_since(jump.since) >= DOUBTED => Seen::Followed(by),
            _ => Seen::Jumped(by),
        };
        doubts.jump = match seen {
            Seen::Jumped(_) => stayed.or(Some(Jump { by, since: when })),
            Seen::InStep | Seen::Followed(_) => {
                self.shift(by);
                None
            }
        };
        let stood = doubts.start.is_some_and(|since| when.saturating_duration_since(since) >= DOUBTED);
        if matches!(seen, Seen::Followed(_)) || (stood && seen == Seen::InStep) {
            doubts.start = None;
        }
        seen
    }

    fn begin(&self, clock: Timestamp, when: Instant, served: Timestamp) -> Begun {
        self.shift(clock.duration_since(self.at(when)));
        let passed = self.at(when).duration_since(served);
        let mut doubts = self.doubts();
        if passed < -DRIFT {
            self.shift(-passed);
            *doubts = Doubts { jump: Some(Jump { by: passed, since: when }), start: Some(when) };
            Begun::Behind(-passed)
        } else if passed > PLAUSIBLE {
            *doubts = Doubts { jump: None, start: Some(when) };
            Begun::Ahead(passed)
        } else {
            Begun::InStep
        }
    }

    fn shift(&self, by: SignedDuration) {
        self.micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(0), Ordering::Relaxed);
    }

    fn doubts(&self) -> MutexGuard<'_, Doubts> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        let (begun, micros) = (Instant::now(), AtomicI64::new(system_time().as_microsecond()));
        Self::System(Arc::new(Anchor { begun, micros, doubts: Mutex::default() }))
    }

    /// A clock that stands at `start` until it is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.as_microsecond())))
    }

    /// The time now, in whole microseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System(anchor) => anchor.at(Instant::now()),
            Self::Manual(at) => Timestamp::from_microsecond(at.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }

    /// Moves a manual clock. The system's clock is not ours to move.
    pub fn advance(&self, by: SignedDuration) {
        if let Self::Manual(at) = self {
            at.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// Anchors the time in another clock, which showed `at` at the moment `when`, whatever it showed before. `served` is when the
    /// database was last served, if it ever was: time does not go back behind it, and a clock that is far from it is doubted.
    #[must_use]
    pub fn begin(&self, at: Timestamp, when: Instant, served: Option<Timestamp>) -> Begun {
        match self {
            Self::System(anchor) => anchor.begin(at, when, served.unwrap_or(at)),
            Self::Manual(_) => Begun::InStep,
        }
    }

    /// Whether the clock of the start is doubted still: whatever goes by the time, and cannot be undone, waits until it has stayed
    /// for a minute.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        match self {
            Self::System(anchor) => anchor.doubts().start.is_some(),
            Self::Manual(_) => false,
        }
    }

    /// Follows the clock of the anchor, which showed `at` at the moment `when`; not a jump of it, before it has stayed there
    /// for a minute.
    #[must_use]
    pub fn follow(&self, at: Timestamp, when: Instant) -> Seen {
        match self {
            Self::System(anchor) => anchor.see(at, when),
            Self::Manual(_) => Seen::InStep,
        }
    }
}

/// The time that the system's clock shows, which may be set at any time.
#[must_use]
pub fn system_time() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(Timestamp::UNIX_EPOCH)
}
