//! Waiting between tries.

use std::time::Duration;

use messaging::domain::retry::{MAX_TRIES, RETRY_AFTER_MAX, backoff};
use proptest::prelude::*;

#[test]
fn the_ceiling_doubles_from_two_seconds_to_fifteen_minutes() {
    let seconds: Vec<u64> = (1..=MAX_TRIES).map(|attempt| backoff(attempt, 1.0).as_secs()).collect();
    assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
}

#[test]
fn the_wait_is_spread_evenly_below_the_ceiling() {
    assert_eq!(backoff(1, 0.0), Duration::ZERO);
    assert_eq!(backoff(1, 0.25), Duration::from_millis(500));
    assert_eq!(backoff(4, 0.5), Duration::from_secs(8));
}

#[test]
fn odd_arguments_stay_in_bounds() {
    assert_eq!(backoff(0, 1.0), Duration::from_secs(2));
    assert_eq!(backoff(u32::MAX, 1.0), Duration::from_mins(15));
    assert_eq!(backoff(3, f64::NAN), Duration::from_secs(8));
    assert_eq!(backoff(3, f64::NEG_INFINITY), Duration::ZERO);
    assert_eq!(backoff(3, f64::INFINITY), Duration::from_secs(8));
    assert_eq!(RETRY_AFTER_MAX, Duration::from_hours(1));
}

proptest! {
    #[test]
    fn no_wait_is_above_its_ceiling(attempt: u32, random: f64) {
        prop_assert!(backoff(attempt, random) <= backoff(attempt, 1.0));
        prop_assert!(backoff(attempt, random) <= Duration::from_mins(15));
    }
}
