//! The work of time itself: leases end, validity ends, waits end; and maintenance.

use jiff::{SignedDuration, Timestamp};

use crate::domain::message::Dispatch;
use crate::domain::status::Event;
use crate::error::Error;
use crate::metrics::Loop;
use crate::service::Service;
use crate::store::{Job, Pick};

/// How many pages of old idempotency keys one pass of the maintenance lets go of.
const KEY_PAGES: usize = 50;
/// How long it is kept which events webhook endpoints did not take, and how many of them one pass lets go of.
const GIVEN_UP_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
const GIVEN_UP_PAGE: i64 = 500;
/// How long events of owners are kept, for as long as a token is good and a day more, and how many of them one pass lets go of.
const OWNER_EVENTS_KEPT: SignedDuration = SignedDuration::from_hours(8 * 24);
const OWNER_EVENTS_PAGE: i64 = 5000;
/// How many messages one pass of a timer takes at most.
const LIMIT: i64 = 500;

impl Service {
    /// The reaper: lets time happen to messages whose lease, wait, schedule or validity has ended. Returns how many
    /// changed.
    pub async fn run_timers(&self) -> Result<usize, Error> {
        let mut changed = 0;
        let due = |dispatch| Pick::Due { dispatch, limit: LIMIT };
        let leases = [Dispatch::Claimed, Dispatch::Sending, Dispatch::Unknown, Dispatch::Scheduled].map(due);
        let mut wakes = false;
        for pick in leases.into_iter().chain([Pick::Expired { limit: LIMIT }]) {
            let moved = self.inner.store.apply(Job { pick, event: Event::Timer }).await?;
            self.inner.stats.forget_moved(&moved).await;
            changed += moved.iter().filter(|m| m.result.is_ok()).count();
            for m in moved.iter().filter(|m| m.result.is_ok()) {
                self.inner.metrics.timer(m.message.status());
            }
            wakes |= moved.iter().any(|m| m.message.state.dispatch == Dispatch::Queued);
        }
        if wakes {
            self.inner.sender.wake();
        }
        Ok(changed)
    }

    /// Whether a loop in the background is to leave its work for now, since it goes by a time that is doubted and what it does cannot be
    /// undone.
    #[must_use]
    pub fn lets_time_pass(&self, which: Loop) -> bool {
        match which {
            Loop::Send | Loop::SendBulk | Loop::Timers | Loop::Polls | Loop::Campaigns | Loop::Webhooks => {
                self.inner.store.leaves_alone()
            }
            Loop::Retention => self.inner.clock.is_doubted(),
            Loop::Posts | Loop::Gates | Loop::Listen | Loop::Maintenance | Loop::Tail => false,
        }
    }

    /// Tells of the provider's posts, rolls counters up, lets go of old idempotency keys, counts of spending and idle gates, sets the clock by the database's, and sees whether another
    /// process has erased numbers with another key.
    pub async fn run_maintenance(&self) -> Result<(), Error> {
        self.tell_posts(false);
        let store = &self.inner.store;
        store.check_key().await?;
        self.note_process().await?;
        store.follow_clock().await?;
        store.roll_up_counters().await?;
        if self.inner.clock.is_doubted() {
            return Ok(());
        }
        // What is left is there ten seconds later, too.
        for _ in 0..KEY_PAGES {
            if !store.forget_old_keys().await? {
                break;
            }
        }
        store.forget_old_periods().await?;
        let week = self.inner.clock.now().checked_sub(GIVEN_UP_KEPT).unwrap_or(Timestamp::UNIX_EPOCH);
        store.forget_given_up(week, GIVEN_UP_PAGE).await?;
        let then = self.inner.clock.now().checked_sub(OWNER_EVENTS_KEPT).unwrap_or(Timestamp::UNIX_EPOCH);
        store.forget_owner_events(then, OWNER_EVENTS_PAGE).await?;
        Ok(store.forget_idle_gates().await?)
    }
}
