//! When to go on after a stream was cut, and when to give up.

use std::error::Error as _;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// How to go on after a stream was cut.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often in a row, without one event in between, a cut stream is begun again.
    pub tries: u32,
    /// How long to wait before the first of them; each further one waits twice as long.
    pub first: Duration,
    /// How long to wait at most.
    pub longest: Duration,
}

impl Default for Patience {
    /// Half a minute in all: a restart of the service fits into it.
    fn default() -> Self {
        Self { tries: 8, first: Duration::from_millis(200), longest: Duration::from_secs(8) }
    }
}

impl Patience {
    /// How long to wait before the given try (from 1), or that it is enough. What the service asks for counts if it
    /// is longer, up to the longest. `luck` from 0 to 1 shortens the wait by up to a half, so that the clients of a
    /// service that restarts do not all come back at once.
    pub(in crate::cli::client) fn before(&self, attempt: u32, cut: Option<&Status>, luck: f64) -> Option<Duration> {
        if attempt > self.tries {
            return None;
        }
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        let asked = cut.and_then(|status| status.get_details_retry_info()?.retry_delay).unwrap_or_default();
        let wait = doubled.mul_f64(1.0 - luck.clamp(0.0, 1.0) / 2.0);
        Some(wait.max(asked).min(self.longest))
    }
}

/// Whether the stream was cut, rather than refused. A connection that breaks reaches us as tonic's own status, with
/// the network's error behind it and a code (UNKNOWN, INTERNAL, …) that depends on how it broke; what the service
/// itself says has no error behind it.
pub(in crate::cli::client) fn was_cut(status: &Status) -> bool {
    status.code() == Code::Unavailable || status.source().is_some()
}
