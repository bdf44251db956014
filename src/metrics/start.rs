//! The series that are there before anything happens. A counter that appears with its first event has no rise at that event,
//! so an alert on it sleeps through the one that mattered.
//!
//! Not all: how long calls took is told by a histogram for each method and code, of which most never come; it begins with the first call.

use http::StatusCode;

use crate::domain::message::{Lane, Status};
use crate::domain::spend::Limit;
use crate::domain::supersede::Fate;
use crate::domain::webhook::health;
use crate::metrics::Inner;
use crate::metrics::labels::{
    Code, ErasedKind, Flight, Hook, InboundOutcome, Loop, OfCall, OfConnection, OfErased, OfFate, OfFlight, OfInbound,
    OfLane, OfLimit, OfLoop, OfPoll, OfPost, OfProviderCall, OfReport, OfSend, OfSpan, OfStatus, OfWebhook,
    PollOutcome, PostOutcome, ProviderCall, ReportOutcome, Rpc, SendOutcome, SpanOutcome, Use,
};

/// The codes of a call that somebody watches: that it went well, and what is not its caller's doing.
const WATCHED_CODES: [tonic::Code; 6] = [
    tonic::Code::Ok,
    tonic::Code::DeadlineExceeded,
    tonic::Code::ResourceExhausted,
    tonic::Code::Unknown,
    tonic::Code::Internal,
    tonic::Code::Unavailable,
];

/// The same over HTTP, where what goes well has several.
pub(super) const WATCHED_STATUSES: [StatusCode; 3] =
    [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];

/// The lanes.
const LANES: [Lane; 2] = [Lane::Single, Lane::Campaign];

/// Lets a family have a series for each of these labels.
macro_rules! begin {
    ($family:expr, $labels:expr) => {
        for labels in $labels {
            drop($family.get_or_create(&labels));
        }
    };
}

/// All pairs of two sets.
fn pairs<A: Copy, B: Copy>(a: &[A], b: &[B]) -> Vec<(A, B)> {
    a.iter().flat_map(|one| b.iter().map(|other| (*one, *other))).collect()
}

impl Inner {
    /// Makes them.
    pub(super) fn begin(&self) {
        let methods: Vec<Rpc> = Rpc::all().collect();
        let calls = pairs(&methods, &WATCHED_CODES).into_iter();
        begin!(self.calls, calls.map(|(method, code)| OfCall { method, code: Code(code) }));
        let sends = pairs(&LANES, SendOutcome::ALL).into_iter();
        begin!(self.outcomes, sends.map(|(lane, outcome)| OfSend { lane, outcome }));
        begin!(self.accepted, LANES.map(|lane| OfLane { lane }));
        begin!(self.status_changes, Status::ALL.map(|to| OfStatus { to }));
        begin!(self.timers, Status::ALL.map(|to| OfStatus { to }));
        begin!(self.provider_seconds, ProviderCall::ALL.iter().map(|call| OfProviderCall { call: *call }));
        let posts = pairs(Hook::ALL, PostOutcome::ALL).into_iter();
        begin!(self.webhooks, posts.map(|(hook, outcome)| OfPost { hook, outcome }));
        begin!(self.reports, ReportOutcome::ALL.iter().map(|outcome| OfReport { outcome: *outcome }));
        begin!(self.inbound, InboundOutcome::ALL.iter().map(|outcome| OfInbound { outcome: *outcome }));
        begin!(self.polls, PollOutcome::ALL.iter().map(|outcome| OfPoll { outcome: *outcome }));
        begin!(self.over_limit, Limit::ALL.map(|limit| OfLimit { limit }));
        begin!(self.superseded, [Fate::Cancelled, Fate::AlreadySent].map(|fate| OfFate { fate }));
        begin!(self.spans, SpanOutcome::ALL.iter().map(|outcome| OfSpan { outcome: *outcome }));
        begin!(self.erased, ErasedKind::ALL.iter().map(|what| OfErased { what: *what }));
        begin!(self.webhook_calls, health::Outcome::ALL.map(|outcome| OfWebhook { outcome }));
        begin!(self.in_flight, Flight::ALL.iter().map(|kind| OfFlight { kind: *kind }));
        begin!(self.connections, Use::ALL.iter().map(|how| OfConnection { r#use: *how }));
        begin!(self.panics, Loop::ALL.iter().map(|which| OfLoop { r#loop: *which }));
    }
}
