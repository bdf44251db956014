//! Whom credentials stand for.

use crate::auth::{Caller, Credentials, keys};
use crate::error::Error;
use crate::service::Service;

/// The answer of both APIs to a caller without credentials, and to one whose credentials are worth nothing.
const MISSING: &str = "Missing token";
const INVALID: &str = "Invalid token";

impl Service {
    /// The caller behind these credentials. A key is looked up every time, so that a revoked one is refused at once.
    pub async fn authenticate(&self, credentials: Option<Credentials>) -> Result<Caller, Error> {
        let caller = match credentials {
            None => return Err(Error::Unauthenticated(MISSING)),
            Some(Credentials::Bearer(token)) => {
                let now = self.inner.clock.now();
                self.inner.tokens.verify(&token, now).map_err(|_| Error::Unauthenticated(INVALID))?
            }
            Some(Credentials::ApiKey(key)) => {
                let owner = self.inner.store.key_owner(&keys::hash(&key)).await?;
                let owner = owner.ok_or(Error::Unauthenticated(INVALID))?;
                Caller::new(owner.user, &owner.scopes)
            }
        };
        match self.inner.users.get(caller.user).await {
            Ok(_) => Ok(caller),
            Err(Error::NotFound(..)) => Err(Error::Unauthenticated(INVALID)),
            Err(e) => Err(e),
        }
    }
}
