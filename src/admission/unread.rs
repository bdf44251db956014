//! The answers of one connection that are on their way, and what becomes of those that nobody reads.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// An answer, as its connection looks after it.
pub(super) trait Unread: Send + Sync {
    /// Since when the reader has had a piece and has not asked for another one; `None` if it waits for us.
    fn since(&self) -> Option<Instant>;
    /// Lets go of all that is not sent.
    fn give_up(&self);
}

/// See the module.
#[derive(Default)]
pub(super) struct Answers(Mutex<Open>);

#[derive(Default)]
struct Open {
    next: u64,
    answers: HashMap<u64, Arc<dyn Unread>>,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answers").field(&self.open().answers.len()).finish()
    }
}

impl Answers {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more. Returns its number.
    pub(super) fn add(&self, answer: Arc<dyn Unread>) -> u64 {
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.answers.insert(number, answer);
        number
    }

    /// One fewer.
    pub(super) fn remove(&self, number: u64) {
        let answer = self.open().answers.remove(&number);
        // After the lock: it may have much to clear up.
        drop(answer);
    }

    /// Gives up those that nobody has read on for so long. Returns whether one of them still stands as long after that.
    pub(super) fn look_after(&self, now: Instant, patience: Duration) -> bool {
        let standing: Vec<_> = {
            let open = self.open();
            let waits = |answer: &Arc<dyn Unread>| answer.since().map(|since| now.saturating_duration_since(since));
            let of = open.answers.values().filter_map(|answer| Some((waits(answer)?, answer.clone())));
            of.filter(|(time, _)| *time >= patience).collect()
        };
        for (_, answer) in &standing {
            answer.give_up();
        }
        standing.iter().any(|(time, _)| *time >= patience * 2)
    }
}
