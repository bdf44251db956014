//! The one tail of the journal in a process: it reads what is new of all owners whom somebody follows, once, and hands it to the
//! followers. It runs while there are any.

mod follower;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{Semaphore, broadcast};

pub use follower::{Follower, Step};

use crate::domain::ids::OwnerId;
use crate::error::Error;
use crate::metrics::{Loop, Metrics};
use crate::store::{JournalEntry, Position, Store};

/// How many batches are kept for followers that are busy. Who misses one reads the database.
const RING: usize = 64;
/// How many entries one batch holds at most.
const BATCH: i64 = 1000;
/// How many bytes of tags one batch holds at most. One with more is not kept: its followers read the database.
const HEAVY: usize = 512 << 10;
/// How many batches one look takes; what is beyond them every follower reads for itself.
const BATCHES: usize = 16;
/// How often the journal is polled while nobody says that it has grown: what other replicas write is found so.
const POLL_EVERY: Duration = Duration::from_millis(250);
/// The same while transactions are open that may have written.
const POLL_AGAIN: Duration = Duration::from_millis(100);
/// How long to wait after a commit here, for others to come.
const GATHER: Duration = Duration::from_millis(20);
/// How long to wait after the database failed.
const FAILED: Duration = Duration::from_secs(1);
/// How many streams read the database at once to catch up, so that they leave connections to the others,
const READS_OF_STREAMS: usize = 2;
/// and how many endpoints: whoever has hundreds that are far behind keeps no stream waiting.
const READS_OF_ENDPOINTS: usize = 1;

/// The news of a stretch of the journal.
struct JournalBatch {
    /// Where the stretch begins,
    from: Position,
    /// and where it ends.
    to: Position,
    /// All changes in it, of the owners who are named here.
    entries: HashMap<OwnerId, Arc<[JournalEntry]>>,
}

/// See the module. Clones are the same.
#[derive(Clone)]
pub struct Tail(Arc<Shared>);

/// Who follows, by which it is decided whose turn it is to read the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A caller's stream.
    Stream,
    /// A webhook endpoint.
    Endpoint,
}

/// Where followers and the tail meet, and all that they touch.
struct Shared {
    store: Store,
    metrics: Metrics,
    ring: broadcast::Sender<Arc<JournalBatch>>,
    reads: Reads,
    guests: Mutex<Guests>,
}

/// The turns of those who read the database to catch up.
struct Reads {
    streams: Semaphore,
    endpoints: Semaphore,
}

impl Reads {
    fn of(&self, purpose: Purpose) -> &Semaphore {
        match purpose {
            Purpose::Stream => &self.streams,
            Purpose::Endpoint => &self.endpoints,
        }
    }
}

#[derive(Default)]
struct Guests {
    of: HashMap<OwnerId, usize>,
    all: usize,
    tailing: bool,
}

impl Tail {
    /// A tail that nobody follows.
    #[must_use]
    pub fn new(store: Store, metrics: Metrics) -> Self {
        let (ring, _) = broadcast::channel(RING);
        let reads = Reads { streams: Semaphore::new(READS_OF_STREAMS), endpoints: Semaphore::new(READS_OF_ENDPOINTS) };
        Self(Arc::new(Shared { store, metrics, ring, reads, guests: Mutex::default() }))
    }

    /// Follows an owner's changes after `at`, for this purpose. How many may do so is the admission's.
    #[must_use]
    pub fn follow(&self, purpose: Purpose, owner: OwnerId, at: Position) -> Follower {
        // In this order, so that the first word of a tail that begins now is heard.
        let ring = self.0.ring.subscribe();
        Follower::new(Shared::enter(&self.0, owner), purpose, ring, at)
    }
}

impl Shared {
    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The owners whom somebody follows. If there are none the tail is to end, and the next follower starts another one.
    fn watched(&self) -> Option<Vec<OwnerId>> {
        let mut guests = self.guests();
        guests.tailing = guests.all > 0;
        guests.tailing.then(|| guests.of.keys().copied().collect())
    }
}

