//! Sender IDs: what the recipient sees as the origin.

use crate::domain::phone::{self, Msisdn};

/// The fewest characters of an alphanumeric sender ID. One of Mitto's documents allows 1; this is what all agree on.
const MIN_LEN: usize = 3;
/// The most characters of an alphanumeric sender ID (3GPP TS 23.040, 9.1.2.5: 11 septets fit the address field).
const MAX_LEN: usize = 11;

/// A sender ID: 3–11 letters and digits, or a number in E.164. Its `Debug` hides it, because it may be a number.
#[derive(Clone, PartialEq, Eq)]
pub struct SenderId(String);

/// Why a text is not a sender ID: a sentence that never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Nothing was given.
    #[error("is required: 3 to 11 letters and digits, or a phone number in E.164")]
    Missing,
    /// Too few characters.
    #[error("is too short: 3 to 11 letters and digits, or a phone number in E.164")]
    TooShort,
    /// Too many characters.
    #[error("is too long: 3 to 11 letters and digits, or a phone number in E.164")]
    TooLong,
    /// There are characters that no sender ID has.
    #[error("may hold nothing but the letters A to Z and digits (3 to 11), or be a phone number in E.164")]
    Characters,
    /// It is written like a phone number but is none.
    #[error("looks like a phone number, which {0}")]
    Number(phone::Invalid),
}

impl SenderId {
    /// Reads a sender ID: 3–11 ASCII letters and digits as they are, or a phone number, which is kept in E.164.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Invalid::Missing);
        }
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric());
        if plain && (MIN_LEN..=MAX_LEN).contains(&text.len()) {
            return Ok(Self(text.to_owned()));
        }
        if plain && text.len() < MIN_LEN {
            return Err(Invalid::TooShort);
        }
        if text.starts_with(['+', '(', '0']) && !text.bytes().any(|b| b.is_ascii_alphabetic()) {
            return Msisdn::parse(text).map(|number| Self(number.as_str().to_owned())).map_err(Invalid::Number);
        }
        Err(if plain { Invalid::TooLong } else { Invalid::Characters })
    }

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

impl std::fmt::Debug for SenderId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SenderId(…)")
    }
}

/// A sender ID for the audit: of a number only its ends.
#[must_use]
pub fn shown(name: &str) -> String {
    if name.starts_with('+') { Msisdn::from_stored(name.to_owned()).masked() } else { name.to_owned() }
}
