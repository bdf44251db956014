//! Caches that last a moment: users, how campaigns stand, and how full the queue is. Whoever changes a campaign's messages here
//! says so, and the next reader counts them anew; what other replicas change is seen a moment later.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::campaign::Stats;
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::message::Message;
use crate::error::{Error, Resource};
use crate::store::{Depths, Moved, Store, User};

/// How long a campaign's counters may be answered from memory, unless something here changed them.
const STATS_TTL: Duration = Duration::from_millis(900);
/// How long it may be answered from memory how full the queue is: counting a deep one takes a while.
const DEPTHS_TTL: Duration = Duration::from_secs(5);
/// How many users, and how many campaigns, are remembered.
const CAPACITY: u64 = 10_000;

/// The users. Clones remember together.
#[derive(Clone)]
pub struct Users {
    store: Store,
    known: Cache<OwnerId, Arc<User>>,
}

impl Users {
    /// The users of this database, each answered from memory for so long.
    #[must_use]
    pub fn new(store: Store, ttl: Duration) -> Self {
        Self { store, known: Cache::builder().max_capacity(CAPACITY).time_to_live(ttl).build() }
    }

    /// A user, as of so long ago at most.
    pub async fn get(&self, id: OwnerId) -> Result<Arc<User>, Error> {
        if let Some(user) = self.known.get(&id).await {
            return Ok(user);
        }
        let user = self.store.user(id).await?.ok_or_else(|| Error::NotFound(Resource::User, id.to_string()))?;
        let user = Arc::new(user);
        self.known.insert(id, user.clone()).await;
        Ok(user)
    }
}

/// How campaigns stand. Clones remember together.
#[derive(Clone)]
pub struct CampaignStats {
    store: Store,
    known: Cache<(OwnerId, CampaignId), Stats>,
}

impl CampaignStats {
    /// The campaigns of this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, known: Cache::builder().max_capacity(CAPACITY).time_to_live(STATS_TTL).build() }
    }

    /// How a campaign stands, as of a second ago at most; `None` if the owner has none of this id.
    pub async fn get(&self, owner: OwnerId, campaign: CampaignId) -> Result<Option<Stats>, Error> {
        if let Some(stats) = self.known.get(&(owner, campaign)).await {
            return Ok(Some(stats));
        }
        let Some(stats) = self.store.campaign_stats(owner, campaign).await? else { return Ok(None) };
        self.known.insert((owner, campaign), stats.clone()).await;
        Ok(Some(stats))
    }

    /// Forgets how a campaign stood.
    pub async fn forget(&self, owner: OwnerId, campaign: CampaignId) {
        self.known.invalidate(&(owner, campaign)).await;
    }

    /// Forgets how these messages' campaigns stood, each once.
    pub async fn forget_of(&self, messages: impl IntoIterator<Item = &Message>) {
        let campaigns: HashSet<_> = messages.into_iter().filter_map(|m| Some((m.owner, m.campaign?))).collect();
        for (owner, campaign) in campaigns {
            self.forget(owner, campaign).await;
        }
    }

    /// Forgets how the campaigns stood that these moves changed.
    pub async fn forget_moved(&self, moved: &[Moved]) {
        self.forget_of(moved.iter().filter(|m| m.result.is_ok()).map(|m| &m.message)).await;
    }
}

/// How full the queue is. Clones remember together.
#[derive(Clone)]
pub struct QueueDepths {
    store: Store,
    known: Arc<watch::Sender<Option<(Instant, Depths)>>>,
}

impl QueueDepths {
    /// The queue of this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, known: Arc::default() }
    }

    /// How full it is, as of five seconds ago at most.
    pub async fn get(&self) -> Result<Depths, Error> {
        if let Some((counted, depths)) = self.known.borrow().as_ref()
            && counted.elapsed() < DEPTHS_TTL
        {
            return Ok(depths.clone());
        }
        let depths = self.store.depths().await?;
        self.known.send_replace(Some((Instant::now(), depths.clone())));
        Ok(depths)
    }

    /// How full it was when it was counted last, however long ago; as if it were empty if it never was.
    #[must_use]
    pub fn last(&self) -> Depths {
        self.known.borrow().as_ref().map(|(_, depths)| depths.clone()).unwrap_or_default()
    }
}
