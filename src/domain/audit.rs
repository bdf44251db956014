//! The acts that change what others may do or what is sent, as they are recorded: who, what, to whose.

/// Each kind of act. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Act {
    /// A user was made.
    UserCreated = 1,
    /// A user's limits were set.
    UserLimited = 2,
    /// A sender ID or route account was granted.
    Granted = 3,
    /// A grant was taken away.
    Ungranted = 4,
    /// A user's credentials are refused from then on.
    UserDisabled = 5,
    /// They are taken again.
    UserEnabled = 6,
    /// The tokens that a user had are refused from then on.
    TokensEnded = 7,
    /// A token was issued by the command line.
    TokenIssued = 8,
    /// An API key was made.
    KeyCreated = 9,
    /// An API key was revoked.
    KeyRevoked = 10,
    /// A route account's rate was set.
    AccountLimited = 11,
    /// A held route account was let go.
    AccountUnblocked = 12,
    /// A message was put back into the queue.
    MessageRequeued = 13,
    /// Messages that waited were cancelled.
    QueueCancelled = 14,
    /// A number was erased.
    NumberErased = 15,
    /// A number was taken off an owner's list of opt-outs.
    OptOutRemoved = 16,
    /// Somebody acted as another owner; told once an hour of each pair.
    ActedAs = 17,
    /// A webhook endpoint was made.
    EndpointCreated = 18,
    /// A webhook endpoint was changed.
    EndpointChanged = 19,
    /// A webhook endpoint was enabled, or told where to go on.
    EndpointEnabled = 20,
    /// A webhook endpoint was disabled by hand.
    EndpointDisabled = 21,
    /// A webhook endpoint was given another secret.
    EndpointSecretRotated = 22,
    /// A webhook endpoint was taken away.
    EndpointDeleted = 23,
    /// All messages that were given up and matched were put back into the queue.
    MessagesRequeued = 24,
    /// An API key was given an end.
    KeyExpired = 25,
    /// An operator put numbers on a list of opt-outs.
    OptOutsImported = 26,
    /// A message from a recipient was taken off the list of those to read.
    InboundResolved = 27,
    /// Messages were mended that lacked something that was reported.
    ReportsReplayed = 28,
    /// A webhook endpoint is told again what happened.
    EventsReplayed = 33,
    /// Somebody signed in to the console.
    SignedIn = 31,
    /// Somebody did something in the console that has no act of its own.
    DoneInConsole = 32,
}

impl Act {
    /// Every kind.
    pub const ALL: [Self; 31] = [
        Self::UserCreated,
        Self::UserLimited,
        Self::Granted,
        Self::Ungranted,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::TokensEnded,
        Self::TokenIssued,
        Self::KeyCreated,
        Self::KeyRevoked,
        Self::AccountLimited,
        Self::AccountUnblocked,
        Self::MessageRequeued,
        Self::QueueCancelled,
        Self::NumberErased,
        Self::OptOutRemoved,
        Self::ActedAs,
        Self::EndpointCreated,
        Self::EndpointChanged,
        Self::EndpointEnabled,
        Self::EndpointDisabled,
        Self::EndpointSecretRotated,
        Self::EndpointDeleted,
        Self::MessagesRequeued,
        Self::KeyExpired,
        Self::OptOutsImported,
        Self::InboundResolved,
        Self::ReportsReplayed,
        Self::EventsReplayed,
        Self::SignedIn,
        Self::DoneInConsole,
    ];

    /// The kind with this number; `None` of one that a later release wrote.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|act| *act as i16 == number)
    }

    /// Its name in lower snake case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UserCreated => "user_created",
            Self::UserLimited => "user_limited",
            Self::Granted => "granted",
            Self::Ungranted => "ungranted",
            Self::UserDisabled => "user_disabled",
            Self::UserEnabled => "user_enabled",
            Self::TokensEnded => "tokens_ended",
            Self::TokenIssued => "token_issued",
            Self::KeyCreated => "key_created",
            Self::KeyRevoked => "key_revoked",
            Self::AccountLimited => "account_limited",
            Self::AccountUnblocked => "account_unblocked",
            Self::MessageRequeued => "message_requeued",
            Self::QueueCancelled => "queue_cancelled",
            Self::NumberErased => "number_erased",
            Self::OptOutRemoved => "opt_out_removed",
            Self::ActedAs => "acted_as",
            Self::EndpointCreated => "endpoint_created",
            Self::EndpointChanged => "endpoint_changed",
            Self::EndpointEnabled => "endpoint_enabled",
            Self::EndpointDisabled => "endpoint_disabled",
            Self::EndpointSecretRotated => "endpoint_secret_rotated",
            Self::EndpointDeleted => "endpoint_deleted",
            Self::MessagesRequeued => "messages_requeued",
            Self::KeyExpired => "key_expired",
            Self::OptOutsImported => "opt_outs_imported",
            Self::InboundResolved => "inbound_resolved",
            Self::ReportsReplayed => "reports_replayed",
            Self::EventsReplayed => "events_replayed",
            Self::SignedIn => "signed_in",
            Self::DoneInConsole => "done_in_console",
        }
    }
}

/// Who acted: `user:3`, `key:7`, `cli:alice`; or `service`, which acts for nobody.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor(String);

impl Actor {
    /// A user by a token.
    #[must_use]
    pub fn user(id: i64) -> Self {
        Self(format!("user:{id}"))
    }

    /// A user by an API key.
    #[must_use]
    pub fn key(id: i64) -> Self {
        Self(format!("key:{id}"))
    }

    /// An operator at the command line, by the name of the system's account, if it is known.
    #[must_use]
    pub fn cli(name: Option<&str>) -> Self {
        let plain = |c: &char| c.is_ascii_alphanumeric() || "._-@".contains(*c);
        let name: String = name.unwrap_or_default().chars().filter(plain).take(64).collect();
        Self(if name.is_empty() { "cli".to_owned() } else { format!("cli:{name}") })
    }

    /// Takes what the database holds.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// As it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Actor {
    fn default() -> Self {
        Self("service".to_owned())
    }
}
