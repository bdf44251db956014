//! Lists that are kept: cheap ones for a moment, dear ones for as long as they were dear.

use std::time::Duration;

use messaging::domain::kept::{Kept, Use};
use proptest::prelude::*;

const TTL: Duration = Duration::from_millis(250);

fn used(cost: u64, age: u64, spent: bool) -> Use {
    Kept { cost: Duration::from_millis(cost), age: Duration::from_millis(age), spent }.is_used(TTL)
}

#[test]
fn a_cheap_list_is_used_for_a_moment_unless_nothing_more_is_found_by_it() {
    assert_eq!(used(3, 249, false), Use::May);
    assert_eq!(used(3, 250, false), Use::No);
    assert_eq!(used(3, 0, true), Use::No);
}

#[test]
fn a_dear_list_is_used_whether_something_is_found_by_it_or_not() {
    assert_eq!(used(600, 2399, true), Use::Must);
    assert_eq!(used(600, 2400, false), Use::No);
}

proptest! {
    /// What a greedy owner's partitions cost all others.
    #[test]
    fn reading_takes_a_fifth_of_the_time_at_most_or_what_a_cheap_list_takes(cost in 1_u64..10_000, spent: bool) {
        let rest = (0..50_000).find(|age| used(cost, *age, spent) == Use::No).unwrap();
        prop_assert!(cost <= 250 || cost * 4 <= rest);
    }
}
