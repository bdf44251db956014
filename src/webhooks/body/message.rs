//! The data of an event about a message: its change, and the message as it is now.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::message::Status;
use crate::domain::phone::Msisdn;
use crate::domain::tags::Reference;
use crate::domain::webhook::Calling;
use crate::store::{EventFacts, Happening};

/// A message's change.
#[derive(Serialize)]
pub(super) struct Change<'a> {
    id: String,
    version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
    to: &'static str,
    at: jiff::Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    attempt: i32,
    possible_duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

fn status(number: i16) -> Option<Status> {
    Status::from_number(i32::from(number))
}

/// The change, with what there is of the message's facts.
pub(super) fn change<'a>(event: &Happening, facts: Option<&'a EventFacts>, calling: &Calling) -> Option<Change<'a>> {
    let (message, version) = (event.position.subject, event.position.version);
    let to = status(event.to)?;
    let number = facts.map(|facts| &facts.destination).filter(|number| !number.is_erased());
    // A number that was erased takes the text along.
    let text = facts.filter(|facts| !facts.destination.is_erased()).map(|facts| facts.text.as_str());
    let went_wrong = matches!(to, Status::Failed | Status::Unknown | Status::Expired | Status::Cancelled);
    Some(Change {
        id: message.as_hyphenated().to_string(),
        version,
        from: status(event.from).map(Status::name),
        to: to.name(),
        at: event.at,
        campaign_id: facts.and_then(|facts| facts.campaign).map(|id| id.to_string()),
        reference: facts.and_then(|facts| facts.tags.reference.as_ref()).map(Reference::as_str),
        metadata: facts.map(|facts| facts.tags.metadata.iter().collect()).unwrap_or_default(),
        provider_message_id: facts.and_then(|facts| facts.provider_id.as_deref()),
        error_code: facts.and_then(|facts| facts.error_code.as_deref()).filter(|_| went_wrong),
        attempt: facts.map_or(0, |facts| facts.attempts),
        possible_duplicate: facts.is_some_and(|facts| facts.possible_duplicate),
        destination: number.filter(|_| calling.with_destination).map(Msisdn::as_str),
        text: text.filter(|_| calling.with_text),
    })
}
