//! Message texts: what one may hold, and what it costs.

pub mod segments;

pub use segments::{Encoding, Segmentation};

/// The most segments of one message: what carriers still join reliably, and a bound on what one call can cost.
pub const MAX_SEGMENTS: u16 = 20;

/// The most bytes of a text that can still fit [`MAX_SEGMENTS`]: a septet of GSM-7 takes two bytes of UTF-8 at most
/// (Greek capitals; the euro sign takes three but two septets), a segment of UCS-2 fewer than one of GSM-7.
pub(super) const MAX_BYTES: usize = MAX_SEGMENTS as usize * segments::GSM7_PART as usize * 2;

/// A message's text. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageText(String);

/// Why a text cannot be sent: a sentence that never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Nothing was given, or nothing but white space.
    #[error("is required: a text with at least one visible character")]
    Missing,
    /// There is a NUL character, which ends the text on some handsets and cannot be stored.
    #[error("has a NUL character, which no message can hold")]
    Nul,
    /// It takes more than [`MAX_SEGMENTS`] parts.
    #[error("is too long: it takes more than {MAX_SEGMENTS} segments")]
    TooLong,
}

impl MessageText {
    /// Takes a text as it is: not blank, without NUL, of [`MAX_SEGMENTS`] parts at most.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        // The length first: it costs nothing, and nothing after it reads more than a few kilobytes.
        if text.len() > MAX_BYTES {
            return Err(Invalid::TooLong);
        }
        if text.trim().is_empty() {
            return Err(Invalid::Missing);
        }
        if text.contains('\0') {
            return Err(Invalid::Nul);
        }
        if Segmentation::of(text).segments > MAX_SEGMENTS {
            return Err(Invalid::TooLong);
        }
        Ok(Self(text.to_owned()))
    }

    /// Takes a text that was checked when it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its encoding and how many segments it takes.
    #[must_use]
    pub fn segmentation(&self) -> Segmentation {
        Segmentation::of(&self.0)
    }

    /// The characters that GSM-7 lacks, each once, in order of appearance: they force the text into UCS-2, in which a
    /// segment holds less than half. Empty if the text is GSM-7.
    #[must_use]
    pub fn forcing_characters(&self) -> Vec<char> {
        let mut found = Vec::new();
        for c in self.0.chars().filter(|&c| segments::septets(c).is_none()) {
            if !found.contains(&c) {
                found.push(c);
            }
        }
        found
    }
}

impl std::fmt::Debug for MessageText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MessageText({} bytes)", self.0.len())
    }
}
