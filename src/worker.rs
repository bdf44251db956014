//! The worker: decides when queued messages are sent, when timers run and when the house is cleaned. What happens then
//! is the service's.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::Error;
use crate::service::Service;

/// How often the queue is looked at while it is empty.
const POLL: Duration = Duration::from_millis(500);
/// How often timers are looked at.
const TIMERS: Duration = Duration::from_secs(1);
/// How often the house is cleaned.
const HOUSE: Duration = Duration::from_secs(10);

/// The running worker.
#[derive(Debug)]
pub struct Worker {
    tasks: TaskTracker,
    stop: CancellationToken,
    service: Service,
}

impl Worker {
    /// Starts the loops. Without `sending` only the house is kept: the rest is other processes' work.
    #[must_use]
    pub fn start(service: &Service, sending: bool) -> Self {
        let worker = Self { tasks: TaskTracker::new(), stop: CancellationToken::new(), service: service.clone() };
        if sending {
            let s = service.clone();
            worker.repeat(POLL, "sending what is due", move || {
                let s = s.clone();
                async move {
                    s.slot_free().await;
                    s.send_due().await.map(|sent| sent > 0)
                }
            });
            let s = service.clone();
            worker.repeat(TIMERS, "running timers", move || {
                let s = s.clone();
                async move { s.run_timers().await.map(|changed| changed > 0) }
            });
            let s = service.clone();
            worker.repeat(POLL, "looking after campaigns", move || {
                let s = s.clone();
                async move { s.tend_campaigns().await.map(|done| done > 0) }
            });
        }
        let s = service.clone();
        worker.repeat(HOUSE, "keeping house", move || {
            let s = s.clone();
            async move { s.keep_house().await.map(|()| false) }
        });
        worker
    }

    /// Runs `job` now and then every `period`; at once again while it says that there was work.
    fn repeat<F, W>(&self, period: Duration, name: &'static str, job: F)
    where
        F: Fn() -> W + Send + 'static,
        W: Future<Output = Result<bool, Error>> + Send,
    {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            while !stop.is_cancelled() {
                match job().await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(e) => tracing::warn!(job = name, cause = e.cause(), "a background job failed; it goes on"),
                }
                tokio::select! {
                    () = tokio::time::sleep(period) => {}
                    () = stop.cancelled() => {}
                }
            }
        });
    }

    /// Takes nothing new, and waits for what is under way.
    pub async fn stop(self) {
        self.stop.cancel();
        self.service.stop_sending();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
