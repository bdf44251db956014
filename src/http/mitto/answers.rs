//! The answers of these routes, made of the contract's messages.

use serde_json::{Map, Value, json};

use crate::domain::message::Status;
use crate::error::Error;
use crate::http::transcode::to_value;
use crate::proto::{CampaignStats, GetMessageStatusResponse, RefreshStatusResponse};
use crate::service::{BulkEvent, BulkProgress};

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

/// The result of a bulk refresh, or of one page of it: `updated` and `failed` count its results, `total` all there is.
pub(super) fn bulk(steps: Vec<BulkProgress>) -> Result<Value, Error> {
    let (mut updated, mut failed, mut total) = (0, 0, 0);
    let mut results = Vec::new();
    let mut next = None;
    for step in steps {
        total = step.total;
        match step.event {
            BulkEvent::Result { id, refreshed: Some(found), .. } => {
                let found = RefreshStatusResponse::of(&id, *found);
                updated += found.updated;
                let mut result =
                    Map::from_iter([("providerMessageId".to_owned(), json!(id)), ("success".to_owned(), json!(true))]);
                if let Value::Object(mut fields) = refreshed(&found)? {
                    fields.remove("affectedCampaignIds");
                    result.append(&mut fields);
                }
                results.push(Value::Object(result));
            }
            BulkEvent::Result { id, error, .. } => {
                failed += 1;
                results.push(json!({"providerMessageId": id, "success": false, "code": "REFRESH_FAILED",
                    "message": error.map(|error| error.words).unwrap_or_default()}));
            }
            BulkEvent::Summary { more, .. } => next = more.then_some(step.resume_token),
        }
    }
    let mut answer = json!({"total": total, "updated": updated, "failed": failed, "results": results});
    if let (Some(token), Value::Object(fields)) = (next, &mut answer) {
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
