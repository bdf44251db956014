//! The page of everything that is counted.

use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::encoding::text::{encode, encode_registry};

use crate::metrics::labels::{
    Flight, OfConnection, OfFlight, OfGate, OfLane, OfLoop, OfQuota, OfSpan, OfState, OfStatus, SpanOutcome, Use,
};
use crate::metrics::{Inner, Metrics, Reading};

impl Metrics {
    /// Everything, in the text format of `OpenMetrics`; what a reading gives is taken in first.
    #[must_use]
    pub fn render(&self, reading: &Reading) -> String {
        self.inner.take(reading);
        for (which, age) in self.loop_ages() {
            self.inner.loop_ages.get_or_create(&OfLoop { r#loop: which }).set(age.as_secs_f64());
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        if self.inner.process.read() {
            let _ = encode_registry(&mut text, self.inner.process.registry());
        }
        let _ = encode(&mut text, &self.inner.registry);
        text
    }
}

impl Inner {
    fn take(&self, reading: &Reading) {
        for &(lane, depth, oldest) in &reading.queue {
            self.waiting.get_or_create(&OfLane { lane }).set(depth);
            self.oldest.get_or_create(&OfLane { lane }).set(oldest);
        }
        for &(state, n) in &reading.states {
            self.states.get_or_create(&OfState { state }).set(n);
        }
        for &(why, n) in &reading.gates {
            self.gates.get_or_create(&OfGate { why }).set(n);
        }
        // Whoever counts them counts from the start of the process, too, and never back.
        for &(lane, n) in &reading.accepted {
            self.accepted.get_or_create(&OfLane { lane }).inner().store(n, Relaxed);
        }
        for &(to, n) in &reading.status_changes {
            self.status_changes.get_or_create(&OfStatus { to }).inner().store(n, Relaxed);
        }
        self.batches.inner().store(reading.writer.0, Relaxed);
        self.writes.inner().store(reading.writer.1, Relaxed);
        self.connections.get_or_create(&OfConnection { r#use: Use::Busy }).set(reading.connections.0);
        self.connections.get_or_create(&OfConnection { r#use: Use::Idle }).set(reading.connections.1);
        self.in_flight.get_or_create(&OfFlight { kind: Flight::Single }).set(reading.in_flight.0);
        self.in_flight.get_or_create(&OfFlight { kind: Flight::Bulk }).set(reading.in_flight.1);
        self.watches.set(reading.watches);
        self.webhook_cursors.set(reading.cursors);
        for (outcome, n) in [(SpanOutcome::Exported, reading.spans.0), (SpanOutcome::Dropped, reading.spans.1)] {
            self.spans.get_or_create(&OfSpan { outcome }).inner().store(n, Relaxed);
        }
        for (quota, taken) in &reading.shares {
            self.shares.get_or_create(&OfQuota { quota: *quota }).set(*taken);
        }
    }
}
