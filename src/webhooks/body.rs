//! The body of a call: what receivers are told of an event.

mod message;
mod others;

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::webhook::event::{self, EventType};
use crate::domain::webhook::{Calling, secret};
use crate::store::Happening;
use crate::webhooks::facts::Facts;

/// One event. The names are the contract: `docs/webhooks-out.md`.
#[derive(Serialize)]
struct Envelope<'a> {
    id: String,
    r#type: &'static str,
    timestamp: jiff::Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Message(message::Change<'a>),
    Campaign(others::CampaignStep<'a>),
    Inbound(others::InboundReceived<'a>),
    OptOut(others::OptOutChange<'a>),
    Account(others::AccountChange<'a>),
    Endpoint(others::EndpointChange<'a>),
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

fn envelope<'a>(event: &Happening, facts: &'a Facts, calling: &Calling) -> Option<Envelope<'a>> {
    let of = EventType::of_number(event.to)?;
    let (subject, version) = (event.position.subject, event.position.version);
    let other = || facts.others.get(&(subject, version));
    let data = match of {
        EventType::MessageQueued
        | EventType::MessageSent
        | EventType::MessageDelivered
        | EventType::MessageFailed
        | EventType::MessageUnknown
        | EventType::MessageExpired
        | EventType::MessageCancelled => Data::Message(message::change(event, facts.messages.get(&subject), calling)?),
        EventType::CampaignScheduled
        | EventType::CampaignStarted
        | EventType::CampaignPaused
        | EventType::CampaignResumed
        | EventType::CampaignCompleted
        | EventType::CampaignCancelled => Data::Campaign(others::campaign(event, other())),
        EventType::InboundReceived => Data::Inbound(others::inbound(event, other(), calling)),
        EventType::OptOutAdded | EventType::OptOutRemoved => Data::OptOut(others::opt_out(event, other(), calling)),
        EventType::OpsAccountBlocked | EventType::OpsAccountUnblocked => Data::Account(others::account(event, other())),
        EventType::OpsEndpointDisabled | EventType::OpsEndpointFailing => {
            Data::Endpoint(others::endpoint(event, other()))
        }
        EventType::EndpointTest => return None,
    };
    Some(Envelope { id: event::id(subject, version), r#type: of.name(), timestamp: event.at, data })
}

/// The body that tells these events: one alone where the endpoint takes one at a time, else a list.
pub(super) fn of_events(events: &[Happening], facts: &Facts, calling: &Calling) -> Body {
    let mut envelopes: Vec<Envelope<'_>> = events.iter().filter_map(|event| envelope(event, facts, calling)).collect();
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
