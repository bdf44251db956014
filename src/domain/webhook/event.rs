//! The events that endpoints are told of: their types and ids.

use uuid::Uuid;

use crate::domain::campaign::CampaignState;
use crate::domain::ids::CampaignId;
use crate::domain::message::Status;

/// A type of event. The names are part of the contract; the numbers are what the database holds. Of a message's change it is the number
/// of the status that the message has since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum EventType {
    /// A message waits to be sent.
    MessageQueued = Status::Queued as i16,
    /// The provider has it.
    MessageSent = Status::Sent as i16,
    /// It was delivered.
    MessageDelivered = Status::Delivered as i16,
    /// It was not, and will not be.
    MessageFailed = Status::Failed as i16,
    /// Nobody knows whether the provider has it.
    MessageUnknown = Status::Unknown as i16,
    /// Its validity ended before it could be sent.
    MessageExpired = Status::Expired as i16,
    /// It was cancelled before it was sent.
    MessageCancelled = Status::Cancelled as i16,
    /// A campaign was started, and waits for its time.
    CampaignScheduled = 101,
    /// A campaign began to be sent.
    CampaignStarted = 102,
    /// A campaign was paused.
    CampaignPaused = 103,
    /// A paused campaign goes on.
    CampaignResumed = 104,
    /// Nothing of a campaign is left to do.
    CampaignCompleted = 105,
    /// A campaign was cancelled.
    CampaignCancelled = 106,
    /// A recipient wrote to the owner.
    InboundReceived = 111,
    /// A number was put on the owner's list of opt-outs.
    OptOutAdded = 121,
    /// A number was taken off it.
    OptOutRemoved = 122,
    /// For operators: the provider refuses a route account, and nothing is sent over it.
    OpsAccountBlocked = 131,
    /// For operators: a route account that was refused is in use again.
    OpsAccountUnblocked = 132,
    /// For operators: a webhook endpoint was disabled, because it took nothing for days or said that it is gone.
    OpsEndpointDisabled = 133,
    /// For operators: a webhook endpoint takes nothing, and has been tried again in vain a few times.
    OpsEndpointFailing = 134,
    /// A call to see whether the endpoint works. It happens to nobody, and is in no journal.
    EndpointTest = 999,
}

impl EventType {
    /// Every type that an endpoint can ask for.
    pub const ALL: [Self; 20] = [
        Self::MessageQueued,
        Self::MessageSent,
        Self::MessageDelivered,
        Self::MessageFailed,
        Self::MessageUnknown,
        Self::MessageExpired,
        Self::MessageCancelled,
        Self::CampaignScheduled,
        Self::CampaignStarted,
        Self::CampaignPaused,
        Self::CampaignResumed,
        Self::CampaignCompleted,
        Self::CampaignCancelled,
        Self::InboundReceived,
        Self::OptOutAdded,
        Self::OptOutRemoved,
        Self::OpsAccountBlocked,
        Self::OpsAccountUnblocked,
        Self::OpsEndpointDisabled,
        Self::OpsEndpointFailing,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MessageQueued => "message.queued",
            Self::MessageSent => "message.sent",
            Self::MessageDelivered => "message.delivered",
            Self::MessageFailed => "message.failed",
            Self::MessageUnknown => "message.unknown",
            Self::MessageExpired => "message.expired",
            Self::MessageCancelled => "message.cancelled",
            Self::CampaignScheduled => "campaign.scheduled",
            Self::CampaignStarted => "campaign.started",
            Self::CampaignPaused => "campaign.paused",
            Self::CampaignResumed => "campaign.resumed",
            Self::CampaignCompleted => "campaign.completed",
            Self::CampaignCancelled => "campaign.cancelled",
            Self::InboundReceived => "inbound.received",
            Self::OptOutAdded => "opt_out.added",
            Self::OptOutRemoved => "opt_out.removed",
            Self::OpsAccountBlocked => "ops.account_blocked",
            Self::OpsAccountUnblocked => "ops.account_unblocked",
            Self::OpsEndpointDisabled => "ops.endpoint_disabled",
            Self::OpsEndpointFailing => "ops.endpoint_failing",
            Self::EndpointTest => "endpoint.test",
        }
    }

    /// Whether it is for operators: told to endpoints that name it, and that somebody with scope `ops` made.
    #[must_use]
    pub fn is_operational(self) -> bool {
        matches!(
            self,
            Self::OpsAccountBlocked | Self::OpsAccountUnblocked | Self::OpsEndpointDisabled | Self::OpsEndpointFailing
        )
    }

    /// The type of this name that an endpoint can ask for.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Types as one text, by their names.
    #[must_use]
    pub fn join(types: &[Self]) -> String {
        types.iter().map(|t| t.name()).collect::<Vec<_>>().join(" ")
    }

    /// The types of [`Self::join`]; one that this release does not know is left out.
    #[must_use]
    pub fn split(text: &str) -> Vec<Self> {
        text.split_whitespace().filter_map(Self::parse).collect()
    }

    /// The type of the journal's entries with this number; `None` of those that nobody is told of: SCHEDULED, which the caller chose,
    /// SENDING, which lasts a moment, and types of a later release.
    #[must_use]
    pub fn of_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|t| *t as i16 == number)
    }

    /// The type of a campaign's step from one state into another.
    #[must_use]
    pub fn of_campaign(from: CampaignState, to: CampaignState) -> Option<Self> {
        match to {
            CampaignState::Draft => None,
            _ if from == to => None,
            CampaignState::Scheduled | CampaignState::Running if from == CampaignState::Paused => {
                Some(Self::CampaignResumed)
            }
            CampaignState::Scheduled => Some(Self::CampaignScheduled),
            CampaignState::Running => Some(Self::CampaignStarted),
            CampaignState::Paused => Some(Self::CampaignPaused),
            CampaignState::Cancelled => Some(Self::CampaignCancelled),
            CampaignState::Completed => Some(Self::CampaignCompleted),
        }
    }
}

/// The subject of a campaign's events in the journal.
#[must_use]
pub fn subject_of_campaign(campaign: CampaignId) -> Uuid {
    // "campaign" in ASCII: ids that are ordered by time do not begin like this.
    Uuid::from_u64_pair(0x6361_6d70_6169_676e, campaign.0.cast_unsigned())
}

/// The campaign whose events have this subject.
#[must_use]
pub fn campaign_of_subject(subject: Uuid) -> CampaignId {
    CampaignId(subject.as_u64_pair().1.cast_signed())
}

/// The id of an event, of what is its subject in the journal and its version: the same in every call that tells of it, in streams and in
/// explanations.
#[must_use]
pub fn id(subject: Uuid, version: i32) -> String {
    format!("evt_{}_{version}", subject.as_simple())
}
