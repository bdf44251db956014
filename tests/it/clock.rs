//! The time: it goes on whatever becomes of the clocks that it is anchored in.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use messaging::clock::{Begun, Clock, Seen, system_time};

/// A clock, and what its anchor shows this long after now if it is off by `by`.
struct Case {
    clock: Clock,
    begun: Instant,
    at: Timestamp,
}

impl Case {
    fn new() -> Self {
        let (case, begun) = Self::after(None);
        assert_eq!(begun, Begun::InStep);
        case
    }

    /// A start so long after the database was last served, by the clock.
    fn after(away: Option<SignedDuration>) -> (Self, Begun) {
        let (begun, at) = (Instant::now(), system_time());
        let clock = Clock::system();
        let told = clock.begin(at, begun, away.map(|away| at - away));
        (Self { clock, begun, at }, told)
    }

    /// What is seen, to the second: the anchor is not in a whole microsecond.
    fn see(&self, after: u64, by: SignedDuration) -> Seen {
        let passed = SignedDuration::try_from(Duration::from_secs(after)).unwrap();
        let second = |by: SignedDuration| by.round(jiff::Unit::Second).unwrap();
        match self.clock.follow(self.at + passed + by, self.begun + Duration::from_secs(after)) {
            Seen::InStep => Seen::InStep,
            Seen::Jumped(by) => Seen::Jumped(second(by)),
            Seen::Followed(by) => Seen::Followed(second(by)),
        }
    }

    /// By how many seconds the time differs from what it was when nothing had been seen.
    fn moved(&self) -> i64 {
        let passed = SignedDuration::try_from(self.begun.elapsed()).unwrap();
        (self.clock.now().duration_since(self.at) - passed).round(jiff::Unit::Second).unwrap().as_secs()
    }
}

const DAYS: SignedDuration = SignedDuration::from_hours(72);

#[test]
fn a_clock_that_steps_and_comes_back_moves_nothing() {
    for by in [DAYS, -DAYS] {
        let case = Case::new();
        assert_eq!(case.see(10, by), Seen::Jumped(by));
        assert_eq!(case.see(20, by), Seen::Jumped(by));
        assert_eq!(case.moved(), 0);
        assert_eq!(case.see(30, SignedDuration::ZERO), Seen::InStep);
        // And begins anew the next time.
        assert_eq!(case.see(40, by), Seen::Jumped(by));
        assert_eq!(case.see(75, by), Seen::Jumped(by));
        assert_eq!(case.moved(), 0);
    }
}

#[test]
fn a_clock_that_stays_where_it_jumped_to_is_followed_after_a_minute() {
    let case = Case::new();
    assert_eq!(case.see(10, DAYS), Seen::Jumped(DAYS));
    assert_eq!(case.see(40, DAYS + DAYS), Seen::Jumped(DAYS + DAYS), "it has not stayed");
    assert_eq!(case.see(99, DAYS + DAYS), Seen::Jumped(DAYS + DAYS));
    assert_eq!(case.see(100, DAYS + DAYS), Seen::Followed(DAYS + DAYS));
    assert_eq!(case.moved(), 144 * 3600);
}

#[test]
fn a_clock_that_drifts_is_followed_at_once() {
    let case = Case::new();
    for second in 1..=4 {
        assert_eq!(case.see(10, SignedDuration::from_secs(second)), Seen::InStep);
    }
    assert_eq!(case.moved(), 4);
}

#[test]
fn a_start_soon_after_the_last_one_is_believed() {
    for minutes in [0, 1, 9] {
        let (case, begun) = Case::after(Some(SignedDuration::from_mins(minutes)));
        assert_eq!((begun, case.clock.is_doubted(), case.moved()), (Begun::InStep, false, 0));
    }
}

#[test]
fn a_start_behind_the_last_one_goes_on_from_there_until_the_clock_is_put_right() {
    let (case, begun) = Case::after(Some(-DAYS));
    assert_eq!((begun, case.clock.is_doubted(), case.moved()), (Begun::Behind(DAYS), true, 72 * 3600));
    assert_eq!(case.see(10, SignedDuration::ZERO), Seen::Jumped(-DAYS));
    assert_eq!(case.see(50, DAYS), Seen::InStep);
    assert!(case.clock.is_doubted(), "it has not been there for a minute");
    assert_eq!(case.see(60, DAYS), Seen::InStep);
    assert_eq!((case.clock.is_doubted(), case.moved()), (false, 72 * 3600));
}

#[test]
fn a_start_behind_the_last_one_is_followed_if_the_clock_stays_there() {
    let (case, _) = Case::after(Some(-DAYS));
    assert_eq!(case.see(10, SignedDuration::ZERO), Seen::Jumped(-DAYS));
    assert_eq!(case.see(60, SignedDuration::ZERO), Seen::Followed(-DAYS));
    assert_eq!((case.clock.is_doubted(), case.moved()), (false, 0));
}

#[test]
fn a_start_long_after_the_last_one_is_doubted_for_a_minute() {
    let (case, begun) = Case::after(Some(DAYS));
    assert_eq!((begun, case.clock.is_doubted(), case.moved()), (Begun::Ahead(DAYS), true, 0));
    assert_eq!(case.see(50, SignedDuration::ZERO), Seen::InStep);
    assert!(case.clock.is_doubted());
    assert_eq!(case.see(60, SignedDuration::ZERO), Seen::InStep);
    assert!(!case.clock.is_doubted());
}

#[test]
fn a_start_whose_clock_is_put_right_within_a_minute_is_doubted_until_that_is_believed() {
    let (case, _) = Case::after(Some(DAYS));
    assert_eq!(case.see(50, -DAYS), Seen::Jumped(-DAYS));
    assert_eq!(case.see(70, -DAYS), Seen::Jumped(-DAYS));
    assert!(case.clock.is_doubted());
    assert_eq!(case.see(110, -DAYS), Seen::Followed(-DAYS));
    assert_eq!((case.clock.is_doubted(), case.moved()), (false, -72 * 3600));
}
