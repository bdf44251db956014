//! How many messages of each owner this process has in flight, and how many more one may have.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::domain::ids::OwnerId;
use crate::error::Error;
use crate::sender::Sender;

/// How many messages of each owner this process has in flight.
#[derive(Default)]
pub(super) struct InFlight {
    of: Mutex<HashMap<OwnerId, usize>>,
    /// Some have ended.
    ended: Notify,
}

impl InFlight {
    fn count(&self, owner: OwnerId) -> usize {
        self.of.lock().unwrap_or_else(PoisonError::into_inner).get(&owner).copied().unwrap_or(0)
    }

    fn add(&self, owner: OwnerId, n: usize) {
        *self.of.lock().unwrap_or_else(PoisonError::into_inner).entry(owner).or_default() += n;
    }

    fn remove(&self, owner: OwnerId, n: usize) {
        let mut all = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&owner) {
            *count = count.saturating_sub(n);
            if *count == 0 {
                all.remove(&owner);
            }
        }
        drop(all);
        self.ended.notify_waiters();
    }
}

/// Messages in flight, counted until this is dropped.
pub(super) struct Counted {
    sender: Sender,
    owner: OwnerId,
    n: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.sender.inner.in_flight.remove(self.owner, self.n);
    }
}

impl Sender {
    /// Counts messages of an owner as in flight.
    pub(super) fn count(&self, owner: OwnerId, n: usize) -> Counted {
        self.inner.in_flight.add(owner, n);
        Counted { sender: self.clone(), owner, n }
    }

    /// The notification that some of an owner's messages have ended: whoever begins to wait for it before looking misses none.
    pub fn room_made(&self) -> Notified<'_> {
        self.inner.in_flight.ended.notified()
    }

    /// How many more messages of this owner's may be in flight here.
    pub(super) async fn room(&self, owner: OwnerId, in_bulk: bool) -> Result<usize, Error> {
        let own = match self.inner.users.get(owner).await {
            Ok(user) => user.max_in_flight,
            Err(Error::NotFound(..)) => None,
            Err(e) => return Err(e),
        };
        let all = if in_bulk { usize::MAX } else { self.inner.settings.owner_in_flight };
        Ok(own.unwrap_or(all).saturating_sub(self.inner.in_flight.count(owner)))
    }
}
