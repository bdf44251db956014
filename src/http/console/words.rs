//! The words of the console that pages share: states, reasons, acts, notices. One place, so that a thing has one name.

use crate::domain::gate;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::proto::{
    AuditAct, CallOutcome, CampaignState, CountMessagesResponse, DeliveryState, EndpointState, Holding, InboundEffect,
    InboundVerdict, KeyState, MessageStatus, Superseded,
};

/// The label of the field that finds anything.
pub(super) const FIND: &str = "Number, id or reference";
/// The answer to a post of another site.
pub(super) const FOREIGN: (&str, &str) =
    ("Nothing was done", "This did not come from a page of this console. Open the console, and do it there.");
/// The question before a message is sent again.
pub(super) const TWICE: &str = "I know that the recipient may get it twice";
/// The hint to whoever lacks the scope `reveal`.
pub(super) const HIDDEN: &str = "Numbers and codes are hidden: your key has no scope reveal.";

/// A count with its noun.
pub(super) fn many(count: i64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// How many messages there are, as far as they were counted.
pub(super) fn counted(of: &CountMessagesResponse) -> String {
    let messages = many(i64::from(of.count), "message");
    match (of.exact, of.count >= 10_000) {
        (true, _) => messages,
        (false, true) => format!("More than {messages}"),
        // Of those that were looked through.
        (false, false) => format!("At least {messages}"),
    }
}

/// How a state looks beside its words: colour is never all that tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Doubt,
    Open,
    Still,
}

impl Tone {
    /// Its class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Doubt => "doubt",
            Self::Open => "open",
            Self::Still => "still",
        }
    }
}

/// A message's state.
pub(super) fn status(number: i32) -> (&'static str, Tone) {
    match MessageStatus::try_from(number).unwrap_or_default() {
        MessageStatus::Unspecified => ("Of another release", Tone::Still),
        MessageStatus::Scheduled => ("Scheduled", Tone::Open),
        MessageStatus::Queued => ("Waits to be sent", Tone::Open),
        MessageStatus::Sending => ("Being sent", Tone::Open),
        MessageStatus::Sent => ("Sent, no report yet", Tone::Open),
        MessageStatus::Delivered => ("Delivered", Tone::Good),
        MessageStatus::Failed => ("Failed", Tone::Bad),
        MessageStatus::Unknown => ("Not known whether sent", Tone::Doubt),
        MessageStatus::Cancelled => ("Cancelled", Tone::Still),
        MessageStatus::Expired => ("Expired", Tone::Bad),
    }
}

/// Why a message failed, expired, waits or is in doubt.
pub(super) fn reason(code: &str) -> &str {
    match code {
        "PROVIDER_REJECTED" => "the provider refused it",
        "DELIVERY_FAILED" => "the carrier could not deliver it",
        "COUNTRY_NOT_ALLOWED" => "messages to this country are not allowed",
        "NUMBER_LIMIT" => "the number has had as many messages as one may have",
        "TEXT_UNSENDABLE" => "its text, filled in, cannot be sent",
        "RETRIES_EXHAUSTED" => "twelve tries did not get through",
        "PROCESS_CRASHED" => "three processes ended while they held it",
        "OPTED_OUT" => "the recipient opted out",
        "SUPERSEDED" => "a newer message took its place",
        "VALIDITY_ENDED" => "its validity ended before it could be sent",
        "NO_REPORT" => "nothing final was reported in time",
        "PROVIDER_TIMEOUT" => "the provider did not answer in time",
        "PROVIDER_CONNECTION_LOST" => "the connection broke before the provider answered",
        "PROVIDER_ANSWER_UNREADABLE" => "the provider's answer cannot be read",
        "PROVIDER_ERROR" => "the provider failed",
        "PROVIDER_UNREACHABLE" => "the provider cannot be reached",
        "PROVIDER_THROTTLED" => "the provider asked to slow down",
        "PROVIDER_ACCOUNT_BLOCKED" => "the provider refuses the account",
        "PROVIDER_REDIRECTED" => "the provider answered from elsewhere",
        "BULK_OUT_OF_TIME" => "its bulk call took too long",
        "NOT_SENT" => "it was never handed to the provider",
        "PROCESS_LOST" => "the process that was sending it ended",
        "LEGACY_NOT_SENT" | "LEGACY_FAILED" | "LEGACY_UNKNOWN" => "it came so from the system before this one",
        other => other,
    }
}

