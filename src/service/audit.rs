//! The audit: in whose name a caller acts, and that it acts as another.

use std::time::Duration;

use moka::future::Cache;

use crate::auth::{Caller, Proof};
use crate::domain::audit::{Act, Actor};
use crate::domain::ids::OwnerId;
use crate::error::Error;
use crate::service::Service;
use crate::store::Store;

/// How often it is told of a caller that it acts as another owner.
const TELL_EVERY: Duration = Duration::from_hours(1);
/// How many readings are remembered.
const REMEMBERED: u64 = 10_000;

/// Who read, of one owner or of all, and what.
type Reading = (Actor, Option<OwnerId>, &'static str);

/// The readings of which it was told lately. Cheap to clone.
#[derive(Clone)]
pub(super) struct ToldOf(Cache<Reading, ()>);

impl Default for ToldOf {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_live(TELL_EVERY).build())
    }
}

impl ToldOf {
    /// Whether it is to be told now; whoever asks next is not to tell it again.
    async fn is_first(&self, reading: &Reading) -> bool {
        let first = self.0.get(reading).await.is_none();
        if first {
            self.0.insert(reading.clone(), ()).await;
        }
        first
    }

    /// Writes down that a caller reads what is an owner's, or of all owners, before it does.
    pub(super) async fn tell(
        &self,
        store: &Store,
        caller: &Caller,
        owner: Option<OwnerId>,
        what: &'static str,
    ) -> Result<(), Error> {
        let reading = (actor(caller), owner, what);
        if !self.is_first(&reading).await {
            return Ok(());
        }
        let told = store.acting(actor(caller)).note_act(Act::ActedAs, owner, what).await;
        if told.is_err() {
            self.0.invalidate(&reading).await;
        }
        Ok(told?)
    }
}

/// In whose name a caller acts.
pub(super) fn actor(caller: &Caller) -> Actor {
    match caller.proof() {
        Proof::Key(id) => Actor::key(*id),
        Proof::Database(name) => Actor::cli(name.as_deref()),
        Proof::Token { .. } | Proof::None => Actor::user(caller.user.0),
    }
}

impl Service {
    /// The store, where this caller acts.
    pub(super) fn store_of(&self, caller: &Caller) -> Store {
        self.inner.store.acting(actor(caller))
    }

    /// Whose things a request is about, as [`Caller::owner`] has it. That a caller acts as another is written down beside the call:
    /// a database that takes no write is no reason not to read.
    pub(super) async fn owner_of(&self, caller: &Caller, named: Option<i64>) -> Result<OwnerId, Error> {
        let owner = caller.owner(named)?;
        let acting = (actor(caller), Some(owner), "");
        if owner != caller.user && self.inner.told_of.is_first(&acting).await {
            let (service, store) = (self.clone(), self.store_of(caller));
            self.inner.lifecycle.spawn(async move {
                let told = match service.inner.users.get(owner).await {
                    Ok(_) => store.note_act(Act::ActedAs, Some(owner), "").await.map_err(Error::from),
                    // Nobody to act as; the call finds that out itself.
                    Err(Error::NotFound(..)) => Ok(()),
                    Err(e) => Err(e),
                };
                if let Err(e) = told {
                    service.inner.told_of.0.invalidate(&acting).await;
                    tracing::warn!(cause = e.cause(), "it was not written down that a caller acts as another");
                }
            });
        }
        Ok(owner)
    }
}
