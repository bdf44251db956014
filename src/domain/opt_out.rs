//! Whose wish an opt-out is.

/// Who put a number on an owner's list of opt-outs. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum OptOutSource {
    /// The owner, or an operator for it.
    Owner = 1,
    /// The recipient, by a message.
    Recipient = 2,
}

impl OptOutSource {
    /// The source that the database holds as `number`.
    #[must_use]
    pub fn from_stored(number: i16) -> Self {
        if number == Self::Recipient as i16 { Self::Recipient } else { Self::Owner }
    }
}
