//! Requests to Mitto: the bodies of its two send calls.

use serde::{Serialize, Serializer};

use crate::domain::ids::MessageId;
use crate::provider::Submission;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    traffic_account_id: &'a str,
    destination: &'a str,
    sms: Sms<'a>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    reference: Option<MessageId>,
}

#[derive(Serialize)]
struct Sms<'a> {
    text: &'a str,
    sender: &'a str,
}

#[derive(Serialize)]
struct Bulk<'a> {
    messages: Vec<Message<'a>>,
}

/// The body of `send`.
pub(super) fn single(message: &Submission, reference: bool) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Message::new(message, reference))
}

/// The body of `sendmessagesbulk`.
pub(super) fn bulk(messages: &[Submission], reference: bool) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Bulk { messages: messages.iter().map(|message| Message::new(message, reference)).collect() })
}

impl<'a> Message<'a> {
    fn new(message: &'a Submission, reference: bool) -> Self {
        Self {
            traffic_account_id: &message.traffic_account_id,
            destination: message.destination.as_str(),
            sms: Sms { text: message.text.as_str(), sender: message.sender.as_str() },
            reference: reference.then_some(message.reference),
        }
    }
}

#[expect(clippy::ref_option, reason = "serde gives the field by reference")]
fn as_text<S: Serializer>(id: &Option<MessageId>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}
