//! The data of events about campaigns, messages from recipients, opt-outs, route accounts and endpoints.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::keyword::Effect;
use crate::domain::opt_out::OptOutSource;
use crate::domain::phone::Msisdn;
use crate::domain::tags::Reference;
use crate::domain::webhook::Calling;
use crate::domain::webhook::event::campaign_of_subject;
use crate::store::{Happening, OwnerFacts};

/// A step of a campaign.
#[derive(Serialize)]
pub(super) struct CampaignStep<'a> {
    campaign_id: String,
    version: i32,
    at: jiff::Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<jiff::Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
}

/// A message from a recipient.
#[derive(Serialize)]
pub(super) struct InboundReceived<'a> {
    id: String,
    version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<jiff::Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// A number that came onto the list of opt-outs, or off it.
#[derive(Serialize)]
pub(super) struct OptOutChange<'a> {
    /// The same in all events about this number, while it is known what happened to it before.
    subject: String,
    version: i32,
    at: jiff::Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<&'a str>,
}

/// A route account that was refused, or is in use again.
#[derive(Serialize)]
pub(super) struct AccountChange<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    route_account_id: Option<&'a str>,
    version: i32,
    at: jiff::Timestamp,
}

/// An endpoint that was disabled.
#[derive(Serialize)]
pub(super) struct EndpointChange<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_id: Option<&'a str>,
    version: i32,
    at: jiff::Timestamp,
}

/// The step, with what there is of the campaign.
pub(super) fn campaign<'a>(event: &Happening, facts: Option<&'a OwnerFacts>) -> CampaignStep<'a> {
    let campaign = facts.and_then(|facts| facts.campaign.as_ref());
    let tags = campaign.map(|campaign| &campaign.content.tags);
    CampaignStep {
        campaign_id: campaign_of_subject(event.position.subject).to_string(),
        version: event.position.version,
        at: event.at,
        name: campaign.map(|campaign| campaign.content.name.as_str()),
        recipients: campaign.map(|campaign| campaign.recipients),
        scheduled_at: campaign.and_then(|campaign| campaign.content.scheduled_at),
        reference: tags.and_then(|tags| tags.reference.as_ref()).map(Reference::as_str),
        metadata: tags.map(|tags| tags.metadata.iter().collect()).unwrap_or_default(),
    }
}

/// The message, unless it was erased: then there is no more than its id.
pub(super) fn inbound<'a>(event: &Happening, facts: Option<&'a OwnerFacts>, calling: &Calling) -> InboundReceived<'a> {
    let message = facts.and_then(|facts| facts.inbound.as_ref());
    InboundReceived {
        id: event.position.subject.as_hyphenated().to_string(),
        version: event.position.version,
        received_at: message.map(|message| message.received_at),
        to: message.map(|message| message.to.as_str()).filter(|to| !to.is_empty()),
        verdict: message.map(|message| message.verdict.name()),
        effect: message.and_then(|message| message.effect).map(Effect::name),
        number: message.filter(|_| calling.with_destination).map(|message| message.number.as_str()),
        text: message.filter(|_| calling.with_text).map(|message| message.text.as_str()),
    }
}

/// The change, with the number unless it was erased.
pub(super) fn opt_out<'a>(event: &Happening, facts: Option<&'a OwnerFacts>, calling: &Calling) -> OptOutChange<'a> {
    let number = facts.and_then(|facts| facts.number.as_ref()).filter(|number| !number.is_erased());
    OptOutChange {
        subject: event.position.subject.as_hyphenated().to_string(),
        version: event.position.version,
        at: event.at,
        source: facts.and_then(|facts| facts.source).map(|source| match source {
            OptOutSource::Owner => "owner",
            OptOutSource::Recipient => "recipient",
        }),
        destination: number.filter(|_| calling.with_destination).map(Msisdn::as_str),
    }
}

/// The account's change.
pub(super) fn account<'a>(event: &Happening, facts: Option<&'a OwnerFacts>) -> AccountChange<'a> {
    let route_account_id = facts.and_then(|facts| facts.about.as_deref());
    AccountChange { route_account_id, version: event.position.version, at: event.at }
}

/// The endpoint's.
pub(super) fn endpoint<'a>(event: &Happening, facts: Option<&'a OwnerFacts>) -> EndpointChange<'a> {
    let endpoint_id = facts.and_then(|facts| facts.about.as_deref());
    EndpointChange { endpoint_id, version: event.position.version, at: event.at }
}
