//! A message: the one record that is at once what the owner reads and the entry of the send queue.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::evidence::Rank;
use crate::domain::ids::{CampaignId, MessageId, OwnerId, ProviderMessageId};
use crate::domain::phone::Msisdn;
use crate::domain::sender::SenderId;
use crate::domain::supersede::Supersede;
use crate::domain::tags::Tags;
use crate::domain::text::{Encoding, MessageText};
use crate::domain::trace::TraceContext;

/// Our own action on a message: the first of the two axes that its public status is derived from.
/// The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Dispatch {
    /// Waits for its time.
    Scheduled = 0,
    /// Waits for a worker.
    Queued = 1,
    /// A worker holds it under a lease and has sent nothing yet.
    Claimed = 2,
    /// Past the fence: the provider may have it from here on.
    Sending = 3,
    /// The provider took it.
    Accepted = 4,
    /// The provider refused it.
    Rejected = 5,
    /// The provider may have it, or not.
    Unknown = 6,
    /// Its owner cancelled it before it was sent.
    Cancelled = 7,
    /// Its validity ended before it was sent.
    Expired = 8,
    /// Given up: too many tries, or three processes died on it.
    Dead = 9,
}

impl Dispatch {
    /// Its name in lower case, as metrics give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Dead => "dead",
        }
    }

    /// Every state, for tests and lookups.
    pub const ALL: [Self; 10] = [
        Self::Scheduled,
        Self::Queued,
        Self::Claimed,
        Self::Sending,
        Self::Accepted,
        Self::Rejected,
        Self::Unknown,
        Self::Cancelled,
        Self::Expired,
        Self::Dead,
    ];
}

/// The status that the owner reads. The numbers are those of the contract's `MessageStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Status {
    /// Accepted, and waits for its time.
    Scheduled = 1,
    /// Stored; the workers send it.
    Queued = 2,
    /// Being handed to the provider.
    Sending = 3,
    /// The provider took it.
    Sent = 4,
    /// The carrier reported the delivery.
    Delivered = 5,
    /// Refused, or reported as failed.
    Failed = 6,
    /// Nobody knows whether the provider took it.
    Unknown = 7,
    /// Cancelled before it was sent.
    Cancelled = 8,
    /// Too late to send, or never reported.
    Expired = 9,
}

impl Status {
    /// Every status, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::Scheduled,
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Delivered,
        Self::Failed,
        Self::Unknown,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The status that the owner reads of what we did and what the carrier says.
    #[must_use]
    pub fn of(dispatch: Dispatch, rank: Rank) -> Self {
        match (rank, dispatch) {
            (Rank::Delivered, _) => Self::Delivered,
            (Rank::Failed, _) | (_, Dispatch::Rejected | Dispatch::Dead) => Self::Failed,
            (_, Dispatch::Cancelled) => Self::Cancelled,
            (_, Dispatch::Expired) | (Rank::NoReport, Dispatch::Accepted) => Self::Expired,
            (_, Dispatch::Accepted) => Self::Sent,
            (_, Dispatch::Unknown) => Self::Unknown,
            (_, Dispatch::Sending) => Self::Sending,
            (_, Dispatch::Queued | Dispatch::Claimed) => Self::Queued,
            (_, Dispatch::Scheduled) => Self::Scheduled,
        }
    }

    /// Its name, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The status with this number.
    #[must_use]
    pub fn from_number(n: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|s| *s as i32 == n)
    }
}

/// The guarantee when the answer to a send is lost. The numbers are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Guarantee {
    /// Sent once more after two minutes without a report.
    AtLeastOnce = 1,
    /// Never sent again.
    AtMostOnce = 2,
}

/// The queue that a message waits in: single sends go ahead of campaigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// With the messages that were sent one by one, even if they are counted in a campaign.
    Single,
    /// With those that its campaign's start made.
    Campaign,
}

impl Lane {
    /// Its name, as metrics give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Campaign => "campaign",
        }
    }
}

/// Who holds a message, and which of its leases this is: what a settle has to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The process that holds it.
    pub by: Uuid,
    /// Counts the leases of the message; a late holder's is smaller.
    pub epoch: i32,
}

/// One SMS to one recipient, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Our id.
    pub id: MessageId,
    /// The owner: the user that it belongs to.
    pub owner: OwnerId,
    /// The campaign that it is counted in.
    pub campaign: Option<CampaignId>,
    /// The recipient.
    pub destination: Msisdn,
    /// The text.
    pub text: MessageText,
    /// The sender ID.
    pub sender: SenderId,
    /// The route account.
    pub traffic_account_id: String,
    /// How many segments the text takes.
    pub segments: i16,
    /// How the text travels.
    pub encoding: Encoding,
    /// The guarantee when an answer is lost.
    pub guarantee: Guarantee,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it is to be sent, if not at once.
    pub scheduled_at: Option<Timestamp>,
    /// After this it is not sent any more.
    pub expires_at: Timestamp,
    /// The queue that it waits in.
    pub lane: Lane,
    /// Its owner's own tags; gone once it is erased.
    pub tags: Tags,
    /// Its relation to older messages.
    pub supersede: Supersede,
    /// The span that it was accepted in, if somebody keeps that trace.
    pub trace: Option<TraceContext>,
    /// Its state so far.
    pub state: State,
}

