//! Whether the database was heard to be full just now. Postgres takes small writes for a while in pages that are there, so that one
//! write that goes well does not mean that there is room for the next message.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::{Error, Store};

/// How long it is believed: whoever has something to write is refused again within this time.
const BELIEVED: Duration = Duration::from_secs(5);

/// When a transaction was last refused for want of room.
#[derive(Clone, Default)]
pub(super) struct Room(Arc<Mutex<Option<Instant>>>);

impl Room {
    /// Notes what a transaction came to that failed.
    pub(super) fn note(&self, e: &Error) {
        if e.is_full() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
}

impl Store {
    /// Whether a transaction was refused for want of room a moment ago.
    #[must_use]
    pub fn was_full(&self) -> bool {
        let refused = *self.transactions.room.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.is_some_and(|at| at.elapsed() < BELIEVED)
    }
}
