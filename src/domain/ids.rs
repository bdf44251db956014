//! Identifiers, one type each, so that a campaign's id is never taken for an owner's.

use jiff::{SignedDuration, Timestamp};
use uuid::{NoContext, Uuid};

/// A new UUID version 7, ordered by this time.
#[must_use]
pub fn ordered(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}

/// Our id of a message: UUID version 7, ordered by time of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub Uuid);

impl MessageId {
    /// A new id for a message accepted at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(ordered(now))
    }

    /// The least id that a message accepted at `at` or later can have.
    #[must_use]
    pub fn floor(at: Timestamp) -> Self {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
    }

    /// An id that is greater than all of messages accepted before `at`, and not greater than any of a millisecond later.
    #[must_use]
    pub fn ceiling(at: Timestamp) -> Self {
        Self::floor(at.checked_add(SignedDuration::from_millis(1)).unwrap_or(at))
    }

    /// Reads the text form; anything but a UUID is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// A user, who owns messages and campaigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(pub i64);

/// A campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignId(pub i64);

impl std::fmt::Display for OwnerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for CampaignId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The provider's id of a message: opaque, compared as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderMessageId(String);

impl ProviderMessageId {
    /// The longest id that is stored.
    pub const MAX_LEN: usize = 200;

    /// An id that a caller names: 1–128 letters, digits and `. _ : = + ~ -`, and not dots alone, because it becomes
    /// a part of the provider's URL. Mitto's own are ULIDs.
    #[must_use]
    pub fn from_caller(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:=+~-".contains(&b);
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(plain) && text.bytes().any(|b| b != b'.');
        fits.then(|| Self(text.to_owned()))
    }

    /// An id that the provider gave: any printable ASCII without spaces, so that a new shape of id never turns an
    /// accepted message into an ambiguous one.
    #[must_use]
    pub fn from_provider(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ProviderMessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