/// The part of a message that changes, and only through [`crate::domain::status::apply`].
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Our own action.
    pub dispatch: Dispatch,
    /// The carrier's statement: the rank of the best evidence,
    pub rank: Rank,
    /// its time by the provider's clock,
    pub evidence_at: Option<Timestamp>,
    /// and its content's hash, which decides between two of one time.
    pub evidence_hash: i64,
    /// The provider's id.
    pub provider_message_id: Option<ProviderMessageId>,
    /// The provider's word of the best evidence.
    pub provider_status: Option<String>,
    /// The provider's id of the bulk call.
    pub bulk_id: Option<String>,
    /// A stable reason of a failure.
    pub error_code: Option<String>,
    /// The same for people.
    pub error: Option<String>,
    /// How often a send was begun.
    pub attempts: i32,
    /// How often an answer was lost.
    pub ambiguous: i16,
    /// How often its holder died.
    pub crashes: i16,
    /// Sent again after a lost answer, or to be tried again after the provider said that it failed.
    pub possible_duplicate: bool,
    /// Whoever holds it under its lease, or held it last if that lease ended by itself: its word still counts until
    /// somebody else takes the message. A process has many such names.
    pub held_by: Option<Uuid>,
    /// Counts the leases.
    pub epoch: i32,
    /// When something has to be done next: queued, its next try; held, the end of the lease; unknown, the resend.
    pub due_at: Option<Timestamp>,
    /// When the provider took it.
    pub sent_at: Option<Timestamp>,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// When it failed.
    pub failed_at: Option<Timestamp>,
    /// When this record last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; with the id it names an event.
    pub version: i32,
}

impl Message {
    /// How long a message is worth sending unless its owner says otherwise.
    pub const DEFAULT_VALIDITY: SignedDuration = SignedDuration::from_hours(48);
    /// The shortest and the longest validity that an owner may choose, in seconds.
    const VALIDITY_SECONDS: std::ops::RangeInclusive<i64> = 60..=604_800;

    /// How long a message is worth sending of which its owner says so, 60 seconds to 7 days, or says nothing.
    pub fn validity(given: Option<SignedDuration>) -> Result<SignedDuration, &'static str> {
        let validity = given.unwrap_or(Self::DEFAULT_VALIDITY);
        let allowed = Self::VALIDITY_SECONDS.contains(&validity.as_secs());
        allowed.then_some(validity).ok_or("must be 60 seconds to 7 days")
    }

    /// The same message, waiting in the queue instead of being sent at once.
    #[must_use]
    pub fn queued(mut self, now: Timestamp) -> Self {
        self.state = State::waiting(false, now, now);
        self
    }

    /// The status that the owner reads.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::of(self.state.dispatch, self.state.rank)
    }

    /// Whether the provider is known to have taken it, whatever became of it then. Once true, it stays so.
    #[must_use]
    pub fn was_accepted(&self) -> bool {
        // Messages of the system before this one may lack the time.
        self.state.sent_at.is_some() || self.state.dispatch == Dispatch::Accepted
    }

    /// Whether its answer was lost and it is to be sent once more.
    #[must_use]
    pub fn waits_for_resend(&self) -> bool {
        self.state.dispatch == Dispatch::Unknown && self.state.due_at.is_some()
    }

    /// Whether a try of it may have reached the provider without our knowing: it must not read as never sent.
    #[must_use]
    pub fn may_be_at_provider(&self) -> bool {
        self.state.ambiguous > 0 || self.state.possible_duplicate
    }

    /// The lease that is on it now, if there is one.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        let held = matches!(self.state.dispatch, Dispatch::Claimed | Dispatch::Sending);
        self.state.held_by.filter(|_| held).map(|by| Lease { by, epoch: self.state.epoch })
    }

    /// When it is tried for the first time, or once more, if that is to come before it is not worth sending any more.
    #[must_use]
    pub fn next_attempt_at(&self) -> Option<Timestamp> {
        let waits = matches!(self.state.dispatch, Dispatch::Scheduled | Dispatch::Queued | Dispatch::Unknown);
        self.state.due_at.filter(|at| waits && *at < self.expires_at)
    }
}

impl State {
    /// A message that waits in the queue from `due_at` on, or for its time if `scheduled`.
    #[must_use]
    pub fn waiting(scheduled: bool, due_at: Timestamp, now: Timestamp) -> Self {
        Self {
            dispatch: if scheduled { Dispatch::Scheduled } else { Dispatch::Queued },
            rank: Rank::None,
            evidence_at: None,
            evidence_hash: 0,
            provider_message_id: None,
            provider_status: None,
            bulk_id: None,
            error_code: None,
            error: None,
            attempts: 0,
            ambiguous: 0,
            crashes: 0,
            possible_duplicate: false,
            held_by: None,
            epoch: 0,
            due_at: Some(due_at),
            sent_at: None,
            delivered_at: None,
            failed_at: None,
            updated_at: now,
            version: 1,
        }
    }

    /// A message that its acceptor sends at once: it is past the fence from its first moment.
    #[must_use]
    pub fn sending(by: Uuid, lease_until: Timestamp, now: Timestamp) -> Self {
        Self {
            dispatch: Dispatch::Sending,
            attempts: 1,
            held_by: Some(by),
            epoch: 1,
            ..Self::waiting(false, lease_until, now)
        }
    }
}
