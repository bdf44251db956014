//! Signatures of what is no token and must never pass for one: under keys of their own, made from the secrets.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The shortest part of a signature that is taken for it, in bytes.
const SHORTEST: usize = 16;

/// See the module.
#[derive(Clone)]
pub struct Signatures {
    first: Hmac<Sha256>,
    others: Vec<Hmac<Sha256>>,
}

impl Signatures {
    /// Under these secrets, of which the first one signs; `None` if there is none.
    pub(super) fn under(secrets: &[&[u8]]) -> Option<Self> {
        let (first, others) = secrets.split_first()?;
        Some(Self {
            first: derived(first)?,
            others: others.iter().map(|secret| derived(secret)).collect::<Option<_>>()?,
        })
    }

    /// A signature over `parts` for this purpose alone.
    #[must_use]
    pub fn sign(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.first, purpose, parts).finalize().into_bytes().into()
    }

    /// A key for this purpose alone from each of the secrets, that of the first one first.
    pub(super) fn keys(&self, purpose: &str) -> impl Iterator<Item = [u8; 32]> {
        let keys = std::iter::once(&self.first).chain(&self.others);
        keys.map(move |key| mac(key, purpose, &[]).finalize().into_bytes().into())
    }

    /// Whether `shown` begins what [`Signatures::sign`] made of the same, under any of the secrets; 16 bytes of it or more.
    #[must_use]
    pub fn signed(&self, purpose: &str, parts: &[&[u8]], shown: &[u8]) -> bool {
        let mut keys = std::iter::once(&self.first).chain(&self.others);
        shown.len() >= SHORTEST && keys.any(|key| mac(key, purpose, parts).verify_truncated_left(shown).is_ok())
    }
}

fn mac(key: &Hmac<Sha256>, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = key.clone();
    for part in [purpose.as_bytes()].iter().chain(parts) {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac
}

/// The key that is made from a secret.
fn derived(secret: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(b"messaging/signatures/1");
    Hmac::new_from_slice(&mac.finalize().into_bytes()).ok()
}
