//! The state that all connections share.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use reqwest::Url;
use secrecy::SecretString;

use super::first::FirstTries;
use super::ledger::Ledger;
use super::problem::Refusal;
use super::rate::Bucket;
use super::reports::Reports;
use super::settings::Settings;
use crate::clock::Clock;

/// The state that all connections share.
pub(super) struct State {
    pub(super) api_key: SecretString,
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) slow_answer: Duration,
    pub(super) rate: Bucket,
    pub(super) first: FirstTries,
    pub(super) ledger: Arc<Ledger>,
    pub(super) reports: Arc<Reports>,
    pub(super) inbound_url: Option<Url>,
}

impl State {
    /// The answer to a send that is not accepted, with a trace id of its own.
    pub(super) fn refuse(&self, refusal: Refusal) -> Response {
        refusal.into_response(self.ledger.bulk_id())
    }
}
