//! When one process calls the provider unhealthy: most of its recent calls failed for the provider's health.

/// How much the newest call weighs.
const WEIGHT: f64 = 0.1;
/// The share of failures above which the breaker trips: twelve in a row, or most of many.
const TRIP: f64 = 0.7;

/// A moving share of failures. Which calls count as failures is [`crate::domain::gate::Signal::of`]'s to say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Breaker {
    failing: f64,
}

impl Breaker {
    /// Takes in one call. True if this one trips the breaker, which then starts afresh.
    pub fn record(&mut self, failed: bool) -> bool {
        self.failing += WEIGHT * (f64::from(u8::from(failed)) - self.failing);
        let trips = self.failing > TRIP;
        if trips {
            self.failing = 0.0;
        }
        trips
    }
}
