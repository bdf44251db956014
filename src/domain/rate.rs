//! A rate limit as the generic cell rate algorithm (ITU-T I.371): one time per gate says how far it is booked.

use jiff::{SignedDuration, Timestamp};

/// How many segments may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Segments a second, 1 or more.
    pub per_second: u32,
    /// Segments at once, 1 or more.
    pub burst: u32,
}

/// How late a part may reach the provider after it was admitted: a commit and a call. Parts that were admitted one after
/// the other can arrive together by so much, and the burst has to hold them, too.
const DELAY_MILLIS: u64 = 100;

impl Rate {
    /// Both numbers at least 1; `None` for a rate of 0, which is no limit.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Option<Self> {
        (per_second > 0).then(|| Self { per_second, burst: burst.max(1) })
    }

    /// How many segments may pass now, if the gate is booked until `booked`.
    #[must_use]
    pub fn allowance(self, booked: Option<Timestamp>, now: Timestamp) -> u32 {
        let ahead = booked.map_or(SignedDuration::ZERO, |at| at.duration_since(now)).max(SignedDuration::ZERO);
        let rate = i128::from(self.per_second);
        let taken = (ahead.as_micros() * rate + 999_999) / 1_000_000;
        u32::try_from((i128::from(self.effective_burst()) - taken).max(0)).unwrap_or(u32::MAX)
    }

    /// Until when the gate is booked once `segments` have passed.
    #[must_use]
    pub fn book(self, booked: Option<Timestamp>, now: Timestamp, segments: u32) -> Timestamp {
        let from = booked.map_or(now, |at| at.max(now));
        let micros = i64::from(segments) * 1_000_000 / i64::from(self.per_second);
        from.checked_add(SignedDuration::from_micros(micros)).unwrap_or(from)
    }

    /// The burst, without what late arrivals may add to it.
    fn effective_burst(self) -> u32 {
        let late = u64::from(self.per_second) * DELAY_MILLIS / 1000;
        u32::try_from(u64::from(self.burst).saturating_sub(late)).unwrap_or(u32::MAX).max(1)
    }
}
