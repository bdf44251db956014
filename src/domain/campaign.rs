//! Campaigns: one text to many recipients, and how their messages are counted.

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::message::{Guarantee, Status};

/// Where a campaign is. The numbers are those of the contract's `CampaignState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum CampaignState {
    /// Made, and not started.
    Draft = 1,
    /// Started, and waits for its time.
    Scheduled = 2,
    /// Sending.
    Running = 3,
    /// Paused by its owner.
    Paused = 4,
    /// Cancelled by its owner.
    Cancelled = 5,
    /// Done.
    Completed = 6,
}

impl CampaignState {
    /// The state with this number.
    #[must_use]
    pub fn from_number(n: i16) -> Option<Self> {
        [Self::Draft, Self::Scheduled, Self::Running, Self::Paused, Self::Cancelled, Self::Completed]
            .into_iter()
            .find(|s| *s as i16 == n)
    }
}

/// What a campaign is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCampaign {
    /// The user that it belongs to.
    pub owner: OwnerId,
    /// Its name.
    pub name: String,
    /// The text, with placeholders.
    pub text: String,
    /// The sender ID, if it has one of its own.
    pub sender: Option<String>,
    /// What may happen when an answer is lost.
    pub guarantee: Guarantee,
    /// When it is to be sent, if not at once.
    pub scheduled_at: Option<Timestamp>,
    /// How long each message is worth sending.
    pub validity: SignedDuration,
}

/// A campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// What it is made of.
    pub content: NewCampaign,
    /// Where it is.
    pub state: CampaignState,
    /// How many recipients were added.
    pub recipients: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// How a campaign's messages stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// How many messages there are of each status, in the order of [`Status::ALL`].
    pub counts: [i64; 9],
    /// When the first message was taken by the provider.
    pub first_sent_at: Option<Timestamp>,
    /// When this was counted.
    pub counted_at: Timestamp,
}

impl Stats {
    /// How many messages have one of these statuses.
    #[must_use]
    pub fn of(&self, statuses: &[Status]) -> i64 {
        Status::ALL.iter().zip(self.counts).filter(|(s, _)| statuses.contains(s)).map(|(_, n)| n).sum()
    }

    /// All messages.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.counts.iter().sum()
    }

    /// Delivered of those that left us, 0 to 1; 0 while none has.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate of counts far below 2^52")]
    pub fn delivered_rate(&self) -> f64 {
        let left = self.of(&[Status::Sent, Status::Delivered, Status::Failed]);
        if left == 0 { 0.0 } else { self.of(&[Status::Delivered]) as f64 / left as f64 }
    }
}
