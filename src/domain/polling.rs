//! When the provider is asked about a message that it took and of which nothing final was reported.
//!
//! A ladder from the moment it was taken: after 10 s, 30 s, 2 min, 10 min and 1 h, then every hour until 48 h. A step that
//! was missed is left out. A day after its validity ended a message without a final report counts as unreported, which is
//! soft: a report that comes later still decides.

use jiff::{SignedDuration, Timestamp};

use crate::domain::evidence::Rank;
use crate::domain::message::Message;

/// The first steps, in seconds from when the message was taken.
const STEPS: [i64; 4] = [10, 30, 120, 600];
/// From then on there is one every
const HOUR: i64 = 3600;
/// until so many have passed.
const HOURS: i64 = 48;
/// How long after its validity a report may still come before its absence is noted.
const SILENCE: SignedDuration = SignedDuration::from_hours(24);
/// How long the note may be put off because the provider cannot be asked.
const PUT_OFF: SignedDuration = SignedDuration::from_hours(24);
/// How soon it is tried again.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// From when on the absence of a final report is noted.
#[must_use]
pub fn unreported_from(m: &Message) -> Timestamp {
    m.expires_at.checked_add(SILENCE).unwrap_or(Timestamp::MAX)
}

/// Whether the absence is noted without another question.
pub(super) fn long_unreported(m: &Message, now: Timestamp) -> bool {
    m.state.rank < Rank::NoReport && unreported_from(m).checked_add(PUT_OFF).is_ok_and(|at| at <= now)
}

/// When the provider is asked next about a message that it has; `None` if nothing is left to find out.
pub(super) fn next_poll_at(m: &Message, now: Timestamp) -> Option<Timestamp> {
    if m.state.rank >= Rank::Failed {
        return None;
    }
    let taken = m.state.sent_at.unwrap_or(now);
    let step = next_step(now.duration_since(taken).as_micros(), jitter(m));
    let step = step.and_then(|after| taken.checked_add(SignedDuration::from_micros(after)).ok());
    step.into_iter().chain(last_poll_at(m, now)).min()
}

/// When it is polled to note that no report came; `None` if that is noted, or one came.
pub(super) fn last_poll_at(m: &Message, now: Timestamp) -> Option<Timestamp> {
    if m.state.rank >= Rank::NoReport {
        return None;
    }
    Some(unreported_from(m)).filter(|at| *at > now).or_else(|| now.checked_add(AGAIN).ok())
}

/// The first step after `age`, both in microseconds from when the message was taken. Each is put off by up to a tenth of
/// its distance to the one before, so that messages that were sent together are not asked about together.
fn next_step(age: i128, jitter: i64) -> Option<i64> {
    let hours = (1..=HOURS).map(|hour| hour * HOUR);
    let mut before = 0;
    STEPS.into_iter().chain(hours).find_map(|step| {
        let micros = step * 1_000_000 + (step - before) * 100 * jitter;
        before = step;
        (i128::from(micros) > age).then_some(micros)
    })
}

/// A number from 0 to 999, the same for a message whenever it is asked for.
fn jitter(m: &Message) -> i64 {
    i64::try_from(m.id.0.as_u128() % 1000).unwrap_or(0)
}
