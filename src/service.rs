//! The service layer: what the service does for its callers, whichever API they come through.

mod access;
mod campaigns;
mod deliver;
mod deliver_bulk;
mod explain;
mod gates;
mod health;
mod inbound;
mod lookup;
mod opt_outs;
mod poll;
mod queue;
mod reconcile;
mod refresh;
mod refresh_bulk;
mod report;
mod retention;
mod send;
mod sharing;
mod stream_urls;
mod timers;
mod watch_messages;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

pub use campaigns::{
    AddedRecipients, Adding, CampaignPage, CampaignWatch, CreateCampaign, GivenRecipient, InvalidRecipient,
    ListCampaigns,
};
pub use explain::Explained;
pub use lookup::{ListMessages, MessagePage};
pub use opt_outs::{ListOptOuts, OptOutPage};
pub use queue::Pass;
pub use refresh::{Refreshed, internal_status};
pub use refresh_bulk::{BulkEvent, BulkFailure, BulkOutcome, BulkProgress, BulkRequest, BulkStream, BulkTarget};
pub use send::{SendSingle, Sent, is_account};
pub use stream_urls::{OpenedStream, StreamGrant};
pub use watch_messages::{MessageWatch, WatchMessages, Watched, WatchedChange, Watching};

/// The provider's live view, for the APIs, which never see the provider.
pub use crate::provider::Snapshot;
/// An entry of an owner's list, for the APIs, which never see the store.
pub use crate::store::{OptOut, OptOutSource};

use moka::future::Cache;
use secrecy::SecretString;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::auth::tokens::Tokens;
use crate::clock::Clock;
use crate::domain::campaign::Stats;
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::keyword::Keywords;
use crate::domain::rate::Rate;
use crate::domain::retention::Retention;
use crate::domain::sender::SenderId;
use crate::metrics::Metrics;
use crate::provider::Provider;
use crate::store::{Store, User};

/// How the service behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The sender ID of messages whose request and user name none (`MITTO_SENDER`).
    pub default_sender: Option<SenderId>,
    /// The route account of messages whose request names none.
    pub traffic_account_id: String,
    /// How long a message may be in one process's hands; longer than any provider call.
    pub lease: Duration,
    /// How many provider calls one bulk refresh has in flight.
    pub refresh_concurrency: usize,
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
    /// How many questions a second this process asks about messages without a final report; `None`: none.
    pub poll_rate: Option<Rate>,
    /// The longest provider call: none is begun under a lease that may end before.
    pub provider_timeout: Duration,
    /// How long a repeated send waits for the first one when its caller sets no deadline.
    pub repeat_patience: Duration,
    /// The provider's posts, and how they are told from others'.
    pub webhooks: Webhooks,
    /// How streams of changes are bounded.
    pub watching: Watching,
    /// How long things are kept.
    pub retention: Retention,
}

/// The provider's posts that are taken here.
#[derive(Debug, Clone, Default)]
pub struct Webhooks {
    /// The secrets, each a token and a key (`WEBHOOK_SECRET`); without one nothing is taken.
    pub secrets: Vec<SecretString>,
    /// The words by which recipients ask for no more messages (`STOP_WORDS` are added to the usual ones).
    pub keywords: Keywords,
}

/// A source of random numbers from 0 to 1, passed in so that tests decide.
pub type Random = Arc<dyn Fn() -> f64 + Send + Sync>;

/// The parts of the service.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The SMS provider.
    pub provider: Arc<dyn Provider>,
    /// Makes and checks tokens.
    pub tokens: Tokens,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// How it behaves.
    pub settings: Settings,
}

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    /// Who holds leases: this process, in this run of it.
    holder: Uuid,
    /// Sends that go on whatever becomes of their caller.
    sends: TaskTracker,
    /// One for each queued message that may be in flight.
    slots: Arc<Semaphore>,
    /// One for each bulk call that may be in flight.
    bulk_slots: Arc<Semaphore>,
    /// The known state of the gates that every send passes.
    gates: gates::Gates,
    /// The partitions of the queue, as they were a moment ago.
    cached_partitions: queue::CachedPartitions,
    /// How many messages of each owner are in flight.
    in_flight: queue::InFlight,
    sharing: sharing::Sharing,
    /// How much the polls may still ask.
    polls: poll::PollBudget,
    /// Who begins when the capacity is allotted.
    turn: AtomicUsize,
    /// Reports that are stored and not applied yet.
    /// The counters.
    metrics: Metrics,
    /// How full the queue was when somebody last asked.
    depths: health::Kept,
    /// Where streams of changes meet the tail of the journal.
    hub: watch_messages::Hub,
    /// Rung when something was put into the queue, or may be sent now.
    wake: Notify,
    /// Rung when another replica changed a gate.
    gates_changed: Notify,
    /// Set when the process stops: what is not past the fence is given back.
    stopping: CancellationToken,
    users: Cache<OwnerId, User>,
    stats: Cache<(OwnerId, CampaignId), Stats>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("holder", &self.inner.holder).finish_non_exhaustive()
    }
}

impl std::ops::Deref for Inner {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// How long a user's row may be answered from memory.
const USER_TTL: Duration = Duration::from_secs(5);
/// How long a campaign's counters may be answered from memory, unless something here changed them.
const STATS_TTL: Duration = Duration::from_millis(900);

impl Service {
    /// The service over its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let inner = Inner {
            holder: Uuid::new_v4(),
            sends: TaskTracker::new(),
            slots: Arc::new(Semaphore::new(parts.settings.send_concurrency)),
            bulk_slots: Arc::new(Semaphore::new(parts.settings.bulk_concurrency)),
            gates: gates::Gates::new(parts.clock.now()),
            cached_partitions: queue::CachedPartitions::default(),
            in_flight: queue::InFlight::default(),
            sharing: sharing::Sharing::default(),
            polls: poll::PollBudget::default(),
            turn: AtomicUsize::new(0),
            metrics: Metrics::default(),
            depths: health::Kept::default(),
            hub: watch_messages::Hub::default(),
            wake: Notify::new(),
            gates_changed: Notify::new(),
            stopping: CancellationToken::new(),
            users: Cache::builder().max_capacity(10_000).time_to_live(USER_TTL).build(),
            stats: Cache::builder().max_capacity(10_000).time_to_live(STATS_TTL).build(),
            parts,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Waits until every send that passed the fence has been settled. New ones may still begin.
    pub async fn drain(&self) {
        self.inner.sends.close();
        self.inner.sends.wait().await;
    }

    /// Whether the database answers.
    pub async fn ready(&self) -> Result<(), crate::error::Error> {
        Ok(self.inner.store.ping().await?)
    }
}
