//! One follower of an owner's changes: it catches up from the database, and then takes what the tail hands out.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use crate::error::Error;
use crate::store::{JournalEntry, Position};
use crate::tail::{Guest, JournalBatch, Purpose};

/// How many entries one read of the database takes.
const PAGE: i64 = 256;

/// A change among those that were read with it, which all followers share.
#[derive(Debug, Clone)]
pub struct Shared {
    list: Arc<[JournalEntry]>,
    index: usize,
}

/// The next thing that a follower comes to.
#[derive(Debug)]
pub enum Step {
    /// The next change.
    Entry(Shared),
    /// There is nothing of the owner's up to here.
    Nothing(Position),
}

/// See the module. Every change after the place at which it began is told once, in order.
pub struct Follower {
    guest: Guest,
    purpose: Purpose,
    /// Everything up to here was told.
    at: Position,
    /// The entries that were read, and how many of them were told.
    read: Arc<[JournalEntry]>,
    told: usize,
    /// Where the follower stands once that is told.
    then: Position,
    /// The place below which the database is being read, while it is.
    settled: Option<i64>,
    ring: broadcast::Receiver<Arc<JournalBatch>>,
}

impl Follower {
    /// `ring` was subscribed to before the first read of the database: what comes meanwhile waits in it.
    pub(super) fn new(
        guest: Guest,
        purpose: Purpose,
        ring: broadcast::Receiver<Arc<JournalBatch>>,
        at: Position,
    ) -> Self {
        Self { guest, purpose, at, read: Arc::default(), told: 0, then: at, settled: Some(i64::MAX), ring }
    }

    /// Waits for the next step. It can be dropped while it waits: nothing is lost. An error is one of the database's: the same can be
    /// asked again.
    pub async fn next(&mut self) -> Result<Step, Error> {
        loop {
            while let Some(entry) = self.read.get(self.told) {
                let index = self.told;
                self.told += 1;
                if entry.what.position > self.at {
                    self.at = entry.what.position;
                    return Ok(Step::Entry(Shared { list: self.read.clone(), index }));
                }
            }
            if self.then > self.at {
                self.at = self.then;
                return Ok(Step::Nothing(self.at));
            }
            if let Some(below) = self.settled {
                self.read_page(below).await?;
            } else {
                match self.ring.recv().await {
                    Ok(batch) => self.take(&batch),
                    Err(RecvError::Lagged(_) | RecvError::Closed) => self.settled = Some(i64::MAX),
                }
            }
        }
    }

    /// Takes what is new in a batch, if it begins where this follower stands; else the database knows.
    fn take(&mut self, batch: &JournalBatch) {
        if batch.to <= self.at {
            return;
        }
        match batch.entries.get(&self.guest.owner) {
            Some(entries) if batch.from <= self.at => {
                (self.read, self.told) = (entries.clone(), 0);
                self.then = batch.to;
            }
            _ => self.settled = Some(i64::MAX),
        }
    }

    /// Reads a page from where this follower stands to below the place at which the journal was settled when it began to catch up.
    async fn read_page(&mut self, below: i64) -> Result<(), Error> {
        let tail = self.guest.tail.clone();
        let below = if below == i64::MAX { tail.store.journal_horizon().await?.settled } else { below };
        self.settled = Some(below);
        let page = {
            let stopped = |_| Error::Internal { cause: "the tail has ended".to_owned() };
            let _turn = tail.reads.of(self.purpose).acquire().await.map_err(stopped)?;
            tail.store.journal(&[self.guest.owner], self.at, below, PAGE).await?
        };
        if i64::try_from(page.len()).is_ok_and(|n| n < PAGE) {
            self.settled = None;
            self.then = self.at.max(Position::before(below));
        }
        (self.read, self.told) = (page.into(), 0);
        Ok(())
    }
}

impl Deref for Shared {
    type Target = JournalEntry;

    #[expect(
        clippy::indexing_slicing,
        reason = "made from an index at which there was one, of a list that never changes"
    )]
    fn deref(&self) -> &JournalEntry {
        &self.list[self.index]
    }
}
