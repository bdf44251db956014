//! Taking turns: a capacity is dealt out to tenants one by one, so that one with much to send does not keep those with
//! little waiting.

use crate::domain::ids::OwnerId;

/// A queue that wants a part of the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Whose queue it is.
    pub tenant: OwnerId,
    /// How much its tenant, with all of his queues, can have at most.
    pub room: usize,
}

struct Tenant {
    room: usize,
    seats: Vec<usize>,
    next: usize,
}

/// Deals `capacity` out to the seats, in rounds: each tenant gets one in each round while he has room, and gives it to his
/// queues in turn. `first` says who begins: whoever deals often counts it up, for a capacity that is smaller than the
/// table.
#[must_use]
pub fn deal(capacity: usize, seats: &[Seat], first: usize) -> Vec<usize> {
    let mut tenants: Vec<Tenant> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (seat, Seat { tenant, room }) in seats.iter().enumerate() {
        let place = *places.entry(*tenant).or_insert_with(|| {
            tenants.push(Tenant { room: *room, seats: Vec::new(), next: first });
            tenants.len() - 1
        });
        if let Some(tenant) = tenants.get_mut(place) {
            tenant.seats.push(seat);
        }
    }
    let mut dealt = vec![0; seats.len()];
    let mut left = capacity;
    if !tenants.is_empty() {
        let begin = first % tenants.len();
        tenants.rotate_left(begin);
    }
    while left > 0 && tenants.iter().any(|t| t.room > 0) {
        for tenant in tenants.iter_mut().filter(|t| t.room > 0) {
            if left == 0 {
                break;
            }
            let seat = tenant.seats.get(tenant.next % tenant.seats.len());
            if let Some(n) = seat.and_then(|seat| dealt.get_mut(*seat)) {
                *n += 1;
            }
            tenant.next = tenant.next.wrapping_add(1);
            tenant.room -= 1;
            left -= 1;
        }
    }
    dealt
}
