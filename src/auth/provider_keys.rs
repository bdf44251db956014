//! The public keys of an identity provider that count now.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The keys that count now.
pub(super) struct ProviderKeys {
    keys: RwLock<Arc<Keys>>,
    /// Rung by a token that names a key that is none of these.
    unknown: Notify,
}

/// Keys by their `kid`.
#[derive(Default)]
pub(super) struct Keys {
    by_id: HashMap<String, DecodingKey>,
    set: Vec<Jwk>,
}

impl Keys {
    /// Those of the set that can be used, and how many cannot.
    fn of(set: &[Jwk]) -> (Self, usize) {
        let mut keys = Self::default();
        for jwk in set {
            if let (Some(id), Ok(key)) = (jwk.common.key_id.clone(), DecodingKey::from_jwk(jwk)) {
                keys.by_id.insert(id, key);
                keys.set.push(jwk.clone());
            }
        }
        let unusable = set.len() - keys.set.len();
        (keys, unusable)
    }

    /// The key of this name.
    pub(super) fn named(&self, id: &str) -> Option<&DecodingKey> {
        self.by_id.get(id)
    }
}

impl ProviderKeys {
    /// All keys of this set; `None` if one cannot be used.
    pub(super) fn of(set: Option<&JwkSet>) -> Option<Self> {
        let (keys, unusable) = Keys::of(set.map(|set| set.keys.as_slice()).unwrap_or_default());
        (unusable == 0).then(|| Self { keys: RwLock::new(Arc::new(keys)), unknown: Notify::new() })
    }

    /// The keys as they are now.
    pub(super) fn now(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that a token names a key that is none of these.
    pub(super) fn is_unknown(&self) {
        self.unknown.notify_one();
    }

    /// Ends when a token has named a key that is none of these, since this ended last.
    pub(super) fn wanted(&self) -> Notified<'_> {
        self.unknown.notified()
    }

    /// Takes those of these keys that can be used instead of those before, unless there are none. Returns how many, and whether one
    /// of before is gone.
    pub(super) fn replace(&self, set: &[Jwk]) -> (usize, bool) {
        let keys = Arc::new(Keys::of(set).0);
        if keys.set.is_empty() {
            return (0, false);
        }
        let mut now = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *now, keys.clone());
        (keys.set.len(), !before.set.iter().all(|jwk| keys.set.contains(jwk)))
    }
}
