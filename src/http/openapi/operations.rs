//! The parts that the descriptors do not know: the routes of the existing clients, streams, recipients as CSV, what watches over the
//! process, and the errors.

use serde_json::{Map, Value, json};

use crate::http::openapi::streams::{event_stream, last_event_id, nothing_more};

/// How the document begins.
pub(super) const INTRODUCTION: &str = "Sends SMS through the provider Mitto and tracks them; the same service as the \
gRPC API.\n\nCredentials decide whose things a request is about: what belongs to another owner reads exactly like what \
does not exist. `/api/v1` speaks the canonical JSON of the contract's messages: 64-bit numbers are text, and what is at \
its default is left out. Errors are `{message, code}`; under `/api/v1` with all `violations` and the `metadata`.\n\nNOTE: \
without an `Idempotency-Key` a repeated send is a new message, and a second SMS.";

/// Status, name, when it comes, its codes, and an example of its body.
const PROBLEMS: [(&str, &str, &str, &str, &str); 13] = [
    ("400", "Invalid", "The request cannot be used: `VALIDATION_ERROR`.", "VALIDATION_ERROR", "text is required"),
    (
        "401",
        "Unauthenticated",
        "There are no credentials, or they are worth nothing: words alone.",
        "",
        "Missing token",
    ),
    (
        "403",
        "Denied",
        "A scope is missing: `SCOPE_REQUIRED`.",
        "SCOPE_REQUIRED",
        "The credentials lack the scope campaigns",
    ),
    (
        "404",
        "NotFound",
        "There is no such thing, or it is another owner's: `MESSAGE_NOT_FOUND`, `RESOURCE_NOT_FOUND`.",
        "MESSAGE_NOT_FOUND",
        "Message not found: 01M83P4RNSAM3N65TXC54GP8YZ",
    ),
    (
        "408",
        "TooSlow",
        "The body did not come in time: `BODY_TOO_SLOW`.",
        "BODY_TOO_SLOW",
        "The body did not come in time",
    ),
    (
        "409",
        "Conflict",
        "The request is fine and the world is not: `NO_SENDER`, `PROVIDER_REJECTED`, `OPTED_OUT`, `CAMPAIGN_STATE`, \
         `CAMPAIGN_STARTED`, `CAMPAIGN_EMPTY`; or the first call with this key is still at work: \
         `IDEMPOTENCY_KEY_IN_FLIGHT`, with `Retry-After`.",
        "NO_SENDER",
        "No valid sender configured (user or env)",
    ),
    (
        "413",
        "TooLarge",
        "The body is too long: `BODY_TOO_LARGE`.",
        "BODY_TOO_LARGE",
        "The body is longer than 4194304 bytes",
    ),
    (
        "415",
        "MediaType",
        "The body is of another type: `UNSUPPORTED_MEDIA_TYPE`.",
        "UNSUPPORTED_MEDIA_TYPE",
        "The body must be application/json, and Content-Type say so",
    ),
    (
        "422",
        "KeyReused",
        "The idempotency key was used with other content: `IDEMPOTENCY_KEY_REUSED`.",
        "IDEMPOTENCY_KEY_REUSED",
        "The idempotency key was used with other content",
    ),
    (
        "429",
        "Throttled",
        "The provider asks to slow down: `PROVIDER_THROTTLED`; or the owner has as many watches as one may have: \
         `TOO_MANY_WATCHES_OF_ONE_OWNER`; with `Retry-After`.",
        "PROVIDER_THROTTLED",
        "The provider asks to slow down.",
    ),
    ("500", "Internal", "A fault of the service: `INTERNAL_ERROR`.", "INTERNAL_ERROR", "Internal error"),
    (
        "503",
        "Unavailable",
        "Try again after `Retry-After`: `DATABASE_UNAVAILABLE`, `PROVIDER_UNAVAILABLE`, `PROVIDER_ACCOUNT_BLOCKED`, \
         `TOO_MANY_WATCHES`, `STOPPING`.",
        "DATABASE_UNAVAILABLE",
        "The service cannot reach its database. Try again, with the same idempotency key.",
    ),
    (
        "504",
        "TimedOut",
        "The answer took too long: `TIMED_OUT`. Repeat the call with the same key.",
        "TIMED_OUT",
        "The answer took too long; repeat the call, with the same idempotency key",
    ),
];

