//! Jobs that are done together, of which the one that the database refuses is found by halves, so that it costs no other.

use crate::store::transition::{Job, Moved};
use crate::store::{Error, Store};

/// Jobs and what they moved so far: each part is told, and then either [done](Halves::done) or [refused](Halves::split).
#[derive(Debug)]
pub struct Halves {
    parts: Vec<Part>,
    moved: Vec<Vec<Moved>>,
}

/// Some of the jobs, in their order.
#[derive(Debug)]
pub struct Part {
    place: usize,
    /// The jobs.
    pub jobs: Vec<Job>,
}

impl Halves {
    /// All of them in one part.
    #[must_use]
    pub fn of(jobs: Vec<Job>) -> Self {
        Self { moved: vec![Vec::new(); jobs.len()], parts: vec![Part { place: 0, jobs }] }
    }

    /// The next part that is to be told, until none is left.
    pub fn take(&mut self) -> Option<Part> {
        self.parts.pop()
    }

    /// Keeps what the jobs of a part moved.
    pub fn done(&mut self, part: &Part, moved: Vec<Vec<Moved>>) {
        self.moved.iter_mut().skip(part.place).zip(moved).for_each(|(slot, moved)| *slot = moved);
    }

    /// Has the halves of a part told that was refused. Returns one that has none, and one that failed for another reason.
    pub fn split(&mut self, mut part: Part, e: Error) -> Result<(), (Part, Error)> {
        if !matches!(e, Error::Query(_)) || part.jobs.len() < 2 {
            return Err((part, e));
        }
        let half = part.jobs.len() / 2;
        let rest = part.jobs.split_off(half);
        self.parts.extend([Part { place: part.place + half, jobs: rest }, part]);
        Ok(())
    }

    /// Has a part told once more.
    pub fn again(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// Returns what each job moved, in their order; nothing for those that were refused.
    #[must_use]
    pub fn moved(self) -> Vec<Vec<Moved>> {
        self.moved
    }
}

impl Store {
    /// As [`Store::apply_all`], but what the database refuses moves nothing and costs no other. A failure of another kind ends it;
    /// parts may be written then.
    pub async fn apply_each(&self, jobs: Vec<Job>) -> Result<Vec<Vec<Moved>>, Error> {
        let mut halves = Halves::of(jobs);
        while let Some(part) = halves.take() {
            match self.apply_all(part.jobs.clone()).await {
                Ok(moved) => halves.done(&part, moved),
                Err(e) => match halves.split(part, e) {
                    Ok(()) => {}
                    Err((_, e @ Error::Query(_))) => tracing::warn!(cause = %e, "a change of one message is refused"),
                    Err((_, e)) => return Err(e),
                },
            }
        }
        Ok(halves.moved())
    }
}