/// A campaign's state.
pub(super) fn campaign(number: i32) -> (&'static str, Tone) {
    match CampaignState::try_from(number).unwrap_or_default() {
        CampaignState::Unspecified => ("Of another release", Tone::Still),
        CampaignState::Draft => ("Draft", Tone::Still),
        CampaignState::Scheduled => ("Scheduled", Tone::Open),
        CampaignState::Running => ("Being sent", Tone::Open),
        CampaignState::Paused => ("Paused", Tone::Doubt),
        CampaignState::Cancelled => ("Cancelled", Tone::Still),
        CampaignState::Completed => ("Over", Tone::Good),
    }
}

/// A webhook endpoint's state.
pub(super) fn endpoint(number: i32) -> (&'static str, Tone) {
    match EndpointState::try_from(number).unwrap_or_default() {
        EndpointState::Unspecified => ("Of another release", Tone::Still),
        EndpointState::Enabled => ("Enabled", Tone::Good),
        EndpointState::Disabled => ("Disabled by hand", Tone::Still),
        EndpointState::Gone => ("Disabled: it answered 410 Gone", Tone::Bad),
        EndpointState::Failing => ("Disabled: it took nothing for five days", Tone::Bad),
    }
}

/// The result of a call to an endpoint.
pub(super) fn call(number: i32) -> &'static str {
    match CallOutcome::try_from(number).unwrap_or_default() {
        CallOutcome::Unspecified => "not called yet",
        CallOutcome::Taken => "taken",
        CallOutcome::Refused => "refused",
        CallOutcome::Failed => "the endpoint failed",
        CallOutcome::Throttled => "asked to wait",
        CallOutcome::Gone => "gone",
        CallOutcome::Redirected => "led elsewhere, which is not followed",
        CallOutcome::TimedOut => "no answer within 15 seconds",
        CallOutcome::NoName => "its name leads nowhere",
        CallOutcome::NotAllowed => "its name leads to an address that is not called",
        CallOutcome::NoConnection => "no connection",
        CallOutcome::Broken => "the connection broke",
        CallOutcome::NoKey => "not called: the key of its secret is gone; rotate it",
    }
}

/// The state of an event that an endpoint did not take.
pub(super) fn delivery(number: i32) -> &'static str {
    match DeliveryState::try_from(number).unwrap_or_default() {
        DeliveryState::Unspecified => "of another release",
        DeliveryState::Waiting => "is tried again",
        DeliveryState::Behind => "waits behind an earlier one",
        DeliveryState::GivenUp => "given up",
    }
}

/// A reply's request.
pub(super) fn verdict(number: i32) -> (&'static str, Tone) {
    match InboundVerdict::try_from(number).unwrap_or_default() {
        InboundVerdict::Unspecified => ("Not read yet", Tone::Still),
        InboundVerdict::Stop => ("STOP", Tone::Bad),
        InboundVerdict::Start => ("START", Tone::Good),
        InboundVerdict::PerhapsStop => ("May mean STOP", Tone::Doubt),
        InboundVerdict::Other => ("Something else", Tone::Still),
    }
}

/// A reply's effect.
pub(super) fn effect(number: i32) -> &'static str {
    match InboundEffect::try_from(number).unwrap_or_default() {
        InboundEffect::Unspecified => "",
        InboundEffect::OptedOut => "opted out by it",
        InboundEffect::AlreadyOptedOut => "was opted out already",
        InboundEffect::Overtaken => "a later START had been read before it",
        InboundEffect::OptedIn => "gets messages again",
        InboundEffect::NothingToUndo => "there was no opt-out of its own to undo",
    }
}

/// The fate of the message whose place another one took.
pub(super) fn superseded(number: i32) -> &'static str {
    match Superseded::try_from(number).unwrap_or_default() {
        Superseded::Unspecified => "",
        Superseded::Cancelled => "which is never sent",
        Superseded::AlreadySent => "which was on its way already",
    }
}

/// Whether a route account's messages are held back.
pub(super) fn holding(number: i32) -> (&'static str, Tone) {
    match Holding::try_from(number).unwrap_or_default() {
        Holding::Unspecified => ("Of another release", Tone::Still),
        Holding::Free => ("Takes messages", Tone::Good),
        Holding::Throttled => ("Asked to wait", Tone::Doubt),
        Holding::Unhealthy => ("Fails", Tone::Bad),
        Holding::Blocked => ("Refuses the account", Tone::Bad),
    }
}

