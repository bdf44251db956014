//! The answers of these routes, made of the contract's messages.

use serde_json::{Map, Value, json};

use crate::contract::messages::RefreshedPage;
use crate::domain::message::Status;
use crate::error::Error;
use crate::http::transcode::to_value;
use crate::proto::{CampaignStats, GetMessageStatusResponse, RefreshStatusResponse};

/// The fields of the provider's view.
const VIEW: [&str; 11] = [
    "messageId",
    "text",
    "sender",
    "conversation",
    "createdAt",
    "updatedAt",
    "trafficAccountId",
    "deliveryStatus",
    "messageParts",
    "requestInfo",
    "rawResponse",
];

/// The provider's live view of one message.
pub(super) fn view(status: &GetMessageStatusResponse) -> Result<Value, Error> {
    let mut known = to_value(status)?;
    if let Some(Value::Object(conversation)) = known.get_mut("conversation") {
        conversation.entry("participants").or_insert_with(|| json!([]));
    }
    let field = |name: &str| (name.to_owned(), known.get(name).cloned().unwrap_or_default());
    Ok(Value::Object(VIEW.into_iter().map(field).collect()))
}

/// The findings and changes of a refresh.
pub(super) fn refreshed(found: &RefreshStatusResponse) -> Result<Value, Error> {
    Ok(json!({
        "updated": found.updated,
        "status": found.status.as_ref().map(view).transpose()?,
        "internalStatus": Status::from_number(found.internal_status).map(Status::name),
        "affectedCampaignIds": found.affected_campaign_ids,
    }))
}

/// The result of one page of a bulk refresh: `updated` and `failed` count its results, `total` all there is.
pub(super) fn bulk(page: RefreshedPage) -> Result<Value, Error> {
    let (mut updated, mut failed) = (0, 0);
    let mut results = Vec::new();
    for (id, outcome) in page.results {
        let mut result = Map::from_iter([("providerMessageId".to_owned(), json!(id))]);
        result.insert("success".to_owned(), json!(outcome.is_ok()));
        match outcome {
            Ok(found) => {
                updated += found.updated;
                if let Value::Object(mut fields) = refreshed(&found)? {
                    fields.remove("affectedCampaignIds");
                    result.append(&mut fields);
                }
            }
            Err(why) => {
                failed += 1;
                result.insert("code".to_owned(), json!("REFRESH_FAILED"));
                result.insert("message".to_owned(), json!(why));
            }
        }
        results.push(Value::Object(result));
    }
    let mut answer = json!({"total": page.total, "updated": updated, "failed": failed, "results": results});
    if let (Some(token), Value::Object(fields)) = (page.next, &mut answer) {
        fields.insert("nextPageToken".to_owned(), json!(token));
    }
    Ok(answer)
}

/// A campaign's counters.
pub(super) fn stats(s: &CampaignStats) -> Value {
    let at = |at: &Option<pbjson_types::Timestamp>| {
        at.as_ref().and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok()).map(|at| at.to_string())
    };
    json!({
        "total": s.total,
        "queued": s.queued,
        "sent": s.sent,
        "delivered": s.delivered,
        "failed": s.failed,
        "unknown": s.unknown,
        "cancelled": s.cancelled,
        "deliveredRate": s.delivered_rate,
        "firstSentAt": at(&s.first_sent_at),
        "updatedAt": at(&s.updated_at),
    })
}
