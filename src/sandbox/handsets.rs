//! The handsets, for whoever runs a sandbox inside its own process: what arrived, what one writes, and the outage.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::inbound;
use super::settings::Change;
use super::state::State;

/// The outages, by the names of `PUT /sandbox/settings`.
const OUTAGES: [&str; 9] = ["none", "500", "503", "429", "hang", "refuse", "cut", "malformed", "unauthorized"];

/// See the module. Clones are of the same sandbox.
#[derive(Clone)]
pub struct Handsets(pub(super) Arc<State>);

impl std::fmt::Debug for Handsets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handsets(…)")
    }
}

/// A message that arrived.
#[derive(Clone)]
pub struct Received {
    /// The handset's number.
    pub to: String,
    /// The sender ID.
    pub from: String,
    /// The text.
    pub text: String,
    /// When it was accepted.
    pub at: Timestamp,
    /// The id that the sandbox gave it.
    pub id: String,
}

impl Handsets {
    /// The messages that were accepted last, the newest first.
    #[must_use]
    pub fn latest(&self, most: usize) -> Vec<Received> {
        let of = |message: &super::message::Message| Received {
            to: message.destination(),
            from: message.sender().to_owned(),
            text: message.text().to_owned(),
            at: message.at(),
            id: message.id.to_string(),
        };
        self.0.ledger.latest(most, of)
    }

    /// A handset writes to a sender. True once the webhook has taken it.
    pub async fn write(&self, from: &str, to: &str, text: &str) -> bool {
        inbound::post(&self.0, from, to, text).await
    }

    /// The outage of now, by its name.
    #[must_use]
    pub fn outage(&self) -> String {
        let live = serde_json::to_value(self.0.settings.get()).unwrap_or_default();
        live.get("outage").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The names of all outages.
    #[must_use]
    pub fn outages() -> Vec<&'static str> {
        OUTAGES.to_vec()
    }

    /// Lets every call meet this outage; false if there is none of this name.
    #[must_use]
    pub fn set_outage(&self, name: &str) -> bool {
        let change = serde_json::from_value::<Change>(json!({"outage": name}));
        change.map(|change| self.0.settings.change(&change)).is_ok()
    }
}
