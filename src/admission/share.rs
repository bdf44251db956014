//! One share: so many places, of which one owner has half at most while another one asks. Places that are held for days are
//! taken back from whoever has the most when somebody with fewer finds none.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

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
    /// Whether places are taken back from those who hold them.
    yields: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    of: HashMap<Who, usize>,
    /// Who asked last, and who last before that that is another one.
    latest: Option<(Who, Instant)>,
    before: Option<(Who, Instant)>,
    /// The places that can be taken back, the oldest first, by their numbers.
    standing: BTreeMap<u64, Standing>,
    next: u64,
}

/// A place that can be taken back.
#[derive(Debug)]
struct Standing {
    who: Who,
    notice: CancellationToken,
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

    /// How many places `who` has.
    fn has(&self, who: Who) -> usize {
        self.of.get(&who).copied().unwrap_or(0)
    }

    fn take_back(&mut self, who: Who, n: usize) {
        self.taken = self.taken.saturating_sub(n);
        if let Some(of) = self.of.get_mut(&who) {
            *of = of.saturating_sub(n);
            if *of == 0 {
                self.of.remove(&who);
            }
        }
    }

    /// Takes the oldest place back from whoever has the most, if `who` has fewer even with it. Returns whether it did.
    fn make_room(&mut self, who: Who) -> bool {
        let Some((most, n)) = self.of.iter().max_by_key(|(_, n)| **n).map(|(most, n)| (*most, *n)) else {
            return false;
        };
        if n <= self.has(who) + 1 {
            return false;
        }
        let oldest = self.standing.iter().find(|(_, place)| place.who == most).map(|(number, _)| *number);
        let Some(gone) = oldest.and_then(|number| self.standing.remove(&number)) else { return false };
        self.take_back(most, 1);
        gone.notice.cancel();
        true
    }
}

impl Share {
    /// A share of so many places, which are kept until they are given back.
    pub(super) fn new(whole: usize) -> Self {
        Self { whole, yields: false, state: Mutex::default() }
    }

    /// A share of so many places, which may be taken back: whoever holds one is [told](Place::notice).
    pub(super) fn that_yields(whole: usize) -> Self {
        Self { yields: true, ..Self::new(whole) }
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
        let most = self.most(contested, own);
        let fits = state.has(who).saturating_add(more) <= most;
        let mut room = state.taken.saturating_add(more) <= self.whole;
        if fits && !room && self.yields {
            room = state.make_room(who);
        }
        if !room {
            return Err(Refused::Whole);
        }
        if !fits {
            return Err(Refused::Own(most));
        }
        *state.of.entry(who).or_default() += more;
        state.taken += more;
        Ok(())
    }

    /// Notes that a place of `who` can be taken back from now on. Returns its number, and what tells that it was.
    fn stand(&self, who: Who) -> (u64, CancellationToken) {
        let (mut state, notice) = (self.state(), CancellationToken::new());
        let number = state.next;
        state.next += 1;
        state.standing.insert(number, Standing { who, notice: notice.clone() });
        (number, notice)
    }

    /// Takes `n` places back that are given up; a standing one only if it was not taken back before.
    fn give_up(&self, who: Who, n: usize, standing: Option<u64>) {
        let mut state = self.state();
        if standing.is_none_or(|number| state.standing.remove(&number).is_some()) {
            state.take_back(who, n);
        }
    }

    /// `n` places; of a share that yields, one at a time.
    pub(super) fn take(self: &Arc<Self>, who: Who, own: Option<usize>, n: usize) -> Result<Place, Refused> {
        let mut place = Place::empty(self, who);
        place.own = own;
        place.resize(n)?;
        place.standing = self.yields.then(|| self.stand(who));
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
    standing: Option<(u64, CancellationToken)>,
}

impl Place {
    pub(super) fn empty(share: &Arc<Share>, who: Who) -> Self {
        Self { share: share.clone(), who, own: None, n: 0, standing: None }
    }

    /// Cancelled when the place was given to somebody else; `None` of one that is kept until it is given back.
    #[must_use]
    pub fn notice(&self) -> Option<CancellationToken> {
        self.standing.as_ref().map(|(_, notice)| notice.clone())
    }

    /// Makes it `n` places; refused, it stays as it is.
    pub(super) fn resize(&mut self, n: usize) -> Result<(), Refused> {
        match n.checked_sub(self.n) {
            None => self.share.give_up(self.who, self.n - n, None),
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
            self.share.give_up(self.who, self.n, self.standing.as_ref().map(|(number, _)| *number));
        }
    }
}
