//! Each operation's own refusals: the reasons that it can give besides those that every route can.
//!
//! A test drives every route to what does not exist, and looks whether the document says of the same ones that they answer 404.

use crate::http::openapi::problems::Problem;

/// A message, a campaign, user or message from a recipient, an endpoint and a key that does not exist.
const MESSAGE: &str = "MESSAGE_NOT_FOUND";
const RESOURCE: &str = "RESOURCE_NOT_FOUND";
const ENDPOINT: &str = "ENDPOINT_NOT_FOUND";
const KEY: &str = "KEY_NOT_FOUND";

/// The operations, and the reasons that are theirs.
static OWN: &[(&[&str], &[&str])] = &[
    (
        &["SendSingle"],
        &[
            RESOURCE,
            "SCOPE_REQUIRED",
            "SENDER_NOT_GRANTED",
            "ACCOUNT_NOT_GRANTED",
            "COUNTRY_NOT_ALLOWED",
            "NO_SENDER",
            "OPTED_OUT",
            "PROVIDER_REJECTED",
            "IDEMPOTENCY_KEY_IN_FLIGHT",
            "IDEMPOTENCY_KEY_REUSED",
        ],
    ),
    (&["CreateCampaign"], &["SCOPE_REQUIRED", "SENDER_NOT_GRANTED", "IDEMPOTENCY_KEY_REUSED"]),
    (
        &["StartCampaign"],
        &[
            RESOURCE,
            "SCOPE_REQUIRED",
            "SENDER_NOT_GRANTED",
            "NO_SENDER",
            "CAMPAIGN_STATE",
            "CAMPAIGN_EMPTY",
            "COUNT_CHANGED",
        ],
    ),
    (&["ResumeCampaign"], &[RESOURCE, "SCOPE_REQUIRED", "SENDER_NOT_GRANTED", "NO_SENDER", "CAMPAIGN_STATE"]),
    (&["PauseCampaign", "CancelCampaign"], &[RESOURCE, "CAMPAIGN_STATE"]),
    (&["AddRecipients"], &[RESOURCE, "CAMPAIGN_STARTED"]),
    (&["GetMessage", "ExplainMessage", "InspectMessage", "mittoMessage", "mittoRefreshStatus"], &[MESSAGE]),
    (&["CancelMessage"], &[MESSAGE, "MESSAGE_STATE"]),
    (&["RequeueMessage"], &[MESSAGE, "MESSAGE_STATE", "MESSAGE_MAY_DUPLICATE", "MESSAGE_ERASED", "MESSAGE_EXPIRED"]),
    (&["CreateEndpoint"], &[RESOURCE, "WEBHOOKS_OFF", "TOO_MANY_ENDPOINTS"]),
    (&["RotateSecret"], &[ENDPOINT, "WEBHOOKS_OFF"]),
    (&["ReplayEvents"], &[ENDPOINT, "ENDPOINT_DISABLED", "TOO_MANY_REPLAYS"]),
    (
        &[
            "GetEndpoint",
            "UpdateEndpoint",
            "DeleteEndpoint",
            "EnableEndpoint",
            "DisableEndpoint",
            "SendTestEvent",
            "ListDeliveries",
        ],
        &[ENDPOINT],
    ),
    (&["RevokeKey", "ExpireKey"], &[KEY]),
    (&["UnblockRouteAccount"], &["ACCOUNT_NOT_HELD"]),
    (&["RequeueDeadMessages", "CancelWaitingMessages"], &[RESOURCE, "COUNT_CHANGED", "TOO_MANY_MESSAGES"]),
    (&["EraseNumber"], &[RESOURCE, "ERASING_OFF"]),
    (&["GrantUser"], &[RESOURCE, "TOO_MANY_GRANTS"]),
    (&["UngrantUser"], &[RESOURCE, "NOT_GRANTED"]),
    // They name a user, a campaign or a message from a recipient, and are refused for no other reason.
    (
        &[
            "GetCampaign",
            "GetCampaignStats",
            "WatchCampaign",
            "WatchMessages",
            "GetInbound",
            "AddOptOut",
            "GetUser",
            "LimitUser",
            "DisableUser",
            "EnableUser",
            "EndUserTokens",
            "CreateKey",
            "ListKeys",
            "ListAuditEvents",
            "ListDeadMessages",
            "ListWaitingMessages",
            "ImportOptOuts",
            "ExportOptOuts",
            "RetractOptOut",
            "ResolveInbound",
            "mittoRefreshStatusBulk",
            "createStreamUrl",
            "openStream",
        ],
        &[RESOURCE],
    ),
];

/// The operation's own reasons.
fn reasons(operation: &str) -> &'static [&'static str] {
    OWN.iter().find(|(operations, _)| operations.contains(&operation)).map_or(&[][..], |(_, reasons)| *reasons)
}

/// The statuses of the operation's own reasons, each with those that come with it.
pub(super) fn of(operation: &str) -> Vec<(&'static Problem, Vec<&'static str>)> {
    let mut all: Vec<(&Problem, Vec<&str>)> = Vec::new();
    for reason in reasons(operation).iter().copied() {
        let Some(problem) = Problem::with(reason) else { continue };
        match all.iter_mut().find(|(known, _)| known.status == problem.status) {
            Some((_, reasons)) => reasons.push(reason),
            None => all.push((problem, vec![reason])),
        }
    }
    all
}
