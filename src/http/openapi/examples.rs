//! One example for each schema that people look at.

mod operating;
mod webhooks;

use serde_json::{Value, json};

/// The example of this schema.
pub(super) fn of(schema: &str) -> Option<Value> {
    Some(match schema {
        "SendSingleRequest" => json!({"destination": "+306900000001", "text": "Hello"}),
        "SendSingleResponse" => json!({
            "messageId": "01M83P4RNSAM3N65TXC54GP8YZ",
            "trafficAccountId": "5a4db0c5-0000-4000-8000-000000000001",
            "rawResponse": {"messages": [{"messageId": "01M83P4RNSAM3N65TXC54GP8YZ"}]},
            "message": message(),
        }),
        "Message" => message(),
        "GetMessageResponse" => json!({"message": message()}),
        "CancelMessageResponse" => json!({"message": cancelled()}),
        "ListMessagesResponse" => json!({"messages": [message()], "nextPageToken": "3q2-7wHLnm0"}),
        "CountMessagesResponse" => json!({"count": 1312, "exact": true, "statuses": [
            {"status": "MESSAGE_STATUS_DELIVERED", "count": 1290}, {"status": "MESSAGE_STATUS_FAILED", "count": 22}]}),
        "ExplainMessageResponse" => json!({"message": {"id": "01a20762-62b4-7b8a-8a8e-907d10eb0561", "ownerId": "1",
            "destination": "+3069******01", "status": "MESSAGE_STATUS_SENT"},
            "entries": [{"at": "2026-11-23T07:50:18.036570Z", "kind": "HISTORY_KIND_ACCEPTED", "to": "MESSAGE_STATUS_SENDING"},
                {"at": "2026-11-23T07:50:18.042463Z", "kind": "HISTORY_KIND_SETTLED", "from": "MESSAGE_STATUS_SENDING",
                    "to": "MESSAGE_STATUS_SENT", "attempt": 1}]}),
        "CreateCampaignRequest" => json!({"name": "Spring", "text": "Hello {{first_name}}"}),
        "Campaign" => campaign(),
        "CreateCampaignResponse" | "GetCampaignResponse" => json!({"campaign": campaign()}),
        "ListCampaignsResponse" => json!({"campaigns": [campaign()]}),
        "AddRecipientsRequest" => json!({"recipients": [recipient()]}),
        "AddRecipientsRequest.Recipient" => recipient(),
        "AddRecipientsResponse" => {
            json!({"added": "1", "invalid": [{"index": "1", "reason": "destination is too short"}],
            "invalidCount": "1"})
        }
        "StartCampaignRequest" => json!({"dryRun": true}),
        "OptOut" => opt_out(),
        "AddOptOutRequest" => json!({"destination": "+306900000009"}),
        "AddOptOutResponse" => json!({"optOut": opt_out(), "added": true}),
        "ListOptOutsResponse" => json!({"optOuts": [opt_out()]}),
        "ListAuditEventsResponse" => json!({"auditEvents": [{"id": "12", "at": "2026-11-23T07:50:18.036570Z",
            "actor": "cli:alice", "act": "AUDIT_ACT_GRANTED", "ownerId": "1", "subject": "sender Shop"}]}),
        "RemoveOptOutResponse" => json!({"removed": true}),
        "InboundMessage" => inbound(),
        "ListInboundResponse" => json!({"messages": [inbound()]}),
        "GetInboundResponse" => json!({"message": inbound()}),
        "RefreshStatusBulkResponse" => json!({"total": "2", "completed": "1", "resumeToken": "3q2-7wHLnm0",
            "result": {"providerMessageId": "01M83P4RNSAM3N65TXC54GP8YZ", "outcome": "REFRESH_OUTCOME_UPDATED",
                "internalStatus": "MESSAGE_STATUS_DELIVERED", "updated": 1}}),
        "WatchCampaignResponse" => json!({"state": "CAMPAIGN_STATE_RUNNING", "stats": {"total": "3", "queued": "2",
            "sent": "1", "updatedAt": "2026-11-23T07:50:19Z"}}),
        "WatchMessagesResponse" => json!({"resumeToken": "3q2-7wHLnm0", "event": {
            "id": "01a20762-62b4-7b8a-8a8e-907d10eb0561", "from": "MESSAGE_STATUS_SENDING",
            "to": "MESSAGE_STATUS_SENT", "at": "2026-11-23T07:50:18.042463Z",
            "eventId": "evt_01a2076262b47b8a8a8e907d10eb0561_2", "version": 2}}),
        "WatchInboundResponse" => json!({"resumeToken": "3q2-7wHLnm0", "message": inbound(),
            "eventId": "evt_01a2076262b47b8a8a8e907d10eb0561_1"}),
        _ => return webhooks::of(schema).or_else(|| operating::of(schema)),
    })
}

fn cancelled() -> Value {
    json!({"id": "01a20762-62b4-7b8a-8a8e-907d10eb0561", "ownerId": "1", "destination": "+306900000001", "text": "Hello",
        "sender": "Sandbox", "status": "MESSAGE_STATUS_CANCELLED", "scheduledAt": "2026-11-24T07:50:18Z"})
}

fn message() -> Value {
    json!({
        "id": "01a20762-62b4-7b8a-8a8e-907d10eb0561",
        "ownerId": "1",
        "destination": "+306900000001",
        "text": "Hello",
        "sender": "Sandbox",
        "trafficAccountId": "5a4db0c5-0000-4000-8000-000000000001",
        "status": "MESSAGE_STATUS_SENT",
        "providerMessageId": "01M83P4RNSAM3N65TXC54GP8YZ",
        "attempts": 1,
        "segments": 1,
        "encoding": "ENCODING_GSM7",
        "deliveryGuarantee": "DELIVERY_GUARANTEE_AT_LEAST_ONCE",
        "createdAt": "2026-11-23T07:50:18.036570Z",
        "sentAt": "2026-11-23T07:50:18.042463Z",
        "updatedAt": "2026-11-23T07:50:18.042463Z",
    })
}

fn campaign() -> Value {
    json!({
        "id": "7",
        "ownerId": "1",
        "name": "Spring",
        "text": "Hello {{first_name}}",
        "deliveryGuarantee": "DELIVERY_GUARANTEE_AT_LEAST_ONCE",
        "validity": "172800s",
        "state": "CAMPAIGN_STATE_DRAFT",
        "createdAt": "2026-11-23T07:50:18Z",
        "updatedAt": "2026-11-23T07:50:18Z",
    })
}

fn recipient() -> Value {
    json!({"destination": "+306900000001", "variables": {"first_name": "Maria"}})
}

fn inbound() -> Value {
    json!({"id": "01a20762-8f1c-7d02-b1c3-52a1f0f6f7aa", "ownerId": "1", "number": "+306900000009", "to": "Sandbox", "text": "Stop",
        "verdict": "INBOUND_VERDICT_STOP", "effect": "INBOUND_EFFECT_OPTED_OUT", "receivedAt": "2026-11-23T07:50:18Z"})
}

fn opt_out() -> Value {
    json!({"destination": "+306900000009", "source": "OPT_OUT_SOURCE_OWNER", "createdAt": "2026-11-23T07:50:18Z"})
}