/// Why messages wait that would be sent otherwise, in a clause of a sentence.
pub(super) fn held(holding: gate::Holding) -> Option<&'static str> {
    match holding {
        gate::Holding::Free => None,
        gate::Holding::Throttled => Some("the provider asked its route account to wait"),
        gate::Holding::Unhealthy => Some("the provider fails"),
        gate::Holding::Blocked => Some("the provider refuses its route account"),
    }
}

/// An API key's state.
pub(super) fn key(number: i32) -> (&'static str, Tone) {
    match KeyState::try_from(number).unwrap_or_default() {
        KeyState::Unspecified => ("Of another release", Tone::Still),
        KeyState::Live => ("Lets in", Tone::Good),
        KeyState::Expired => ("Over", Tone::Still),
        KeyState::Revoked => ("Revoked", Tone::Still),
    }
}

/// An act of the audit: the name that all clients have for it, in plain letters.
pub(super) fn act(number: i32) -> String {
    let name = AuditAct::try_from(number).unwrap_or_default().as_str_name();
    name.splitn(3, '_').nth(2).unwrap_or(name).replace('_', " ").to_lowercase()
}

/// A part of erasing what is old.
pub(super) fn chore(name: &str) -> &str {
    match name {
        "texts" => "Texts and numbers of messages that are over",
        "texts_left" => "Texts that were left for later",
        "rows" => "Whole messages",
        "rows_left" => "Whole messages that were left for later",
        "bodies" => "The provider's posts",
        other => other,
    }
}

/// The words for an act that was done, by the word that it leads on with. Other words are nobody's.
pub(super) fn done(query: &str) -> Option<&'static str> {
    let (_, word) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done")?;
    Some(match word.as_ref() {
        "cancelled" => "Cancelled: it will not be sent.",
        "cancelled-unsure" => "It will not be tried again. An earlier try may have reached the provider.",
        "refreshed" => "The provider was asked; this is what is known now.",
        "again" => "Sent again. This is the new message.",
        "opted-out" => "The number is on the list: it gets no more of your messages.",
        "opted-in" => "The number was taken off the list.",
        "created" => "The draft is made. Now the recipients.",
        "again-started" => "This one was made of them, and is started already.",
        "started" => "Started.",
        "scheduled" => "Scheduled. It starts by itself.",
        "paused" => "Paused: nothing more is handed to the provider. What is in flight finishes.",
        "resumed" => "It goes on.",
        "ended" => "Cancelled: what waited will not be sent.",
        "enabled" => "Enabled. It is called at once.",
        "disabled" => "Disabled. Its place is kept.",
        "replayed" => "The past is being told again, beside what happens.",
        "test-taken" => "The test event was taken.",
        "put-back" => "Put back: they are tried again from the begin.",
        "put-back-some" => {
            "Put back, but for those of which an earlier try may have reached the provider: open one to send it again all the same."
        }
        "put-back-one" => "It is in the queue again.",
        "taken-back" => "Cancelled: they will not be sent.",
        "taken-back-unsure" => {
            "Cancelled. Earlier tries of some may have reached the provider: they count as not known."
        }
        "resolved" => "It is off the list.",
        "unblocked" => "The account is let go: its messages are tried again at once.",
        "limited" => "The limit holds from now on.",
        "user-made" => "The user is made. Now a key.",
        "user-disabled" => "Disabled: its keys, tokens and sessions are worth nothing until it is enabled.",
        "user-enabled" => "Enabled.",
        "user-limited" => "The limits hold from now on.",
        "tokens-ended" => "Its tokens and sessions are worth nothing any more. Its keys still are.",
        "granted" => "Granted.",
        "ungranted" => "Taken away.",
        "key-revoked" => "Revoked: the next call with it is refused.",
        "answered" => "The reply is on its way.",
        "outage" => "The sandbox behaves so from now on.",
        _ => return None,
    })
}

/// The heading of a page that is shown instead of another.
pub(super) fn refused(problem: &Problem) -> &'static str {
    match problem {
        Problem::NoRoute | Problem::Service(Error::NotFound(..)) => "There is no such thing",
        Problem::Service(Error::Denied(_)) => "Your key does not allow this",
        Problem::Service(Error::Invalid(_)) | Problem::MediaType(_) => "This cannot be used",
        Problem::Service(
            Error::Unavailable { .. } | Error::Exhausted { .. } | Error::Quota { .. } | Error::InFlight,
        ) => "Not now: try again in a moment",
        Problem::Service(Error::Internal { .. }) => "Something is wrong on our side",
        Problem::TimedOut => "It took too long",
        Problem::WrongMethod | Problem::Service(_) => "This was not done",
    }
}
