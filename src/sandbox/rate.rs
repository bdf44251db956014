//! The rate limit: a bucket that holds one second of sends.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// A token bucket. A bulk call is let in when anything is left and then takes all that it needs, so that a call larger
/// than the limit gets through and is paid for by the calls after it.
pub(super) struct Bucket {
    inner: Mutex<Inner>,
}

struct Inner {
    /// Below zero when a bulk call took more than was there.
    tokens: f64,
    filled: Timestamp,
    limit: u32,
}

impl Bucket {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { inner: Mutex::new(Inner { tokens: 0.0, filled: now, limit: 0 }) }
    }

    /// Whether `sends` messages may pass at `now` under `limit` per second.
    pub(super) fn admits(&self, sends: usize, limit: Option<u32>, now: Timestamp) -> bool {
        let Some(limit) = limit else { return true };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let full = f64::from(limit);
        if inner.limit != limit {
            *inner = Inner { tokens: full, filled: now, limit };
        }
        let elapsed = now.duration_since(inner.filled).as_secs_f64().max(0.0);
        inner.tokens = elapsed.mul_add(full, inner.tokens).min(full);
        inner.filled = now;
        let admitted = inner.tokens >= 1.0;
        if admitted {
            inner.tokens -= u32::try_from(sends).map_or(f64::from(u32::MAX), f64::from);
        }
        admitted
    }
}
