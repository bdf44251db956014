//! JSON Web Tokens: HS256 with `JWT_SECRET`; `sub` is the user, `scope` what the token allows.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::auth::{Caller, Scope};
use crate::domain::ids::OwnerId;

/// The shortest secret: as many bytes as the digest has (RFC 7518, section 3.2).
pub const MIN_SECRET: usize = 32;
/// How far a token's times may be off, for clocks that differ.
const LEEWAY: i64 = 30;

/// Makes and checks tokens.
#[derive(Clone)]
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// Signs what is no token and must never pass for one: a key of its own, made from the secret.
    signing: Hmac<Sha256>,
    /// The claims of tokens with a good signature, by their digest: callers show the same one again and again. Whether it
    /// is their time, and whether the user still exists, is asked at every call.
    seen: Arc<RwLock<HashMap<[u8; 32], Arc<Claims>>>>,
}

/// How many tokens are remembered; one more, and all are forgotten.
const MOST_SEEN: usize = 4096;

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// A token that is worth nothing: forged, expired, or about nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct Invalid;

/// The claims of a token that we make.
#[derive(Serialize)]
struct Issued<'a> {
    sub: String,
    scope: &'a str,
    iat: i64,
    exp: i64,
}

/// The claims of a token that we are shown. Times may have fractions (RFC 7519, section 2).
#[derive(Deserialize)]
struct Claims {
    sub: Subject,
    scope: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

/// The existing system's tokens hold a number, the standard wants text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Subject {
    Number(i64),
    Text(String),
}

impl Tokens {
    /// Tokens under this secret; `None` if it is too short.
    #[must_use]
    pub fn new(secret: &SecretString) -> Option<Self> {
        let bytes = secret.expose_secret().as_bytes();
        if bytes.len() < MIN_SECRET {
            return None;
        }
        Some(Self {
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
            signing: derived(bytes)?,
            seen: Arc::default(),
        })
    }

    /// A signature over `parts` for this purpose alone.
    #[must_use]
    pub fn sign(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(purpose, parts).finalize().into_bytes().into()
    }

    /// Whether `shown` begins what [`Tokens::sign`] made of the same; 16 bytes of it or more.
    #[must_use]
    pub fn signed(&self, purpose: &str, parts: &[&[u8]], shown: &[u8]) -> bool {
        shown.len() >= 16 && self.mac(purpose, parts).verify_truncated_left(shown).is_ok()
    }

    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.signing.clone();
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac
    }

    /// A token for a user that is valid from `now` for `ttl`.
    pub fn issue(
        &self,
        user: OwnerId,
        scopes: &str,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Result<SecretString, Invalid> {
        let iat = now.as_second();
        let claims = Issued { sub: user.to_string(), scope: scopes, iat, exp: iat.saturating_add(ttl.as_secs()) };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding);
        token.map(SecretString::from).map_err(|_| Invalid)
    }

    /// The claims of a token whose signature is ours.
    fn claims(&self, token: &str) -> Result<Arc<Claims>, Invalid> {
        let name = Sha256::digest(token).into();
        if let Some(claims) = self.seen.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(claims.clone());
        }
        // HS256 and nothing else, `none` least of all. The times are for the caller, by the clock that is passed in.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation).map_err(|_| Invalid)?;
        let claims = Arc::new(data.claims);
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST_SEEN {
            seen.clear();
        }
        seen.insert(name, claims.clone());
        Ok(claims)
    }

    /// Who the token stands for at `now`. A token without `exp` does not expire; one without `scope` allows an
    /// ordinary user's own work.
    pub fn verify(&self, token: &SecretString, now: Timestamp) -> Result<Caller, Invalid> {
        let claims = self.claims(token.expose_secret())?;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
        let (now, leeway) = (now.as_second() as f64, LEEWAY as f64);
        // "Not before the end" rather than "after it": a NaN is then refused too.
        let expired = claims.exp.is_some_and(|exp| !matches!((exp + leeway).partial_cmp(&now), Some(o) if o.is_gt()));
        let early = claims.nbf.is_some_and(|nbf| !matches!((nbf - leeway).partial_cmp(&now), Some(o) if o.is_le()));
        if expired || early {
            return Err(Invalid);
        }
        let user = match &claims.sub {
            Subject::Number(n) => *n,
            Subject::Text(text) => text.parse().map_err(|_| Invalid)?,
        };
        Ok(Caller::new(OwnerId(user), claims.scope.as_deref().unwrap_or(Scope::ORDINARY)))
    }
}

/// The key that is made from the secret for what is no token.
fn derived(secret: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(b"messaging/signatures/1");
    Hmac::new_from_slice(&mac.finalize().into_bytes()).ok()
}
