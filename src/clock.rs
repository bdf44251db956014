//! The time, passed in: the system's clock in the program, a hand-moved one in tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// The time, to the microsecond, which is what both databases keep.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock, moved by the offset to the database's clock (microseconds), so that the leases of
    /// several machines are told by one clock.
    System {
        /// Database minus system, in microseconds.
        offset: Arc<AtomicI64>,
    },
    /// A clock that stands still until it is moved: microseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::System { offset: Arc::default() }
    }

    /// A clock that stands at `start` until it is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.as_microsecond())))
    }

    /// The time now, in whole microseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let micros = match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
            Self::System { offset } => Timestamp::now().as_microsecond().saturating_add(offset.load(Ordering::Relaxed)),
            Self::Manual(at) => at.load(Ordering::SeqCst),
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Moves a manual clock forward. The system's clock is not ours to move.
    pub fn advance(&self, by: SignedDuration) {
        if let Self::Manual(at) = self {
            at.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// Follows the database's clock, whose time was `database` when this machine's was `local`.
    pub fn follow(&self, database: Timestamp, local: Timestamp) {
        if let Self::System { offset } = self {
            offset.store(database.as_microsecond() - local.as_microsecond(), Ordering::Relaxed);
        }
    }
}
