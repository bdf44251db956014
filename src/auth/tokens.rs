//! JSON Web Tokens: HS256 under our own keys, or what an identity provider signed whose public keys are known. `sub` is the
//! user, `scope` what the token allows.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::auth::provider_keys::{Keys, ProviderKeys};
use crate::auth::rules::{MIN_SECRET, Refused, Rules};
use crate::auth::signatures::Signatures;
use crate::auth::{Caller, Proof, Scope};
use crate::domain::ids::OwnerId;

/// How far a token's times may be off, for clocks that differ.
const LEEWAY: i64 = 30;
/// How many tokens are remembered; one more, and all are forgotten.
const MOST_SEEN: usize = 4096;
/// The algorithms of identity providers' tokens.
const PUBLIC: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
/// The types that are tokens for us (RFC 7519, section 5.1; RFC 9068), in lower case and without `application/`.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// Makes and checks tokens.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    rules: Rules,
    encoding: EncodingKey,
    /// By its name.
    decoding: Vec<(Option<String>, DecodingKey)>,
    public: ProviderKeys,
    signatures: Arc<Signatures>,
    /// The claims of tokens with a good signature, by their digest: callers show the same one again and again. Whether it
    /// is their time, and whether the user still exists, is asked at every call.
    seen: RwLock<HashMap<[u8; 32], Arc<Claims>>>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// The claims of a token that we make.
#[derive(Serialize)]
struct Issued<'a> {
    sub: String,
    scope: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// The claims of a token that we are shown. Times may have fractions (RFC 7519, section 2).
#[derive(Deserialize)]
struct Claims {
    sub: Subject,
    scope: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    iss: Option<String>,
    aud: Option<Audience>,
}

/// The existing system's tokens hold a number, the standard wants text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Subject {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn names(&self, whom: &str) -> bool {
        match self {
            Self::One(one) => one == whom,
            Self::Many(many) => many.iter().any(|one| one == whom),
        }
    }
}

/// The part of a token's header that the library does not read.
#[derive(Deserialize)]
struct Demands {
    crit: Option<serde_json::Value>,
}

impl Tokens {
    /// Tokens under this secret alone; `None` if it is too short.
    #[must_use]
    pub fn new(secret: &SecretString) -> Option<Self> {
        Self::with(Rules::of(secret.clone()))
    }

    /// Tokens by these rules; `None` if there is no secret, one is too short, or a public key cannot be used.
    #[must_use]
    pub fn with(rules: Rules) -> Option<Self> {
        let secrets: Vec<&[u8]> = rules.keys.iter().map(|key| key.secret.expose_secret().as_bytes()).collect();
        if secrets.iter().any(|secret| secret.len() < MIN_SECRET) {
            return None;
        }
        let encoding = EncodingKey::from_secret(secrets.first()?);
        let signatures = Arc::new(Signatures::under(&secrets)?);
        let decoding = rules.keys.iter().zip(&secrets);
        let decoding = decoding.map(|(key, secret)| (key.id.clone(), DecodingKey::from_secret(secret))).collect();
        let public = ProviderKeys::of(rules.provider.as_ref())?;
        Some(Self(Arc::new(Inner { rules, encoding, decoding, public, signatures, seen: RwLock::default() })))
    }

    /// Signatures of what is no token.
    #[must_use]
    pub fn signatures(&self) -> &Arc<Signatures> {
        &self.0.signatures
    }

    /// A token for a user that is valid from `now` for `ttl`.
    pub fn issue(
        &self,
        user: OwnerId,
        scopes: &str,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Result<SecretString, Refused> {
        let (iat, rules) = (now.as_second(), &self.0.rules);
        if ttl > rules.longest && !rules.lenient {
            return Err(Refused::Endless);
        }
        let exp = iat.saturating_add(ttl.as_secs());
        let (iss, aud) = (rules.issuer.as_deref(), rules.audience.as_deref());
        let claims = Issued { sub: user.to_string(), scope: scopes, iat, exp, iss, aud };
        let mut header = Header::new(Algorithm::HS256);
        header.kid = rules.keys.first().and_then(|key| key.id.clone());
        let token = jsonwebtoken::encode(&header, &claims, &self.0.encoding);
        token.map(SecretString::from).map_err(|_| Refused::Malformed)
    }

    /// Takes these keys of the identity provider instead of those before, unless none of them can be used. Returns how many can.
    pub(super) fn trust(&self, set: &[Jwk]) -> usize {
        let (count, gone) = self.0.public.replace(set);
        if gone {
            self.0.seen.write().unwrap_or_else(PoisonError::into_inner).clear();
        }
        count
    }

    /// The keys of the identity provider.
    pub(super) fn provider_keys(&self) -> &ProviderKeys {
        &self.0.public
    }

    /// The claims of a token whose signature is good and whose header asks for nothing else.
    fn claims(&self, token: &str) -> Result<Arc<Claims>, Refused> {
        let name = Sha256::digest(token).into();
        if let Some(claims) = self.0.seen.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(claims.clone());
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Malformed)?;
        self.check(token, &header)?;
        // The algorithm and its key by what the header names, and nothing that is not here, `none` least of all. The times are
        // for the caller, by the clock that is passed in.
        let mut validation = Validation::new(header.alg);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let mut refused = Refused::Key;
        let public = self.0.public.now();
        for key in self.candidates(&header, &public) {
            match jsonwebtoken::decode::<Claims>(token, key, &validation) {
                Ok(data) => {
                    let claims = Arc::new(data.claims);
                    self.remember(name, &claims, &public);
                    return Ok(claims);
                }
                Err(_) => refused = Refused::Signature,
            }
        }
        Err(refused)
    }

