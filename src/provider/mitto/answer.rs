//! Mitto's answers to a send: three shapes for one message, one for many.

use serde_json::Value;

use crate::domain::ids::ProviderMessageId;
use crate::domain::outcome::{Acceptance, Outcome};

use super::classify;
use super::description;

/// An answer to a bulk call.
pub(super) struct Bulk {
    pub(super) bulk_id: Option<ProviderMessageId>,
    pub(super) elements: Vec<Element>,
}

/// One element of it, as it came.
pub(super) struct Element(Value);

/// The text that stands where an id should.
enum Id {
    Given(ProviderMessageId),
    Absent,
    /// There is something, but nothing that can be an id: the message may well have been taken.
    Unreadable,
}

/// The id of a single send, in the first of the three shapes that run in working clients.
pub(super) fn single(answer: &Value) -> Option<ProviderMessageId> {
    let first = answer.get("messages").and_then(|messages| messages.get(0)).and_then(|first| first.get("messageId"));
    [first, answer.get("id"), answer.get("messageId")].into_iter().find_map(|value| match id(value) {
        Id::Given(id) => Some(id),
        Id::Absent | Id::Unreadable => None,
    })
}

/// The elements of an answer to a bulk call; the answer itself if it has none.
pub(super) fn bulk(mut answer: Value) -> Result<Bulk, Value> {
    match answer.get_mut("messages").map(Value::take) {
        Some(Value::Array(elements)) => Ok(Bulk {
            // What no id can be is no id: a record must not be spoilt by it.
            bulk_id: answer.get("bulkId").and_then(text).and_then(|id| ProviderMessageId::from_provider(&id)),
            elements: elements.into_iter().map(Element).collect(),
        }),
        _ => Err(answer),
    }
}

impl Element {
    /// The outcome of the message in this element's place.
    pub(super) fn outcome(self, bulk_id: Option<&ProviderMessageId>) -> Outcome {
        if !self.0.is_object() {
            return classify::UNREADABLE.outcome(None, None, None, false);
        }
        match id(self.0.get("messageId")) {
            Id::Given(provider_message_id) => Outcome::Accepted(Acceptance {
                provider_message_id,
                bulk_id: bulk_id.map(ToString::to_string),
                raw: self.0,
            }),
            // The call went through and this one got no id: Mitto's way to refuse it.
            Id::Absent => classify::REFUSED_ELEMENT.outcome(None, description::of_value(&self.0), None, false),
            Id::Unreadable => classify::UNREADABLE.outcome(None, None, None, false),
        }
    }
}

fn id(value: Option<&Value>) -> Id {
    match value {
        None | Some(Value::Null) => Id::Absent,
        Some(Value::String(empty)) if empty.is_empty() => Id::Absent,
        Some(value) => match text(value).as_deref().and_then(ProviderMessageId::from_provider) {
            Some(id) => Id::Given(id),
            None => Id::Unreadable,
        },
    }
}

/// A text, or a whole number as text. A number that was rounded on reading would name another message.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}
