//! The meaning of an observation for the message: one table, one look-up.
//!
//! Whatever leaves it open that Mitto took the message is ambiguous: an SMS costs money and cannot be unsent.

use std::time::Duration;

use crate::domain::outcome::{Acceptance, Backoff, NotSent, Outcome, Quote, Reason, UNREADABLE as UNREADABLE_ANSWER};

/// Why no whole answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request could not be built.
    Unsendable,
    /// The name has no address.
    Dns,
    /// No connection: refused, unreachable, TLS handshake failed.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// Connected, but no whole answer in time.
    Timeout,
    /// Connected, then reset or closed before the whole answer came.
    ConnectionLost,
    /// The answer is larger than is read.
    AnswerTooLarge,
}

/// The body that came with a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// A whole body that names the message's id.
    Id,
    /// A whole body.
    Whole,
    /// A part of the body, then this.
    Cut(Fault),
}

/// The observation of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// No answer.
    Fault(Fault),
    /// An answer with this status.
    Status(u16, Body),
}

/// The class of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Taken.
    Accepted,
    /// Refused for good.
    Rejected,
    /// Not sent; the provider is unhealthy.
    Unhealthy,
    /// The provider says that it failed; ambiguous if the configuration does not believe it.
    ServerFailed,
    /// Not sent; too many requests.
    Throttled,
    /// Not sent; the account is refused.
    AccountBlocked,
    /// Nobody knows.
    Ambiguous,
}

/// The observations that a row applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This fault, before the status or within the body.
    Fault(Fault),
    /// A status from the first to the second, whatever became of the body.
    Status(u16, u16),
    /// The same, with a whole body.
    Whole(u16, u16),
    /// The same, with a body that names the id.
    Id(u16, u16),
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The observations it applies to.
    pub when: When,
    /// The class they get.
    pub class: Class,
    /// The stable code.
    pub code: &'static str,
    /// The description for the owner where the provider has none.
    pub sentence: &'static str,
}

const fn row(when: When, class: Class, code: &'static str, sentence: &'static str) -> Row {
    Row { when, class, code, sentence }
}

/// The table. The first row that applies counts, so the particular stand before the general.
pub const TABLE: &[Row] = &[
    row(When::Fault(Fault::Unsendable), Class::Unhealthy, "PROVIDER_UNREACHABLE", "The request could not be made."),
    row(When::Fault(Fault::Dns), Class::Unhealthy, "PROVIDER_UNREACHABLE", "The provider's address was not found."),
    row(When::Fault(Fault::Connect), Class::Unhealthy, "PROVIDER_UNREACHABLE", "The provider could not be reached."),
    row(
        When::Fault(Fault::ConnectTimeout),
        Class::Unhealthy,
        "PROVIDER_UNREACHABLE",
        "The provider could not be reached in time.",
    ),
    row(When::Fault(Fault::Timeout), Class::Ambiguous, "PROVIDER_TIMEOUT", "The provider did not answer in time."),
    row(
        When::Fault(Fault::ConnectionLost),
        Class::Ambiguous,
        "PROVIDER_CONNECTION_LOST",
        "The connection to the provider broke before its answer.",
    ),
    row(
        When::Fault(Fault::AnswerTooLarge),
        Class::Ambiguous,
        UNREADABLE_ANSWER,
        "The provider's answer is too large to read.",
    ),
    row(When::Id(200, 299), Class::Accepted, "PROVIDER_ACCEPTED", "The provider took the message."),
    row(When::Whole(200, 299), Class::Ambiguous, UNREADABLE_ANSWER, "The provider's answer names no message."),
    // Never followed: the new address would get the key, and a second request could be a second message.
    row(When::Status(300, 399), Class::Unhealthy, "PROVIDER_REDIRECTED", "The provider points to another address."),
    row(When::Status(401, 403), Class::AccountBlocked, "PROVIDER_ACCOUNT_BLOCKED", "The provider refused the account."),
    row(When::Status(408, 408), Class::Ambiguous, "PROVIDER_TIMEOUT", "The provider gave up waiting."),
    row(When::Status(429, 429), Class::Throttled, "PROVIDER_THROTTLED", "The provider asks to slow down."),
    // A status that refuses stands, even if the rest of its answer was lost.
    row(When::Status(400, 499), Class::Rejected, "PROVIDER_REJECTED", "The provider refused the message."),
    row(When::Whole(500, 500), Class::ServerFailed, "PROVIDER_ERROR", "The provider failed."),
    row(When::Whole(503, 503), Class::ServerFailed, "PROVIDER_ERROR", "The provider is not available."),
    row(When::Status(502, 502), Class::Ambiguous, "PROVIDER_ERROR", "A gateway got no answer from the provider."),
    row(When::Status(504, 504), Class::Ambiguous, "PROVIDER_TIMEOUT", "A gateway waited too long for the provider."),
    // The others come from gateways (520–527) or mean that something half worked (507): the message may have passed.
    row(When::Whole(500, 599), Class::Ambiguous, "PROVIDER_ERROR", "The provider failed."),
];

/// Everything that is in no row, such as a status beyond 599 or below 200, and a bulk answer's element that cannot be read.
pub const UNREADABLE: Row =
    row(When::Status(0, u16::MAX), Class::Ambiguous, UNREADABLE_ANSWER, "The provider's answer cannot be read.");

/// An element of a bulk answer without an id.
pub const REFUSED_ELEMENT: Row =
    row(When::Whole(200, 299), Class::Rejected, "PROVIDER_REJECTED", "The provider refused the message.");

/// The row for what was seen. An answer that was cut is what its status says where that is enough, else what cut it.
#[must_use]
pub fn lookup(observed: Observed) -> &'static Row {
    let find = |observed| TABLE.iter().find(|row| row.applies(observed));
    let cut = match observed {
        Observed::Status(_, Body::Cut(fault)) => Some(Observed::Fault(fault)),
        _ => None,
    };
    find(observed).or_else(|| cut.and_then(find)).unwrap_or(&UNREADABLE)
}

impl Row {
    fn applies(&self, observed: Observed) -> bool {
        match (self.when, observed) {
            (When::Fault(expected), Observed::Fault(seen)) => expected == seen,
            (When::Status(from, to), Observed::Status(status, _))
            | (When::Whole(from, to), Observed::Status(status, Body::Whole | Body::Id))
            | (When::Id(from, to), Observed::Status(status, Body::Id)) => (from..=to).contains(&status),
            _ => false,
        }
    }

    /// The outcome: the acceptance where the row accepts, else the provider's words or the row's own.
    pub(super) fn outcome(
        &self,
        acceptance: Option<Acceptance>,
        words: Option<String>,
        retry_after: Option<Duration>,
        server_errors_ambiguous: bool,
    ) -> Outcome {
        let description = Quote(words.unwrap_or_else(|| self.sentence.to_owned()));
        let reason = Reason { code: self.code, description };
        let backoff = match self.class {
            Class::Accepted => return acceptance.map_or(Outcome::Ambiguous(reason), Outcome::Accepted),
            Class::Rejected => return Outcome::Rejected(reason),
            Class::Ambiguous => return Outcome::Ambiguous(reason),
            Class::ServerFailed if server_errors_ambiguous => return Outcome::Ambiguous(reason),
            Class::ServerFailed => return Outcome::ServerFailed(reason),
            Class::Unhealthy => Backoff::Unhealthy,
            Class::Throttled => Backoff::Throttled { retry_after },
            Class::AccountBlocked => Backoff::AccountBlocked,
        };
        Outcome::NotSent(NotSent { reason, backoff })
    }
}
