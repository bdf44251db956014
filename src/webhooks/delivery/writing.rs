//! How far a delivery came, written down: one thing at a time, and no call is begun that would be one too many to repeat.

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::domain::webhook::EndpointState;
use crate::store::{self, NewException, Position, Progress, Settled};
use crate::webhooks::call;
use crate::webhooks::delivery::{Delivery, FAILED, IDLE};

/// The things that are to be written down.
#[derive(Default)]
pub(super) struct Pending {
    /// Events with tries of their own.
    pub exceptions: Vec<NewException>,
    /// Those of them that were taken.
    pub taken: Vec<Position>,
    /// The state that the endpoint is to have.
    pub disable: Option<EndpointState>,
    /// How many calls ended of which nothing is written down yet.
    pub calls: usize,
    /// Whether there is anything that must not wait.
    pub urgent: bool,
    /// Whether it is the last that there is to write down.
    over: bool,
}

/// The things that are being written down, and the task that does.
pub(super) type Settling = Option<(JoinHandle<Result<Settled, store::Error>>, Pending)>;

impl Delivery {
    /// Whether everything that was to be told again is.
    pub(super) fn is_over(&self) -> bool {
        self.read_all && self.window.is_empty() && self.waiting.is_empty() && self.calls.is_empty()
    }

    /// Begins to write down how far it came, if there is something to write and nothing being written. Returns when there will be
    /// something, if it is known.
    pub(super) fn settle(&mut self, now: Instant) -> Option<Instant> {
        if self.settling.is_some() || self.paused_until.is_some_and(|at| at > now) {
            return None;
        }
        if !self.pending.urgent && !self.is_over() {
            let moved = self.window.at() != self.written.0;
            let due = moved.then(|| self.written.1 + IDLE)?;
            if due > now {
                return Some(due);
            }
        }
        let pending = Pending { over: self.is_over(), ..std::mem::take(&mut self.pending) };
        let progress = Progress {
            held: self.held,
            at: self.window.at(),
            ahead: self.window.ahead(),
            health: self.health.clone(),
            exceptions: pending.exceptions.clone(),
            taken: pending.taken.clone(),
            disable: pending.disable,
            over: pending.over,
        };
        self.written = (progress.at, now);
        let inner = self.inner.clone();
        let task = tokio::spawn(async move { inner.parts.store.settle_cursor(progress).await });
        self.settling = Some((task, pending));
        None
    }

    /// Progress was written down, or not. False if there is nothing more to do here.
    pub(super) fn settled(&mut self, settled: Result<Settled, store::Error>) -> bool {
        let Some((_, mut pending)) = self.settling.take() else { return true };
        match settled {
            Ok(Settled::Done) => pending.disable.is_none() && !pending.over,
            Ok(Settled::Lost) => false,
            Err(e) => {
                call::note_failure(&e);
                // In the order in which it happened: of two states of one event the later one counts.
                pending.exceptions.append(&mut self.pending.exceptions);
                pending.taken.append(&mut self.pending.taken);
                pending.disable = self.pending.disable.or(pending.disable);
                pending.calls += self.pending.calls;
                (pending.urgent, pending.over) = (true, false);
                self.pending = pending;
                self.paused_until = Some(Instant::now() + FAILED);
                true
            }
        }
    }
}

/// The result of what is being written down; never, while there is nothing.
pub(super) async fn settled(settling: &mut Settling) -> Result<Settled, store::Error> {
    match settling {
        Some((task, _)) => task.await.unwrap_or_else(|e| Err(store::Error::Query(e.to_string().into()))),
        None => std::future::pending().await,
    }
}
