//! Health for those who watch over the service: its metrics, and whether it can work.

use std::time::Duration;

use tokio::time::Instant;

use crate::admission::Quota;
use crate::domain::gate::{Gate, Holding, PROVIDER};
use crate::domain::message::Lane;
use crate::error::Error;
use crate::metrics::{Loop, Metrics, Reading};
use crate::service::Service;

/// How long the depths are waited for: whoever reads the metrics wants to know most when the database is busy.
const DEPTHS_PATIENCE: Duration = Duration::from_secs(1);

/// How long it is answered from memory whether the database takes a write.
const READINESS_TTL: Duration = Duration::from_secs(1);
/// A loop that has not come round for so long stands still: each pass is bounded by the limits of what it waits for.
const STALLED: Duration = Duration::from_mins(5);
/// How long a batch of writes may be on its way while a send could be accepted: as long as the server ends a transaction whose client is
/// silent, and the next one is through.
const STUCK: Duration = Duration::from_secs(7);

/// Why the process could not accept a send.
#[derive(Debug)]
pub enum NotReady {
    /// The database does not take a write.
    Database,
    /// Its disk is full.
    Full,
    /// These loops in the background stand still.
    Stalled(Vec<Loop>),
}

/// When the last small write was tried, and the reason if the database did not take it.
pub(super) type Readiness = tokio::sync::Mutex<Option<(Instant, Option<&'static str>)>>;

impl Service {
    /// The counters of this process.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Everything that is counted, in the text format of `OpenMetrics`. While the database is away or busy, the depths are
    /// those of before.
    pub async fn render_metrics(&self) -> String {
        let counted = tokio::time::timeout(DEPTHS_PATIENCE, self.inner.depths.get()).await;
        let depths = counted.ok().and_then(Result::ok).unwrap_or_else(|| self.inner.depths.last());
        let now = self.inner.clock.now();
        let age =
            |oldest: Option<jiff::Timestamp>| oldest.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
        let (writer, (busy, idle)) = self.inner.store.pulse();
        let held = self.held_gates();
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (single, bulk) = self.inner.sender.in_flight();
        self.inner.metrics.render(&Reading {
            queue: vec![
                (Lane::Single, depths.single.0, age(depths.single.1)),
                (Lane::Campaign, depths.campaign.0, age(depths.campaign.1)),
            ],
            states: depths.states.clone(),
            writer,
            accepted: self.inner.store.accepted().to_vec(),
            status_changes: self.inner.store.status_changes().to_vec(),
            connections: (number(busy), number(idle)),
            gates: [Holding::Throttled, Holding::Unhealthy, Holding::Blocked]
                .map(|why| (why, number(held.iter().filter(|gate| gate.holding == why).count())))
                .to_vec(),
            cursors: number(self.inner.webhooks.running()),
            watches: number(std::sync::Arc::strong_count(&self.inner.watches).saturating_sub(1)),
            shares: Quota::ALL.map(|quota| (quota, number(self.inner.admission.taken(quota)))).to_vec(),
            in_flight: (number(single), number(bulk)),
            spans: self.inner.traces.counts(),
        })
    }

    /// Whether a send could be accepted now: the database takes a write, and what goes on in the background has not stood still.
    /// Within a second it is answered from memory, and whoever asks meanwhile waits for the one write: anybody may ask.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let mut known = self.inner.readiness.lock().await;
        let refused = match *known {
            Some((at, refused)) if at.elapsed() < READINESS_TTL => refused,
            _ => {
                let noted = self.note_process().await;
                if let Err(e) = &noted {
                    tracing::warn!(cause = e.cause(), "not ready: the database takes no write");
                }
                let stuck = self.inner.store.writing_for() > STUCK;
                if stuck {
                    tracing::warn!("not ready: a batch of writes has been on its way for seconds");
                }
                let refused = noted.err().map(|e| e.reason()).or_else(|| stuck.then_some("DATABASE_UNAVAILABLE"));
                let refused = refused.or_else(|| self.inner.store.was_full().then_some(Error::STORAGE_FULL));
                known.insert((Instant::now(), refused)).1
            }
        };
        drop(known);
        if let Some(reason) = refused {
            return Err(if reason == Error::STORAGE_FULL { NotReady::Full } else { NotReady::Database });
        }
        let stalled = self.stalled();
        if stalled.is_empty() { Ok(()) } else { Err(NotReady::Stalled(stalled)) }
    }

    /// The loops in the background that stand still.
    #[must_use]
    pub fn stalled(&self) -> Vec<Loop> {
        let stalled = self.inner.metrics.loop_ages().into_iter().filter(|(_, age)| *age > STALLED);
        stalled.map(|(which, _)| which).collect()
    }

    /// Notes that this process serves the database.
    pub(super) async fn note_process(&self) -> Result<(), Error> {
        let (single, bulk) = self.inner.sender.in_flight();
        Ok(self.inner.store.note_process(self.inner.sender.holder(), single + bulk).await?)
    }

    /// Notes that this process serves the database no longer.
    pub async fn leave(&self) {
        self.tell_posts(true);
        // If it cannot be noted now, it is believed a minute later.
        let _ = self.inner.store.forget_process(self.inner.sender.holder()).await;
    }

    /// The gates that are held now, as they were read last.
    #[must_use]
    pub fn held_gates(&self) -> Vec<Gate> {
        self.inner.sender.held_gates()
    }

    /// The reason that holds a route account's messages back now, as far as is known: the account itself is held, or the provider as a whole.
    #[must_use]
    pub fn holding(&self, account: &str) -> Holding {
        let held = self.held_gates().into_iter().filter(|gate| gate.name == PROVIDER || gate.name == account);
        held.map(|gate| gate.holding).max().unwrap_or(Holding::Free)
    }

    /// Whether the provider can be sent to by the default account, as far as is known.
    #[must_use]
    pub fn provider_available(&self) -> bool {
        self.holding(&self.inner.settings.traffic_account_id) <= Holding::Throttled
    }
}
