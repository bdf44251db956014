//! Gates: what holds them, what opens them, and who may try.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use messaging::domain::budget::Budget;
use messaging::domain::gate::{Circuit, Gate, Holding, Signal};
use messaging::domain::outcome::Backoff;
use uuid::Uuid;

use crate::support::outcomes::{accepted, ambiguous, not_sent, rejected};

const ME: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn start() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

#[test]
fn each_outcome_says_its_word() {
    let table = [
        (accepted("p"), Signal::Healthy),
        (rejected(), Signal::Healthy),
        (
            not_sent(Backoff::Throttled { retry_after: Some(Duration::from_secs(7)) }),
            Signal::Throttled(Duration::from_secs(7)),
        ),
        (not_sent(Backoff::Throttled { retry_after: None }), Signal::Throttled(Duration::from_secs(1))),
    ];
    for (outcome, signal) in table {
        assert_eq!(Signal::of(&outcome), signal);
    }
    assert!(matches!(Signal::of(&ambiguous()), Signal::Unhealthy(_)));
    assert!(matches!(Signal::of(&not_sent(Backoff::Unhealthy)), Signal::Unreachable(_)));
    assert!(matches!(Signal::of(&not_sent(Backoff::AccountBlocked)), Signal::Blocked(_)));
}

#[test]
fn a_throttled_account_opens_by_itself() {
    let mut gate = Gate::free("a");
    assert!(gate.record(Signal::Throttled(Duration::from_secs(5)), ME, start()));
    assert_eq!(gate.circuit(start() + seconds(4)), Circuit::Open(start() + seconds(5)));
    assert_eq!(gate.circuit(start() + seconds(5)), Circuit::Closed);
    assert_eq!(
        [4, 5].map(|n| gate.is_held(start() + seconds(n))),
        [true, false],
        "whoever still reads that it is held"
    );
    assert!(
        gate.record(Signal::Throttled(Duration::from_secs(1)), OTHER, start() + seconds(1))
            || gate.until == Some(start() + seconds(5))
    );
    assert_eq!(gate.until, Some(start() + seconds(5)), "a shorter wait does not shorten a longer one");
}

#[test]
fn an_unhealthy_provider_is_tried_by_one_at_a_time_and_less_and_less_often() {
    let mut gate = Gate::free("*");
    let mut now = start();
    gate.record(Signal::Unhealthy("PROVIDER_TIMEOUT"), ME, now);
    for wait in [2, 4, 8, 16, 30, 30] {
        assert_eq!(gate.circuit(now), Circuit::Open(now + seconds(wait)));
        now += seconds(wait);
        assert_eq!(gate.circuit(now), Circuit::HalfOpen);
        assert!(gate.take_probe(ME, now + seconds(60), now));
        assert!(!gate.take_probe(OTHER, now + seconds(60), now), "one probe at a time");
        assert!(!gate.record(Signal::Healthy, OTHER, now), "an old call's good news says nothing about now");
        gate.record(Signal::Unhealthy("PROVIDER_TIMEOUT"), ME, now);
    }
    now += seconds(30);
    assert!(gate.take_probe(OTHER, now + seconds(60), now));
    assert!(gate.record(Signal::Healthy, OTHER, now));
    assert_eq!((gate.holding, gate.failed_probes, gate.circuit(now)), (Holding::Free, 0, Circuit::Closed));
}

#[test]
fn a_probe_whose_holder_died_is_given_to_another() {
    let mut gate = Gate::free("*");
    gate.record(Signal::Unhealthy("PROVIDER_TIMEOUT"), ME, start());
    let now = start() + seconds(2);
    assert!(gate.take_probe(ME, now + seconds(60), now));
    assert_eq!(gate.circuit(now + seconds(59)), Circuit::Open(now + seconds(60)));
    assert!(gate.take_probe(OTHER, now + seconds(120), now + seconds(60)));
}

#[test]
fn a_blocked_account_stays_so_until_a_probe_goes_well_or_an_operator_lifts_it() {
    let mut gate = Gate { rate: Some(7), ..Gate::free("a") };
    gate.record(Signal::Blocked("PROVIDER_ACCOUNT_BLOCKED"), ME, start());
    gate.record(Signal::Throttled(Duration::from_secs(1)), ME, start());
    gate.record(Signal::Healthy, ME, start());
    assert_eq!(gate.holding, Holding::Blocked);
    assert_eq!(gate.circuit(start() + seconds(60)), Circuit::HalfOpen);
    gate.reset();
    assert_eq!(gate, Gate { rate: Some(7), ..Gate::free("a") }, "its limit stays");
}

#[test]
fn retries_are_a_tenth_of_first_tries_and_a_floor() {
    let mut budget = Budget::new(start());
    budget.spend(1000.0, 0.0);
    assert_eq!(budget.allowance(start()), 110);
    budget.spend(0.0, 110.0);
    assert_eq!(budget.allowance(start()), 0);
    assert_eq!(budget.allowance(start() + seconds(3)), 30);
    assert_eq!(budget.allowance(start() + seconds(3600)), 600, "what is saved up is bounded");
}
