//! Whom credentials stand for, and whether they still do.

use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use moka::future::Cache;

use crate::admission::Suspect;
use crate::auth::rules::Refused;
use crate::auth::{Caller, Credentials, Proof, keys};
use crate::error::Error;
use crate::service::Service;
use crate::store::User;

/// The answer of both APIs to a caller without credentials, to one whose credentials are worth nothing, and to one whose were until now.
const MISSING: &str = "Missing token";
const INVALID: &str = "Invalid token";
const ENDED: &str = "The credentials have ended";

/// How long it is answered from memory that there is no such key.
const UNKNOWN_TTL: Duration = Duration::from_secs(10);
/// How often it is noted that a key is used.
const NOTE_EVERY: Duration = Duration::from_hours(1);
/// How many keys are remembered for either.
const REMEMBERED: u64 = 10_000;

/// A memory of API keys.
pub(super) struct KnownKeys {
    /// Digests that no key has: asking for them costs the database nothing.
    unknown: Cache<[u8; 32], ()>,
    /// Digests of keys that were good lately, whose use was noted then.
    noted: Cache<[u8; 32], ()>,
}

impl Default for KnownKeys {
    fn default() -> Self {
        Self {
            unknown: Cache::builder().max_capacity(REMEMBERED).time_to_live(UNKNOWN_TTL).build(),
            noted: Cache::builder().max_capacity(REMEMBERED).time_to_live(NOTE_EVERY).build(),
        }
    }
}

impl Service {
    /// The caller behind these credentials, which were shown from this address. A key is looked up every time, so that a revoked one
    /// is refused at once.
    pub async fn authenticate(
        &self,
        credentials: Option<Credentials>,
        address: Option<IpAddr>,
    ) -> Result<Caller, Error> {
        let caller = match credentials.ok_or(Error::Unauthenticated(MISSING))? {
            Credentials::Bearer(token) => self.inner.tokens.verify(&token, self.inner.clock.now()).map_err(|why| {
                tracing::info!(reason = %why, "a token was refused");
                if why == Refused::Expired { Error::TokenExpired } else { Error::Unauthenticated(INVALID) }
            })?,
            Credentials::ApiKey(key) => {
                // What cannot be a key is none, without a question to the database.
                let hash = keys::is_whole(&key).then(|| keys::hash(&key)).ok_or(Error::Unauthenticated(INVALID))?;
                self.of_key(hash, &self.inner.admission.suspect(address)).await?
            }
        };
        let user = self.still_counts(&caller).await.map_err(|e| match e {
            Error::Unauthenticated(_) => Error::Unauthenticated(INVALID),
            e => e,
        })?;
        Ok(caller.with(user.at_once))
    }

    async fn of_key(&self, hash: [u8; 32], suspect: &Suspect) -> Result<Caller, Error> {
        let known = &self.inner.keys;
        if known.unknown.contains_key(&hash) {
            return Err(Error::Unauthenticated(INVALID));
        }
        let noted = known.noted.contains_key(&hash);
        let lookup = if noted { None } else { Some(suspect.look_up()?) };
        let owner = self.inner.store.key_owner(&hash, self.inner.clock.now()).await?;
        drop(lookup);
        let Some(owner) = owner else {
            suspect.failed();
            known.unknown.insert(hash, ()).await;
            return Err(Error::Unauthenticated(INVALID));
        };
        if !noted {
            known.noted.insert(hash, ()).await;
            let store = self.inner.store.clone();
            self.inner.lifecycle.spawn(async move {
                if let Err(e) = store.note_key_used(owner.key).await {
                    tracing::debug!(cause = %e, "it was not noted that a key is used");
                }
            });
        }
        Ok(Caller::new(owner.user, &owner.scopes).by(Proof::Key(owner.key)))
    }

    /// Refuses a caller who was let in and would not be now: the user has to be there and not disabled, and what was shown not to
    /// have ended. Returns the user.
    pub(super) async fn still_counts(&self, caller: &Caller) -> Result<Arc<User>, Error> {
        let ended = Err(Error::Unauthenticated(ENDED));
        let user = match self.inner.users.get(caller.user).await {
            Ok(user) => user,
            Err(Error::NotFound(..)) => return ended,
            Err(e) => return Err(e),
        };
        let now = self.inner.clock.now();
        let counts = user.disabled_at.is_none()
            && !caller.is_over(now)
            && match caller.proof() {
                // A token that does not say when it was issued may be from before.
                Proof::Token { issued, until } => {
                    let since = user.tokens_since.is_none_or(|since| issued.is_some_and(|issued| issued > since));
                    since && until.is_none_or(|until| until > now)
                }
                // A key was looked up a moment ago.
                Proof::None | Proof::Key(_) | Proof::Database(_) => true,
            };
        if counts { Ok(user) } else { ended }
    }

    /// A stream that ends with its caller's credentials.
    pub(super) fn while_allowed<T: Send + 'static>(
        &self,
        caller: &Caller,
        stream: impl Stream<Item = Result<T, Error>> + Send + 'static,
    ) -> Pin<Box<dyn Stream<Item = Result<T, Error>> + Send>> {
        let (service, caller) = (self.clone(), caller.clone());
        let every = self.inner.settings.credentials_again;
        Box::pin(async_stream::try_stream! {
            let mut stream = pin!(stream);
            let mut again = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
            loop {
                let next = tokio::select! {
                    next = stream.next() => Some(next),
                    _ = again.tick() => None,
                };
                match next {
                    Some(Some(next)) => yield next?,
                    Some(None) => return,
                    None => service.goes_on(&caller).await?,
                }
            }
        })
    }

    /// Whether a stream may go on. A database that is away ends none.
    pub(super) async fn goes_on(&self, caller: &Caller) -> Result<(), Error> {
        if let Err(e @ Error::Unauthenticated(_)) = self.still_counts(caller).await {
            return Err(e);
        }
        let Proof::Key(id) = caller.proof() else { return Ok(()) };
        match self.inner.store.key_counts(*id, self.inner.clock.now()).await {
            Ok(false) => Err(Error::Unauthenticated(ENDED)),
            Ok(true) | Err(_) => Ok(()),
        }
    }
}
