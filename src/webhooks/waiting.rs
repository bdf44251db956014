//! The events of one endpoint that have tries of their own, and what waits behind them: of each message the first one is tried, and the
//! others follow in their order. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::store::NewException;

/// See the module.
#[derive(Debug, Default)]
pub struct Waiting {
    of: BTreeMap<Uuid, BTreeMap<i32, NewException>>,
    /// When the first event of each message is due, of those that are not on their way.
    due: BTreeSet<(Timestamp, Uuid)>,
    out: HashSet<Uuid>,
    len: usize,
}

impl Waiting {
    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether an event of this message waits: then later ones wait behind it.
    #[must_use]
    pub fn has(&self, message: Uuid) -> bool {
        self.of.contains_key(&message)
    }

    /// When the next one is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    fn unqueue(&mut self, message: Uuid) {
        if let Some(at) = self.of.get(&message).and_then(first_due) {
            self.due.remove(&(at, message));
        }
    }

    fn queue(&mut self, message: Uuid) {
        if self.out.contains(&message) {
            return;
        }
        if let Some(at) = self.of.get(&message).and_then(first_due) {
            self.due.insert((at, message));
        }
    }

    /// One more, or another state of one that is there.
    pub fn put(&mut self, event: NewException) {
        self.unqueue(event.message);
        let added = self.of.entry(event.message).or_default().insert(event.version, event).is_none();
        self.len += usize::from(added);
        self.queue(event.message);
    }

    /// The next one that is due, which is on its way from then on.
    pub fn take(&mut self, now: Timestamp) -> Option<NewException> {
        let (at, message) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.due.remove(&(at, message));
        self.out.insert(message);
        self.of.get(&message)?.values().next().copied()
    }

    /// One that was on its way is so no more, and waits as it is.
    pub fn back(&mut self, message: Uuid) {
        self.out.remove(&message);
        self.queue(message);
    }

    /// One that was on its way is done with. The next one of its message is due at once.
    pub fn finish(&mut self, message: Uuid, version: i32) {
        self.out.remove(&message);
        self.unqueue(message);
        if let Some(of) = self.of.get_mut(&message) {
            self.len -= usize::from(of.remove(&version).is_some());
            if of.is_empty() {
                self.of.remove(&message);
            }
        }
        self.queue(message);
    }
}

/// When the first of a message's events is due: one that waited behind another is due since it came to wait.
fn first_due(of: &BTreeMap<i32, NewException>) -> Option<Timestamp> {
    of.values().next().map(|event| event.next_try_at.unwrap_or(event.first_at))
}
