//! The filters of a count are those of a list.

use super::{CountMessagesRequest, ListMessagesRequest};

impl From<CountMessagesRequest> for ListMessagesRequest {
    fn from(count: CountMessagesRequest) -> Self {
        Self {
            campaign_id: count.campaign_id,
            status: count.status,
            destination: count.destination,
            owner_id: count.owner_id,
            reference: count.reference,
            provider_message_id: count.provider_message_id,
            error_code: count.error_code,
            created_after: count.created_after,
            created_before: count.created_before,
            ..Self::default()
        }
    }
}
