//! The body of a call: what receivers are told of an event.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::message::Status;
use crate::domain::phone::Msisdn;
use crate::domain::tags::Reference;
use crate::domain::webhook::event::{self, EventType};
use crate::domain::webhook::{Calling, secret};
use crate::store::EventFacts;
use crate::webhooks::window::Event;

/// One event. The names are the contract: `docs/webhooks-out.md`.
#[derive(Serialize)]
struct Envelope<'a> {
    id: String,
    r#type: &'static str,
    timestamp: jiff::Timestamp,
    data: Data<'a>,
}

/// A message's change.
#[derive(Serialize)]
struct Data<'a> {
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

/// Several events in one call.
#[derive(Serialize)]
struct Batch<'a> {
    events: Vec<Envelope<'a>>,
}

/// A call to see whether the endpoint works.
#[derive(Serialize)]
struct Test<'a> {
    id: &'a str,
    r#type: &'static str,
    timestamp: jiff::Timestamp,
    data: TestData,
}

#[derive(Serialize)]
struct TestData {
    endpoint_id: String,
}

/// A body, and the id of the call that carries it.
pub(super) struct Body {
    pub id: String,
    pub bytes: Bytes,
}

fn status(number: i16) -> Option<Status> {
    Status::from_number(i32::from(number))
}

fn envelope<'a>(event: &Event, facts: Option<&'a EventFacts>, calling: &Calling) -> Option<Envelope<'a>> {
    let (message, version) = (event.position.message, event.position.version);
    let to = status(event.to)?;
    let number = facts.map(|facts| &facts.destination).filter(|number| !number.is_erased());
    // A number that was erased takes the text along.
    let text = facts.filter(|facts| !facts.destination.is_erased()).map(|facts| facts.text.as_str());
    let went_wrong = matches!(to, Status::Failed | Status::Unknown | Status::Expired | Status::Cancelled);
    Some(Envelope {
        id: event::id(message, version),
        r#type: EventType::of_status(event.to)?.name(),
        timestamp: event.at,
        data: Data {
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
        },
    })
}

/// The body that tells these events: one alone where the endpoint takes one at a time, else a list.
pub(super) fn of_events(events: &[Event], facts: &[EventFacts], calling: &Calling) -> Body {
    let facts = |message: Uuid| facts.iter().find(|facts| facts.message == message);
    let mut envelopes: Vec<Envelope<'_>> =
        events.iter().filter_map(|event| envelope(event, facts(event.message()), calling)).collect();
    let alone = if calling.max_batch == 1 && envelopes.len() == 1 { envelopes.pop() } else { None };
    let (id, bytes) = if let Some(one) = alone {
        (one.id.clone(), serde_json::to_vec(&one))
    } else {
        let id = secret::batch_id(envelopes.iter().map(|one| one.id.as_str()));
        (id, serde_json::to_vec(&Batch { events: envelopes }))
    };
    // Text and numbers cannot fail to be JSON.
    Body { id, bytes: bytes.unwrap_or_default().into() }
}

/// The body of a test.
pub(super) fn of_test(id: &str, endpoint: Uuid, now: jiff::Timestamp) -> Bytes {
    let data = TestData { endpoint_id: endpoint.as_hyphenated().to_string() };
    let test = Test { id, r#type: EventType::EndpointTest.name(), timestamp: now, data };
    serde_json::to_vec(&test).unwrap_or_default().into()
}
