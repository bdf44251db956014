//! The worker: decides when queued messages are sent, when timers and maintenance run. What happens then is the
//! sender's and the service's.

mod next;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::Error;
use crate::metrics::{Loop, Metrics};
use crate::service::Service;
use next::Next;

/// How often the queue is polled while it is empty.
const POLL: Duration = Duration::from_millis(500);
/// How soon the queue is polled again while a rate limit holds messages back: long enough for a batch to gather, short
/// enough to use the rate.
const SOON: Duration = Duration::from_millis(50);
/// How often the gates are read, unless somebody says that one has changed.
const GATES: Duration = Duration::from_secs(1);
/// How often reports and inbound messages that wait are polled; most are applied as they come.
const REPORTS: Duration = Duration::from_secs(1);
/// How often timers are polled.
const TIMERS: Duration = Duration::from_secs(1);
/// How often messages that nobody reported on are polled.
const POLLS: Duration = Duration::from_secs(1);
/// How often the cursors of webhook endpoints are kept, and those looked for that nobody holds.
const WEBHOOKS: Duration = Duration::from_secs(1);
/// How often it is looked whether something is older than it is to be kept.
const RETENTION: Duration = Duration::from_secs(10);
/// How often maintenance runs.
const MAINTENANCE: Duration = Duration::from_secs(10);
/// How often it is noted of a loop that waits that it does not stand.
const WAITS: Duration = Duration::from_secs(10);

/// Waits for something that may take long and is no standstill, as for a slot while answers wait for the database: the loop comes round
/// for as long as it is awaited, and nobody ends a process that has answers in hand.
async fn coming_round<T>(metrics: &Metrics, which: Loop, what: impl Future<Output = T>) -> T {
    let mut what = std::pin::pin!(what);
    loop {
        if let Ok(done) = tokio::time::timeout(WAITS, what.as_mut()).await {
            return done;
        }
        metrics.came_round(which);
    }
}

/// The running worker.
#[derive(Debug)]
pub struct Worker {
    tasks: TaskTracker,
    stop: CancellationToken,
    service: Service,
}

