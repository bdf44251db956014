//! Jobs that are done together, of which the one that the database refuses, or has no answer to, is found by halves, so that it costs
//! no other.

use std::collections::VecDeque;

use crate::store::transition::{Job, Moved};
use crate::store::{Error, Store};

/// How often a part is tried as it is that the database has no answer to.
const TRIES: u32 = 2;

/// Jobs and what they moved so far: each part is told, and then [done](Halves::done), [refused](Halves::split) or [put
/// off](Halves::put_off).
#[derive(Debug)]
pub struct Halves {
    parts: VecDeque<Part>,
    moved: Vec<Vec<Moved>>,
}

/// Some of the jobs, in their order.
#[derive(Debug)]
pub struct Part {
    place: usize,
    /// How often the database had no answer.
    tries: u32,
    /// The jobs.
    pub jobs: Vec<Job>,
}

impl Part {
    /// Keeps one half. Returns the other one, if there are two.
    fn halve(&mut self) -> Option<Self> {
        let half = self.jobs.len() / 2;
        let jobs = (half > 0).then(|| self.jobs.split_off(half))?;
        Some(Self { place: self.place + half, tries: 0, jobs })
    }
}

impl Halves {
    /// All of them in one part.
    #[must_use]
    pub fn of(jobs: Vec<Job>) -> Self {
        Self { moved: vec![Vec::new(); jobs.len()], parts: VecDeque::from([Part { place: 0, tries: 0, jobs }]) }
    }

    /// The next part that is to be told, until none is left.
    pub fn take(&mut self) -> Option<Part> {
        self.parts.pop_front()
    }

    /// The jobs that are still to be told, but for those that were taken.
    pub fn left(&self) -> impl Iterator<Item = &Job> {
        self.parts.iter().flat_map(|part| &part.jobs)
    }

    /// Keeps what the jobs of a part moved.
    pub fn done(&mut self, part: &Part, moved: Vec<Vec<Moved>>) {
        self.moved.iter_mut().skip(part.place).zip(moved).for_each(|(slot, moved)| *slot = moved);
    }

    /// Has the halves of a part told that was refused. Returns one that has none, and one that failed for another reason.
    pub fn split(&mut self, mut part: Part, e: Error) -> Result<(), (Part, Error)> {
        let rest = if matches!(e, Error::Query(_)) { part.halve() } else { None };
        let Some(rest) = rest else { return Err((part, e)) };
        self.parts.push_front(rest);
        self.parts.push_front(part);
        Ok(())
    }

    /// Has a part told once more after all others, which it may keep waiting; by halves, if that was so before: one of its rows may
    /// be what there is no answer to.
    pub fn put_off(&mut self, mut part: Part) {
        part.tries += 1;
        let rest = if part.tries >= TRIES { part.halve() } else { None };
        if rest.is_some() {
            part.tries = 0;
        }
        self.parts.push_back(part);
        self.parts.extend(rest);
    }

    /// Has a part told once more.
    pub fn again(&mut self, part: Part) {
        self.parts.push_front(part);
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