/// The answers to errors, by their names.
pub(super) fn problems() -> Value {
    let of = |(status, name, description, code, message): (&str, &str, &str, &str, &str)| {
        let example =
            if code.is_empty() { json!({"message": message}) } else { json!({"message": message, "code": code}) };
        let mut answer = json!({"description": description, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}});
        if let (Value::Object(answer), "429" | "503") = (&mut answer, status) {
            let header =
                json!({"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}});
            answer.insert("headers".to_owned(), header);
        }
        (name.to_owned(), answer)
    };
    Value::Object(PROBLEMS.into_iter().map(of).collect())
}

/// 200 with this schema, these errors, and those that every route can meet.
pub(super) fn answers(schema: &Value, errors: &[&str]) -> Value {
    with_errors(json!({"description": "Done.", "content": {"application/json": {"schema": schema}}}), errors)
}

/// This answer, these errors, and those that every route can meet.
pub(super) fn with_errors(ok: Value, errors: &[&str]) -> Value {
    let mut all = Map::from_iter([("200".to_owned(), ok)]);
    for status in errors.iter().chain(&["500", "503", "504"]) {
        if let Some((status, name, ..)) = PROBLEMS.iter().find(|(s, ..)| s == status) {
            all.insert((*status).to_owned(), json!({"$ref": format!("#/components/responses/{name}")}));
        }
    }
    Value::Object(all)
}

/// The header that makes a call repeatable.
pub(super) fn idempotency_key() -> Value {
    json!({"name": "Idempotency-Key", "in": "header", "required": false, "example": "order-7",
        "schema": {"type": "string", "maxLength": 255, "pattern": "^[ -~]*$"},
        "description": "Makes the call repeatable for 7 days: a repeat answers what the first call came to. While that \
        is still at work it is 409, with other content 422. It is the field `idempotencyKey`; give one of them."})
}

/// The part of the API that a path belongs to.
pub(super) fn tag_of(path: &str) -> &'static str {
    match path.split('/').nth(3) {
        Some("campaigns") => "campaigns",
        Some("opt-outs") => "opt-outs",
        _ => "messages",
    }
}

/// The parts of the API.
pub(super) fn tags() -> Value {
    json!([
        {"name": "messages", "description": "Single messages."},
        {"name": "campaigns", "description": "One text to many recipients."},
        {"name": "opt-outs", "description": "Numbers that do not want an owner's messages."},
        {"name": "streams", "description": "Server-Sent Events for `EventSource`, which can send no header."},
        {"name": "existing clients", "description": "What clients of the system before this one call. Numbers are \
            numbers, every field is there, and errors are `{message, code}` alone."},
        {"name": "operation", "description": "For those who run the service."},
        {"name": "webhooks", "description": "For the provider."},
    ])
}

/// The schemas of what is not in the contract.
pub(super) fn schemas() -> Map<String, Value> {
    let nullable = |kind: &str| json!({"type": [kind, "null"]});
    let view = json!({"type": "object", "description": "The provider's live view; `null` where it said nothing.",
        "required": ["messageId", "messageParts"],
        "properties": {"messageId": {"type": "string"}, "text": nullable("string"), "sender": nullable("object"),
            "conversation": nullable("object"), "createdAt": nullable("string"), "updatedAt": nullable("string"),
            "trafficAccountId": nullable("string"), "deliveryStatus": nullable("string"),
            "messageParts": {"type": "integer"}, "requestInfo": nullable("object"), "rawResponse": nullable("object")}});
    let state = json!({"type": ["string", "null"], "description": "What the provider's word stands for.",
        "enum": ["sent", "delivered", "failed", null]});
    let count = json!({"type": "integer", "minimum": 0});
    let view_of = json!({"$ref": "#/components/schemas/ProviderView"});
    let result = json!({"type": "object", "required": ["providerMessageId", "success"],
        "properties": {"providerMessageId": {"type": "string"}, "success": {"type": "boolean"}, "updated": count,
            "status": view_of, "internalStatus": state, "code": {"const": "REFRESH_FAILED"}, "message": {"type": "string"}}});
    let counters: Map<String, Value> = ["total", "queued", "sent", "delivered", "failed", "unknown", "cancelled"]
        .into_iter()
        .map(|name| (name.to_owned(), count.clone()))
        .chain([
            ("deliveredRate".to_owned(), json!({"type": "number", "minimum": 0, "maximum": 1})),
            ("firstSentAt".to_owned(), json!({"type": ["string", "null"], "format": "date-time"})),
            ("updatedAt".to_owned(), json!({"type": ["string", "null"], "format": "date-time"})),
        ])
        .collect();
    let problem = json!({"type": "object", "required": ["message"], "properties": {
        "message": {"type": "string", "description": "For people."},
        "code": {"type": "string", "description": "For machines; absent of 401."},
        "violations": {"type": "array", "items": {"type": "object", "properties": {
            "field": {"type": "string"}, "description": {"type": "string"}}}},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}}}});
    Map::from_iter([
        ("Problem".to_owned(), problem),
        ("ProviderView".to_owned(), view),
        (
            "Refreshed".to_owned(),
            json!({"type": "object", "required": ["updated", "status", "internalStatus", "affectedCampaignIds"],
                "properties": {"updated": count, "status": view_of, "internalStatus": state,
                    "affectedCampaignIds": {"type": "array", "items": {"type": "integer"}}}}),
        ),
        (
            "BulkRefreshed".to_owned(),
            json!({"type": "object", "required": ["total", "updated", "failed", "results"],
                "properties": {"total": count, "updated": count, "failed": count,
                    "results": {"type": "array", "items": result},
                    "nextPageToken": {"type": "string", "description": "Pass it back as `pageToken`."}}}),
        ),
        ("Stats".to_owned(), json!({"type": "object", "required": ["total"], "properties": counters})),
    ])
}

