//! Who is calling, and what they may do: one identity for both APIs.

pub mod envelopes;
pub mod follower;
pub mod keys;
mod provider_keys;
pub mod rules;
pub mod seals;
pub mod signatures;
pub mod tokens;

use http::HeaderMap;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::domain::at_once::AtOnce;
use crate::domain::ids::OwnerId;
use crate::domain::trace::TraceContext;
use crate::error::Error;

/// The scopes of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Send messages.
    MessagesSend,
    /// Read messages and refresh their status.
    MessagesRead,
    /// Everything about campaigns.
    Campaigns,
    /// The same but having them sent: for whoever prepares what somebody else starts.
    CampaignsDraft,
    /// Name another owner than oneself.
    ActAs,
    /// Ask the provider about any id.
    Admin,
    /// Operate the service: see who did what.
    Ops,
    /// See whole numbers in the console, where others see them with their middle hidden.
    Reveal,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 8] = [
        Self::MessagesSend,
        Self::MessagesRead,
        Self::Campaigns,
        Self::CampaignsDraft,
        Self::ActAs,
        Self::Admin,
        Self::Ops,
        Self::Reveal,
    ];
    /// The scopes of credentials that name none: an ordinary user's own work.
    pub const ORDINARY: &'static str = "messages:send messages:read campaigns";

    /// Its name in a token.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MessagesSend => "messages:send",
            Self::MessagesRead => "messages:read",
            Self::Campaigns => "campaigns",
            Self::CampaignsDraft => "campaigns:draft",
            Self::ActAs => "act-as",
            Self::Admin => "admin",
            Self::Ops => "ops",
            Self::Reveal => "reveal",
        }
    }

    /// Whether it allows what `other` allows.
    fn covers(self, other: Self) -> bool {
        self == other || (self, other) == (Self::Campaigns, Self::CampaignsDraft)
    }

    /// The first word of `scopes` that names no scope.
    #[must_use]
    pub fn unknown_in(scopes: &str) -> Option<&str> {
        scopes.split_whitespace().find(|word| Self::ALL.iter().all(|s| s.name() != *word))
    }
}

/// The proof that the caller showed, by which it can be asked again later whether it still counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Proof {
    /// Nothing that could end: a caller inside the process.
    #[default]
    None,
    /// A token: when it was issued, and when it ends.
    Token {
        /// Its `iat`.
        issued: Option<Timestamp>,
        /// Its `exp`.
        until: Option<Timestamp>,
    },
    /// The API key with this id.
    Key(i64),
    /// Access to the database itself: an operator at the command line, by the name of the system's account, if it is known.
    Database(Option<String>),
}

/// The caller: whose messages these are, and what may be done with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The user that the credentials stand for.
    pub user: OwnerId,
    scopes: Vec<Scope>,
    proof: Proof,
    at_once: AtOnce,
    trace: Option<TraceContext>,
    until: Option<Timestamp>,
}

impl Caller {
    /// A caller with the scopes that `scopes` names; words that name none are passed over.
    #[must_use]
    pub fn new(user: OwnerId, scopes: &str) -> Self {
        let named = |s: &Scope| scopes.split_whitespace().any(|word| word == s.name());
        Self {
            user,
            scopes: Scope::ALL.into_iter().filter(named).collect(),
            proof: Proof::None,
            at_once: AtOnce::default(),
            trace: None,
            until: None,
        }
    }

    /// The same caller, who showed this.
    #[must_use]
    pub fn by(self, proof: Proof) -> Self {
        Self { proof, ..self }
    }

    /// The same caller, whose user may have so much at once.
    #[must_use]
    pub fn with(self, at_once: AtOnce) -> Self {
        Self { at_once, ..self }
    }

    /// The same caller, whose call is this span.
    #[must_use]
    pub fn within(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    /// The same caller, who is one until then, whatever was shown: a session ends.
    #[must_use]
    pub fn until(self, until: Timestamp) -> Self {
        Self { until: Some(until), ..self }
    }

    /// Whether the caller is one at this time no more.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// The span of the call, which what follows from it is a child of.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// The user, and how much it may have at once where that is not what any owner may.
    #[must_use]
    pub fn share(&self) -> (OwnerId, &AtOnce) {
        (self.user, &self.at_once)
    }

    /// The proof that was shown.
    #[must_use]
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Whether the credentials allow this.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|had| had.covers(scope))
    }

    /// The scopes, as [`Caller::new`] takes them.
    #[must_use]
    pub fn scopes(&self) -> String {
        self.scopes.iter().map(|s| s.name()).collect::<Vec<_>>().join(" ")
    }

    /// Refuses unless the credentials allow this.
    pub fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.has(scope) { Ok(()) } else { Err(Error::Denied(scope.name())) }
    }

    /// Whose things a request is about: the owner it names, or the caller. To name another needs `act-as`.
    pub fn owner(&self, named: Option<i64>) -> Result<OwnerId, Error> {
        match named {
            Some(id) if id != self.user.0 => self.require(Scope::ActAs).map(|()| OwnerId(id)),
            _ => Ok(self.user),
        }
    }
}

/// The credentials that a caller showed.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// `authorization: Bearer …`
    Bearer(SecretString),
    /// `x-api-key: …`
    ApiKey(SecretString),
}

impl Credentials {
    /// The credentials in the headers; a token before a key. A scheme other than Bearer is worth nothing.
    #[must_use]
    pub fn shown(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if let Some(value) = text("authorization") {
            let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
            let token = if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" };
            return Some(Self::Bearer(SecretString::from(token)));
        }
        text("x-api-key").map(|key| Self::ApiKey(SecretString::from(key)))
    }
}
