//! One example for each schema that people look at.

use serde_json::{Value, json};

/// A secret as `CreateEndpoint` answers it.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

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
        "Endpoint" => endpoint(),
        "CreateEndpointRequest" => {
            json!({"url": "https://shop.example/hooks/sms", "types": ["message.delivered", "message.failed"]})
        }
        "UpdateEndpointRequest" => json!({"types": {"types": ["message.failed"]}, "maxBatch": 100, "maxWait": "0.5s"}),
        "EnableEndpointRequest" => json!({"fromNow": true}),
        "RotateSecretRequest" => json!({"atOnce": true}),
        "ReplayEventsRequest" => json!({"from": "2026-11-23T07:00:00Z", "to": "2026-11-23T08:00:00Z"}),
        "CreateEndpointResponse" => json!({"endpoint": endpoint(), "secret": SECRET}),
        "GetEndpointResponse" => json!({"endpoint": endpoint(), "standing": {"resumeToken": "3q2-7wHLnm0",
            "takenAt": "2026-11-23T07:50:19Z", "lastOutcome": "CALL_OUTCOME_TAKEN", "lastHttpStatus": 204}}),
        "ListEndpointsResponse" => json!({"endpoints": [endpoint()]}),
        "UpdateEndpointResponse" | "EnableEndpointResponse" => json!({"endpoint": endpoint()}),
        "RotateSecretResponse" => json!({"endpoint": endpoint(), "secret": SECRET, "oldUntil": "2026-11-24T07:50:18Z"}),
        "SendTestEventResponse" => json!({"outcome": "CALL_OUTCOME_TAKEN", "httpStatus": 204}),
        "ListDeliveriesResponse" => json!({"deliveries": [{"eventId": "evt_01a2076262b47b8a8a8e907d10eb0561_3",
            "messageId": "01a20762-62b4-7b8a-8a8e-907d10eb0561", "type": "message.delivered", "state": "DELIVERY_STATE_WAITING",
            "tries": 2, "firstTriedAt": "2026-11-23T07:50:19Z", "nextTryAt": "2026-11-23T07:55:24Z",
            "lastOutcome": "CALL_OUTCOME_REFUSED", "lastHttpStatus": 422}]}),
        "ReplayEventsResponse" => json!({"replayId": "01a20762-a83b-7f60-9d4e-2f1c55cc1c0d"}),
        "RefreshStatusBulkResponse" => json!({"total": "2", "completed": "1", "resumeToken": "3q2-7wHLnm0",
            "result": {"providerMessageId": "01M83P4RNSAM3N65TXC54GP8YZ", "outcome": "REFRESH_OUTCOME_UPDATED",
                "internalStatus": "MESSAGE_STATUS_DELIVERED", "updated": 1}}),
        "WatchCampaignResponse" => json!({"state": "CAMPAIGN_STATE_RUNNING", "stats": {"total": "3", "queued": "2",
            "sent": "1", "updatedAt": "2026-11-23T07:50:19Z"}}),
        "WatchMessagesResponse" => json!({"resumeToken": "3q2-7wHLnm0", "event": {
            "id": "01a20762-62b4-7b8a-8a8e-907d10eb0561", "from": "MESSAGE_STATUS_SENDING",
            "to": "MESSAGE_STATUS_SENT", "at": "2026-11-23T07:50:18.042463Z"}}),
        _ => return None,
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

fn endpoint() -> Value {
    json!({"id": "01a20762-9d20-7c41-a1d6-5e0b6f3c2f11", "ownerId": "1", "url": "https://shop.example/hooks/sms",
        "types": ["message.delivered", "message.failed"], "maxBatch": 1, "maxWait": "0s", "maxAge": "86400s",
        "state": "ENDPOINT_STATE_ENABLED", "createdAt": "2026-11-23T07:50:18Z", "updatedAt": "2026-11-23T07:50:18Z"})
}

fn opt_out() -> Value {
    json!({"destination": "+306900000009", "source": "OPT_OUT_SOURCE_OWNER", "createdAt": "2026-11-23T07:50:18Z"})
}
