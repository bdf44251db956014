//! The examples of what operators ask and are told.

use serde_json::{Value, json};

const ACCOUNT: &str = "5a4db0c5-0000-4000-8000-000000000001";

/// The example of this schema.
pub(super) fn of(schema: &str) -> Option<Value> {
    Some(match schema {
        "RouteAccount" => account(),
        "ListRouteAccountsResponse" => json!({"routeAccounts": [account()]}),
        "SetRouteAccountLimitRequest" => json!({"rate": 200, "burst": 50}),
        "SetRouteAccountLimitResponse" | "UnblockRouteAccountResponse" => json!({"routeAccount": account()}),
        "OperatedMessage" => message(),
        "ListDeadMessagesResponse" | "ListWaitingMessagesResponse" => json!({"messages": [message()]}),
        "InspectMessageResponse" => json!({"message": message(), "entries": [{"at": "2026-11-23T07:50:18.036570Z",
            "kind": "HISTORY_KIND_ACCEPTED", "to": "MESSAGE_STATUS_QUEUED"}]}),
        "RequeueMessageRequest" => json!({"mayDuplicate": true}),
        "RequeueMessageResponse" => json!({"message": message()}),
        "RequeueDeadMessagesRequest" => json!({"filter": {"errorCode": "RETRIES_EXHAUSTED"}, "expectedCount": "12"}),
        "RequeueDeadMessagesResponse" => json!({"count": "12", "requeued": "11", "left": "1"}),
        "CancelWaitingMessagesRequest" => json!({"acceptedUntil": "2026-11-23T07:00:00Z", "dryRun": true}),
        "CancelWaitingMessagesResponse" => json!({"count": "12", "cancelled": "12"}),
        "User" => user(),
        "CreateUserRequest" => json!({"name": "shop", "sender": "MyShop"}),
        "CreateUserResponse" | "LimitUserResponse" | "GrantUserResponse" | "UngrantUserResponse" => {
            json!({"user": user()})
        }
        "ListUsersResponse" => json!({"users": [user()]}),
        "GetUserResponse" => json!({"user": user(), "segmentsLeftToday": 900}),
        "LimitUserRequest" => json!({"segmentsPerDay": 1000, "countries": {"names": ["GR", "CY"]}}),
        "GrantUserRequest" => json!({"sender": "MyShop"}),
        "ApiKey" => key(),
        "CreateKeyRequest" => json!({"userId": "1", "name": "checkout"}),
        "CreateKeyResponse" => json!({"key": key(), "secret": "msk_…"}),
        "ListKeysResponse" => json!({"keys": [key()]}),
        "RevokeKeyResponse" | "ExpireKeyResponse" => json!({"key": key()}),
        "ExpireKeyRequest" => json!({"expiresAt": "2026-12-23T07:50:18Z"}),
        "ImportOptOutsRequest" => {
            json!({"optOuts": [{"destination": "+306900000009", "source": "OPT_OUT_SOURCE_RECIPIENT"}]})
        }
        "ImportOptOutsResponse" => json!({"added": "1", "invalid": [{"index": "1", "reason": "is too short"}]}),
        "EraseNumberRequest" => json!({"destination": "+306900000009"}),
        "EraseNumberResponse" => json!({"messages": "3", "optOuts": "1", "bodies": "4"}),
        "GetQueueResponse" => json!({"single": {"waiting": "2", "oldestDueAt": "2026-11-23T07:50:18Z"},
            "campaign": {"waiting": "48210", "oldestDueAt": "2026-11-23T07:41:02Z"}, "scheduled": "12", "claimed": "64",
            "sending": "32", "unknown": "1", "dead": "3"}),
        "ListInboundReviewResponse" => {
            json!({"messages": [{"id": "01a20762-8f1c-7d02-b1c3-52a1f0f6f7aa", "ownerId": "1",
            "receivedAt": "2026-11-23T07:50:18Z", "number": "+306900000009", "text": "When do you stop?"}]})
        }
        "ListReplicasResponse" => {
            json!({"replicas": [{"id": "01a20762-8f1c-4d02-b1c3-52a1f0f6f7aa", "version": "1.0.0",
            "startedAt": "2026-11-23T07:50:18Z", "seenAt": "2026-11-23T08:50:18Z", "inFlight": 12}]})
        }
        "GetRetentionResponse" => json!({"chores": [{"name": "texts", "dueAt": "2026-11-23T07:50:18Z", "due": true,
            "afterId": "01a20762-62b4-7b8a-8a8e-907d10eb0561"}]}),
        "ReplayReportsRequest" => json!({"apply": false}),
        "ReplayReportsResponse" => json!({"messages": "500", "statements": "812", "differing": "1",
            "nextPageToken": "3q2-7wHLnm0"}),
        _ => return None,
    })
}

fn account() -> Value {
    json!({"id": ACCOUNT, "holding": "HOLDING_BLOCKED", "reason": "PROVIDER_ACCOUNT_BLOCKED",
        "heldSince": "2026-11-23T07:50:18Z", "heldUntil": "2026-11-23T07:51:18Z", "rate": 200, "burst": 50})
}

fn message() -> Value {
    json!({"id": "01a20762-62b4-7b8a-8a8e-907d10eb0561", "ownerId": "1", "destination": "+306…01",
        "trafficAccountId": ACCOUNT, "status": "MESSAGE_STATUS_FAILED", "attempts": 12, "errorCode": "RETRIES_EXHAUSTED",
        "createdAt": "2026-11-23T07:50:18Z", "changedAt": "2026-11-23T08:50:18Z"})
}

fn user() -> Value {
    json!({"id": "1", "name": "shop", "sender": "MyShop", "senders": {"names": ["Shop"]}, "routeAccounts": {},
        "limits": {"segmentsPerDay": 1000, "countries": {"every": true}}})
}

fn key() -> Value {
    json!({"id": "7", "userId": "1", "hint": "msk_AAECAw", "scope": "messages:send messages:read campaigns",
        "state": "KEY_STATE_LIVE", "createdAt": "2026-11-23T07:50:18Z", "name": "checkout"})
}
