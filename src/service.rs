//! The service layer: what the service does for its callers, whichever API they come through.

mod access;
mod admin;
mod audit;
mod campaigns;
mod cancel;
mod console;
mod counting;
mod explain;
mod grants;
mod health;
mod inbound;
mod inbox;
mod lookup;
mod opt_outs;
mod paging;
mod poll;
mod posts_told;
mod reconcile;
mod refresh;
mod refresh_bulk;
mod report;
mod retention;
mod send;
mod send_many;
mod stream_urls;
mod tags;
mod timers;
mod watch;
mod watch_inbound;
mod watch_messages;
mod webhooks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use admin::{
    AuditPage, CancelWaiting, Cancelled, CreateKey, ExportOptOuts, Fresh, GivenCountries, GivenDead, GivenLimits,
    GivenName, GivenOptOut, GivenPerNumber, GivenWaiting, Imported, KeyPage, KeyState, ListAuditEvents, ListDead,
    ListKeys, ListReview, ListRouteAccounts, ListUsers, ListWaiting, MadeKey, OperatedPage, Operations, Replayed,
    RequeueDead, Requeued, ReviewPage, RouteAccount, RouteAccountPage, SetLimit, ShownUser, UserPage,
};
pub use campaigns::{
    AddedRecipients, Adding, CampaignPage, CampaignWatch, CreateCampaign, GivenRecipient, InvalidRecipient,
    ListCampaigns,
};
pub use cancel::CancelMessage;
pub use console::{BegunSession, LINK_LIFE, console_link};
pub use counting::MessageCount;
pub use explain::Explained;
pub use health::NotReady;
pub use inbox::{InboundPage, ListInbound};
pub use lookup::{ListMessages, MessageFilter, MessagePage};
pub use opt_outs::{ListOptOuts, OptOutPage};
pub use refresh::{Refreshed, internal_status};
pub use refresh_bulk::{BulkEvent, BulkFailure, BulkOutcome, BulkProgress, BulkRequest, BulkStream, BulkTarget};
pub use send::{SendSingle, Sent, account_id};
pub use send_many::{GivenSend, SendStream, ToldSend};
pub use stream_urls::{OpenedStream, StreamGrant};
pub use tags::GivenTags;
pub use watch::{Watch, Watched, Watching};
pub use watch_inbound::WatchInbound;
pub use watch_messages::{WatchMessages, WatchedChange};
pub use webhooks::{
    CreateEndpoint, DeliveryPage, EndpointPage, GivenCalling, GivenStart, ListDeliveries, ListEndpoints, ReplayEvents,
    Rotated, Stands, UpdateEndpoint,
};

pub use crate::domain::opt_out::OptOutSource;
/// The provider's live view, for the APIs, which never see the provider.
pub use crate::provider::Snapshot;
/// An entry of an owner's list, an act, a post and what came in, for the APIs, which never see the store.
pub use crate::store::{
    ApiKey, Audited, ChoreStanding, Endpoint, EndpointStanding, Exception, ExceptionState, OptOut, Received, Replica,
    Requested, SignedPost, ToReview, User,
};

use secrecy::SecretString;

use crate::admission::{self, Admission};
use crate::auth::tokens::Tokens;
use crate::caches::{CampaignStats, QueueDepths, Users};
use crate::clock::Clock;
use crate::domain::keyword::Keywords;
use crate::domain::rate::Rate;
use crate::domain::retention::Retention;
use crate::domain::sender::SenderId;
use crate::domain::webhook::address::Nets;
use crate::domain::webhook::secret::HookKeys;
use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::provider::Provider;
use crate::receiver::Receiver;
use crate::sender::{self, Random, Sender};
use crate::spool::Spool;
use crate::store::Store;
use crate::tail::Tail;
use crate::traces::Traces;
use crate::webhooks::{self as delivering, Webhooks};

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
    /// How long a repeated send waits for the first one when its caller sets no deadline, and how long it is tried to learn
    /// whether a message was stored.
    pub repeat_patience: Duration,
    /// How long it is waited before a database that gave no answer is asked again; then twice as long each time.
    pub first_pause: Duration,
    /// How long a user's row is answered from memory: a change of it holds at the latest then.
    pub user_ttl: Duration,
    /// How often it is asked of a stream whether its caller's credentials still count.
    pub credentials_again: Duration,
    /// The provider's posts, and how they are told from others'.
    pub webhooks: ProviderPosts,
    /// Owners' webhook endpoints.
    pub hooks: Hooks,
    /// How streams of changes are bounded.
    pub watching: Watching,
    /// How much there is for those who call.
    pub admission: admission::Limits,
    /// How long things are kept.
    pub retention: Retention,
}

impl Settings {
    /// Those that concern the sender.
    fn of_sender(&self) -> sender::Settings {
        sender::Settings {
            traffic_account_id: self.traffic_account_id.clone(),
            lease: self.lease,
            provider_timeout: self.provider_timeout,
            patience: self.repeat_patience,
            first_pause: self.first_pause,
            send_concurrency: self.send_concurrency,
            owner_in_flight: self.owner_in_flight,
            bulk_concurrency: self.bulk_concurrency,
            bulk_chunk: self.bulk_chunk,
            rate: self.rate,
        }
    }
}

