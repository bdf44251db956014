//! Turns: nobody with little waits for one with much, and nothing of the capacity is left while somebody has room.

use messaging::domain::fair_share::{Demand, allot};
use messaging::domain::ids::OwnerId;
use proptest::prelude::*;

fn demand(owner: i64, room: usize) -> Demand {
    Demand { owner: OwnerId(owner), room }
}

#[test]
fn tenants_share_alike_whatever_the_number_of_their_queues() {
    let demands = [demand(1, 100), demand(1, 100), demand(1, 100), demand(2, 100), demand(3, 100)];
    let allotted = allot(30, &demands, 0);
    assert_eq!(allotted[..3].iter().sum::<usize>(), 10);
    assert_eq!(allotted[3..], [10, 10]);
}

#[test]
fn room_that_one_cannot_use_is_the_others() {
    assert_eq!(allot(30, &[demand(1, 2), demand(2, 100)], 0), [2, 28]);
}

#[test]
fn a_capacity_of_one_goes_round() {
    let demands: Vec<Demand> = (0..5).map(|t| demand(t, 10)).collect();
    let mut served = [0; 5];
    for turn in 0..10 {
        let place = allot(1, &demands, turn).iter().position(|n| *n == 1).unwrap();
        served[place] += 1;
    }
    assert_eq!(served, [2; 5]);
}

proptest! {
    #[test]
    fn what_is_dealt_fits_and_is_fair(
        capacity in 0_usize..200,
        demands in prop::collection::vec((0_i64..8, 0_usize..40), 0..20),
        first in any::<usize>(),
    ) {
        // A owner has one room, whichever of its queues says it.
        let rooms: std::collections::HashMap<i64, usize> = demands.iter().rev().copied().collect();
        let demands: Vec<Demand> = demands.iter().map(|(t, _)| demand(*t, rooms[t])).collect();
        let allotted = allot(capacity, &demands, first);
        let mut of = std::collections::HashMap::<i64, usize>::new();
        for (demand, n) in demands.iter().zip(&allotted) {
            *of.entry(demand.owner.0).or_default() += n;
        }
        let total: usize = allotted.iter().sum();
        prop_assert_eq!(total, capacity.min(rooms.values().sum()));
        for (owner, n) in &of {
            prop_assert!(*n <= rooms[owner]);
            for (other, m) in &of {
                prop_assert!(*n <= m + 1 || *m == rooms[other], "{owner} got {n}, {other} got {m} of {}", rooms[other]);
            }
        }
    }
}
