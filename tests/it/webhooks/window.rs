//! The laws of the window, over any order in which calls end.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use messaging::store::{Happening, Position};
use messaging::webhooks::window::{Choice, Packing, Taken, Window};
use proptest::prelude::*;
use tokio::time::Instant;
use uuid::Uuid;

fn event(place: i64, message: u8) -> Happening {
    let position = Position { place, subject: Uuid::from_u128(u128::from(message)), version: 1 };
    Happening { position, from: 0, to: 2, at: Timestamp::UNIX_EPOCH }
}

fn packing(most: usize) -> Packing {
    Packing { most, wait: Duration::ZERO, skip: 0 }
}

/// One thing that happens to a window.
#[derive(Debug, Clone)]
enum Act {
    Read { message: u8, wanted: bool },
    Take { most: usize },
    Finish(usize),
    Back { nth: usize, most: Option<usize> },
    Reopen { unwanted: Option<u8> },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0..6_u8, prop::bool::weighted(0.8)).prop_map(|(message, wanted)| Act::Read { message, wanted }),
        3 => (1..5_usize).prop_map(|most| Act::Take { most }),
        4 => any::<usize>().prop_map(Act::Finish),
        1 => (any::<usize>(), prop::option::of(1..3_usize)).prop_map(|(nth, most)| Act::Back { nth, most }),
        1 => prop::option::of(0..6_u8).prop_map(|unwanted| Act::Reopen { unwanted }),
    ];
    prop::collection::vec(act, 1..80)
}

proptest! {
    #[test]
    fn whatever_ends_when_nothing_is_passed_over_and_nothing_overtakes(acts in acts()) {
        let now = Instant::now();
        let mut window = Window::new(Position::before(0), []);
        let (mut journal, mut wanted): (Vec<Happening>, Vec<bool>) = (Vec::new(), Vec::new());
        let mut finished: BTreeSet<Position> = BTreeSet::new();
        let mut out: Vec<Taken> = Vec::new();
        let mut place = 0;
        for act in acts {
            match act {
                Act::Read { message, wanted: is_wanted } => {
                    place += 1;
                    let event = event(place, message);
                    journal.push(event);
                    wanted.push(is_wanted);
                    window.read(event.position, is_wanted.then_some(event), now);
                }
                Act::Take { most } => {
                    if let Choice::Now(taken) = window.take(now, packing(most), |_| false) {
                        prop_assert!(!taken.is_empty() && taken.len() <= most);
                        for one in taken {
                            // What came before of the same message is finished, or in the same call before it.
                            let earlier = journal.iter().zip(&wanted).filter(|(event, wanted)| {
                                **wanted && event.position.subject == one.event.position.subject && event.position < one.event.position
                            });
                            for (event, _) in earlier {
                                let in_call = out.iter().any(|other| other.event.position == event.position);
                                prop_assert!(finished.contains(&event.position) || in_call);
                            }
                            out.push(one);
                        }
                    }
                }
                Act::Finish(nth) if !out.is_empty() => {
                    let one = out.remove(nth % out.len());
                    window.finish(one.number);
                    finished.insert(one.event.position);
                }
                Act::Back { nth, most } if !out.is_empty() => {
                    let one = out.remove(nth % out.len());
                    window.back(one.number, None, most);
                }
                Act::Finish(_) | Act::Back { .. } => {}
                Act::Reopen { unwanted } => {
                    // A process was killed: what was out is forgotten, what was finished is not told again. The owner wants less.
                    out.clear();
                    for (event, wanted) in journal.iter().zip(&mut wanted) {
                        *wanted &= unwanted.is_none_or(|message| event.position.subject.as_u128() != u128::from(message));
                    }
                    let (at, ahead) = (window.at(), window.ahead());
                    window = Window::new(at, ahead);
                    for (event, wanted) in journal.iter().zip(&wanted).filter(|(event, _)| event.position > at) {
                        window.read(event.position, wanted.then_some(*event), now);
                    }
                }
            }
            let passed = journal.iter().zip(&wanted).filter(|(event, wanted)| **wanted && event.position <= window.at());
            for (event, _) in passed {
                prop_assert!(finished.contains(&event.position), "the window passed what is not done");
            }
            let still = journal.iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(event, _)| event.position);
            let beyond: BTreeSet<Position> = still.filter(|at| *at > window.at() && finished.contains(at)).collect();
            prop_assert_eq!(window.ahead().into_iter().collect::<BTreeSet<_>>(), beyond);
            prop_assert_eq!(window.ahead_len(), window.ahead().len());
        }
        // In the end everything can be delivered.
        for one in out.drain(..) {
            window.finish(one.number);
        }
        while let Choice::Now(taken) = window.take(now, packing(3), |_| false) {
            for one in taken {
                window.finish(one.number);
            }
        }
        prop_assert!(window.is_empty());
        prop_assert_eq!(window.at(), journal.last().map_or(Position::before(0), |event| event.position));
    }
}

#[test]
fn of_one_message_only_one_call_is_in_flight() {
    let now = Instant::now();
    let mut window = Window::new(Position::before(0), []);
    for place in 1..=4 {
        window.read(
            event(place, u8::try_from(place % 2).unwrap()).position,
            Some(event(place, u8::try_from(place % 2).unwrap())),
            now,
        );
    }
    let mut taken = HashMap::new();
    while let Choice::Now(now) = window.take(now, packing(1), |_| false) {
        taken.insert(now[0].event.position.place, now[0].number);
    }
    assert_eq!(taken.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
    window.finish(taken[&1]);
    let Choice::Now(next) = window.take(now, packing(1), |_| false) else { panic!("the next one of the message") };
    assert_eq!(next[0].event.position.place, 3);
}

#[test]
fn a_call_waits_for_more_events_and_no_longer_than_it_may() {
    let now = Instant::now();
    let mut window = Window::new(Position::before(0), []);
    let packing = Packing { most: 2, wait: Duration::from_secs(2), skip: 0 };
    window.read(event(1, 1).position, Some(event(1, 1)), now);
    assert_eq!(window.take(now, packing, |_| false), Choice::Later(now + Duration::from_secs(2)));
    window.read(event(2, 2).position, Some(event(2, 2)), now);
    assert!(matches!(window.take(now, packing, |_| false), Choice::Now(taken) if taken.len() == 2));
    window.read(event(3, 3).position, Some(event(3, 3)), now);
    let later = now + Duration::from_secs(2);
    assert!(matches!(window.take(later, packing, |_| false), Choice::Now(taken) if taken.len() == 1));
}

#[test]
fn what_is_held_is_taken_out_and_passed() {
    let now = Instant::now();
    let mut window = Window::new(Position::before(0), []);
    for place in 1..=3 {
        let event = event(place, u8::from(place != 2));
        window.read(event.position, Some(event), now);
    }
    let held = Uuid::from_u128(1);
    let out: Vec<i64> = window.take_held(|message| message == held).iter().map(|event| event.position.place).collect();
    assert_eq!(out, [1, 3]);
    assert_eq!((window.at().place, window.len()), (1, 2));
}
