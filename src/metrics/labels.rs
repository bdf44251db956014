//! The labels of what is counted: every value comes from a closed set, so nothing that a caller makes up, no number, no
//! text and no account can become one.

use std::fmt;
use std::sync::Arc;

use axum::extract::MatchedPath;
use http::StatusCode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

use crate::admission::Quota;
use crate::domain::gate::Holding;
use crate::domain::message::{Dispatch, Lane, Status};
use crate::domain::outcome::Outcome;
use crate::domain::spend::Limit;
use crate::domain::supersede::Fate;
use crate::domain::webhook::health;
use crate::proto;

/// Lets enums be values, by their names.
macro_rules! named {
    ($($set:ty),+) => {
        $(impl EncodeLabelValue for $set {
            fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
                EncodeLabelValue::encode(&self.name(), encoder)
            }
        })+
    };
}

/// Declares a closed set of values, each with its text.
macro_rules! values {
    ($(#[$meta:meta])* $set:ident { $($(#[$of:meta])* $value:ident => $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $set { $($(#[$of])* $value,)+ }

        impl $set {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];

            /// Its text.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$value => $text,)+ }
            }
        }

        named!($set);
    };
}

/// Declares sets of labels.
macro_rules! labels {
    ($($set:ident { $($label:ident: $value:ty),+ })+) => {
        $(#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub(super) struct $set { $(pub $label: $value,)+ })+
    };
}

named!(Lane, Status, Dispatch, Holding, Quota, Limit, Fate, health::Outcome);

values! {
    /// The outcome of handing a message over.
    SendOutcome {
        /// The provider took it.
        Accepted => "accepted",
        /// The provider refused it.
        Rejected => "rejected",
        /// It certainly did not leave.
        NotSent => "not_sent",
        /// The provider said that it failed.
        ServerFailed => "server_failed",
        /// Nobody knows.
        Ambiguous => "ambiguous",
    }
}

values! {
    /// A call to the provider.
    ProviderCall {
        /// One message.
        Send => "send",
        /// Many messages.
        Bulk => "bulk",
        /// A question about one without a final report.
        Poll => "poll",
    }
}

values! {
    /// A webhook.
    Hook {
        /// Delivery reports.
        Reports => "dlr",
        /// Messages from recipients.
        Inbound => "inbound",
    }
}

values! {
    /// How a post to a webhook ended.
    PostOutcome {
        /// It is on the disk.
        Stored => "stored",
        /// The database did not take it.
        NotStored => "not_stored",
        /// It is not the provider's.
        Forged => "forged",
        /// It was stored before, and changes nothing.
        Repeated => "repeated",
        /// It is signed without a time, where it could be posted again.
        Undated => "undated",
        /// Posts hold all the memory that they may.
        Busy => "busy",
        /// Its body is longer than any that is read.
        TooLarge => "too_large",
        /// Its body took too long to arrive.
        TooSlow => "too_slow",
    }
}

values! {
    /// The outcome of a delivery report.
    ReportOutcome {
        /// It changed what a record reads.
        Changed => "changed",
        /// It said nothing new.
        Known => "known",
        /// It came before.
        Repeated => "repeated",
        /// It waits for its message.
        Parked => "parked",
        /// Its message never came.
        Unmatched => "unmatched",
        /// It could not be read.
        Unreadable => "unreadable",
    }
}

values! {
    /// The request of a message from a recipient.
    InboundOutcome {
        /// No more messages.
        Stop => "stop",
        /// Messages again.
        Start => "start",
        /// Somebody has to look at it.
        Review => "review",
        /// Nothing of the kind.
        Other => "other",
        /// It could not be read.
        Unreadable => "unreadable",
    }
}

values! {
    /// The outcome of a question about a message without a final report.
    PollOutcome {
        /// A record reads differently.
        Changed => "changed",
        /// Nothing new.
        Known => "known",
        /// The provider does not know the message.
        NotFound => "not_found",
        /// The provider gave no answer that can be used.
        Unanswered => "unanswered",
        /// Its time is over without a report.
        Unreported => "unreported",
    }
}

values! {
    /// The fate of a span.
    SpanOutcome {
        /// A collector took it.
        Exported => "exported",
        /// Nobody did.
        Dropped => "dropped",
    }
}

values! {
    /// The kind of data that was erased because of its age.
    ErasedKind {
        /// A message's text.
        Text => "text",
        /// A message.
        Message => "message",
        /// A delivery report.
        Report => "report",
        /// A message from a recipient.
        Inbound => "inbound",
        /// An entry of an owner's list.
        OptOut => "opt_out",
        /// A campaign.
        Campaign => "campaign",
    }
}

values! {
    /// An HTTP request's method.
    Verb {
        /// GET.
        Get => "GET",
        /// HEAD.
        Head => "HEAD",
        /// POST.
        Post => "POST",
        /// PATCH.
        Patch => "PATCH",
        /// DELETE.
        Delete => "DELETE",
        /// OPTIONS.
        Options => "OPTIONS",
        /// Whatever else a caller makes up.
        Other => "other",
    }
}

values! {
    /// The kind of work that this process has in flight.
    Flight {
        /// Single messages.
        Single => "single",
        /// Bulk calls.
        Bulk => "bulk",
    }
}

values! {
    /// A loop in the background.
    Loop {
        /// Sends one by one what is due.
        Send => "send",
        /// Sends in bulk what is due.
        SendBulk => "send_bulk",
        /// Runs timers.
        Timers => "timers",
        /// Asks about what was not reported.
        Polls => "polls",
        /// Reconciles campaigns.
        Campaigns => "campaigns",
        /// Applies what the provider posted.
        Posts => "posts",
        /// Reads the gates.
        Gates => "gates",
        /// Listens to the other replicas.
        Listen => "listen",
        /// Erases what is old.
        Retention => "retention",
        /// Maintains.
        Maintenance => "maintenance",
        /// Hands out the journal.
        Tail => "tail",
        /// Keeps and takes the cursors of webhook endpoints.
        Webhooks => "webhooks",
    }
}

values! {
    /// How a connection of the pool is used.
    Use {
        /// By a query.
        Busy => "busy",
        /// By nobody.
        Idle => "idle",
    }
}

impl From<&Outcome> for SendOutcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted(_) => Self::Accepted,
            Outcome::Rejected(_) => Self::Rejected,
            Outcome::NotSent(_) => Self::NotSent,
            Outcome::ServerFailed(_) => Self::ServerFailed,
            Outcome::Ambiguous(_) => Self::Ambiguous,
        }
    }
}