    /// Keeps the claims of a token that was found good under these keys, unless others count by now: those that went are forgotten
    /// once, and what comes after that would stay.
    fn remember(&self, name: [u8; 32], claims: &Arc<Claims>, under: &Arc<Keys>) {
        let mut seen = self.0.seen.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&self.0.public.now(), under) {
            return;
        }
        if seen.len() >= MOST_SEEN {
            seen.clear();
        }
        seen.insert(name, claims.clone());
    }

    /// Makes sure that all that the header asks for is understood (RFC 7515, section 4.1.11), and that it is a token for us.
    fn check(&self, token: &str, header: &Header) -> Result<(), Refused> {
        let encoded = token.split('.').next().unwrap_or_default();
        let text = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refused::Malformed)?;
        let demands: Demands = serde_json::from_slice(&text).map_err(|_| Refused::Malformed)?;
        if demands.crit.is_some() {
            return Err(Refused::Critical);
        }
        let kind = header.typ.as_deref().map(str::to_ascii_lowercase);
        let known = kind.is_none_or(|kind| TYPES.contains(&kind.trim_start_matches("application/")));
        if known || self.0.rules.lenient { Ok(()) } else { Err(Refused::Type) }
    }

    /// The keys that the token may be under.
    fn candidates<'a>(&'a self, header: &Header, public: &'a Keys) -> Vec<&'a DecodingKey> {
        let named = header.kid.as_deref();
        if header.alg == Algorithm::HS256 {
            let ours = self.0.decoding.iter().filter(|(id, _)| id.as_deref() == named || id.is_none());
            ours.map(|(_, key)| key).collect()
        } else if PUBLIC.contains(&header.alg) {
            let key = named.and_then(|id| public.named(id));
            if key.is_none() {
                self.0.public.is_unknown();
            }
            key.into_iter().collect()
        } else {
            Vec::new()
        }
    }

    /// Who the token stands for at `now`; one without `scope` allows an ordinary user's own work.
    pub fn verify(&self, token: &SecretString, now: Timestamp) -> Result<Caller, Refused> {
        let claims = self.claims(token.expose_secret())?;
        let rules = &self.0.rules;
        let (seconds, leeway) = (exact(now.as_second()), exact(LEEWAY));
        match claims.exp {
            None if !rules.lenient => return Err(Refused::Endless),
            // "Not before the end" rather than "after it": a NaN is then refused too.
            Some(exp) if !(exp + leeway).partial_cmp(&seconds).is_some_and(std::cmp::Ordering::is_gt) => {
                return Err(Refused::Expired);
            }
            Some(exp) if exp > seconds + exact(rules.longest.as_secs()) + leeway && !rules.lenient => {
                return Err(Refused::Endless);
            }
            _ => {}
        }
        if claims.nbf.is_some_and(|nbf| !(nbf - leeway).partial_cmp(&seconds).is_some_and(std::cmp::Ordering::is_le)) {
            return Err(Refused::Early);
        }
        if rules.issuer.is_some() && rules.issuer != claims.iss {
            return Err(Refused::Issuer);
        }
        // Whoever is not named by an audience that is there must refuse it (RFC 7519, section 4.1.3).
        let meant = match (&rules.audience, &claims.aud) {
            (Some(us), Some(aud)) => aud.names(us),
            (None, None) => true,
            _ => rules.audience.is_none() && rules.lenient,
        };
        if !meant {
            return Err(Refused::Audience);
        }
        let user = match &claims.sub {
            Subject::Number(n) => *n,
            Subject::Text(text) => text.parse().map_err(|_| Refused::Subject)?,
        };
        let proof = Proof::Token { issued: claims.iat.and_then(time), until: claims.exp.and_then(time) };
        Ok(Caller::new(OwnerId(user), claims.scope.as_deref().unwrap_or(Scope::ORDINARY)).by(proof))
    }
}

/// Seconds since 1970 are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn exact(seconds: i64) -> f64 {
    seconds as f64
}

/// The time of a claim, as far as there is one.
fn time(seconds: f64) -> Option<Timestamp> {
    let duration = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(duration).ok()
}
