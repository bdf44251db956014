//! How long to wait before a message that was certainly not sent is tried again.

use std::time::Duration;

/// How often one message is tried at most, the first try included.
pub const MAX_TRIES: u32 = 12;

/// The longest wait that a provider's `Retry-After` can impose.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// The most that may be waited after the first try.
const BASE: Duration = Duration::from_secs(2);

/// The most that may be waited after any try.
const CAP: Duration = Duration::from_mins(15);

/// The wait after try number `attempt` (from 1): "full jitter", evenly spread between nothing and a ceiling that
/// doubles with every try from 2 s to 15 min, so that messages that failed together do not come back together.
///
/// `random` is drawn by the caller from 0 to 1; what lies outside is taken as the nearer end, and no number as 1.
#[must_use]
pub fn backoff(attempt: u32, random: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let ceiling = BASE.saturating_mul(1 << doublings).min(CAP);
    let random = if random.is_nan() { 1.0 } else { random.clamp(0.0, 1.0) };
    ceiling.mul_f64(random)
}

/// The wait that a `Retry-After` asks for in either of its forms (RFC 9110, 10.2.3), bounded. A date is held against the answer's own
/// `Date`, so that the clocks need not agree.
#[must_use]
pub fn asked(retry_after: &str, answered: Option<&str>) -> Option<Duration> {
    let text = retry_after.trim();
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than the type holds are more than the bound, too.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let date = |text: &str| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
        Duration::try_from(date(text)?.duration_since(date(answered?)?)).unwrap_or_default()
    };
    Some(wait.min(RETRY_AFTER_MAX))
}
