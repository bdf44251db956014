//! What is recorded of a change: the kinds of a message's events.

/// What kind of thing is recorded. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Kind {
    /// Accepted and stored.
    Accepted = 1,
    /// Passed the fence.
    Fenced = 2,
    /// The provider's answer came, or is known to be lost.
    Settled = 3,
    /// The answer came after its holder had lost the message.
    LateAnswer = 4,
    /// The carrier's word came.
    Reported = 5,
    /// Its holder died.
    LeaseLost = 6,
    /// No report came in time: it is sent again.
    Resend = 7,
    /// Its validity ended.
    Expired = 8,
    /// Cancelled.
    Cancelled = 9,
}

impl Kind {
    const NAMES: [(Self, &'static str); 9] = [
        (Self::Accepted, "accepted"),
        (Self::Fenced, "fenced"),
        (Self::Settled, "settled"),
        (Self::LateAnswer, "late_answer"),
        (Self::Reported, "reported"),
        (Self::LeaseLost, "lease_lost"),
        (Self::Resend, "resend"),
        (Self::Expired, "expired"),
        (Self::Cancelled, "cancelled"),
    ];

    /// Its name, as an explanation gives it; `number` is what the database holds.
    #[must_use]
    pub fn name(number: i16) -> &'static str {
        Self::NAMES.into_iter().find(|(kind, _)| *kind as i16 == number).map_or("other", |(_, name)| name)
    }
}
