//! The use cases of operators, over all owners. Each needs scope `ops`, and each that changes something is an act that is written down.
//! They need the database alone: a process that serves has them, and so has the command line beside a database.

mod accounts;
mod acts;
mod dead;
mod fleet;
mod granting;
mod inspect;
mod keys;
mod limits;
mod numbers;
mod review;
mod users;
mod waiting;

use std::fmt;
use std::sync::Arc;

pub use accounts::{ListRouteAccounts, RouteAccount, RouteAccountPage, SetLimit};
pub use acts::{AuditPage, ListAuditEvents};
pub use dead::{GivenDead, ListDead, RequeueDead, Requeued};
pub use fleet::Replayed;
pub use granting::GivenName;
pub use inspect::OperatedPage;
pub use keys::{CreateKey, KeyPage, KeyState, ListKeys, MadeKey};
pub use limits::{GivenCountries, GivenLimits, GivenPerNumber};
pub use numbers::{ExportOptOuts, GivenOptOut, Imported};
pub use review::{ListReview, ReviewPage};
pub use users::{ListUsers, ShownUser, UserPage};
pub use waiting::{CancelWaiting, Cancelled, GivenWaiting, ListWaiting};

use crate::admission::{self, Admission};
use crate::auth::tokens::Tokens;
use crate::auth::{Caller, Scope};
use crate::caches::{CampaignStats, QueueDepths};
use crate::clock::Clock;
use crate::domain::ids::OwnerId;
use crate::error::{Error, Resource, Violation};
use crate::lifecycle::Lifecycle;
use crate::service::paging::Paging;
use crate::service::{Service, audit};
use crate::store::{Store, User};

/// How many messages one act moves at most.
const MOST: i64 = 50_000;
/// How many of them are moved at once.
const AT_ONCE: usize = 500;

/// 256 random bits, of which a secret is made.
pub type Fresh = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

/// The acts of operators, and what they may read. Cheap to clone.
#[derive(Clone)]
pub struct Operations {
    store: Store,
    clock: Clock,
    /// Seals the tokens of pages.
    tokens: Tokens,
    admission: Admission,
    lifecycle: Lifecycle,
    stats: CampaignStats,
    depths: QueueDepths,
    told_of: audit::ToldOf,
    fresh: Fresh,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}

impl Service {
    /// The acts of operators.
    #[must_use]
    pub fn operations(&self) -> Operations {
        let inner = &self.inner;
        Operations {
            store: inner.store.clone(),
            clock: inner.clock.clone(),
            tokens: inner.tokens.clone(),
            admission: inner.admission.clone(),
            lifecycle: inner.lifecycle.clone(),
            stats: inner.stats.clone(),
            depths: inner.depths.clone(),
            told_of: inner.told_of.clone(),
            fresh: inner.fresh.clone(),
        }
    }
}

impl Operations {
    /// Those of a process that serves nobody, beside a database. `tokens` seal pages for as long as the process lives.
    #[must_use]
    pub fn beside(store: Store, clock: Clock, tokens: Tokens, fresh: Fresh) -> Self {
        Self {
            stats: CampaignStats::new(store.clone()),
            depths: QueueDepths::new(store.clone()),
            store,
            clock,
            tokens,
            admission: Admission::new(&admission::Limits::default()),
            lifecycle: Lifecycle::default(),
            told_of: audit::ToldOf::default(),
            fresh,
        }
    }

    /// The store, where this caller acts as an operator.
    fn acting(&self, caller: &Caller) -> Result<Store, Error> {
        caller.require(Scope::Ops)?;
        Ok(self.store.acting(audit::actor(caller)))
    }

    /// The page that an operator asks for of the list that `filters` describes, as [`Service::page`] has it.
    fn page<P>(
        &self,
        filters: String,
        asked: (i32, &str),
        place: impl FnOnce(&[u8]) -> Option<P>,
        violations: &mut Vec<Violation>,
    ) -> (Paging, Option<P>) {
        let seal = crate::auth::seals::Seal::new(self.tokens.signatures(), filters);
        Paging::asked(seal, asked, place, violations)
    }

    /// The user or key that a request names, which it has to.
    fn named(id: i64) -> Result<i64, Error> {
        if id == 0 { Err(Error::invalid("id", "is required")) } else { Ok(id) }
    }

    /// The user with this id.
    async fn user(&self, id: i64) -> Result<User, Error> {
        self.store.user(OwnerId(id)).await?.ok_or_else(|| Error::NotFound(Resource::User, id.to_string()))
    }

    /// Refuses a filter that names nobody: a mistyped id would read as "nothing".
    async fn existing(&self, owner: Option<i64>) -> Result<Option<OwnerId>, Error> {
        match owner {
            Some(id) => self.user(id).await.map(|user| Some(user.id)),
            None => Ok(None),
        }
    }

    /// Runs what must not stop half-way because its caller went away.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.lifecycle.spawn(work).await?
    }
}

/// Refuses a number of things, or of an act, below nothing.
fn not_negative(field: &str, given: Option<i64>, violations: &mut Vec<Violation>) {
    if given.is_some_and(|n| n < 0) {
        violations.push(Violation::new(field, "must not be negative"));
    }
}

/// Why nothing was done to all messages that match: they are not as many as was shown.
fn count_changed(count: i64) -> Error {
    Error::Precondition {
        reason: "COUNT_CHANGED",
        message: format!("{count} messages match now, which is not what was expected: nothing was done"),
        metadata: vec![("count", count.to_string())],
    }
}

/// Refuses what would move more messages than one act may.
fn few_enough(count: usize) -> Result<i64, Error> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    if count <= MOST {
        return Ok(count);
    }
    Err(Error::Precondition {
        reason: "TOO_MANY_MESSAGES",
        message: format!("More than {MOST} messages match: narrow the request"),
        metadata: Vec::new(),
    })
}