/// A reference to a schema of the document.
pub(super) fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A parameter in the path.
pub(super) fn path_parameter(name: &str, kind: &Value, description: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": kind, "description": description})
}

/// The campaign in the path.
pub(super) fn campaign_id() -> Value {
    let kind = json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,18}$"});
    path_parameter("campaign_id", &kind, "The campaign.")
}

/// The shape of the provider's ids.
const PROVIDER_ID: &str = "^[A-Za-z0-9._:=+~-]{1,128}$";

/// An id of the provider's, or the number that some clients make of it.
fn provider_id() -> Value {
    json!({"type": ["string", "number"], "pattern": PROVIDER_ID})
}

/// `GET /api/mitto/message/{messageId}`
pub(in crate::http) fn message() -> Value {
    let kind = json!({"type": "string", "pattern": PROVIDER_ID});
    json!({"operationId": "mittoMessage", "tags": ["existing clients"], "summary": "The provider's live view of one message",
        "description": "Scope `messages:read`. 404 unless this service sent the message for the caller.",
        "parameters": [path_parameter("messageId", &kind, "The provider's id.")],
        "responses": answers(&schema("ProviderView"), &["400", "401", "403", "404", "429"])})
}

/// `POST /api/mitto/refresh-status`
pub(in crate::http) fn refresh() -> Value {
    let body = json!({"type": "object", "required": ["providerMessageId"],
        "properties": {"providerMessageId": provider_id()}});
    json!({"operationId": "mittoRefreshStatus", "tags": ["existing clients"],
        "summary": "Asks the provider about one message and brings our records up to date",
        "description": "Scope `messages:read`. `updated` counts the records that carry the id.",
        "requestBody": {"required": true, "content": {"application/json": {"schema": body,
            "example": {"providerMessageId": "01M83P4RNSAM3N65TXC54GP8YZ"}}}},
        "responses": answers(&schema("Refreshed"), &["400", "401", "403", "404", "408", "413", "415", "429"])})
}

/// `POST /api/mitto/refresh-status-bulk`
pub(in crate::http) fn refresh_bulk() -> Value {
    let id =
        json!({"type": ["integer", "string"], "description": "Every message of this campaign that the provider took."});
    let body = json!({"type": "object", "properties": {"campaignId": id,
        "providerMessageIds": {"type": "array", "items": provider_id(), "minItems": 1, "maxItems": 100},
        "pageToken": {"type": "string", "description": "The `nextPageToken` of the answer before."}}});
    let mut answers = answers(&schema("BulkRefreshed"), &["400", "401", "403", "404", "408", "413", "415"]);
    if let Some(Value::Object(content)) = answers.pointer_mut("/200/content") {
        content
            .insert("text/event-stream".to_owned(), event_stream("result", &["RefreshStatusBulkResponse", "Problem"]));
    }
    if let Value::Object(answers) = &mut answers {
        answers.insert("204".to_owned(), nothing_more());
    }
    json!({"operationId": "mittoRefreshStatusBulk", "tags": ["existing clients"],
        "summary": "The same for a campaign or a list of at most 100 ids",
        "description": "Scope `messages:read`. A campaign above 100 is done in pages: `nextPageToken` goes back as \
            `pageToken`, and `total` is that of the whole campaign.\n\nWith `Accept: text/event-stream` it is a stream that \
            does them all: an event `result` for each id, then `summary`, then `end`; their data is \
            `RefreshStatusBulkResponse`. `Last-Event-ID` goes on after an event.",
        "parameters": [last_event_id()],
        "requestBody": {"required": true, "content": {"application/json": {"schema": body, "example": {"campaignId": 7}}}},
        "responses": answers})
}

