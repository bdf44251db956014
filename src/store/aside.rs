//! Messages that the database refuses to change, set aside so that they hold up no others: a claim or a timer that would pick
//! them fails as a whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::MessageId;
use crate::store::columns::Guid;
use crate::store::error::Error;

/// How long a message is left alone before it is tried again: what refuses it may be mended meanwhile.
const REST: SignedDuration = SignedDuration::from_mins(5);
/// How many are left out at most. More than that is no matter of single rows any more.
const MOST: usize = 1000;

/// The messages that are left out, and until when. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Aside(Arc<Mutex<HashMap<MessageId, Timestamp>>>);

/// The messages that an attempt picked, noted while it is made. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Picked(Arc<Mutex<Vec<MessageId>>>);

impl Aside {
    /// Those that are to be left out now.
    pub(super) fn ids(&self, now: Timestamp) -> Vec<Guid> {
        let mut aside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        aside.retain(|_, until| *until > now);
        aside.keys().map(|id| Guid(id.0)).collect()
    }

    /// Leaves a message out for a while, and says so.
    pub(super) fn put(&self, id: MessageId, why: &Error, now: Timestamp) {
        tracing::error!(message = %id, cause = %why, "the database refuses to change a message; it is left out for a while");
        let mut aside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if aside.len() < MOST {
            aside.insert(id, now.checked_add(REST).unwrap_or(now));
        }
    }
}

impl Picked {
    pub(super) fn note(&self, ids: impl Iterator<Item = MessageId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ids.collect();
    }

    pub(super) fn take(&self) -> Vec<MessageId> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
