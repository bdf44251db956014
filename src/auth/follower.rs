//! Follows the public keys of an identity provider at the URL where they are found.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use crate::auth::tokens::Tokens;

/// How often the keys are asked for.
const EVERY: Duration = Duration::from_mins(5);
/// How soon again at the earliest: after a failure, and when a token names a key that is not known.
const AGAIN: Duration = Duration::from_secs(10);
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const LONGEST: usize = 1 << 20;

/// Why the keys could not be had. Neither the URL nor what came from there is told.
#[derive(Debug)]
enum Fault {
    Status(u16),
    TooLong,
    NoSet,
    Unreachable,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the answer was {status}"),
            Self::TooLong => write!(f, "the answer is longer than {LONGEST} bytes"),
            Self::NoSet => f.write_str("the answer is no JWK set with a key that can be used"),
            Self::Unreachable => f.write_str("no answer came in time"),
        }
    }
}

/// A JWK set, of which keys of other kinds are passed over (RFC 7517, section 5).
#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// Keeps the keys as they are at a URL.
#[derive(Debug)]
pub struct Follower {
    client: Client,
    url: Url,
    tokens: Tokens,
    again: Duration,
}

impl Follower {
    /// For these tokens.
    pub fn new(url: Url, tokens: Tokens) -> Result<Self, reqwest::Error> {
        // Whoever can answer for this URL can make tokens: it is not led elsewhere.
        let client = Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, url, tokens, again: AGAIN })
    }

    /// Asks again this soon instead of ten seconds later, for tests.
    #[must_use]
    pub fn again_after(self, again: Duration) -> Self {
        Self { again, ..self }
    }

    /// Asks for the keys, for ever. A failure leaves those that are known in force.
    pub async fn follow(self) {
        loop {
            let pause = match self.fetch().await {
                Ok(set) => match self.tokens.trust(&set) {
                    0 => {
                        tracing::warn!(cause = %Fault::NoSet, "the keys of JWT_JWKS_URL stay as they are");
                        self.again
                    }
                    keys => {
                        tracing::debug!(keys, "the keys of JWT_JWKS_URL were read");
                        EVERY
                    }
                },
                Err(cause) => {
                    tracing::warn!(%cause, "the keys of JWT_JWKS_URL stay as they are");
                    self.again
                }
            };
            // What rang in the meantime may be known by now: it is shown again if it is not.
            sleep(self.again.min(pause)).await;
            let rest = pause.saturating_sub(self.again);
            let _ = timeout(rest, self.tokens.provider_keys().wanted()).await;
        }
    }

    async fn fetch(&self) -> Result<Vec<Jwk>, Fault> {
        let unreachable = |_| Fault::Unreachable;
        let mut answer = self.client.get(self.url.clone()).send().await.map_err(unreachable)?;
        if answer.status() != 200 {
            return Err(Fault::Status(answer.status().as_u16()));
        }
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if text.len() + chunk.len() > LONGEST {
                return Err(Fault::TooLong);
            }
            text.extend_from_slice(&chunk);
        }
        let set: Set = serde_json::from_slice(&text).map_err(|_| Fault::NoSet)?;
        Ok(set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
    }
}
