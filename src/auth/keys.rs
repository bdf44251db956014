//! API keys: 256 random bits and a checksum, shown once, kept as their SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// The prefix of every key, so that one is recognised where it does not belong.
pub const PREFIX: &str = "msk_";
/// How many characters of a key people may see to tell keys apart.
const HINT: usize = 10;

/// A new key, and what is kept of it.
#[derive(Debug)]
pub struct NewKey {
    /// The key, to be shown once.
    pub secret: SecretString,
    /// The stored digest.
    pub hash: [u8; 32],
    /// Its first characters.
    pub hint: String,
}

/// A key made of 256 random bits. They are enough that a plain digest of it cannot be searched.
#[must_use]
pub fn create(random: [u8; 32]) -> NewKey {
    let text = format!("{PREFIX}{}{}", URL_SAFE_NO_PAD.encode(random), checksum(&random));
    let hint = text.chars().take(HINT).collect();
    let secret = SecretString::from(text);
    NewKey { hash: hash(&secret), secret, hint }
}

/// How many characters the random bits are.
const RANDOM: usize = 43;

/// The end of a key, six characters, which a mistyped or made-up one most likely does not have.
fn checksum(random: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(random)).chars().take(6).collect()
}

/// Whether this can be a key at all: anybody may show anything, and only what is whole is looked for. Keys that were made before
/// there was a checksum have none.
#[must_use]
pub fn is_whole(key: &SecretString) -> bool {
    let body = key.expose_secret().strip_prefix(PREFIX);
    let Some((random, shown)) = body.and_then(|body| body.split_at_checked(RANDOM)) else { return false };
    URL_SAFE_NO_PAD.decode(random).is_ok_and(|random| shown.is_empty() || shown == checksum(&random))
}

/// The stored part of a key, by which it is found: comparing digests in an index tells nothing about the key.
#[must_use]
pub fn hash(key: &SecretString) -> [u8; 32] {
    Sha256::digest(key.expose_secret().as_bytes()).into()
}
