//! The outcome of a call to the provider: five classes, so that every caller has to choose what each means to it.

use std::time::Duration;

use crate::domain::ids::ProviderMessageId;

/// The outcome of an attempt to send one message.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The provider took the message.
    Accepted(Acceptance),
    /// The provider refused the message, for good.
    Rejected(Reason),
    /// The provider certainly did not take it: it may be tried again under any guarantee.
    NotSent(NotSent),
    /// The provider says that it failed (500, 503), which is usually but not certainly before it took the message: tried
    /// again under at-least-once as a possible duplicate, and under at-most-once never.
    ServerFailed(Reason),
    /// Nobody knows whether the provider took it.
    Ambiguous(Reason),
}

impl Outcome {
    /// Takes these words out of what is quoted of the provider: an answer may echo the number and the text, and what
    /// is quoted becomes part of an error.
    #[must_use]
    pub fn without(mut self, words: &[&str]) -> Self {
        let reason = match &mut self {
            Self::Accepted(_) => return self,
            Self::Rejected(reason) | Self::ServerFailed(reason) | Self::Ambiguous(reason) => reason,
            Self::NotSent(not_sent) => &mut not_sent.reason,
        };
        for word in words.iter().filter(|word| !word.is_empty()) {
            if reason.description.0.contains(word) {
                reason.description.0 = hidden(&reason.description.0, word);
            }
        }
        self
    }
}

/// Shorter ones are hidden as whole words alone: a text of one letter is in every sentence.
const SHORT: usize = 8;

fn hidden(quoted: &str, word: &str) -> String {
    let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let (mut shown, mut rest) = (String::new(), quoted);
    while let Some((before, after)) = rest.split_once(word) {
        let inside = joins(before.chars().next_back().or(shown.chars().next_back())) || joins(after.chars().next());
        shown.push_str(before);
        shown.push_str(if inside && word.chars().count() < SHORT { word } else { "…" });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

impl Outcome {
    /// The same without anything of the provider's that is not needed to know it: the last that is tried when a database
    /// refuses to store the whole.
    #[must_use]
    pub fn least(self) -> Self {
        let blank = |reason: Reason| Reason { description: Quote(String::new()), ..reason };
        match self {
            Self::Accepted(acceptance) => {
                Self::Accepted(Acceptance { bulk_id: None, raw: serde_json::Value::Null, ..acceptance })
            }
            Self::Rejected(reason) => Self::Rejected(blank(reason)),
            Self::NotSent(not_sent) => Self::NotSent(NotSent { reason: blank(not_sent.reason), ..not_sent }),
            Self::ServerFailed(reason) => Self::ServerFailed(blank(reason)),
            Self::Ambiguous(reason) => Self::Ambiguous(blank(reason)),
        }
    }
}

/// The provider's acceptance of one message.
#[derive(Clone, PartialEq)]
pub struct Acceptance {
    /// The provider's id.
    pub provider_message_id: ProviderMessageId,
    /// The id of the bulk call, if it was one.
    pub bulk_id: Option<String>,
    /// The provider's answer as it came.
    pub raw: serde_json::Value,
}

impl std::fmt::Debug for Acceptance {
    /// Without the answer, which may echo what was sent.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptance").field("provider_message_id", &self.provider_message_id).finish_non_exhaustive()
    }
}

/// The code of an answer that came whole and makes no sense: it says nothing against the provider's health.
pub const UNREADABLE: &str = "PROVIDER_ANSWER_UNREADABLE";

/// Why a message was refused or its state is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// A stable upper-snake word, for example `PROVIDER_REJECTED`.
    pub code: &'static str,
    /// For the message's owner; may quote the provider, so it never goes to a log.
    pub description: Quote,
}

/// Why a message was certainly not sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NotSent {
    /// Why.
    pub reason: Reason,
    /// Whom it concerns and how long to back off.
    pub backoff: Backoff,
}

/// The consequence of a certain non-delivery for the next send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// The provider cannot be reached or points elsewhere: the breaker counts it.
    Unhealthy,
    /// Too many requests: nobody sends on this account before `retry_after`, if the provider said so.
    Throttled {
        /// The provider's `Retry-After`, bounded to an hour.
        retry_after: Option<Duration>,
    },
    /// The account's credentials were refused (401, 402, 403): an operator has to act.
    AccountBlocked,
}

/// Words of the provider's, which may hold a number or a text: shown to the owner, hidden from logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Quote(pub String);

impl std::fmt::Debug for Quote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Quote({} bytes)", self.0.len())
    }
}
