//! One line a minute of what the provider posted. A campaign brings a post for each message, and a line for each would hide
//! all others.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::metrics::{Hook, Metrics, PostOutcome, ReportOutcome};
use crate::service::Service;

/// How often it is told at most.
const PERIOD: SignedDuration = SignedDuration::from_mins(1);

/// How much was told so far, and when.
#[derive(Debug, Default)]
pub(super) struct PostsTold(Mutex<(Option<Timestamp>, Counts)>);

/// Posts that were stored, and what their reports came to, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    posts: u64,
    inbound: u64,
    changed: u64,
    known: u64,
    repeated: u64,
    parked: u64,
    unmatched: u64,
    unreadable: u64,
}

impl Counts {
    fn now(metrics: &Metrics) -> Self {
        Self {
            posts: metrics.posted(Hook::Reports, PostOutcome::Stored),
            inbound: metrics.posted(Hook::Inbound, PostOutcome::Stored),
            changed: metrics.reported(ReportOutcome::Changed),
            known: metrics.reported(ReportOutcome::Known),
            repeated: metrics.reported(ReportOutcome::Repeated),
            parked: metrics.reported(ReportOutcome::Parked),
            unmatched: metrics.reported(ReportOutcome::Unmatched),
            unreadable: metrics.reported(ReportOutcome::Unreadable),
        }
    }

    /// Tells what has come since these.
    fn tell_since(&self, before: &Self) {
        tracing::info!(
            posts = self.posts - before.posts,
            inbound = self.inbound - before.inbound,
            changed = self.changed - before.changed,
            known = self.known - before.known,
            repeated = self.repeated - before.repeated,
            parked = self.parked - before.parked,
            unmatched = self.unmatched - before.unmatched,
            unreadable = self.unreadable - before.unreadable,
            "the provider's posts"
        );
    }
}

impl Service {
    /// Tells what the provider posted since it was told last, if that is a minute ago or `at_once` is to be.
    pub(super) fn tell_posts(&self, at_once: bool) {
        let now = self.inner.clock.now();
        let mut told = self.inner.posts_told.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, before) = *told;
        if !at_once && last.is_some_and(|at| now.duration_since(at) < PERIOD) {
            return;
        }
        let counts = Counts::now(&self.inner.metrics);
        if counts != before {
            counts.tell_since(&before);
            *told = (Some(now), counts);
        }
    }
}
