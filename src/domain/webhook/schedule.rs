//! When a call to an endpoint is made again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The waits after an event's tries at an endpoint that takes others: soon at first, so that one of which half the answers are errors
/// keeps up.
const OF_EVENT: [Duration; 12] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
];

/// The waits between calls to an endpoint that takes nothing, from its first failure on. One call a minute is no burden, and whoever
/// mends a receiver sees events within two.
const OF_ENDPOINT: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_mins(1),
];
/// The wait once it has taken nothing for an hour,
const SLOW: Duration = Duration::from_mins(5);
/// and for a day.
const SLOWEST: Duration = Duration::from_mins(15);

/// When an event is tried again after `tries` of them, the first of which was at `first`; `None` if it is given up, because that would
/// be more than `max_age` later. `random` is drawn from 0 to 1: a wait is up to a fifth shorter or longer.
#[must_use]
pub fn of_event(
    tries: u32,
    first: Timestamp,
    now: Timestamp,
    max_age: SignedDuration,
    random: f64,
) -> Option<Timestamp> {
    let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX).min(OF_EVENT.len() - 1);
    let wait = OF_EVENT.get(index).copied().unwrap_or(SLOWEST);
    let next = after(now, spread(wait, random));
    (next.duration_since(first) <= max_age).then_some(next)
}

/// When an endpoint that has taken nothing since `since` is called again, after so many calls in vain.
#[must_use]
pub fn of_endpoint(probes: u32, since: Timestamp, now: Timestamp, random: f64) -> Timestamp {
    let down = now.duration_since(since);
    let index = usize::try_from(probes).unwrap_or(usize::MAX).min(OF_ENDPOINT.len() - 1);
    let wait = if down > SignedDuration::from_hours(24) {
        SLOWEST
    } else if down > SignedDuration::from_hours(1) {
        SLOW
    } else {
        OF_ENDPOINT.get(index).copied().unwrap_or(SLOW)
    };
    after(now, spread(wait, random))
}

/// A wait, up to a fifth shorter or longer.
#[must_use]
pub fn spread(wait: Duration, random: f64) -> Duration {
    let random = if random.is_nan() { 0.5 } else { random.clamp(0.0, 1.0) };
    wait.mul_f64(0.8 + 0.4 * random)
}

/// The time so much later.
#[must_use]
pub fn after(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(now)
}