impl From<&http::Method> for Verb {
    fn from(method: &http::Method) -> Self {
        match *method {
            http::Method::GET => Self::Get,
            http::Method::HEAD => Self::Head,
            http::Method::POST => Self::Post,
            http::Method::PATCH => Self::Patch,
            http::Method::DELETE => Self::Delete,
            http::Method::OPTIONS => Self::Options,
            _ => Self::Other,
        }
    }
}

/// A method of the contract, by its name; or `other`, whatever a caller makes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rpc(&'static str);

impl Rpc {
    /// Every method of the contract.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        proto::METHODS.iter().map(|path| Self::at(path))
    }

    /// The method with this path, such as `messaging.v1.MessagingService/SendSingle`.
    #[must_use]
    pub fn at(path: &str) -> Self {
        let known = proto::METHODS.iter().find(|known| **known == path);
        Self(known.and_then(|known| known.rsplit('/').next()).unwrap_or("other"))
    }
}

impl EncodeLabelValue for Rpc {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

/// A gRPC status code, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub tonic::Code);

impl EncodeLabelValue for Code {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        EncodeLabelValue::encode(&format!("{:?}", self.0), encoder)
    }
}

/// A route, as the router has it; `-` where there is none. Only a router makes one, or the list that it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route(Arc<str>);

impl Route {
    /// The route that a request was matched with.
    #[must_use]
    pub fn of(matched: Option<&MatchedPath>) -> Self {
        Self(matched.map_or("-", MatchedPath::as_str).into())
    }

    /// A route that the program declares.
    #[must_use]
    pub fn declared(path: &'static str) -> Self {
        Self(path.into())
    }

    /// Its path, with the names of its parameters.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0
    }
}

impl EncodeLabelValue for Route {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        EncodeLabelValue::encode(&self.path(), encoder)
    }
}

/// An HTTP status, as its three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Answer(pub StatusCode);

impl EncodeLabelValue for Answer {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        EncodeLabelValue::encode(&self.0.as_u16(), encoder)
    }
}

labels! {
    OfBuild { version: &'static str, revision: &'static str }
    OfCall { method: Rpc, code: Code }
    OfSend { lane: Lane, outcome: SendOutcome }
    OfStatus { to: Status }
    OfProviderCall { call: ProviderCall }
    OfPost { hook: Hook, outcome: PostOutcome }
    OfRequest { route: Route, method: Verb, status: Answer }
    OfRoute { route: Route }
    OfReport { outcome: ReportOutcome }
    OfInbound { outcome: InboundOutcome }
    OfPoll { outcome: PollOutcome }
    OfLimit { limit: Limit }
    OfFate { fate: Fate }
    OfErased { what: ErasedKind }
    OfSpan { outcome: SpanOutcome }
    OfWebhook { outcome: health::Outcome }
    OfQuota { quota: Quota }
    OfFlight { kind: Flight }
    OfGate { why: Holding }
    OfLane { lane: Lane }
    OfState { state: Dispatch }
    OfConnection { r#use: Use }
    OfLoop { r#loop: Loop }
}
