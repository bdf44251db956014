//! The events of one endpoint that have tries of their own, and what waits behind them: of each subject the first one is tried, and the
//! others follow in their order. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::store::{NewException, Position};

/// See the module.
#[derive(Debug, Default)]
pub struct Waiting {
    of: BTreeMap<Uuid, BTreeMap<i32, NewException>>,
    /// When the first event of each subject is due, of those that are not on their way.
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

    /// Whether an event of this subject waits: then later ones wait behind it.
    #[must_use]
    pub fn has(&self, subject: Uuid) -> bool {
        self.of.contains_key(&subject)
    }

    /// When the next one is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    fn unqueue(&mut self, subject: Uuid) {
        if let Some(at) = self.of.get(&subject).and_then(first_due) {
            self.due.remove(&(at, subject));
        }
    }

    fn queue(&mut self, subject: Uuid) {
        if self.out.contains(&subject) {
            return;
        }
        if let Some(at) = self.of.get(&subject).and_then(first_due) {
            self.due.insert((at, subject));
        }
    }

    /// One more, or another state of one that is there.
    pub fn put(&mut self, event: NewException) {
        self.unqueue(event.what.position.subject);
        let added = self
            .of
            .entry(event.what.position.subject)
            .or_default()
            .insert(event.what.position.version, event)
            .is_none();
        self.len += usize::from(added);
        self.queue(event.what.position.subject);
    }

    /// The next one that is due, which is on its way from then on.
    pub fn take(&mut self, now: Timestamp) -> Option<NewException> {
        let (at, subject) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.due.remove(&(at, subject));
        self.out.insert(subject);
        self.of.get(&subject)?.values().next().copied()
    }

    /// One that was on its way is so no more, and waits as it is.
    pub fn back(&mut self, subject: Uuid) {
        self.out.remove(&subject);
        self.queue(subject);
    }

    /// One that was on its way is done with. The next one of its subject is due at once.
    pub fn finish(&mut self, at: Position) {
        let subject = at.subject;
        self.out.remove(&subject);
        self.unqueue(subject);
        if let Some(of) = self.of.get_mut(&subject) {
            self.len -= usize::from(of.remove(&at.version).is_some());
            if of.is_empty() {
                self.of.remove(&subject);
            }
        }
        self.queue(subject);
    }
}

/// When the first of a subject's events is due: one that waited behind another is due since it came to wait.
fn first_due(of: &BTreeMap<i32, NewException>) -> Option<Timestamp> {
    of.values().next().map(|event| event.next_try_at.unwrap_or(event.first_at))
}
