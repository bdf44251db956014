//! How long a list that was read is used before it is read anew: what is dear to read is read more rarely, so that reading it takes a
//! fifth of the time at most.

use std::time::Duration;

/// How long a list is used at least for each time that reading it took, if that was long.
const TIMES: u32 = 4;

/// A list that was read.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// How long reading it took.
    pub cost: Duration,
    /// How long ago that was.
    pub age: Duration,
    /// Whether nothing more was found by it.
    pub spent: bool,
}

/// Whether a list is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is; if nothing is found by it, a new one may be read.
    May,
    /// It is, and it is too soon for a new one.
    Must,
    /// A new one is read.
    No,
}

impl Kept {
    /// Whether it is used; one that was cheap to read, for so long.
    #[must_use]
    pub fn is_used(&self, ttl: Duration) -> Use {
        if self.cost > ttl && self.age < self.cost.saturating_mul(TIMES) {
            Use::Must
        } else if self.age < ttl && !self.spent {
            Use::May
        } else {
            Use::No
        }
    }
}
