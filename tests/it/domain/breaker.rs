//! The breakers: what trips which gate, and that no owner alone keeps the others from sending.

use jiff::{SignedDuration, Timestamp};
use messaging::domain::breaker::{Breakers, Trip};
use messaging::domain::gate::Signal;
use messaging::domain::ids::OwnerId;
use proptest::prelude::*;

const LOST: Signal = Signal::Unhealthy("PROVIDER_TIMEOUT");
const AWAY: Signal = Signal::Unreachable("PROVIDER_UNREACHABLE");
const A: OwnerId = OwnerId(1);
const B: OwnerId = OwnerId(2);

fn start() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

/// The first call of a row of equal ones that trips something.
fn first_trip(breakers: &mut Breakers, account: &str, owner: OwnerId, signal: Signal) -> Option<(u32, Trip)> {
    (1..100).map(|n| (n, breakers.record(account, owner, signal, start()))).find(|(_, trip)| *trip != Trip::None)
}

#[test]
fn twelve_failures_in_a_row_trip_and_half_of_many_do_not() {
    assert_eq!(first_trip(&mut Breakers::default(), "a", A, LOST), Some((12, Trip::Account)));
    let mut breakers = Breakers::default();
    let signal = |n| if n % 2 == 0 { LOST } else { Signal::Healthy };
    assert!((0..1000).all(|n| breakers.record("a", A, signal(n), start()) == Trip::None));
}

#[test]
fn one_owners_lost_answers_hold_nobody_while_anothers_calls_go_well() {
    let mut breakers = Breakers::default();
    assert_eq!(breakers.record("a", B, Signal::Healthy, start()), Trip::None);
    assert_eq!(first_trip(&mut breakers, "a", A, LOST), None);
    // Until the other one's fail, too,
    assert_eq!(breakers.record("a", B, LOST, start()), Trip::Account);

    // or it has not called for a minute.
    let mut breakers = Breakers::default();
    breakers.record("a", B, Signal::Healthy, start());
    let later = start() + SignedDuration::from_secs(61);
    let trips = (0..100).map(|_| breakers.record("a", A, LOST, later)).find(|trip| *trip != Trip::None);
    assert_eq!(trips, Some(Trip::Account));
}

#[test]
fn the_provider_is_unhealthy_when_two_owners_and_two_accounts_say_so_or_it_cannot_be_reached() {
    let mut breakers = Breakers::default();
    assert_eq!(first_trip(&mut breakers, "a", A, LOST), Some((12, Trip::Account)));
    assert_eq!(first_trip(&mut breakers, "b", A, LOST), Some((12, Trip::Account)), "the same owner's");
    assert_eq!(first_trip(&mut breakers, "a", B, LOST), Some((12, Trip::Provider)));
    assert_eq!(first_trip(&mut Breakers::default(), "a", A, AWAY), Some((12, Trip::Provider)));
}

#[test]
fn accounts_that_are_not_called_any_more_are_forgotten() {
    let mut breakers = Breakers::default();
    for n in 0..2000_i64 {
        let now = start() + SignedDuration::from_secs(n);
        breakers.record(&format!("account-{n}"), A, LOST, now);
    }
    assert!(format!("{breakers:?}").matches("Calls").count() <= 256);
}

#[test]
fn owners_who_do_not_call_any_more_are_forgotten() {
    let mut breakers = Breakers::default();
    for n in 0..5000 {
        let now = start() + SignedDuration::from_millis(n * 500);
        breakers.record("a", OwnerId(n), Signal::Healthy, now);
    }
    assert!(format!("{breakers:?}").matches("Last").count() <= 512);
}

proptest! {
    #[test]
    fn an_owner_alone_never_trips_what_another_uses_well(
        steps in prop::collection::vec((0_u8..2, 0_u8..2), 1..200),
    ) {
        let mut breakers = Breakers::default();
        breakers.record("a", B, Signal::Healthy, start());
        breakers.record("b", B, Signal::Healthy, start());
        for (account, honest) in steps {
            let account = if account == 0 { "a" } else { "b" };
            let (owner, signal) = if honest == 1 { (B, Signal::Healthy) } else { (A, LOST) };
            prop_assert_eq!(breakers.record(account, owner, signal, start()), Trip::None);
        }
    }
}
