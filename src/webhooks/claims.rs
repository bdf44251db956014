//! Which cursors this process holds: it takes those that nobody holds, keeps them while it lives, and lets go of them when it stops.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::webhook::EndpointId;
use crate::error::Error;
use crate::store::{Cursor, Endpoint, Renewed};
use crate::webhooks::delivery::Delivery;
use crate::webhooks::hold::Hold;
use crate::webhooks::{Inner, Webhooks};

/// How long a cursor is held. It is renewed every second: one that is not was a process's that is gone.
const HOLD: SignedDuration = SignedDuration::from_secs(4);
/// How long this process relies on it: a call that is begun later may be another process's.
const RELIED: Duration = Duration::from_secs(3);
/// How many cursors one process holds at most.
const MOST: usize = 10_000;
/// How many it takes at once.
const AT_ONCE: i64 = 500;
/// How long a stop waits for calls that are in flight.
const GRACE: Duration = Duration::from_secs(5);

/// A cursor that is at work here.
pub(super) struct Running {
    epoch: i32,
    hold: watch::Sender<Hold>,
    lost: CancellationToken,
}

impl Inner {
    fn running(&self) -> MutexGuard<'_, HashMap<Uuid, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Webhooks {
    /// Keeps the cursors that this process holds, and takes more. True if there may be more still.
    pub async fn look(&self) -> Result<bool, Error> {
        self.renew().await?;
        if self.inner.parts.lifecycle.is_stopping() {
            return Ok(false);
        }
        let room = MOST.saturating_sub(self.inner.running().len());
        let limit = AT_ONCE.min(i64::try_from(room).unwrap_or(i64::MAX));
        if limit == 0 {
            return Ok(false);
        }
        let until = Instant::now() + RELIED;
        let cursors = self.inner.parts.store.claim_cursors(self.inner.parts.holder, HOLD, limit).await?;
        let claimed = i64::try_from(cursors.len()).unwrap_or(i64::MAX);
        self.begin(cursors, until).await?;
        Ok(claimed == limit)
    }

    async fn renew(&self) -> Result<(), Error> {
        if self.inner.running().is_empty() {
            return Ok(());
        }
        let parts = &self.inner.parts;
        let until = Instant::now() + RELIED;
        let renewed = parts.store.renew_cursors(parts.holder, HOLD).await?;
        let renewed: HashMap<Uuid, Renewed> = renewed.into_iter().map(|renewed| (renewed.cursor, renewed)).collect();
        let mut changed: Vec<EndpointId> = Vec::new();
        self.inner.running().retain(|cursor, running| {
            let mine = renewed.get(cursor).filter(|renewed| renewed.epoch == running.epoch);
            match mine {
                None => running.lost.cancel(),
                Some(renewed) => running.hold.send_modify(|hold| {
                    hold.until = until;
                    if hold.endpoint.revision != renewed.revision {
                        changed.push(hold.endpoint.id);
                    }
                }),
            }
            mine.is_some()
        });
        let orphans: Vec<Uuid> = {
            let running = self.inner.running();
            renewed.keys().copied().filter(|cursor| !running.contains_key(cursor)).collect()
        };
        // Its delivery has ended, by a panic perhaps: whoever is first may begin anew.
        if !orphans.is_empty() {
            parts.store.release_cursors(parts.holder, Some(orphans)).await?;
        }
        if !changed.is_empty() {
            self.tell(parts.store.endpoints_of_anyone(changed).await?);
        }
        Ok(())
    }

    /// Tells the deliveries how their endpoints are now.
    fn tell(&self, endpoints: Vec<Endpoint>) {
        let endpoints: HashMap<EndpointId, Arc<Endpoint>> =
            endpoints.into_iter().map(|endpoint| (endpoint.id, Arc::new(endpoint))).collect();
        for running in self.inner.running().values() {
            let known = running.hold.borrow().endpoint.clone();
            if let Some(endpoint) = endpoints.get(&known.id).filter(|endpoint| endpoint.revision != known.revision) {
                running.hold.send_modify(|hold| hold.endpoint = endpoint.clone());
            }
        }
    }

    async fn begin(&self, cursors: Vec<Cursor>, until: Instant) -> Result<(), Error> {
        if cursors.is_empty() {
            return Ok(());
        }
        let mut ids: Vec<EndpointId> = cursors.iter().map(|cursor| cursor.endpoint).collect();
        ids.sort_unstable();
        ids.dedup();
        let endpoints = self.inner.parts.store.endpoints_of_anyone(ids).await?;
        let endpoints: HashMap<EndpointId, Arc<Endpoint>> =
            endpoints.into_iter().map(|endpoint| (endpoint.id, Arc::new(endpoint))).collect();
        for cursor in cursors {
            let Some(endpoint) = endpoints.get(&cursor.endpoint) else { continue };
            let (hold, told) = watch::channel(Hold { until, endpoint: endpoint.clone() });
            let lost = CancellationToken::new();
            let (id, epoch) = (cursor.held.cursor, cursor.held.epoch);
            let before = self.inner.running().insert(id, Running { epoch, hold, lost: lost.clone() });
            // It had been lost, and is ours again.
            if let Some(before) = before {
                before.lost.cancel();
            }
            let (inner, stopping) = (self.inner.clone(), self.inner.parts.lifecycle.clone());
            self.inner.tasks.spawn(async move {
                let _ended = EndedOn { inner: inner.clone(), cursor: id, epoch };
                let stop = CancellationToken::new();
                let mut delivery = std::pin::pin!(Delivery::new(inner, cursor, told, stop.clone()).run());
                tokio::select! {
                    () = &mut delivery => return,
                    () = lost.cancelled() => return,
                    () = stopping.stopping() => stop.cancel(),
                }
                // What is in flight may end, and be written down.
                let _ = tokio::time::timeout(GRACE, delivery).await;
            });
        }
        Ok(())
    }

    /// Lets go of everything, once what is in flight has ended: others need not wait then.
    pub async fn leave(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        let parts = &self.inner.parts;
        // If it cannot be written now, it is believed some seconds later.
        let _ = parts.store.release_cursors(parts.holder, None).await;
    }

    /// How many cursors are at work here.
    #[must_use]
    pub fn running(&self) -> usize {
        self.inner.running().len()
    }
}

/// Notes that a delivery has ended, also by a panic.
struct EndedOn {
    inner: Arc<Inner>,
    cursor: Uuid,
    epoch: i32,
}

impl Drop for EndedOn {
    fn drop(&mut self) {
        let mut running = self.inner.running();
        if running.get(&self.cursor).is_some_and(|running| running.epoch == self.epoch) {
            running.remove(&self.cursor);
        }
    }
}
