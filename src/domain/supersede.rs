//! Superseding: a message takes the place of older ones, as a new one-time code does. What the caller gives, and what is told of it.

use crate::domain::ids::MessageId;

/// The longest key, in characters.
const MAX_KEY: usize = 255;

/// A caller's name for what a message is about: 1 to 255 printable ASCII characters. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SupersedeKey(Box<str>);

/// The fate of a message whose place was taken. The numbers are those of the contract, and what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Fate {
    /// It was waiting, and is never sent.
    Cancelled = 1,
    /// It had passed the fence.
    AlreadySent = 2,
}

/// The message whose place was taken; the newest, if there were several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded {
    /// Its id.
    pub id: MessageId,
    /// Its fate.
    pub fate: Fate,
}

/// The relation of a message to older ones: none by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Supersede {
    /// The key, if it has one; gone once it is erased.
    pub key: Option<SupersedeKey>,
    /// The message whose place it took, once it is stored.
    pub older: Option<Superseded>,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at most {MAX_KEY} printable ASCII characters")]
pub struct BadKey;

impl SupersedeKey {
    /// Takes a caller's key; an empty one is none.
    pub fn parse(text: &str) -> Result<Option<Self>, BadKey> {
        if text.len() > MAX_KEY || !text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(BadKey);
        }
        Ok((!text.is_empty()).then(|| Self(text.into())))
    }

    /// Takes a key that was checked when it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text.into())
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SupersedeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SupersedeKey(…)")
    }
}

impl Fate {
    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::AlreadySent => "already_sent",
        }
    }

    /// The fate with this number.
    #[must_use]
    pub fn from_number(n: i16) -> Option<Self> {
        [Self::Cancelled, Self::AlreadySent].into_iter().find(|fate| *fate as i16 == n)
    }
}
