//! Turns: nobody with little waits for one with much, and nothing of the capacity is left while somebody has room.

use messaging::domain::ids::OwnerId;
use messaging::domain::turns::{Seat, deal};
use proptest::prelude::*;

fn seat(tenant: i64, room: usize) -> Seat {
    Seat { tenant: OwnerId(tenant), room }
}

#[test]
fn tenants_share_alike_whatever_the_number_of_their_queues() {
    let seats = [seat(1, 100), seat(1, 100), seat(1, 100), seat(2, 100), seat(3, 100)];
    let dealt = deal(30, &seats, 0);
    assert_eq!(dealt[..3].iter().sum::<usize>(), 10);
    assert_eq!(dealt[3..], [10, 10]);
}

#[test]
fn room_that_one_cannot_use_is_the_others() {
    assert_eq!(deal(30, &[seat(1, 2), seat(2, 100)], 0), [2, 28]);
}

#[test]
fn a_capacity_of_one_goes_round() {
    let seats: Vec<Seat> = (0..5).map(|t| seat(t, 10)).collect();
    let mut served = [0; 5];
    for turn in 0..10 {
        let place = deal(1, &seats, turn).iter().position(|n| *n == 1).unwrap();
        served[place] += 1;
    }
    assert_eq!(served, [2; 5]);
}

proptest! {
    #[test]
    fn what_is_dealt_fits_and_is_fair(
        capacity in 0_usize..200,
        seats in prop::collection::vec((0_i64..8, 0_usize..40), 0..20),
        first in any::<usize>(),
    ) {
        // A tenant has one room, whichever of its queues says it.
        let rooms: std::collections::HashMap<i64, usize> = seats.iter().rev().copied().collect();
        let seats: Vec<Seat> = seats.iter().map(|(t, _)| seat(*t, rooms[t])).collect();
        let dealt = deal(capacity, &seats, first);
        let mut of = std::collections::HashMap::<i64, usize>::new();
        for (seat, n) in seats.iter().zip(&dealt) {
            *of.entry(seat.tenant.0).or_default() += n;
        }
        let total: usize = dealt.iter().sum();
        prop_assert_eq!(total, capacity.min(rooms.values().sum()));
        for (tenant, n) in &of {
            prop_assert!(*n <= rooms[tenant]);
            for (other, m) in &of {
                prop_assert!(*n <= m + 1 || *m == rooms[other], "{tenant} got {n}, {other} got {m} of {}", rooms[other]);
            }
        }
    }
}