/// `GET /api/v1/campaigns/{campaign_id}/stats`
pub(in crate::http) fn stats() -> Value {
    json!({"operationId": "GetCampaignStats", "tags": ["campaigns", "existing clients"],
        "summary": "Counts a campaign's messages by state", "parameters": [campaign_id()],
        "description": "Scope `campaigns`. Never older than a second. Numbers are numbers here, as the existing clients \
            know them.\n\nThe same as the RPC `messaging.v1.CampaignService.GetCampaignStats`.",
        "responses": answers(&schema("Stats"), &["400", "401", "403", "404"])})
}

/// `POST /api/v1/campaigns/{campaign_id}/recipients`
pub(in crate::http) fn recipients() -> Value {
    let one = schema("AddRecipientsRequest.Recipient");
    let list = json!({"type": "array", "items": one});
    let object = json!({"type": "object", "properties": {"recipients": list}, "additionalProperties": false});
    let csv = "number,first_name\n+306900000001,Maria\n";
    json!({"operationId": "AddRecipients", "tags": ["campaigns"], "summary": "Adds recipients to a draft",
        "parameters": [campaign_id()],
        "description": "Scope `campaigns`. De-duplicated by number; invalid ones are reported, not fatal. CSV has a header: \
            the first column is the number, the others are variables by their names; of a form, the first file is \
            read. It is stored while it comes, up to 64 MiB; if it breaks off, send the whole again: what is there counts as `duplicates`.\n\nThe same as the RPC \
            `messaging.v1.CampaignService.AddRecipients`.",
        "requestBody": {"required": true, "content": {
            "application/json": {"schema": {"oneOf": [list, object]},
                "example": [{"destination": "+306900000001", "variables": {"first_name": "Maria"}}]},
            "text/csv": {"schema": {"type": "string"}, "example": csv},
            "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {
                "file": {"type": "string", "contentMediaType": "text/csv"}}}, "example": {"file": csv}}}},
        "responses": answers(&schema("AddRecipientsResponse"), &["400", "401", "403", "404", "408", "409", "413", "415"])})
}

/// Routes that are no part of the API: path, method, operation.
pub(super) fn watched() -> Vec<(&'static str, &'static str, Value)> {
    let plain = |id: &str, summary: &str, media: &str| {
        json!({"operationId": id, "tags": ["operation"], "summary": summary, "security": [],
            "responses": {"200": {"description": "Yes.", "content": {media: {"schema": {}}}}}})
    };
    let mut ready = plain("readyz", "Whether the process can work, and what holds sends back", "application/json");
    if let Some(Value::Object(responses)) = ready.get_mut("responses") {
        responses.insert("503".to_owned(), json!({"$ref": "#/components/responses/Unavailable"}));
    }
    let hook = |id: &str, method: &str, summary: &str| {
        let refused = |description: &str| json!({"description": description});
        json!({"operationId": format!("{id}-{method}"), "tags": ["webhooks"], "summary": summary,
            "description": "Open only where `WEBHOOK_SECRET` is set.", "security": [{"webhook": []}],
            "responses": {"202": {"description": "It is on the disk.", "content": {"application/json": {"schema": {
                "type": "object"}, "example": {"ok": true}}}}, "401": refused("Not the provider's: `{\"ok\":false}`."),
                "408": refused("Too slow."), "413": refused("Longer than 1 MiB."), "503": refused("To be repeated.")}})
    };
    let (reports, inbound) = ("Delivery reports: one, or an array", "A message from a recipient");
    vec![
        ("/webhooks/mitto/dlr", "post", hook("deliveryReport", "post", reports)),
        ("/webhooks/mitto/dlr", "get", hook("deliveryReport", "get", reports)),
        ("/webhooks/mitto/inbound", "post", hook("inbound", "post", inbound)),
        ("/webhooks/mitto/inbound", "get", hook("inbound", "get", inbound)),
        ("/healthz", "get", plain("healthz", "Whether the process lives", "application/json")),
        ("/readyz", "get", ready),
        ("/metrics", "get", plain("metrics", "What is counted", "application/openmetrics-text")),
        ("/openapi.json", "get", plain("openapi", "This document", "application/json")),
        ("/docs", "get", plain("docs", "This document, for people", "text/html")),
    ]
}
