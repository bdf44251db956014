//! One share: so many places, of which one owner has half at most while another one asks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::OwnerId;

/// For how long somebody who asked counts as asking.
const ASKING: Duration = Duration::from_mins(1);
/// The part of the whole that an owner who is alone leaves to the next one to come.
const RESERVE: usize = 8;

/// Who takes a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// A user with its credentials.
    Owner(OwnerId),
    /// Somebody without any.
    Address(IpAddr),
    /// Somebody without any whose address is not known: a caller inside the process.
    Unknown,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// All are taken.
    Whole,
    /// The one who asks has as many as one may have: so many.
    Own(usize),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Share {
    whole: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    of: HashMap<Who, usize>,
    /// Who asked last, and who last before that that is another one.
    latest: Option<(Who, Instant)>,
    before: Option<(Who, Instant)>,
}

impl State {
    /// Notes that `who` asks. Returns whether another one has asked lately.
    fn asks(&mut self, who: Who, now: Instant) -> bool {
        let others = match self.latest {
            Some((latest, _)) if latest == who => self.before,
            latest => {
                self.before = latest;
                latest
            }
        };
        self.latest = Some((who, now));
        others.is_some_and(|(_, at)| now.duration_since(at) < ASKING)
    }
}

impl Share {
    /// A share of so many places.
    pub(super) fn new(whole: usize) -> Self {
        Self { whole, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The most that one owner may have, who may have a number of its `own`: what is left to the next one to come is never its.
    fn most(&self, contested: bool, own: Option<usize>) -> usize {
        let alone = self.whole - self.whole / RESERVE;
        let fair = if contested { self.whole / 2 } else { alone };
        own.map_or(fair, |own| own.min(alone)).max(1)
    }

    /// Gives `who` `more` places beside what it has.
    fn give(&self, who: Who, own: Option<usize>, more: usize) -> Result<(), Refused> {
        let mut state = self.state();
        let contested = state.asks(who, Instant::now());
        if state.taken.saturating_add(more) > self.whole {
            return Err(Refused::Whole);
        }
        let most = self.most(contested, own);
        let of = state.of.entry(who).or_default();
        if of.saturating_add(more) > most {
            if *of == 0 {
                state.of.remove(&who);
            }
            return Err(Refused::Own(most));
        }
        *of += more;
        state.taken += more;
        Ok(())
    }

    fn take_back(&self, who: Who, n: usize) {
        let mut state = self.state();
        state.taken = state.taken.saturating_sub(n);
        if let Some(of) = state.of.get_mut(&who) {
            *of = of.saturating_sub(n);
            if *of == 0 {
                state.of.remove(&who);
            }
        }
    }

    /// `n` places.
    pub(super) fn take(self: &Arc<Self>, who: Who, own: Option<usize>, n: usize) -> Result<Place, Refused> {
        let mut place = Place::empty(self, who);
        place.own = own;
        place.resize(n)?;
        Ok(place)
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.state().taken
    }
}

/// One place or more of a share; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    share: Arc<Share>,
    who: Who,
    own: Option<usize>,
    n: usize,
}

impl Place {
    pub(super) fn empty(share: &Arc<Share>, who: Who) -> Self {
        Self { share: share.clone(), who, own: None, n: 0 }
    }

    /// Makes it `n` places; refused, it stays as it is.
    pub(super) fn resize(&mut self, n: usize) -> Result<(), Refused> {
        match n.checked_sub(self.n) {
            None => self.share.take_back(self.who, self.n - n),
            Some(0) => {}
            Some(more) => self.share.give(self.who, self.own, more)?,
        }
        self.n = n;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.n > 0 {
            self.share.take_back(self.who, self.n);
        }
    }
}
