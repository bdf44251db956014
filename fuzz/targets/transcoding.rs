//! A message of the contract as JSON: what was read is what is written and read again, and no error quotes the body. The first byte
//! chooses the message.

use messaging::http::readers;
use messaging::proto::{
    AddRecipientsRequest, CreateCampaignRequest, ListMessagesRequest, RefreshStatusBulkRequest, SendSingleRequest,
};
use prost::{Message, Name};

use super::tells_nothing;

/// See the module.
pub fn check(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else { return };
    match kind {
        b's' => law::<SendSingleRequest>(body),
        b'c' => law::<CreateCampaignRequest>(body),
        b'r' => law::<AddRecipientsRequest>(body),
        b'l' => law::<ListMessagesRequest>(body),
        _ => law::<RefreshStatusBulkRequest>(body),
    }
}

fn law<M: Message + Name + Default + PartialEq>(body: &[u8]) {
    match readers::message::<M>(body) {
        Ok(message) => {
            let written = readers::json(&message).expect("what was read can be written");
            let again = readers::message::<M>(written.as_bytes()).ok();
            assert!(again.as_ref() == Some(&message), "it reads otherwise");
        }
        Err(problem) => tells_nothing(&format!("{problem:?}")),
    }
}
