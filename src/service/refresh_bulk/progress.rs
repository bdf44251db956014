//! How far a bulk refresh has come, and the token that lets another stream go on from there.
//!
//! Results come in any order. The token names the last id up to which everything is done, and those beyond it that
//! are done too; there are never more of these than ids in hand plus the few that wait for a slow one.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest as _, Sha256};

use crate::auth::seals::{Invalid, Seal};
use crate::error::Error;
use crate::service::refresh_bulk::{BulkEvent, BulkOutcome};

/// How far it has come.
pub(super) struct Progress {
    seal: Seal,
    /// How many ids there are in all.
    pub total: i64,
    updated: i64,
    unchanged: i64,
    failed: i64,
    /// Everything up to and with this place is done.
    cursor: String,
    /// Begun in this order and not yet behind the cursor: id's digest, place, done.
    window: VecDeque<(u64, String, bool)>,
    /// Done by an earlier stream, beyond its cursor.
    done_before: HashSet<u64>,
}

impl Progress {
    /// Where the token says, or at the start if it is empty.
    pub(super) fn resume(seal: Seal, token: &str) -> Result<Self, Error> {
        let mut progress = Self {
            seal,
            total: 0,
            updated: 0,
            unchanged: 0,
            failed: 0,
            cursor: String::new(),
            window: VecDeque::new(),
            done_before: HashSet::new(),
        };
        if token.is_empty() {
            return Ok(progress);
        }
        let invalid = |_| Error::invalid("resume_token", "is not a token of a stream of this very request");
        let payload = progress.seal.open(token).map_err(invalid)?;
        progress.read(&payload).ok_or(Invalid).map_err(invalid)?;
        Ok(progress)
    }

    fn read(&mut self, payload: &[u8]) -> Option<()> {
        let mut rest = payload;
        let mut number = || {
            let (n, more) = rest.split_first_chunk::<8>()?;
            rest = more;
            Some(i64::from_be_bytes(*n))
        };
        self.total = number()?;
        self.updated = number()?;
        self.unchanged = number()?;
        self.failed = number()?;
        let (len, more) = rest.split_first()?;
        let (cursor, digests) = more.split_at_checked(usize::from(*len))?;
        self.cursor = String::from_utf8(cursor.to_vec()).ok()?;
        let (digests, rest) = digests.as_chunks::<8>();
        self.done_before = digests.iter().map(|d| u64::from_be_bytes(*d)).collect();
        rest.is_empty().then_some(())
    }

    /// The place after which to go on.
    pub(super) fn cursor(&self) -> &str {
        &self.cursor
    }

    /// Notes that the id at this place is about to be refreshed; false if an earlier stream has done it.
    pub(super) fn begin(&mut self, id: &str, place: &str) -> bool {
        let digest = digest(id);
        let done = self.done_before.contains(&digest);
        self.window.push_back((digest, place.to_owned(), done));
        self.advance();
        !done
    }

    /// Notes that an id is done.
    pub(super) fn complete(&mut self, id: &str, outcome: BulkOutcome) {
        let digest = digest(id);
        if let Some(entry) = self.window.iter_mut().find(|(d, _, done)| *d == digest && !done) {
            entry.2 = true;
        }
        match outcome {
            BulkOutcome::Updated => self.updated += 1,
            BulkOutcome::Unchanged => self.unchanged += 1,
            BulkOutcome::Failed => self.failed += 1,
        }
        self.advance();
    }

    fn advance(&mut self) {
        while let Some((digest, place, _)) = self.window.pop_front_if(|(_, _, done)| *done) {
            self.done_before.remove(&digest);
            self.cursor = place;
        }
    }

    /// How many ids are begun and wait for one before them.
    pub(super) fn waiting(&self) -> usize {
        self.window.len()
    }

    /// How many ids are done.
    pub(super) fn completed(&self) -> i64 {
        self.updated + self.unchanged + self.failed
    }

    /// The last event.
    pub(super) fn summary(&self, more: bool) -> BulkEvent {
        BulkEvent::Summary { more, updated: self.updated, unchanged: self.unchanged, failed: self.failed }
    }

    /// The state that another stream goes on from.
    pub(super) fn token(&self) -> String {
        let mut payload = Vec::with_capacity(64 + self.window.len() * 8);
        for n in [self.total, self.updated, self.unchanged, self.failed] {
            payload.extend_from_slice(&n.to_be_bytes());
        }
        payload.push(u8::try_from(self.cursor.len()).unwrap_or(u8::MAX));
        payload.extend_from_slice(self.cursor.as_bytes());
        let begun = self.window.iter().filter(|(_, _, done)| *done).map(|(d, _, _)| *d);
        let still_ahead = self.done_before.iter().copied().filter(|d| self.window.iter().all(|(w, _, _)| w != d));
        for digest in begun.chain(still_ahead) {
            payload.extend_from_slice(&digest.to_be_bytes());
        }
        self.seal.seal(&payload)
    }
}

fn digest(id: &str) -> u64 {
    u64::from_be_bytes(Sha256::digest(id.as_bytes()).first_chunk().copied().unwrap_or_default())
}
