//! Whether a post is the provider's: a shared token, or a signature over the body. It fails closed.
//!
//! Mitto documents no signature; what it offers are static headers. Whoever puts a signing relay in between has two forms
//! to choose from: Standard Webhooks (standardwebhooks.com), and a plain HMAC in a header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::service::SignedPost;

/// The header of the shared token.
const TOKEN: &str = "x-webhook-token";
/// The header of the plain HMAC: SHA-256, lower-case hexadecimal, over the body.
const HMAC: &str = "x-webhook-signature";
/// The headers of Standard Webhooks.
const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
/// By how much a signed time may differ from ours, in seconds, either way.
const TOLERANCE: i64 = 300;
/// How many signatures one header may hold: each costs a hash.
const MAX_SIGNATURES: usize = 8;

/// The proof that a post shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proof {
    /// The secret itself: whoever records it can post whatever it likes.
    Token,
    /// A signature over an id, a time and the body.
    Dated(SignedPost),
    /// A signature over the body alone: it holds for ever.
    Undated,
}

/// The secrets, each in the forms in which it is compared.
pub(super) struct Keys(Vec<Key>);

struct Key {
    /// The hash of the text itself: tokens of any length are compared in the same time.
    token: [u8; 32],
    /// The key of the signature: the bytes behind `whsec_`, else the text's.
    signing: Hmac<Sha256>,
}

impl Keys {
    /// The keys of these secrets. One that cannot be used is left out, which lets in nobody.
    pub(super) fn of(secrets: &[SecretString]) -> Self {
        let key = |secret: &SecretString| {
            let text = secret.expose_secret();
            let bytes = match text.strip_prefix("whsec_") {
                Some(encoded) => STANDARD.decode(encoded).ok()?,
                None => text.as_bytes().to_vec(),
            };
            let signing = Hmac::new_from_slice(&bytes).ok()?;
            Some(Key { token: Sha256::digest(text).into(), signing })
        };
        Self(secrets.iter().filter_map(key).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the headers make it worth reading the body: the right token, or a signature of some kind.
    pub(super) fn may_pass(&self, headers: &HeaderMap) -> bool {
        let signed = headers.contains_key(HMAC) || headers.contains_key(SIGNATURE);
        self.token_is_right(headers) || signed
    }

    /// The proof that the post is authentic, the best one that it has. What is signed is the body, or the query of a request that
    /// has none.
    pub(super) fn proof(&self, headers: &HeaderMap, signed: &[u8], now: Timestamp) -> Option<Proof> {
        let dated = || self.standard(headers, signed, now).map(Proof::Dated);
        let token = || self.token_is_right(headers).then_some(Proof::Token);
        let undated = || self.hmac_is_right(headers, signed).then_some(Proof::Undated);
        dated().or_else(token).or_else(undated)
    }

    fn token_is_right(&self, headers: &HeaderMap) -> bool {
        let Some(token) = headers.get(TOKEN) else { return false };
        let shown: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        // All of them are compared, whichever is right.
        self.0.iter().fold(false, |right, key| right | bool::from(key.token.ct_eq(&shown)))
    }

    fn hmac_is_right(&self, headers: &HeaderMap, signed: &[u8]) -> bool {
        let Some(shown) = headers.get(HMAC).and_then(|value| from_hex(value.as_bytes())) else { return false };
        self.signed_by_one(&[signed], &shown)
    }

    fn standard(&self, headers: &HeaderMap, signed: &[u8], now: Timestamp) -> Option<SignedPost> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let (id, at, signatures) = (text(ID)?, text(TIMESTAMP)?, text(SIGNATURE)?);
        let seconds = at.parse::<i64>().ok()?;
        if seconds.abs_diff(now.as_second()) > TOLERANCE.unsigned_abs() {
            return None;
        }
        let parts = [id.as_bytes(), b".", at.as_bytes(), b".", signed];
        let signatures = signatures.split_whitespace().filter_map(|word| word.strip_prefix("v1,"));
        let mut decoded = signatures.take(MAX_SIGNATURES).filter_map(|encoded| STANDARD.decode(encoded).ok());
        decoded.any(|shown| self.signed_by_one(&parts, &shown)).then(|| SignedPost {
            // Not the id alone: a relay that gives all of them the same one loses nothing by that.
            hash: Sha256::new().chain_update(Sha256::digest(id)).chain_update(signed).finalize().into(),
            // Another clock may be ahead by as much, too.
            until: now.checked_add(SignedDuration::from_secs(3 * TOLERANCE)).unwrap_or(now),
        })
    }

    /// Whether one of the keys signed these bytes.
    fn signed_by_one(&self, parts: &[&[u8]], shown: &[u8]) -> bool {
        self.0.iter().any(|key| {
            let mut mac = key.signing.clone();
            for part in parts {
                mac.update(part);
            }
            mac.verify_slice(shown).is_ok()
        })
    }
}

/// 64 lower-case hexadecimal digits.
fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    let pairs = text.chunks_exact(2);
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}
