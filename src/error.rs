//! The service's errors, as callers are told them: one type, rendered by each API.
//!
//! A variant's public words and its internal cause are different fields; causes go to the log and never to a caller.

use std::time::Duration;

use crate::domain::spend::{Limit, Over};
use crate::provider;
use crate::store;

/// A field of the request that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, for example `destination`.
    pub field: String,
    /// The fault, without the field's value.
    pub description: String,
}

impl Violation {
    /// A violation of one field.
    pub fn new(field: impl Into<String>, description: impl std::fmt::Display) -> Self {
        Self { field: field.into(), description: description.to_string() }
    }
}

/// A kind of thing that a caller can ask for by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// A message, by our id or the provider's.
    Message,
    /// A campaign.
    Campaign,
    /// A user.
    User,
    /// A message from a recipient.
    Inbound,
    /// A webhook endpoint.
    Endpoint,
    /// An API key.
    Key,
}

/// Why the service does not do what it was asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// The request cannot be used; every violation of it.
    Invalid(Vec<Violation>),
    /// There are no credentials, or they are worth nothing. Says which, never why.
    Unauthenticated(&'static str),
    /// The token was good once: its holder gets a new one.
    TokenExpired,
    /// The credentials do not allow this; names the scope that would.
    Denied(&'static str),
    /// There is no such thing, or it is another owner's.
    NotFound(Resource, String),
    /// The request is fine and the world is not: an upper-snake reason, words, and what they are about.
    Precondition {
        /// A stable upper-snake reason.
        reason: &'static str,
        /// For people.
        message: String,
        /// More of it for machines.
        metadata: Vec<(&'static str, String)>,
    },
    /// The idempotency key was used with other content.
    KeyReused,
    /// The first call with this idempotency key is still at work.
    InFlight,
    /// The caller's gRPC library repeated a send by itself that has no idempotency key; an earlier attempt may have been carried out.
    RepeatedWithoutKey,
    /// Try again later: an upper-snake reason, words, and when.
    Unavailable {
        /// A stable upper-snake reason.
        reason: &'static str,
        /// For people.
        message: &'static str,
        /// How long to wait.
        retry_after: Duration,
        /// For the log alone.
        cause: String,
    },
    /// The caller has as much as it may have, or takes too little of it: an upper-snake reason, words, and when to try again.
    Exhausted {
        /// A stable upper-snake reason.
        reason: &'static str,
        /// For people.
        message: &'static str,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The owner has as much of a quota at once as one may have: another call ends, and it may.
    Quota {
        /// A stable upper-snake reason.
        reason: &'static str,
        /// The quota that is used up, for example `calls`.
        quota: &'static str,
        /// How much of it one may have now.
        most: usize,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The owner may not use this, and an operator would have to grant it: an upper-snake reason, and words.
    NotGranted {
        /// A stable upper-snake reason.
        reason: &'static str,
        /// For people.
        message: &'static str,
    },
    /// The owner's limit of spending does not let the message through now.
    Spent(Over),
    /// The request is longer than so many bytes.
    TooLarge(usize),
    /// The request did not come in time.
    TooSlow,
    /// The caller gave up.
    Cancelled,
    /// A fault of ours; the cause is for the log alone.
    Internal {
        /// For the log alone.
        cause: String,
    },
}

impl Error {
    /// One violation alone.
    pub fn invalid(field: impl Into<String>, description: impl std::fmt::Display) -> Self {
        Self::Invalid(vec![Violation::new(field, description)])
    }

    /// A stable upper-snake word for machines, the same at both APIs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "VALIDATION_ERROR",
            Self::Unauthenticated(_) => "UNAUTHENTICATED",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::Denied(_) => "SCOPE_REQUIRED",
            Self::NotFound(Resource::Message, _) => "MESSAGE_NOT_FOUND",
            Self::NotFound(Resource::Campaign, _) => "CAMPAIGN_NOT_FOUND",
            Self::NotFound(Resource::User, _) => "USER_NOT_FOUND",
            Self::NotFound(Resource::Inbound, _) => "INBOUND_NOT_FOUND",
            Self::NotFound(Resource::Endpoint, _) => "ENDPOINT_NOT_FOUND",
            Self::NotFound(Resource::Key, _) => "KEY_NOT_FOUND",
            Self::Precondition { reason, .. }
            | Self::Unavailable { reason, .. }
            | Self::Exhausted { reason, .. }
            | Self::NotGranted { reason, .. }
            | Self::Quota { reason, .. } => reason,
            Self::Spent(over) => over.limit.reason(),
            Self::TooLarge(_) => "BODY_TOO_LARGE",
            Self::TooSlow => "BODY_TOO_SLOW",
            Self::KeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::InFlight => "IDEMPOTENCY_KEY_IN_FLIGHT",
            Self::RepeatedWithoutKey => "REPEATED_WITHOUT_KEY",
            Self::Cancelled => "CANCELLED",
            Self::Internal { .. } => "INTERNAL_ERROR",
        }
    }

    /// The same for people.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Invalid(violations) => match violations.as_slice() {
                [one] => format!("{} {}", one.field, one.description),
                many => format!("The request has {} violations; see the details.", many.len()),
            },
            Self::Unauthenticated(message)
            | Self::Unavailable { message, .. }
            | Self::Exhausted { message, .. }
            | Self::NotGranted { message, .. } => (*message).to_owned(),
            Self::Spent(over) => over.to_string(),
            Self::Denied(scope) => format!("The credentials lack the scope {scope}"),
            Self::NotFound(Resource::Message, id) => format!("Message not found: {id}"),
            Self::NotFound(Resource::Campaign, id) => format!("Campaign not found: {id}"),
            Self::NotFound(Resource::User, id) => format!("User not found: {id}"),
            Self::NotFound(Resource::Inbound, id) => format!("Inbound message not found: {id}"),
            Self::NotFound(Resource::Endpoint, id) => format!("Webhook endpoint not found: {id}"),
            Self::NotFound(Resource::Key, id) => format!("API key not found: {id}"),
            Self::Precondition { message, .. } => message.clone(),
            Self::KeyReused => "The idempotency key was used with other content".to_owned(),
            Self::TokenExpired => "Token expired".to_owned(),
            Self::RepeatedWithoutKey => "This repeat was not carried out: an earlier attempt may have sent the message, and it has no idempotency_key by which a repeat is safe".to_owned(),
            Self::InFlight => "The first call with this idempotency key is still at work".to_owned(),
            Self::Quota { quota, most, .. } => {
                format!("This owner has as many {quota} in hand as one may have now: {most}. End some, or try again.")
            }
            Self::TooLarge(most) => format!("The body is longer than {most} bytes"),
            Self::TooSlow => "The body did not come in time".to_owned(),
            Self::Cancelled => "The call was cancelled; nothing was stored".to_owned(),
            Self::Internal { .. } => "Internal error".to_owned(),
        }
    }

    /// How long to wait before trying again, where that helps.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::InFlight => Some(Duration::from_secs(1)),
            Self::Unavailable { retry_after, .. }
            | Self::Exhausted { retry_after, .. }
            | Self::Quota { retry_after, .. } => Some(*retry_after),
            Self::Spent(over) => over.wait.and_then(|wait| Duration::try_from(wait).ok()),
            _ => None,
        }
    }

    /// The cause that belongs into the log, if there is one.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Unavailable { cause, .. } | Self::Internal { cause } => Some(cause),
            _ => None,
        }
    }
}

