//! The ledger: every message the sandbox accepted, in order of its id, in memory and, if asked for, in a file.
//!
//! Ids only grow, so the order of acceptance is the order of ids and a lookup is a binary search; no index is kept.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use ulid::Ulid;
use uuid::Uuid;

use super::ids::Ids;
use super::journal::Journal;
use super::message::{Draft, Message};

/// Messages per piece of memory: growing never moves what is there.
const SEGMENT: usize = 8_192;

/// The most messages that are looked at while the lock is held.
const STRIDE: usize = 2_048;

/// Every accepted message.
pub(super) struct Ledger {
    inner: Mutex<Inner>,
}

struct Inner {
    segments: Vec<Vec<Message>>,
    accepted: u64,
    answered: u64,
    ids: Ids,
    journal: Option<Journal>,
}

/// How many messages there are.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) accepted: u64,
    pub(super) answered: u64,
}

impl Ledger {
    /// A ledger that goes on from `messages`, which are in order of their ids.
    pub(super) fn new(seed: u64, journal: Option<Journal>, messages: Vec<Message>) -> Self {
        let last = messages.last().map_or(Ulid::nil(), |message| message.id);
        let mut inner = Inner { segments: Vec::new(), accepted: 0, answered: 0, ids: Ids::new(seed, last), journal };
        for message in messages {
            inner.push(message);
        }
        Self { inner: Mutex::new(inner) }
    }

    /// Accepts all drafts or none: a send that cannot be written down is not accepted.
    pub(super) fn accept(&self, drafts: &[Draft<'_>], bulk: Option<Uuid>, now: Timestamp) -> io::Result<Vec<Ulid>> {
        let mut inner = self.lock();
        let messages: Vec<_> =
            drafts.iter().map(|draft| Message::new(inner.ids.message(now), bulk, now, draft)).collect();
        if let Some(journal) = &mut inner.journal {
            journal.accepted(&messages)?;
        }
        let ids = messages.iter().map(|message| message.id).collect();
        for message in messages {
            inner.push(message);
        }
        Ok(ids)
    }

    /// An id for a bulk call.
    pub(super) fn bulk_id(&self) -> Uuid {
        self.lock().ids.bulk()
    }

    /// An id that no message has or will have.
    pub(super) fn unused_id(&self, now: Timestamp) -> Ulid {
        self.lock().ids.message(now)
    }

    /// Notes that the answer for these messages was handed to the connection.
    pub(super) fn answered(&self, ids: &[Ulid]) {
        if ids.is_empty() {
            return;
        }
        let mut inner = self.lock();
        for id in ids {
            if let Some(message) = inner.find(*id)
                && !message.answered
            {
                message.answered = true;
                inner.answered += 1;
            }
        }
        if let Some(Err(error)) = inner.journal.as_mut().map(|journal| journal.answered(ids)) {
            tracing::warn!(%error, "the sandbox's ledger file does not know that a send was answered");
        }
    }

    /// A message by its id.
    pub(super) fn get(&self, id: Ulid) -> Option<Message> {
        self.lock().find(id).cloned()
    }

    /// Forgets everything, in the file too.
    pub(super) fn clear(&self) -> io::Result<()> {
        let mut inner = self.lock();
        if let Some(journal) = &mut inner.journal {
            journal.clear()?;
        }
        inner.segments = Vec::new();
        inner.accepted = 0;
        inner.answered = 0;
        Ok(())
    }

    pub(super) fn counts(&self) -> Counts {
        let inner = self.lock();
        Counts { accepted: inner.accepted, answered: inner.answered }
    }

    /// Shows the next messages after `cursor` (nil to begin) to `visit`. Returns where to go on, or None at the end.
    /// Sends get the lock between two strides.
    pub(super) fn stride(&self, cursor: Ulid, mut visit: impl FnMut(&Message)) -> Option<Ulid> {
        let inner = self.lock();
        let (segment, offset) = inner.lower_bound(cursor);
        let rest = inner.segments.get(segment..).unwrap_or_default();
        let messages = rest.iter().flatten().skip(offset).filter(|message| message.id > cursor);
        messages.take(STRIDE).fold(None, |_, message| {
            visit(message);
            Some(message.id)
        })
    }

    /// The messages that were accepted last, the newest first, each as `of` makes it.
    pub(super) fn latest<T>(&self, most: usize, of: impl Fn(&Message) -> T) -> Vec<T> {
        let inner = self.lock();
        inner.segments.iter().rev().flat_map(|segment| segment.iter().rev()).take(most).map(of).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn push(&mut self, message: Message) {
        self.accepted += 1;
        self.answered += u64::from(message.answered);
        match self.segments.last_mut() {
            Some(segment) if segment.len() < SEGMENT => segment.push(message),
            _ => {
                let mut segment = Vec::with_capacity(SEGMENT);
                segment.push(message);
                self.segments.push(segment);
            }
        }
    }

    /// Segment and offset of the first message whose id is not below `id`.
    fn lower_bound(&self, id: Ulid) -> (usize, usize) {
        let segment = self.segments.partition_point(|segment| segment.last().is_some_and(|last| last.id < id));
        let offset = self.segments.get(segment).map_or(0, |segment| segment.partition_point(|message| message.id < id));
        (segment, offset)
    }

    fn find(&mut self, id: Ulid) -> Option<&mut Message> {
        let (segment, offset) = self.lower_bound(id);
        self.segments.get_mut(segment)?.get_mut(offset).filter(|message| message.id == id)
    }
}
