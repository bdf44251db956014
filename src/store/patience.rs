//! Writes that wait for the row of their owner which another transaction has: each owner's in transactions of their own, so that a row that
//! is held for long is waited for by its owner alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::domain::ids::OwnerId;

/// How many owners' writes are waited for at once: each has a connection meanwhile, one of so many that there are.
const OF_CONNECTIONS: usize = 4;
/// How many at most.
const AT_ONCE: usize = 4;
/// How many writes of one owner wait at most; what an owner may have in flight is less.
const MOST: usize = 4096;
/// How many of them one transaction takes at most.
const BATCH: usize = 256;

/// The writes that wait, by their owners. An owner whose writes are looked after is in it, also with none. Clones are the same.
pub(super) struct Patience<C> {
    waiting: Arc<Mutex<HashMap<OwnerId, Vec<C>>>>,
    turns: Arc<Semaphore>,
}

impl<C> Clone for Patience<C> {
    fn clone(&self) -> Self {
        Self { waiting: self.waiting.clone(), turns: self.turns.clone() }
    }
}

impl<C> Patience<C> {
    /// Nobody waits, beside so many connections.
    pub(super) fn new(connections: usize) -> Self {
        let at_once = (connections / OF_CONNECTIONS).clamp(1, AT_ONCE);
        Self { waiting: Arc::default(), turns: Arc::new(Semaphore::new(at_once)) }
    }
}

impl<C: Send + 'static> Patience<C> {
    /// Lets a write of this owner's wait; `work` does those that have gathered. Gives it back if too many wait.
    pub(super) fn add<W, F>(&self, owner: OwnerId, write: C, work: W) -> Result<(), C>
    where
        W: Fn(Vec<C>) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let mut all = lock(&self.waiting);
        match all.get_mut(&owner) {
            Some(waiting) if waiting.len() >= MOST => return Err(write),
            Some(waiting) => waiting.push(write),
            None => {
                all.insert(owner, vec![write]);
                drop(all);
                let (mut theirs, turns) =
                    (Theirs { all: self.waiting.clone(), owner, ended: false }, self.turns.clone());
                tokio::spawn(async move {
                    while let Ok(_turn) = turns.acquire().await
                        && let Some(writes) = theirs.take()
                    {
                        work(writes).await;
                    }
                });
            }
        }
        Ok(())
    }
}

/// One owner's that are looked after, until this is dropped.
struct Theirs<C> {
    all: Arc<Mutex<HashMap<OwnerId, Vec<C>>>>,
    owner: OwnerId,
    ended: bool,
}

impl<C> Theirs<C> {
    /// Those that have gathered; with none it has ended, and whoever comes next begins anew.
    fn take(&mut self) -> Option<Vec<C>> {
        let mut all = lock(&self.all);
        let batch = |waiting: &mut Vec<C>| waiting.drain(..waiting.len().min(BATCH)).collect::<Vec<_>>();
        let gathered = all.get_mut(&self.owner).map(batch).unwrap_or_default();
        if gathered.is_empty() {
            all.remove(&self.owner);
            self.ended = true;
        }
        drop(all);
        (!gathered.is_empty()).then_some(gathered)
    }
}

impl<C> Drop for Theirs<C> {
    fn drop(&mut self) {
        // The work panicked: whoever waits is told so by losing its answer.
        if !self.ended {
            lock(&self.all).remove(&self.owner);
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
