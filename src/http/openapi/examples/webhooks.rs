//! The examples of webhook endpoints.

use serde_json::{Value, json};

/// A secret as `CreateEndpoint` answers it.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The example of this schema.
pub(super) fn of(schema: &str) -> Option<Value> {
    Some(match schema {
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
        _ => return None,
    })
}

fn endpoint() -> Value {
    json!({"id": "01a20762-9d20-7c41-a1d6-5e0b6f3c2f11", "ownerId": "1", "url": "https://shop.example/hooks/sms",
        "types": ["message.delivered", "message.failed"], "maxBatch": 1, "maxWait": "0s", "maxAge": "86400s",
        "state": "ENDPOINT_STATE_ENABLED", "createdAt": "2026-11-23T07:50:18Z", "updatedAt": "2026-11-23T07:50:18Z"})
}