/// A follower's place; given back when it is dropped.
struct Guest {
    tail: Arc<Shared>,
    owner: OwnerId,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.tail.guests();
        guests.all = guests.all.saturating_sub(1);
        if let Some(n) = guests.of.get_mut(&self.owner) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                guests.of.remove(&self.owner);
            }
        }
    }
}

impl Shared {
    /// One more follower of this owner's, and a tail for it.
    fn enter(this: &Arc<Self>, owner: OwnerId) -> Guest {
        let mut guests = this.guests();
        *guests.of.entry(owner).or_default() += 1;
        guests.all += 1;
        if !std::mem::replace(&mut guests.tailing, true) {
            tokio::spawn(this.clone().keep_tailing());
        }
        drop(guests);
        Guest { tail: this.clone(), owner }
    }

    /// The tail, again if it panics: followers that wait for a tail that is no more would wait for ever.
    async fn keep_tailing(self: Arc<Self>) {
        self.metrics.came_round(Loop::Tail);
        while AssertUnwindSafe(self.clone().tail()).catch_unwind().await.is_err() {
            tracing::error!("the tail of the journal panicked; it goes on");
            self.metrics.panicked(Loop::Tail);
            tokio::time::sleep(FAILED).await;
        }
        self.metrics.ended(Loop::Tail);
    }

    async fn tail(self: Arc<Self>) {
        let mut read = None;
        while let Some(owners) = self.watched() {
            self.metrics.came_round(Loop::Tail);
            // Before the poll: what is committed during it is not missed.
            let written = self.store.written();
            tokio::pin!(written);
            let wait = self.hand_out(&owners, &mut read).await.unwrap_or_else(|e| {
                tracing::warn!(cause = e.cause(), "the journal could not be read; it is tried again");
                FAILED
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = written, if wait != FAILED => tokio::time::sleep(GATHER).await,
            }
        }
    }

    /// Hands out what is new; `read` is up to where everything was. Returns when to poll again at the latest.
    async fn hand_out(&self, owners: &[OwnerId], read: &mut Option<Position>) -> Result<Duration, Error> {
        let horizon = self.store.journal_horizon().await?;
        let wait = if horizon.settled < horizon.end { POLL_AGAIN } else { POLL_EVERY };
        let settled = Position::before(horizon.settled);
        let Some(mut from) = *read else {
            *read = Some(settled);
            // Whoever read the database a moment ago, up to less than this, reads it again: nothing else would tell it to.
            let _ = self.ring.send(Arc::new(JournalBatch { from: settled, to: settled, entries: HashMap::new() }));
            return Ok(wait);
        };
        for _ in 0..BATCHES {
            if from >= settled {
                return Ok(wait);
            }
            let found = self.store.journal(owners, from, horizon.settled, BATCH).await?;
            let full = i64::try_from(found.len()).is_ok_and(|n| n >= BATCH);
            let to = found.last().filter(|_| full).map_or(settled, |last| last.what.position);
            let mut entries: HashMap<_, Vec<_>> = HashMap::new();
            if found.iter().map(|entry| entry.tags.bytes()).sum::<usize>() <= HEAVY {
                entries = owners.iter().map(|owner| (*owner, Vec::new())).collect();
                for entry in found {
                    entries.entry(entry.owner).or_default().push(entry);
                }
            }
            // Without anybody to take it, it is nobody's.
            let entries = entries.into_iter().map(|(owner, entries)| (owner, entries.into())).collect();
            let _ = self.ring.send(Arc::new(JournalBatch { from, to, entries }));
            from = to;
            *read = Some(to);
        }
        if from < settled {
            let _ = self.ring.send(Arc::new(JournalBatch { from, to: settled, entries: HashMap::new() }));
            *read = Some(settled);
        }
        Ok(wait)
    }
}
