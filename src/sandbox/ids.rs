//! Message ids: real ULIDs, time from the clock, the rest from the seed, each greater than the one before.

use jiff::Timestamp;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use ulid::Ulid;
use uuid::Uuid;

/// The 79 low bits: a ULID has 80 random ones, and the free top bit leaves room to count up within a millisecond.
const RANDOM: u128 = (1 << 79) - 1;

/// Hands out ids. With the same seed and the same clock they are the same.
pub(super) struct Ids {
    random: Xoshiro256PlusPlus,
    last: Ulid,
}

impl Ids {
    /// Ids that come after `last`, the greatest that was handed out in an earlier life.
    pub(super) fn new(seed: u64, last: Ulid) -> Self {
        Self { random: Xoshiro256PlusPlus::seed_from_u64(seed), last }
    }

    /// The next message id. A clock that stands or goes back only makes the ids count up.
    pub(super) fn message(&mut self, now: Timestamp) -> Ulid {
        let millisecond = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let last = self.last.timestamp_ms();
        let random = self.random.random::<u128>() & RANDOM;
        self.last = if millisecond > last || self.last.is_nil() {
            Ulid::from_parts(millisecond, random)
        } else {
            self.last.increment().unwrap_or_else(|_| Ulid::from_parts(last.saturating_add(1), random))
        };
        self.last
    }

    /// A bulk id: a version 4 UUID.
    pub(super) fn bulk(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random.random()).into_uuid()
    }
}
