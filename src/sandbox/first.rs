//! Remembers whose first try has failed, for the behaviours that refuse once and then accept.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use super::message::Draft;

/// The most keys that are kept. Beyond it the memory starts anew, and a key fails once more.
const MOST: usize = 1_000_000;

/// The keys that failed once: the reference of a send, or its destination when it carries none.
#[derive(Default)]
pub(super) struct FirstTries {
    failed: Mutex<HashSet<u64>>,
}

impl FirstTries {
    /// True for the first try of this message's key.
    pub(super) fn is_first(&self, draft: &Draft<'_>) -> bool {
        let mut hasher = DefaultHasher::new();
        match draft.reference {
            Some(reference) => (0_u8, reference).hash(&mut hasher),
            None => (1_u8, draft.destination).hash(&mut hasher),
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= MOST {
            failed.clear();
        }
        failed.insert(hasher.finish())
    }

    /// Everything is a first try again.
    pub(super) fn clear(&self) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
