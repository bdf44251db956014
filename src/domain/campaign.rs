//! Campaigns: one text to many recipients, and how their messages are counted.

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::message::{Guarantee, Status};
use crate::domain::tags::Tags;

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
    /// Paused by its owner, or because its owner may not send it any more.
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

    /// Its name, as errors give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Scheduled => "SCHEDULED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Cancelled => "CANCELLED",
            Self::Completed => "COMPLETED",
        }
    }

    /// The state after `action`; `waits` says whether the campaign's time is yet to come. What has been done already is
    /// done, so that a repeated call is no error; `None` where the action means nothing.
    #[must_use]
    pub fn after(self, action: Action, waits: bool) -> Option<Self> {
        let going = if waits { Self::Scheduled } else { Self::Running };
        match (action, self) {
            (Action::Start, Self::Draft) | (Action::Resume, Self::Paused) => Some(going),
            (Action::Start | Action::Resume, Self::Scheduled | Self::Running) => Some(self),
            (Action::Pause, Self::Scheduled | Self::Running | Self::Paused) => Some(Self::Paused),
            (Action::Begin, Self::Scheduled) if !waits => Some(Self::Running),
            (Action::Finish, Self::Running | Self::Paused) => Some(Self::Completed),
            (Action::Cancel, Self::Draft | Self::Scheduled | Self::Running | Self::Paused | Self::Cancelled)
            | (Action::Finish, Self::Cancelled) => Some(Self::Cancelled),
            _ => None,
        }
    }

    /// How the recipients count that are not messages yet: not at all before the start, and as cancelled once nobody
    /// will make messages of them.
    #[must_use]
    pub fn of_waiting(self) -> Option<Status> {
        match self {
            Self::Draft => None,
            Self::Cancelled => Some(Status::Cancelled),
            Self::Scheduled | Self::Running | Self::Paused | Self::Completed => Some(Status::Queued),
        }
    }
}

/// The events of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Its owner starts it.
    Start,
    /// Its owner pauses it.
    Pause,
    /// Its owner goes on with it.
    Resume,
    /// Its owner ends it.
    Cancel,
    /// Its time has come.
    Begin,
    /// Nothing of it is left to do.
    Finish,
}

/// Why an action does nothing to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is in a state in which the action means nothing.
    State(CampaignState),
    /// It has no recipients.
    Empty,
    /// It has so many recipients, which is not what was expected.
    Recipients(i64),
}

/// The arguments of a new campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCampaign {
    /// The owner: the user that it belongs to.
    pub owner: OwnerId,
    /// Its name.
    pub name: String,
    /// The text, with placeholders.
    pub text: String,
    /// The sender ID, if it has one of its own.
    pub sender: Option<String>,
    /// The guarantee when an answer is lost.
    pub guarantee: Guarantee,
    /// When it is to be sent, if not at once.
    pub scheduled_at: Option<Timestamp>,
    /// How long each message is worth sending.
    pub validity: SignedDuration,
    /// Its owner's own tags, which its messages have as well.
    pub tags: Tags,
}

/// A campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Its content.
    pub content: NewCampaign,
    /// Where it is.
    pub state: CampaignState,
    /// How many recipients were added.
    pub recipients: i64,
    /// How many were there already when they were added.
    pub duplicates: i64,
    /// How many could not be added.
    pub invalid: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// When the messages of a campaign that was started then, for this time if for one, are not worth sending any more.
#[must_use]
pub fn expires_at(started: Timestamp, scheduled: Option<Timestamp>, validity: SignedDuration) -> Timestamp {
    let begins = scheduled.map_or(started, |at| at.max(started));
    begins.checked_add(validity).unwrap_or(begins)
}

impl Campaign {
    /// When its messages are not worth sending any more; `None` before it is started. Each is worth sending for as long
    /// after the campaign's beginning, however late its turn comes.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.started_at.map(|started| expires_at(started, self.content.scheduled_at, self.content.validity))
    }

    /// Lets `action` happen at `now`. Returns whether anything changed.
    pub fn apply(&mut self, action: Action, now: Timestamp) -> Result<bool, Refused> {
        let waits = self.content.scheduled_at.is_some_and(|at| at > now);
        let after = self.state.after(action, waits).ok_or(Refused::State(self.state))?;
        if action == Action::Start && self.recipients == 0 {
            return Err(Refused::Empty);
        }
        let ends = action == Action::Finish && self.ended_at.is_none();
        if after == self.state && !ends {
            return Ok(false);
        }
        if action == Action::Start {
            self.started_at = Some(now);
        }
        if ends {
            self.ended_at = Some(now);
        }
        self.state = after;
        self.updated_at = now;
        Ok(true)
    }
}

/// The next step of a campaign, when it is reconciled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing, until its owner or the time does something.
    Nothing,
    /// Its time has come.
    Begin,
    /// Recipients are to become messages.
    Expand,
    /// It is over, once nothing of it is under way.
    Finish,
}

impl Campaign {
    /// The next step at `now` of a campaign of which `expanded` recipients are messages.
    #[must_use]
    pub fn next_step(&self, expanded: i64, now: Timestamp) -> NextStep {
        match self.state {
            _ if self.ended_at.is_some() => NextStep::Nothing,
            CampaignState::Scheduled if self.content.scheduled_at.is_none_or(|at| at <= now) => NextStep::Begin,
            // Nothing more will be sent of one that outlived its validity while it was paused: it ends like one that ran.
            CampaignState::Paused if self.expires_at().is_none_or(|at| at > now) => NextStep::Nothing,
            CampaignState::Running | CampaignState::Paused if expanded < self.recipients => NextStep::Expand,
            CampaignState::Running | CampaignState::Paused | CampaignState::Cancelled => NextStep::Finish,
            CampaignState::Draft | CampaignState::Scheduled | CampaignState::Completed => NextStep::Nothing,
        }
    }
}

/// How a campaign's messages stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// How many messages there are of each status, in the order of [`Status::ALL`]; with those recipients of a started
    /// campaign that are not messages yet.
    pub counts: [i64; 9],
    /// How many of the messages the provider ever took, whatever became of them then.
    pub accepted: i64,
    /// Where the campaign is.
    pub state: CampaignState,
    /// Whether it is over: nothing of it is left to send, and nothing in flight.
    pub over: bool,
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

    /// Whether a reader of `self` would learn something from `other`.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        let told = |s: &Self| (s.counts, s.accepted, s.state, s.over, s.first_sent_at);
        told(self) != told(other)
    }

    /// All messages.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.counts.iter().sum()
    }

    /// Delivered of those that the provider took, 0 to 1; 0 while it took none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate of counts far below 2^52")]
    pub fn delivered_rate(&self) -> f64 {
        if self.accepted == 0 { 0.0 } else { self.of(&[Status::Delivered]) as f64 / self.accepted as f64 }
    }
}
