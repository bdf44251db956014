//! The bodies of the three sends, and what is checked before anything is accepted.

use std::fmt::{self, Formatter};

use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::behaviour::{Behaviour, Call};
use super::message::{Draft, e164};
use super::problem::{Faults, Refusal, not_json};

/// The most messages in one call of `sendmessagesbulk`.
const MOST: usize = 100_000;

/// The body of `send`, and an element of `sendmessagesbulk`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Single {
    traffic_account_id: Option<String>,
    destination: Option<String>,
    sms: Option<Sms>,
    reference: Option<String>,
}

/// The body of `sendmessagesbulk`.
#[derive(Deserialize)]
pub(super) struct Many {
    #[serde(default, deserialize_with = "bounded")]
    pub(super) messages: Vec<Single>,
}

/// The body of `sendbulk`: one text to many. Its reference, if any, belongs to each message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OneToMany {
    traffic_account_id: Option<String>,
    pub(super) destinations: Option<Vec<String>>,
    sms: Option<Sms>,
    reference: Option<String>,
}

#[derive(Deserialize)]
struct Sms {
    text: Option<String>,
    sender: Option<String>,
}

/// A message that can be accepted, or one whose destination Mitto would not take.
pub(super) enum Checked<'a> {
    Fine(Draft<'a>),
    /// The account is echoed even so.
    BadDestination(Uuid),
}

/// Reads the elements one by one: a body of empty elements must not become fifty times its size in memory.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Single>, D::Error> {
    struct Elements;
    impl<'de> Visitor<'de> for Elements {
        type Value = Vec<Single>;

        fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str("an array of at most 100,000 messages")
        }

        fn visit_unit<E>(self) -> Result<Vec<Single>, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Vec<Single>, A::Error> {
            let mut messages = Vec::new();
            while let Some(message) = array.next_element()? {
                messages.push(message);
                if messages.len() > MOST {
                    return Err(serde::de::Error::invalid_length(messages.len(), &self));
                }
            }
            Ok(messages)
        }
    }
    deserializer.deserialize_any(Elements)
}

/// The body, or the 400 that says why not.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Invalid(not_json(&error)))
}

impl Single {
    /// Checks all fields; what is missing or of the wrong form is added to `faults` under `prefix`.
    pub(super) fn check(&self, prefix: &str, faults: &mut Faults) -> Option<Checked<'_>> {
        let destination = required(self.destination.as_ref(), prefix, "Destination", faults);
        let template =
            template(self.traffic_account_id.as_ref(), self.sms.as_ref(), self.reference.as_ref(), prefix, faults);
        Some(template?.to(destination?))
    }
}

impl OneToMany {
    /// Checks all fields; None when something is missing or of the wrong form.
    pub(super) fn check(&self, faults: &mut Faults) -> Option<Vec<Checked<'_>>> {
        let template =
            template(self.traffic_account_id.as_ref(), self.sms.as_ref(), self.reference.as_ref(), "", faults);
        let destinations = self.destinations.as_ref().filter(|list| !list.is_empty());
        if destinations.is_none() {
            missing("", "Destinations", faults);
        }
        let template = template?;
        Some(destinations?.iter().map(|destination| template.to(destination)).collect())
    }
}

/// Everything of a message but its destination.
struct Template<'a> {
    account: Uuid,
    sender: &'a str,
    text: &'a str,
    reference: Option<&'a str>,
}

impl<'a> Template<'a> {
    fn to(&self, destination: &str) -> Checked<'a> {
        let Self { account, sender, text, reference } = *self;
        let digits = e164(destination).filter(|digits| Behaviour::of(*digits).call != Call::Refuse);
        digits.map_or(Checked::BadDestination(account), |destination| {
            Checked::Fine(Draft { account, destination, sender, text, reference })
        })
    }
}

fn template<'a>(
    account: Option<&String>,
    sms: Option<&'a Sms>,
    reference: Option<&'a String>,
    prefix: &str,
    faults: &mut Faults,
) -> Option<Template<'a>> {
    let account = required(account, prefix, "TrafficAccountId", faults).and_then(|text| {
        let account = Uuid::parse_str(text).ok();
        if account.is_none() {
            faults.add(format!("{prefix}TrafficAccountId"), "The TrafficAccountId field is not a valid UUID.".into());
        }
        account
    });
    let text = required(sms.and_then(|sms| sms.text.as_ref()), prefix, "Sms.Text", faults);
    let sender = required(sms.and_then(|sms| sms.sender.as_ref()), prefix, "Sms.Sender", faults);
    if sender.is_some_and(|sender| !is_sender(sender)) {
        let text = "The Sms.Sender field must be 1 to 11 characters, or 1 to 16 digits.".into();
        faults.add(format!("{prefix}Sms.Sender"), text);
        return None;
    }
    Some(Template { account: account?, sender: sender?, text: text?, reference: reference.map(String::as_str) })
}

fn required<'a>(value: Option<&'a String>, prefix: &str, field: &str, faults: &mut Faults) -> Option<&'a str> {
    let value = value.map(String::as_str).filter(|value| !value.is_empty());
    if value.is_none() {
        missing(prefix, field, faults);
    }
    value
}

pub(super) fn missing(prefix: &str, field: &str, faults: &mut Faults) {
    faults.add(format!("{prefix}{field}"), format!("The {field} field is required."));
}

/// The widest reading of Mitto's documents: what the service lets through must never be refused here by accident.
fn is_sender(sender: &str) -> bool {
    let digits = sender.strip_prefix('+').unwrap_or(sender);
    sender.chars().count() <= 11 || (digits.len() <= 16 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The 400 for a single send whose destination Mitto would not take.
pub(super) fn bad_destination() -> Refusal {
    let mut faults = Faults::default();
    faults.add("Destination".into(), "The Destination field is not a valid phone number.".into());
    Refusal::Invalid(faults)
}
