//! The port to the SMS provider: what the service asks of it, whoever it is.

pub mod mitto;

use async_trait::async_trait;

use crate::domain::ids::{MessageId, ProviderMessageId};
use crate::domain::outcome::Outcome;
use crate::domain::phone::Msisdn;
use crate::domain::sender::SenderId;
use crate::domain::text::MessageText;
use crate::domain::trace::TraceContext;

/// One message to hand to the provider.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Our id, which the provider echoes where it can.
    pub reference: MessageId,
    /// The route account.
    pub traffic_account_id: String,
    /// The recipient.
    pub destination: Msisdn,
    /// The sender ID.
    pub sender: SenderId,
    /// The text.
    pub text: MessageText,
    /// The span of the call, if somebody keeps its trace.
    pub trace: Option<TraceContext>,
}

/// The provider's live view of one message; what it left out is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The provider's id.
    pub message_id: Option<String>,
    /// The text; hidden from logs with the whole of `raw` because this type is never logged.
    pub text: Option<String>,
    /// The sender.
    pub sender: Option<SnapshotSender>,
    /// The conversation.
    pub conversation: Option<SnapshotConversation>,
    /// When the provider took it.
    pub created_at: Option<jiff::Timestamp>,
    /// When its view last changed.
    pub updated_at: Option<jiff::Timestamp>,
    /// The route account.
    pub traffic_account_id: Option<String>,
    /// The provider's word for the state.
    pub delivery_status: Option<String>,
    /// Its explanation.
    pub description: Option<String>,
    /// How many segments; `None` means 1.
    pub message_parts: Option<i32>,
    /// The content that was asked for: sender and text.
    pub request_sms: Option<SnapshotSms>,
    /// The whole answer as it came.
    pub raw: serde_json::Value,
}

/// Who sent it, as the provider sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SnapshotSender {
    /// The provider's id of the sender.
    pub id: Option<String>,
    /// The sender's name.
    pub name: Option<String>,
    /// The sender's identifier in a messaging app.
    pub messaging_app_identifier: Option<String>,
}

/// The conversation that it belongs to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SnapshotConversation {
    /// The provider's id of the conversation.
    pub id: Option<String>,
    /// Its participants, as text; an element that is an object is given as its JSON.
    pub participants: Vec<String>,
}

/// The content that the provider was asked to send.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SnapshotSms {
    /// The sender that was asked for.
    pub sender: Option<String>,
    /// The text that was asked for.
    pub text: Option<String>,
}

/// Why the provider's view of a message could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The provider does not know the id (404), or the id cannot be asked for.
    #[error("the provider does not know this message")]
    NotFound,
    /// The provider cannot be reached, is unhealthy, or answered what cannot be read. The code is stable, upper snake.
    #[error("the provider did not answer: {code}")]
    Unavailable {
        /// For example `PROVIDER_TIMEOUT`.
        code: &'static str,
    },
    /// Too many requests.
    #[error("the provider asks to slow down")]
    Throttled {
        /// The provider's `Retry-After`, bounded to an hour.
        retry_after: Option<std::time::Duration>,
    },
    /// The account's credentials were refused (401, 402, 403).
    #[error("the provider refused the account")]
    AccountBlocked,
}

/// An SMS provider.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Hands over one message. Never fails: what is not known is an [`Outcome`] too.
    async fn send(&self, message: &Submission) -> Outcome;

    /// Hands over many in one call. The answer has one outcome for each, in the same order; or the one outcome of the
    /// call, if it met all of them alike.
    async fn send_bulk(&self, messages: &[Submission]) -> Result<Vec<Outcome>, Outcome>;

    /// Reads the live view of one message.
    async fn read(&self, id: &ProviderMessageId) -> Result<Snapshot, ReadError>;
}
