//! The sender: takes what is due from the queue, hands it to the provider and settles what came of it. It has a state of
//! its own: free slots, what is in flight, the gates as they were read last, whose turn it is.
//!
//! Use cases ask it for a message's first state, whether the message waits behind others, and to deliver it; they tell
//! it that something was queued. When it looks at the queue the worker decides.

mod accept;
mod deliver;
mod deliver_bulk;
mod gates;
mod in_flight;
mod partitions;
mod persist;
mod queue;
mod sharing;
mod slots;
mod spans;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use uuid::Uuid;

pub use queue::Pass;

use crate::caches::{CampaignStats, Users};
use crate::clock::Clock;
use crate::domain::message::{Message, State};
use crate::domain::outcome::Outcome;
use crate::domain::rate::Rate;
use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::provider::Provider;
use crate::spool::Spool;
use crate::store::{Store, Topic};
use crate::traces::Traces;
use gates::{Admission, Gates};
use in_flight::InFlight;
use partitions::CachedPartitions;
use sharing::Sharing;
use slots::Slots;

/// How the sender behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The route account of messages that name none.
    pub traffic_account_id: String,
    /// How long a message may be in one process's hands; longer than any provider call.
    pub lease: Duration,
    /// The longest provider call: none is begun under a lease that may end before.
    pub provider_timeout: Duration,
    /// How long it is tried to learn whether a message was stored, before its caller is told that it was not.
    pub patience: Duration,
    /// How long it is waited before the database is asked a second time.
    pub first_pause: Duration,
    /// How many queued messages one process has in flight.
    pub send_concurrency: usize,
    /// How many of them one owner can have, unless the user has a number of its own.
    pub owner_in_flight: usize,
    /// How many bulk calls one process has in flight.
    pub bulk_concurrency: usize,
    /// How many messages go into one bulk call.
    pub bulk_chunk: usize,
    /// The rate of route accounts that have none of their own.
    pub rate: Option<Rate>,
}

/// A source of random numbers from 0 to 1, passed in so that tests decide.
pub type Random = Arc<dyn Fn() -> f64 + Send + Sync>;

/// The parts of the sender.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The SMS provider.
    pub provider: Arc<dyn Provider>,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// How it behaves.
    pub settings: Settings,
    /// The counters.
    pub metrics: Metrics,
    /// The owners of messages.
    pub users: Users,
    /// How campaigns stand, which sending changes.
    pub stats: CampaignStats,
    /// The work under way, and whether the process is to stop.
    pub lifecycle: Lifecycle,
    /// Where answers wait for a database that is away, should the process not live to see it.
    pub spool: Option<Spool>,
    /// Spans of calls to the provider.
    pub traces: Traces,
}

/// The sender. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    provider: Arc<dyn Provider>,
    clock: Clock,
    random: Random,
    settings: Settings,
    metrics: Metrics,
    users: Users,
    stats: CampaignStats,
    lifecycle: Lifecycle,
    spool: Option<Spool>,
    traces: Traces,
    /// Who holds leases: this process, in this run of it.
    holder: Uuid,
    /// The slots of what may be in flight at once.
    slots: Slots,
    /// The known state of the gates that every send passes.
    gates: Gates,
    /// The partitions of the queue, as they were a moment ago.
    cached_partitions: CachedPartitions,
    /// How many messages of each owner are in flight.
    in_flight: InFlight,
    /// Who may use limited accounts.
    sharing: Sharing,
    /// Who begins when the capacity is allotted.
    turn: AtomicUsize,
    /// Rung when something was put into the queue, or may be sent now.
    wake: Notify,
    /// Rung when another replica changed a gate.
    gates_changed: Notify,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("holder", &self.inner.holder).finish_non_exhaustive()
    }
}

impl Sender {
    /// The sender over its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { store, provider, clock, random, settings, metrics, users, stats, lifecycle, spool, traces } = parts;
        let inner = Inner {
            holder: Uuid::new_v4(),
            slots: Slots::new(settings.send_concurrency, settings.bulk_concurrency),
            gates: Gates::new(clock.now()),
            cached_partitions: CachedPartitions::default(),
            in_flight: InFlight::default(),
            sharing: Sharing::default(),
            turn: AtomicUsize::new(0),
            wake: Notify::new(),
            gates_changed: Notify::new(),
            store,
            provider,
            clock,
            random,
            settings,
            metrics,
            users,
            stats,
            lifecycle,
            spool,
            traces,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The first state of a message on this account: waiting for its time, sending under a lease of this process, or
    /// queued where sends are held, until they are not.
    #[must_use]
    pub fn first_state(&self, account: &str, scheduled_at: Option<Timestamp>, now: Timestamp) -> State {
        match (scheduled_at, self.admission(account)) {
            (Some(at), _) => State::waiting(true, at, now),
            (None, Admission::Granted(_)) => State::sending(self.inner.holder, self.lease_end(), now),
            // The queue is the buffer: the workers send it once its gate opens.
            (None, Admission::Held | Admission::Probe(_)) => State::waiting(false, now, now),
        }
    }

    /// The rate that a message is booked on when it is stored to be sent at once, if its account has one.
    fn rate_of(&self, message: &Message) -> Option<Rate> {
        match self.admission(&message.traffic_account_id) {
            Admission::Granted(rate) => rate,
            Admission::Held | Admission::Probe(_) => None,
        }
    }

    /// Sends a message that was stored in `sending` under this process's lease, and settles it. Returns the message as it
    /// is then, and the provider's outcome.
    pub async fn send(&self, message: Message) -> Result<(Message, Outcome), Error> {
        self.inner.gates.spend(1, 1, 0);
        let (message, outcome) = self.deliver(message).await?;
        self.inner.stats.forget_of([&message]).await;
        Ok((message, outcome))
    }

    /// By what this process is known as a holder of leases, in this run of it.
    #[must_use]
    pub fn holder(&self) -> Uuid {
        self.inner.holder
    }

    /// Says that something was put into the queue.
    pub fn wake(&self) {
        self.inner.wake.notify_waiters();
    }

    /// The notification that there is something to do: whoever begins to wait for it before looking misses none.
    pub fn woken(&self) -> Notified<'_> {
        self.inner.wake.notified()
    }

    /// Listens to the other replicas, for as long as it is polled.
    pub async fn listen(&self) {
        self.inner
            .store
            .listen(|topic| match topic {
                Topic::Queue => self.inner.wake.notify_waiters(),
                Topic::Gates => self.inner.gates_changed.notify_one(),
            })
            .await;
    }

    /// How many single messages and how many bulk calls are in this process's hands.
    #[must_use]
    pub fn in_flight(&self) -> (usize, usize) {
        self.inner.slots.taken()
    }

    /// When a lease that begins now ends.
    fn lease_end(&self) -> Timestamp {
        let now = self.inner.clock.now();
        let lease = SignedDuration::try_from(self.inner.settings.lease).unwrap_or(SignedDuration::from_mins(1));
        now.checked_add(lease).unwrap_or(now)
    }
}
