//! Pseudonyms: what stands for a phone number once it is erased. Whoever holds the key finds an erased number again that
//! they ask for; nobody can read it back.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::domain::phone::Msisdn;

/// How many bytes of the digest are kept: 128 bits, so that no two numbers meet.
const KEPT: usize = 16;
/// The material of the check value: no number, and no secret.
const LABEL: &[u8] = b"messaging: the key of pseudonyms";

/// Makes pseudonyms under one key.
#[derive(Clone)]
pub struct Pseudonyms(Hmac<Sha256>);

impl Pseudonyms {
    /// The fewest bytes of a key. Phone numbers are few enough to be tried one by one: all depends on the key.
    pub const MIN_KEY: usize = 32;

    /// Pseudonyms under this key; `None` if it is shorter than [`Self::MIN_KEY`].
    #[must_use]
    pub fn new(key: &SecretString) -> Option<Self> {
        let key = key.expose_secret().as_bytes();
        (key.len() >= Self::MIN_KEY).then(|| Hmac::new_from_slice(key).ok().map(Self)).flatten()
    }

    /// The pseudonym of this number: `~` and 32 hexadecimal digits. An erased number stands for itself.
    #[must_use]
    pub fn of(&self, number: &Msisdn) -> Msisdn {
        if number.is_erased() {
            return number.clone();
        }
        let digest = self.digest(number.as_str().as_bytes());
        let kept = digest.iter().take(KEPT);
        Msisdn::from_stored(kept.fold(Msisdn::ERASED.to_string(), |text, byte| format!("{text}{byte:02x}")))
    }

    /// The key's public id. It tells nothing of the key.
    #[must_use]
    pub fn check(&self) -> [u8; 32] {
        self.digest(LABEL)
    }

    fn digest(&self, text: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms(…)")
    }
}
