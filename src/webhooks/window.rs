//! The stretch of the journal that is being delivered to one endpoint: which events are on their way, which wait, and up to where
//! everything is done with. Pure: it neither reads nor calls.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::store::{Happening, Position};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting { not_before: Option<Instant> },
    Out,
    Done,
}

#[derive(Debug)]
struct Item {
    event: Happening,
    /// Up to where the journal was read after it without another event that is wanted.
    covers: Position,
    state: State,
    read_at: Instant,
    tries: u32,
    /// How many events a call that carries it may carry.
    most: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Window {
    /// Everything up to here is done with.
    at: Position,
    items: VecDeque<Item>,
    /// The number of the first item; they are numbered on.
    first: u64,
    /// How many of the items are done with.
    done: usize,
    /// Those that were done with before the window was opened, and was not read again yet.
    known: HashSet<Position>,
}

/// An event that is on its way, by its number in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The number.
    pub number: u64,
    /// The event.
    pub event: Happening,
    /// How often it was tried before.
    pub tries: u32,
}

/// The choice of what to deliver next.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// These events, in one call.
    Now(Vec<Taken>),
    /// Nothing before this time, unless something is read or ends.
    Later(Instant),
    /// Nothing, unless something is read or ends.
    Nothing,
}

/// How calls are made up.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// How many events one call carries at most.
    pub most: usize,
    /// How long a call waits for more of them.
    pub wait: Duration,
    /// How many events to leave out at the front, if there are more: so that one that nobody takes does not stand for all.
    pub skip: usize,
}

impl Window {
    /// A window that begins after `at`, where `ahead` is done with besides.
    #[must_use]
    pub fn new(at: Position, ahead: impl IntoIterator<Item = Position>) -> Self {
        Self { at, items: VecDeque::new(), first: 0, done: 0, known: ahead.into_iter().collect() }
    }

    /// Up to where everything is done with.
    #[must_use]
    pub fn at(&self) -> Position {
        self.at
    }

    /// Up to where the journal was read.
    #[must_use]
    pub fn read_to(&self) -> Position {
        self.items.back().map_or(self.at, |item| item.covers)
    }

    /// The places that are done with beyond [`Self::at`].
    #[must_use]
    pub fn ahead(&self) -> Vec<Position> {
        let done = self.items.iter().filter(|item| item.state == State::Done).map(|item| item.event.position);
        done.chain(self.known.iter().copied()).collect()
    }

    /// How many positions [`Self::ahead`] has.
    #[must_use]
    pub fn ahead_len(&self) -> usize {
        self.done + self.known.len()
    }

    /// How many events are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether everything that was read is done with.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The journal was read up to `to`, where there is this event, or none that is wanted.
    pub fn read(&mut self, to: Position, event: Option<Happening>, now: Instant) {
        let is_known = event.is_some_and(|event| self.known.contains(&event.position));
        // What was done with and is not wanted any more, or has gone from the journal, is not read again: it is done with for good.
        if !self.known.is_empty() {
            self.known.retain(|known| *known > to);
        }
        let Some(event) = event else {
            match self.items.back_mut() {
                Some(last) => last.covers = to,
                None => self.at = to,
            }
            return;
        };
        let state = if is_known {
            if self.items.is_empty() {
                self.at = to;
                return;
            }
            self.done += 1;
            State::Done
        } else {
            State::Waiting { not_before: None }
        };
        self.items.push_back(Item { event, covers: to, state, read_at: now, tries: 0, most: usize::MAX });
    }

    /// Takes what is to be delivered next: events in their order, and of one subject only one call's at a time. `held` are subjects
    /// of which nothing can be delivered.
    pub fn take(&mut self, now: Instant, packing: Packing, held: impl Fn(Uuid) -> bool) -> Choice {
        let (mut chosen, mut most) = (Vec::new(), packing.most.max(1));
        let (mut behind, mut skip, mut later): (HashSet<Uuid>, usize, Option<Instant>) =
            (HashSet::new(), packing.skip, None);
        let mut oldest = None;
        for (index, item) in self.items.iter().enumerate() {
            if chosen.len() >= most {
                break;
            }
            let State::Waiting { not_before } = item.state else {
                if item.state == State::Out {
                    behind.insert(item.event.position.subject);
                }
                continue;
            };
            let subject = item.event.position.subject;
            let due = not_before.is_none_or(|at| at <= now);
            // Where a call for it alone is due, it goes alone.
            let fits = chosen.len() < item.most && (chosen.is_empty() || item.most > 1);
            if behind.contains(&subject) || held(subject) || !due || !fits {
                behind.insert(subject);
                later = [later, not_before.filter(|at| *at > now)].into_iter().flatten().min();
                continue;
            }
            if skip > 0 && self.items.len() - index > 1 {
                skip -= 1;
                behind.insert(subject);
                continue;
            }
            most = most.min(item.most.max(1));
            oldest.get_or_insert(item.read_at);
            chosen.push(index);
        }
        if let Some(oldest) = oldest {
            let full = chosen.len() >= most;
            let until = oldest + packing.wait;
            if !full && until > now {
                return Choice::Later(later.map_or(until, |later| later.min(until)));
            }
            return Choice::Now(chosen.into_iter().filter_map(|index| self.send(index)).collect());
        }
        later.map_or(Choice::Nothing, Choice::Later)
    }

    fn send(&mut self, index: usize) -> Option<Taken> {
        let number = self.first + u64::try_from(index).ok()?;
        let item = self.items.get_mut(index)?;
        item.state = State::Out;
        item.tries += 1;
        Some(Taken { number, event: item.event, tries: item.tries - 1 })
    }

    fn item(&mut self, number: u64) -> Option<&mut Item> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.items.get_mut(index).filter(|item| item.state != State::Done)
    }

    /// An event that was on its way waits again, until `not_before`, and then in a call with `most` events at most.
    pub fn back(&mut self, number: u64, not_before: Option<Instant>, most: Option<usize>) {
        if let Some(item) = self.item(number) {
            item.state = State::Waiting { not_before };
            if let Some(most) = most {
                item.most = most.max(1);
            }
        }
    }

    /// An event that was never called for waits again.
    pub fn uncalled(&mut self, number: u64, not_before: Instant) {
        if let Some(item) = self.item(number) {
            item.state = State::Waiting { not_before: Some(not_before) };
            item.tries = item.tries.saturating_sub(1);
        }
    }

    /// An event is done with.
    pub fn finish(&mut self, number: u64) {
        if let Some(item) = self.item(number) {
            item.state = State::Done;
            self.done += 1;
        }
        while self.items.front().is_some_and(|item| item.state == State::Done) {
            let Some(item) = self.items.pop_front() else { return };
            self.at = item.covers;
            self.first += 1;
            self.done = self.done.saturating_sub(1);
        }
    }

    /// Takes out the events that wait of subjects that `held` names, which are then done with here.
    pub fn take_held(&mut self, held: impl Fn(Uuid) -> bool) -> Vec<Happening> {
        let waits = |item: &&Item| matches!(item.state, State::Waiting { .. }) && held(item.event.position.subject);
        let events: Vec<Happening> = self.items.iter().filter(waits).map(|item| item.event).collect();
        let first = self.first;
        let numbers: Vec<u64> = (first..).zip(&self.items).filter(|(_, item)| waits(item)).map(|(n, _)| n).collect();
        for number in numbers {
            self.finish(number);
        }
        events
    }
}
