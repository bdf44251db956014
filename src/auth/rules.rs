//! Which tokens count, and why one does not.

use jiff::SignedDuration;
use jsonwebtoken::jwk::JwkSet;
use reqwest::Url;
use secrecy::SecretString;

/// The shortest secret: as many bytes as the digest has (RFC 7518, section 3.2).
pub const MIN_SECRET: usize = 32;

/// A secret that tokens are signed with, and the name by which they name it.
#[derive(Debug, Clone)]
pub struct Key {
    /// The name, `kid`; tokens that name none are under the one without.
    pub id: Option<String>,
    /// The secret, of [`MIN_SECRET`] bytes or more.
    pub secret: SecretString,
}

/// Which tokens count.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The secrets; the first one signs.
    pub keys: Vec<Key>,
    /// The public keys of an identity provider (RFC 7517).
    pub provider: Option<JwkSet>,
    /// Where they are found instead, from the start on.
    pub provider_at: Option<Url>,
    /// The `iss` that tokens have to have.
    pub issuer: Option<String>,
    /// The `aud` that tokens have to name.
    pub audience: Option<String>,
    /// How long a token may be valid from now on.
    pub longest: SignedDuration,
    /// Whether tokens count that do not expire, or are meant for another audience or use: those of the system before this one.
    pub lenient: bool,
}

impl Rules {
    /// One secret without a name, and nothing else that would be asked for.
    #[must_use]
    pub fn of(secret: SecretString) -> Self {
        Self {
            keys: vec![Key { id: None, secret }],
            provider: None,
            provider_at: None,
            issuer: None,
            audience: None,
            longest: SignedDuration::from_hours(24 * 400),
            lenient: false,
        }
    }
}

/// Why a token is worth nothing. The words are for the log: a caller hears no more than whether it has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none.
    #[error("it is no token")]
    Malformed,
    /// It is of another type, for example for resetting a password.
    #[error("its type is not JWT")]
    Type,
    /// It asks for something that must be understood and is not.
    #[error("it has critical headers")]
    Critical,
    /// It is signed by a way or a key that is not ours.
    #[error("its algorithm or kid is none of ours")]
    Key,
    /// It is forged.
    #[error("its signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    Early,
    /// It does not expire, or only in years.
    #[error("its exp is missing, or later than JWT_MAX_DAYS allow")]
    Endless,
    /// Somebody else issued it.
    #[error("its iss is not JWT_ISSUER")]
    Issuer,
    /// It is meant for others.
    #[error("its aud is not JWT_AUDIENCE")]
    Audience,
    /// It is about nobody.
    #[error("its sub is no user's id")]
    Subject,
}
