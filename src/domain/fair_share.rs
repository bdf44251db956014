//! Taking turns: a capacity is allotted to owners one by one, so that one with much to send does not keep those with
//! little waiting.

use crate::domain::ids::OwnerId;

/// A queue that wants a part of the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Whose queue it is.
    pub owner: OwnerId,
    /// How much its owner, with all of its queues, can have at most.
    pub room: usize,
}

struct Owner {
    room: usize,
    demands: Vec<usize>,
    next: usize,
}

/// Allots `capacity` to the demands, in rounds: each owner gets one in each round while it has room, and gives it to its
/// queues in turn. `first` says who begins: whoever allots often counts it up, for a capacity that is smaller than the
/// number of owners.
#[must_use]
pub fn allot(capacity: usize, demands: &[Demand], first: usize) -> Vec<usize> {
    let mut owners: Vec<Owner> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (demand, Demand { owner, room }) in demands.iter().enumerate() {
        let place = *places.entry(*owner).or_insert_with(|| {
            owners.push(Owner { room: *room, demands: Vec::new(), next: first });
            owners.len() - 1
        });
        if let Some(owner) = owners.get_mut(place) {
            owner.demands.push(demand);
        }
    }
    let mut allotted = vec![0; demands.len()];
    let mut left = capacity;
    if !owners.is_empty() {
        let begin = first % owners.len();
        owners.rotate_left(begin);
    }
    while left > 0 && owners.iter().any(|t| t.room > 0) {
        for owner in owners.iter_mut().filter(|t| t.room > 0) {
            if left == 0 {
                break;
            }
            let demand = owner.demands.get(owner.next % owner.demands.len());
            if let Some(n) = demand.and_then(|demand| allotted.get_mut(*demand)) {
                *n += 1;
            }
            owner.next = owner.next.wrapping_add(1);
            owner.room -= 1;
            left -= 1;
        }
    }
    allotted
}
