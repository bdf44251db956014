//! The events that endpoints are told of: their types and ids.

use uuid::Uuid;

use crate::domain::message::Status;

/// A type of event. The names are part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// A message waits to be sent.
    MessageQueued,
    /// The provider has it.
    MessageSent,
    /// It was delivered.
    MessageDelivered,
    /// It was not, and will not be.
    MessageFailed,
    /// Nobody knows whether the provider has it.
    MessageUnknown,
    /// Its validity ended before it could be sent.
    MessageExpired,
    /// It was cancelled before it was sent.
    MessageCancelled,
    /// A call to see whether the endpoint works.
    EndpointTest,
}

impl EventType {
    /// Every type that an endpoint can ask for.
    pub const ALL: [Self; 7] = [
        Self::MessageQueued,
        Self::MessageSent,
        Self::MessageDelivered,
        Self::MessageFailed,
        Self::MessageUnknown,
        Self::MessageExpired,
        Self::MessageCancelled,
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
            Self::EndpointTest => "endpoint.test",
        }
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

    /// The type of a message's change to the status of this number; `None` of those that nobody is told of: SCHEDULED, which the
    /// caller chose, and SENDING, which lasts a moment.
    #[must_use]
    pub fn of_status(number: i16) -> Option<Self> {
        match Status::from_number(i32::from(number))? {
            Status::Queued => Some(Self::MessageQueued),
            Status::Sent => Some(Self::MessageSent),
            Status::Delivered => Some(Self::MessageDelivered),
            Status::Failed => Some(Self::MessageFailed),
            Status::Unknown => Some(Self::MessageUnknown),
            Status::Expired => Some(Self::MessageExpired),
            Status::Cancelled => Some(Self::MessageCancelled),
            Status::Scheduled | Status::Sending => None,
        }
    }
}

/// The id of a message's change: the same in every call that tells of it, in streams and in explanations.
#[must_use]
pub fn id(message: Uuid, version: i32) -> String {
    format!("evt_{}_{version}", message.as_simple())
}