impl Worker {
    /// Starts the loops. Without `sending` only maintenance runs: the rest is other processes' work.
    #[must_use]
    #[expect(
        clippy::too_many_lines,
        reason = "the list of all that happens in the background, read from top to bottom"
    )]
    pub fn start(service: &Service, sending: bool) -> Self {
        let worker = Self { tasks: TaskTracker::new(), stop: CancellationToken::new(), service: service.clone() };
        let sender = service.sender();
        sender.replay();
        if sending {
            let (s, metrics) = (sender.clone(), service.metrics().clone());
            worker.repeat((POLL, true), Loop::Send, move || {
                let (s, metrics) = (s.clone(), metrics.clone());
                async move {
                    coming_round(&metrics, Loop::Send, s.slot_free()).await;
                    s.send_due().await.map(Next::after)
                }
            });
            let (s, metrics) = (sender.clone(), service.metrics().clone());
            worker.repeat((POLL, true), Loop::SendBulk, move || {
                let (s, metrics) = (s.clone(), metrics.clone());
                async move {
                    coming_round(&metrics, Loop::SendBulk, s.bulk_slot_free()).await;
                    s.send_due_in_bulk().await.map(Next::after)
                }
            });
            let s = service.clone();
            worker.repeat((TIMERS, false), Loop::Timers, move || {
                let s = s.clone();
                async move { s.run_timers().await.map(Next::if_any) }
            });
            let s = service.clone();
            worker.repeat((POLLS, false), Loop::Polls, move || {
                let s = s.clone();
                async move {
                    // Each question has a limit of its own; all of a pass may take longer than a loop may stand.
                    let looked = coming_round(s.metrics(), Loop::Polls, s.poll_unreported()).await?;
                    // Only then there may be more within the budget: it is not to be spent drop by drop.
                    Ok(if looked == Service::POLLS { Next::AtOnce } else { Next::Later })
                }
            });
            let s = service.clone();
            worker.repeat((POLL, false), Loop::Campaigns, move || {
                let s = s.clone();
                async move { s.reconcile_campaigns().await.map(Next::if_any) }
            });
            let s = service.webhooks().clone();
            worker.repeat((WEBHOOKS, false), Loop::Webhooks, move || {
                let s = s.clone();
                async move { s.look().await.map(|more| if more { Next::AtOnce } else { Next::Later }) }
            });
        }
        let s = service.clone();
        worker.repeat((REPORTS, false), Loop::Posts, move || {
            let s = s.clone();
            async move {
                // Neither waits for the other one's trouble.
                let (reports, inbound) = (s.apply_due_reports().await, s.read_inbound().await);
                Ok(Next::if_any(reports? + inbound?))
            }
        });
        let s = sender.clone();
        worker.repeat((GATES, false), Loop::Gates, move || {
            let s = s.clone();
            async move {
                s.refresh_gates().await?;
                // Whoever changes one says so; the next reading is at the latest after the period.
                let _ = tokio::time::timeout(GATES, s.gates_changed()).await;
                Ok(Next::AtOnce)
            }
        });
        let (s, stop) = (sender.clone(), worker.stop.clone());
        let metrics = service.metrics().clone();
        worker.repeat((GATES, false), Loop::Listen, move || {
            let (s, stop, metrics) = (s.clone(), stop.clone(), metrics.clone());
            async move {
                // It ends with the process alone.
                tokio::select! {
                    () = coming_round(&metrics, Loop::Listen, s.listen()) => {}
                    () = stop.cancelled() => {}
                }
                Ok(Next::Later)
            }
        });
        let s = service.clone();
        worker.repeat((RETENTION, false), Loop::Retention, move || {
            let s = s.clone();
            // Never page after page without a pause: nothing is in a hurry here.
            async move { s.erase_old().await.map(|more| if more { Next::Soon } else { Next::Later }) }
        });
        let s = service.clone();
        worker.repeat((MAINTENANCE, false), Loop::Maintenance, move || {
            let s = s.clone();
            async move { s.run_maintenance().await.map(|()| Next::Later) }
        });
        worker
    }

    /// Runs `job` now, and again when it says, when `period` has passed or, for one that
    /// `wakes`, when the service is woken: what sends, and nothing that would only be in its way.
    ///
    /// A job that panics is done again after `period`: one message is not to end what all others need. One that goes by the time is
    /// left out while the time is doubted.
    fn repeat<F, W>(&self, (period, wakes): (Duration, bool), which: Loop, job: F)
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Result<Next, Error>> + Send,
    {
        let (stop, service, sender) = (self.stop.clone(), self.service.clone(), self.service.sender().clone());
        let metrics = self.service.metrics().clone();
        metrics.came_round(which);
        self.tasks.spawn(async move {
            while !stop.is_cancelled() {
                // Before the search for work: a signal that comes during it is not missed.
                let woken = sender.woken();
                tokio::pin!(woken);
                woken.as_mut().enable();
                let room_made = sender.room_made();
                tokio::pin!(room_made);
                room_made.as_mut().enable();
                if service.lets_time_pass(which) {
                    metrics.came_round(which);
                    tokio::select! {
                        () = tokio::time::sleep(period) => continue,
                        () = stop.cancelled() => break,
                    }
                }
                let Ok(next) = AssertUnwindSafe(async { job().await }).catch_unwind().await else {
                    tracing::error!(job = which.name(), "a background job panicked; it goes on");
                    metrics.panicked(which);
                    tokio::select! {
                        () = tokio::time::sleep(period) => continue,
                        () = stop.cancelled() => break,
                    }
                };
                metrics.came_round(which);
                let wait = match next {
                    Ok(Next::AtOnce) => continue,
                    Ok(Next::Soon) => SOON,
                    Ok(Next::Full | Next::Later) => period,
                    Err(ref e) => {
                        tracing::warn!(job = which.name(), cause = e.cause(), "a background job failed; it goes on");
                        period
                    }
                };
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = woken, if wakes && wait == period => {}
                    () = room_made, if matches!(next, Ok(Next::Full)) => {}
                    () = stop.cancelled() => {}
                }
            }
            metrics.ended(which);
        });
    }

    /// Takes nothing new, and waits for what is under way.
    pub async fn stop(self) {
        self.stop.cancel();
        self.service.stop_sending();
        self.tasks.close();
        self.tasks.wait().await;
        self.service.webhooks().leave().await;
        Box::pin(self.service.leave()).await;
    }
}
