//! The rate limit's law: whatever the asking, no window lets more through than the rate and the burst allow.

use jiff::{SignedDuration, Timestamp};
use messaging::domain::rate::Rate;
use proptest::prelude::*;

fn start() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

proptest! {
    #[test]
    fn no_window_lets_more_through_than_rate_and_burst(
        per_second in 1_u32..2_000,
        burst in 1_u32..500,
        steps in prop::collection::vec((0_i64..400_000, 1_u32..60), 1..300),
    ) {
        let rate = Rate::new(per_second, burst).unwrap();
        let (mut now, mut booked, mut passed) = (start(), None, Vec::new());
        for (micros, wanted) in steps {
            now += SignedDuration::from_micros(micros);
            let parts = wanted.min(rate.allowance(booked, now));
            if parts > 0 {
                booked = Some(rate.book(booked, now, parts));
                passed.push((now, i64::from(parts)));
            }
        }
        for from in 0..passed.len() {
            let mut sum = 0;
            for (at, parts) in &passed[from..] {
                sum += parts;
                let micros = at.duration_since(passed[from].0).as_micros();
                let allowed = micros * i128::from(per_second) / 1_000_000 + i128::from(burst) + 1;
                prop_assert!(i128::from(sum) <= allowed, "{sum} segments in {micros} µs, {allowed} allowed");
            }
        }
    }
}

#[test]
fn a_limit_that_is_always_asked_is_used_whole() {
    let rate = Rate::new(200, 50).unwrap();
    let (mut booked, mut passed) = (None, 0);
    for tick in 0..200 {
        let now = start() + SignedDuration::from_millis(50 * tick);
        let parts = rate.allowance(booked, now);
        booked = Some(rate.book(booked, now, parts));
        passed += parts;
    }
    assert!((1990..=2050).contains(&passed), "{passed} of 2000 in ten seconds");
}

#[test]
fn a_rate_of_nothing_is_no_limit() {
    assert_eq!(Rate::new(0, 10), None);
    assert_eq!(Rate::new(5, 0).unwrap().allowance(None, start()), 1);
}