/// A country is not granted; the other limits are used up.
impl From<Over> for Error {
    fn from(over: Over) -> Self {
        match over.limit {
            Limit::Country => Self::NotGranted {
                reason: over.limit.reason(),
                message: "This owner may not send to the recipient's country",
            },
            Limit::Day | Limit::Month | Limit::Number => Self::Spent(over),
        }
    }
}

/// A task of ours panicked: a fault of ours.
impl From<tokio::task::JoinError> for Error {
    fn from(e: tokio::task::JoinError) -> Self {
        Self::Internal { cause: e.to_string() }
    }
}

impl From<store::Error> for Error {
    fn from(e: store::Error) -> Self {
        let full = e.is_full();
        match e {
            store::Error::Unavailable(cause) | store::Error::InDoubt(cause) if full => Self::Unavailable {
                reason: Self::STORAGE_FULL,
                message: "The service's storage is full: its operator has to make room. Try again later, with the same idempotency key.",
                // It takes somebody.
                retry_after: Duration::from_secs(10),
                cause: cause.to_string(),
            },
            store::Error::Unavailable(cause) | store::Error::InDoubt(cause) => Self::Unavailable {
                reason: "DATABASE_UNAVAILABLE",
                message: "The service's database is out of reach or takes no write. Try again, with the same idempotency key.",
                retry_after: Duration::from_secs(1),
                cause: cause.to_string(),
            },
            store::Error::Cancelled => Self::Cancelled,
            store::Error::Query(_)
            | store::Error::Setup(_)
            | store::Error::Absent(_)
            | store::Error::Key(_)
            | store::Error::Serving { .. } => Self::Internal { cause: e.to_string() },
        }
    }
}

impl Error {
    /// The reason of what fails because the database's disk is full.
    pub const STORAGE_FULL: &'static str = "STORAGE_FULL";

    /// The meaning of a failed read at the provider for the caller who asked about `id`.
    #[must_use]
    pub fn of_read(e: &provider::ReadError, id: &str) -> Self {
        let later =
            |reason, message, retry_after| Self::Unavailable { reason, message, retry_after, cause: e.to_string() };
        match e {
            provider::ReadError::NotFound => Self::NotFound(Resource::Message, id.to_owned()),
            provider::ReadError::Throttled { retry_after } => later(
                "PROVIDER_THROTTLED",
                "The provider asks to slow down.",
                retry_after.unwrap_or(Duration::from_secs(1)),
            ),
            provider::ReadError::Unavailable { .. } => later(
                "PROVIDER_UNAVAILABLE",
                "The provider did not give an answer that can be used.",
                Duration::from_secs(2),
            ),
            // The provider's refusal concerns our account with it, never the caller's credentials.
            provider::ReadError::AccountBlocked => later(
                "PROVIDER_ACCOUNT_BLOCKED",
                "The provider refuses this service's account; its operator has to act.",
                Duration::from_mins(1),
            ),
        }
    }
}
