//! Links that begin a session of the console: for one minute, and once.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::auth::envelopes::Envelopes;
use crate::auth::tokens::Tokens;
use crate::auth::{Caller, Proof};
use crate::domain::ids::OwnerId;
use crate::error::Error;
use crate::service::Service;
use crate::service::console::LIFE;
use crate::store::SignedPost;

/// How long a link can be opened.
pub const LINK_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// By how much the clock of the machine that made it may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);
/// The purpose of its envelope, which nothing else has.
const PURPOSE: &str = "console-link";
/// The answer to one that is none, was opened, or is too old: which of them is nobody's business who has to ask.
const OVER: Error = Error::Unauthenticated("The link was used, or is older than a minute");

/// The content of a link.
#[derive(Serialize, Deserialize)]
struct Link {
    user: i64,
    scopes: String,
    at: i64,
    /// Makes two links of one second two.
    nonce: [u8; 16],
}

/// The last part of a link's address, for this user with these scopes; `nonce` is random.
pub fn console_link(
    tokens: &Tokens,
    (user, scopes): (OwnerId, &str),
    now: Timestamp,
    nonce: [u8; 16],
) -> Result<String, Error> {
    let link = Link { user: user.0, scopes: scopes.to_owned(), at: now.as_second(), nonce };
    let link = serde_json::to_vec(&link).map_err(|e| Error::Internal { cause: e.to_string() })?;
    Envelopes::new(tokens.signatures(), PURPOSE).close(b"", &link)
}

impl Service {
    /// The user whom a link is for, while it could be opened. Asking does not use it.
    pub async fn link_user(&self, link: &str) -> Result<String, Error> {
        let link = self.link(link)?;
        Ok(self.inner.users.get(OwnerId(link.user)).await?.name.clone())
    }

    /// Opens a link: whoever is first is let in, at whichever replica.
    pub async fn open_link(&self, link: &str) -> Result<Caller, Error> {
        let Link { user, scopes, at, .. } = self.link(link)?;
        let at = Timestamp::from_second(at).map_err(|_| OVER)?;
        let after = |span: SignedDuration| at.checked_add(span).unwrap_or(at);
        let proof = Proof::Token { issued: Some(at), until: Some(after(LIFE)) };
        let caller = Caller::new(OwnerId(user), &scopes).by(proof);
        let owner = self.still_counts(&caller).await?;
        // The name under which it is used up: kept for as long as any replica's clock could take it for young.
        let mark = SignedPost { hash: Sha256::digest(link.as_bytes()).into(), until: after(LINK_LIFE + AHEAD + AHEAD) };
        if !self.inner.store.use_once(mark).await? {
            return Err(OVER);
        }
        Ok(caller.with(owner.at_once))
    }

    fn link(&self, link: &str) -> Result<Link, Error> {
        let content = self.envelopes(PURPOSE).open(b"", link).ok_or(OVER)?;
        let link: Link = serde_json::from_slice(&content).map_err(|_| OVER)?;
        let age = self.inner.clock.now().as_second().saturating_sub(link.at);
        if (-AHEAD.as_secs()..=LINK_LIFE.as_secs()).contains(&age) { Ok(link) } else { Err(OVER) }
    }
}
