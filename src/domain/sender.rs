//! Sender IDs: what the recipient sees as the origin.

/// A sender ID: 3–11 letters and digits, or a number in E.164.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderId(String);

impl SenderId {
    /// Takes a sender ID that was checked when it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The sender ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
