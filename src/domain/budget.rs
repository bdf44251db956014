//! The retry budget: retries are at most a tenth of first tries, so that a provider that stumbles is not trampled.

use jiff::Timestamp;

/// Retries that one first try pays for.
const SHARE: f64 = 0.1;
/// Retries a second that are always allowed: what failed must come to an end even if nothing new is sent.
const FLOOR: f64 = 10.0;
/// The most that can be saved up: a minute of first tries at a high rate must not become a storm of retries.
const SAVINGS: f64 = 600.0;

/// The budget of one process, in calls. A bulk call is as much of each kind as its messages are.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    saved: f64,
    at: Timestamp,
}

impl Budget {
    /// A budget with a second's floor in it.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { saved: FLOOR, at: now }
    }

    /// How many retries may be made now.
    pub fn allowance(&mut self, now: Timestamp) -> usize {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.at = self.at.max(now);
        self.saved = (self.saved + passed * FLOOR).min(SAVINGS);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 600")]
        let whole = self.saved.max(0.0) as usize;
        whole
    }

    /// Takes in calls that were made.
    pub fn spend(&mut self, first_tries: f64, retries: f64) {
        self.saved = (self.saved + first_tries * SHARE - retries).min(SAVINGS);
    }
}
