//! Webhook endpoints: addresses of an owner's own, to which its events are delivered.

pub mod address;
pub mod event;
pub mod health;
pub mod schedule;
pub mod secret;
pub mod target;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use uuid::Uuid;

use crate::domain::ids::CampaignId;
use crate::domain::tags::Tags;
use event::EventType;

/// A webhook endpoint, by its UUID version 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub Uuid);

impl std::fmt::Display for EndpointId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// How many events one call carries at most.
pub const MAX_BATCH: u16 = 500;
/// How long a call waits at most for more events to carry.
pub const MAX_WAIT: Duration = Duration::from_secs(5);
/// How long an event that is refused is tried again, unless the endpoint says otherwise.
pub const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);
/// The longest that an endpoint can say.
pub const LONGEST_AGE: SignedDuration = SignedDuration::from_hours(3 * 24);
/// How long an endpoint may take nothing before it is disabled.
pub const DISABLED_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);
/// How long a secret counts after another one took its place.
pub const OLD_SECRET: SignedDuration = SignedDuration::from_hours(24);
/// How many endpoints one owner has at most.
pub const PER_OWNER: i64 = 500;
/// The longest description, in characters.
pub const MAX_DESCRIPTION: usize = 200;

/// Which events an endpoint wants; without anything all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of these types; none means all but those for operators.
    pub types: Vec<EventType>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// Of messages whose metadata has all of these pairs.
    pub metadata: BTreeMap<String, String>,
}

impl Wanted {
    /// Whether it wants an event of this type, of a message with these tags in this campaign.
    #[must_use]
    pub fn has(&self, of: EventType, campaign: Option<CampaignId>, tags: &Tags) -> bool {
        let typed = (self.types.is_empty() && !of.is_operational()) || self.types.contains(&of);
        let in_campaign = self.campaign.is_none() || self.campaign == campaign;
        let pair = |(key, value): (&String, &String)| tags.metadata.iter().any(|(k, v)| k == key && v == value);
        typed && in_campaign && self.metadata.iter().all(pair)
    }
}

/// The way in which an endpoint is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calling {
    /// How many events one call carries at most: 1 to [`MAX_BATCH`]. With 1 the body is the event, else a list of events.
    pub max_batch: u16,
    /// How long a call waits for more events, up to [`MAX_WAIT`].
    pub max_wait: Duration,
    /// How many calls a second at most; `None` for no limit.
    pub max_rate: Option<u16>,
    /// How long an event that is refused is tried again.
    pub max_age: SignedDuration,
    /// Whether events have the recipient's number.
    pub with_destination: bool,
    /// Whether events have the text.
    pub with_text: bool,
}

impl Default for Calling {
    fn default() -> Self {
        Self {
            max_batch: 1,
            max_wait: Duration::ZERO,
            max_rate: None,
            max_age: MAX_AGE,
            with_destination: false,
            with_text: false,
        }
    }
}

/// Whether an endpoint gets events, and if not why. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum EndpointState {
    /// It gets events.
    Enabled = 1,
    /// Its owner disabled it.
    Disabled = 2,
    /// It answered 410 Gone.
    Gone = 3,
    /// It took nothing for [`DISABLED_AFTER`].
    Failing = 4,
}

impl EndpointState {
    /// The state with this number; one that no version of this program wrote counts as disabled.
    #[must_use]
    pub fn from_number(n: i16) -> Self {
        [Self::Enabled, Self::Gone, Self::Failing].into_iter().find(|s| *s as i16 == n).unwrap_or(Self::Disabled)
    }
}

/// A description that can be shown: at most [`MAX_DESCRIPTION`] characters, none of them a control character.
#[must_use]
pub fn is_description(text: &str) -> bool {
    text.len() <= 4 * MAX_DESCRIPTION && text.chars().count() <= MAX_DESCRIPTION && !text.chars().any(char::is_control)
}
