//! The console's sessions: a person in a browser, who showed a key, a token or a link once. A session is an envelope that the browser
//! keeps, and every replica opens it; that what was shown still counts is asked at every request.

mod links;
mod numbers;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use links::{LINK_LIFE, console_link};

use crate::auth::envelopes::Envelopes;
use crate::auth::{Caller, Proof};
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::error::Error;
use crate::service::Service;

/// How long a session lasts at most: a long day's work.
const LIFE: SignedDuration = SignedDuration::from_hours(12);
/// The purpose of its envelope, which nothing else has.
const PURPOSE: &str = "console-session";
/// The answer to a session that is over, was never one, or whose credentials have ended.
const ENDED: Error = Error::Unauthenticated("The session has ended");

/// The content of a session.
#[derive(Serialize, Deserialize)]
struct Claims {
    user: i64,
    scopes: String,
    /// The proof that was shown; the session ends when it does.
    key: Option<i64>,
    issued: Option<i64>,
    until: Option<i64>,
    /// When it ends by itself.
    ends: i64,
}

/// A session that begins.
#[derive(Debug, Clone)]
pub struct BegunSession {
    /// The text that the browser is to bring back.
    pub sealed: String,
    /// How long it lasts.
    pub life: SignedDuration,
}

impl Service {
    /// Begins a session for whoever was let in, and writes it down.
    pub async fn begin_session(&self, caller: &Caller) -> Result<BegunSession, Error> {
        let now = self.inner.clock.now();
        let (key, issued, until) = match caller.proof() {
            // Nobody at a browser has these, which are of the process itself.
            Proof::None | Proof::Database(_) => (None, None, None),
            Proof::Token { issued, until } => (None, *issued, *until),
            Proof::Key(id) => (Some(*id), None, None),
        };
        let ends = now.checked_add(LIFE).unwrap_or(now);
        let claims = Claims {
            user: caller.user.0,
            scopes: caller.scopes(),
            key,
            issued: issued.map(Timestamp::as_second),
            until: until.map(Timestamp::as_second),
            ends: ends.as_second(),
        };
        let claims = serde_json::to_vec(&claims).map_err(|e| Error::Internal { cause: e.to_string() })?;
        let sealed = self.envelopes(PURPOSE).close(b"", &claims)?;
        let subject = format!("until {ends:.0}, {}", caller.scopes());
        self.store_of(caller).note_act(Act::SignedIn, Some(caller.user), &subject).await?;
        Ok(BegunSession { sealed, life: LIFE })
    }

    /// Whoever brings this session back. What was shown at its begin is looked up again: a key that was revoked ends it at once.
    pub async fn session(&self, sealed: &str) -> Result<Caller, Error> {
        let claims = self.envelopes(PURPOSE).open(b"", sealed).ok_or(ENDED)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| ENDED)?;
        let now = self.inner.clock.now();
        let ends = Timestamp::from_second(claims.ends).map_err(|_| ENDED)?;
        let at = |second: Option<i64>| second.and_then(|second| Timestamp::from_second(second).ok());
        let proof = claims.key.map_or(Proof::Token { issued: at(claims.issued), until: at(claims.until) }, Proof::Key);
        let caller = Caller::new(OwnerId(claims.user), &claims.scopes).by(proof).until(ends);
        let user = self.still_counts(&caller).await?;
        if let Proof::Key(id) = caller.proof()
            && !self.inner.store.key_counts(*id, now).await?
        {
            return Err(ENDED);
        }
        Ok(caller.with(user.at_once))
    }

    /// Writes down what somebody did in the console where the call itself is no act of the audit. `subject` holds no whole number.
    pub async fn note_console(&self, caller: &Caller, subject: &str) {
        let noted = self.store_of(caller).note_act(Act::DoneInConsole, Some(caller.user), subject).await;
        if let Err(e) = noted {
            // It is done already, and the call's line in the log says who did it.
            tracing::warn!(cause = %e, "it was not written down what was done in the console");
        }
    }

    fn envelopes(&self, purpose: &'static str) -> Envelopes<'_> {
        Envelopes::new(self.inner.tokens.signatures(), purpose)
    }
}