/// The provider's posts that are taken here.
#[derive(Debug, Clone, Default)]
pub struct ProviderPosts {
    /// The secrets, each a token and a key (`WEBHOOK_SECRET`); without one nothing is taken.
    pub secrets: Vec<SecretString>,
    /// The words by which recipients ask for no more messages (`STOP_WORDS` are added to the usual ones).
    pub keywords: Keywords,
}

/// Owners' webhook endpoints.
#[derive(Debug, Clone, Default)]
pub struct Hooks {
    /// The keys that their secrets are derived from (`HOOK_KEY`); without one no endpoint can be made.
    pub keys: HookKeys,
    /// The operator's own nets, which may be called besides public addresses (`HOOK_NETS`).
    pub nets: Nets,
}

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
    /// Chance, of which secrets are made.
    pub fresh: Fresh,
    /// How it behaves.
    pub settings: Settings,
    /// Where answers wait for a database that is away, should the process not live to see it.
    pub spool: Option<Spool>,
    /// Calls owners' receivers.
    pub receiver: Arc<dyn Receiver>,
    /// Spans of what it does.
    pub traces: Traces,
}

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    provider: Arc<dyn Provider>,
    tokens: Tokens,
    clock: Clock,
    fresh: Fresh,
    settings: Settings,
    users: Users,
    stats: CampaignStats,
    /// It is handed messages once they are stored.
    sender: Sender,
    /// The work under way, and whether the process is to stop.
    lifecycle: Lifecycle,
    /// The counters.
    metrics: Metrics,
    /// Spans of what it does.
    traces: Traces,
    /// How much may still be asked about messages without a final report.
    polls: poll::PollBudget,
    /// How full the queue was when somebody last asked.
    depths: QueueDepths,
    /// Whether the database took a write when somebody last asked.
    readiness: health::Readiness,
    /// Held by whoever reads inbound messages: they are read in their order, one at a time over all replicas.
    reading: tokio::sync::Mutex<()>,
    /// How much of the provider's posts the log has told.
    posts_told: posts_told::PostsTold,
    /// A memory of API keys.
    keys: access::KnownKeys,
    /// Of whom it was told that they act as others.
    told_of: audit::ToldOf,
    /// The shares of those who call.
    admission: Admission,
    /// The tail of the journal, which streams of changes follow.
    tail: Tail,
    /// Delivers events to webhook endpoints.
    webhooks: Webhooks,
    /// Held by every stream of changes, to count them.
    watches: Arc<()>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("sender", &self.inner.sender).finish_non_exhaustive()
    }
}

impl Service {
    /// Runs work to its end whether or not this is waited for, and before the process ends.
    pub async fn to_its_end<F>(&self, work: F) -> Result<F::Output, Error>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(self.inner.lifecycle.spawn(work).await?)
    }

    /// The service over its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { store, provider, tokens, clock, random, fresh, settings, spool, receiver, traces } = parts;
        let (metrics, lifecycle) = (Metrics::default(), Lifecycle::default());
        let (users, stats) = (Users::new(store.clone(), settings.user_ttl), CampaignStats::new(store.clone()));
        let depths = QueueDepths::new(store.clone());
        let sender = Sender::new(sender::Parts {
            store: store.clone(),
            provider: provider.clone(),
            clock: clock.clone(),
            random: random.clone(),
            settings: settings.of_sender(),
            metrics: metrics.clone(),
            users: users.clone(),
            stats: stats.clone(),
            lifecycle: lifecycle.clone(),
            spool,
            traces: traces.clone(),
        });
        let tail = Tail::new(store.clone(), metrics.clone());
        let webhooks = Webhooks::new(delivering::Parts {
            store: store.clone(),
            receiver,
            tail: tail.clone(),
            clock: clock.clone(),
            random,
            keys: settings.hooks.keys.clone(),
            metrics: metrics.clone(),
            lifecycle: lifecycle.clone(),
            holder: sender.holder(),
            traces: traces.clone(),
        });
        let inner = Inner {
            admission: Admission::new(&settings.admission),
            keys: access::KnownKeys::default(),
            posts_told: posts_told::PostsTold::default(),
            told_of: audit::ToldOf::default(),
            tail,
            webhooks,
            watches: Arc::default(),
            store,
            provider,
            tokens,
            clock,
            fresh,
            settings,
            users,
            stats,
            sender,
            lifecycle,
            metrics,
            traces,
            polls: poll::PollBudget::default(),
            depths,
            readiness: health::Readiness::default(),
            reading: tokio::sync::Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The tokens that callers show.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.inner.tokens
    }

    /// The spans of what it does.
    #[must_use]
    pub fn traces(&self) -> &Traces {
        &self.inner.traces
    }

    /// The shares of those who call.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.inner.admission
    }

    /// The engine that sends what is queued.
    #[must_use]
    pub fn sender(&self) -> &Sender {
        &self.inner.sender
    }

    /// The engine that delivers events to webhook endpoints.
    #[must_use]
    pub fn webhooks(&self) -> &Webhooks {
        &self.inner.webhooks
    }

    /// From here on nothing new is begun, streams end, and what is claimed is given back instead of sent.
    pub fn stop_sending(&self) {
        self.inner.lifecycle.stop();
    }

    /// Waits until every send that passed the fence has been settled. New ones may still begin.
    pub async fn drain(&self) {
        self.inner.lifecycle.drain().await;
    }
}
