//! The calls of a delivery: how many are begun, when, and for which events.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::{Endpoint, Happening};
use crate::webhooks::delivery::{Delivery, Done, What, after};
use crate::webhooks::window::{Choice, Packing};

/// How many events that nobody takes are left out in turn while an endpoint is down, so that one of them does not stand for all.
const SKIPPED: u32 = 5;

impl Delivery {
    /// Begins as many calls as may be in flight. Returns when to look again at the latest.
    pub(super) fn start_calls(&mut self, now: Instant, until: Instant) -> Instant {
        let endpoint = self.endpoint();
        let time = self.inner.parts.clock.now();
        let (mut wake, mut begun) = (until, Vec::new());
        if let Some(at) = self.health.next_try_at.filter(|at| *at > time) {
            wake = wake.min(after(now, time, at));
        }
        let in_hand = self.calls.len() + self.pending.calls + self.settling_calls();
        while in_hand + begun.len() < self.health.calls(time) {
            if self.next_call > now {
                wake = wake.min(self.next_call);
                break;
            }
            let alone = if self.alone_last { None } else { self.waiting.take(time) };
            let what = alone.map(What::Alone).or_else(|| match self.choose(now, &endpoint) {
                Choice::Now(taken) => Some(What::Window(taken)),
                Choice::Later(at) => {
                    wake = wake.min(at);
                    None
                }
                Choice::Nothing => None,
            });
            let Some(what) = what.or_else(|| self.waiting.take(time).map(What::Alone)) else { break };
            self.alone_last = matches!(what, What::Alone(_));
            if let Some(rate) = endpoint.calling.max_rate {
                self.next_call = self.next_call.max(now) + Duration::from_secs(1) / u32::from(rate.max(1));
            }
            begun.push(what);
        }
        self.begin(begun, &endpoint, until);
        if let Some(at) = self.waiting.next_due().filter(|at| *at > time) {
            wake = wake.min(after(now, time, at));
        }
        wake
    }

    fn settling_calls(&self) -> usize {
        self.settling.as_ref().map_or(0, |(_, pending)| pending.calls)
    }

    fn choose(&mut self, now: Instant, endpoint: &Endpoint) -> Choice {
        let down = self.health.is_down();
        let packing = Packing {
            // One that is down is asked with little.
            most: if down { 1 } else { usize::from(endpoint.calling.max_batch) },
            wait: if down { Duration::ZERO } else { endpoint.calling.max_wait },
            skip: if down { usize::try_from(self.health.probes % SKIPPED).unwrap_or(0) } else { 0 },
        };
        let waiting = &self.waiting;
        self.window.take(now, packing, |subject| waiting.has(subject))
    }

    /// Begins these calls. The facts of all their events are read at once.
    fn begin(&mut self, calls: Vec<What>, endpoint: &Arc<Endpoint>, until: Instant) {
        if calls.is_empty() {
            return;
        }
        let events: Vec<Vec<Happening>> = calls.iter().map(What::events).collect();
        let facts = self.inner.clone().facts(events.iter().flatten().copied().collect());
        for (what, events) in calls.into_iter().zip(events) {
            let (inner, endpoint, facts) = (self.inner.clone(), endpoint.clone(), facts.clone());
            let again = matches!(what, What::Alone(_));
            let call = inner.call(endpoint, events, facts, again, until);
            self.calls.spawn(async move { Done { what, ended: call.await } });
        }
    }
}

impl What {
    fn events(&self) -> Vec<Happening> {
        match self {
            Self::Window(taken) => taken.iter().map(|taken| taken.event).collect(),
            Self::Alone(event) => vec![event.what],
        }
    }
}
