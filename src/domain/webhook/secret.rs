//! The secret of an endpoint and the signatures under it, by the Standard Webhooks specification (standardwebhooks.com, version 1).
//!
//! A secret is derived from the service's own key, the endpoint's id and a number that counts its rotations: nothing that could be
//! read in a copy of the database, and nothing to decrypt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::domain::webhook::EndpointId;

/// The shortest key, in characters.
pub const MIN_KEY: usize = 32;
/// How many bytes of a key's digest tell it from others.
const MARK: usize = 8;

/// The service's keys (`HOOK_KEY`): secrets are made with the first one, and those of before count while it is there. Its `Debug`
/// hides them.
#[derive(Clone, Default)]
pub struct HookKeys(Vec<(Mark, SecretString)>);

/// The beginning of a key's digest: which key a secret was made with.
pub type Mark = [u8; MARK];

/// The secret of one endpoint, of one rotation. It has no `Debug`.
#[derive(Clone)]
pub struct EndpointSecret([u8; 32]);

impl HookKeys {
    /// Under these keys, of which the first one is used from now on.
    #[must_use]
    pub fn new(keys: Vec<SecretString>) -> Self {
        let marked = |key: SecretString| {
            let digest = Sha256::new_with_prefix(b"messaging/hook-key/1").chain_update(key.expose_secret()).finalize();
            let mark = digest.first_chunk::<MARK>().copied().unwrap_or_default();
            (mark, key)
        };
        Self(keys.into_iter().map(marked).collect())
    }

    /// The key that new secrets are made with; `None` if there is none.
    #[must_use]
    pub fn current(&self) -> Option<Mark> {
        self.0.first().map(|(mark, _)| *mark)
    }

    /// The secret of an endpoint's rotation under the key of this mark; `None` if the service does not have it any more.
    #[must_use]
    pub fn secret(&self, mark: Mark, endpoint: EndpointId, rotation: i32) -> Option<EndpointSecret> {
        let (_, key) = self.0.iter().find(|(known, _)| *known == mark)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).ok()?;
        mac.update(b"messaging/endpoint-secret/1");
        mac.update(endpoint.0.as_bytes());
        mac.update(&rotation.to_be_bytes());
        Some(EndpointSecret(mac.finalize().into_bytes().into()))
    }
}

impl std::fmt::Debug for HookKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HookKeys({})", self.0.len())
    }
}

impl EndpointSecret {
    /// The form in which receivers are given it: `whsec_` and its bytes in Base64.
    #[must_use]
    pub fn reveal(&self) -> SecretString {
        SecretString::from(format!("whsec_{}", STANDARD.encode(self.0)))
    }

    /// The signature of a call: of its id, its time in seconds and its body.
    #[must_use]
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(id.as_bytes());
        mac.update(format!(".{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The id of a call that carries several events: the same whenever the same ones are carried.
#[must_use]
pub fn batch_id<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for id in ids {
        digest.update(id.as_bytes());
        digest.update(b"\n");
    }
    let digest = digest.finalize();
    let half = digest.first_chunk::<16>().copied().unwrap_or_default();
    format!("batch_{:032x}", u128::from_be_bytes(half))
}
