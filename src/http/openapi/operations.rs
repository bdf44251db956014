//! The parts that the descriptors do not know: the routes of the existing clients, recipients as CSV, and what watches over the
//! process.

use axum::http::Method;
use serde_json::{Map, Value, json};

use crate::http::openapi::answers::{BODY, PROMPT, answers, campaign_id, path_parameter, schema};
use crate::http::openapi::rpc;
use crate::http::openapi::streams::{event_stream, last_event_id, nothing_more};

/// How the document begins.
pub(super) const INTRODUCTION: &str = "Sends SMS through the provider Mitto and tracks them; the same service as the \
gRPC API.\n\nCredentials decide whose things a request is about: what belongs to another owner reads exactly like what \
does not exist. `/api/v1` speaks the canonical JSON of the contract's messages: 64-bit numbers are text, and what is at \
its default is left out. Errors are `{message, code}`; under `/api/v1` with all `violations` and the `metadata`.\n\nNOTE: \
without an `Idempotency-Key` a repeated send is a new message, and a second SMS.";

/// The parts of the API.
pub(super) fn tags() -> Value {
    json!([
        {"name": "messages", "description": "Single messages."},
        {"name": "campaigns", "description": "One text to many recipients."},
        {"name": "opt-outs", "description": "Numbers that do not want an owner's messages."},
        {"name": "inbound", "description": "What recipients wrote to an owner."},
        {"name": "webhook endpoints", "description": "Addresses of an owner's own, to which its events are delivered."},
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
        "code": {"type": "string", "description": "For machines; absent where credentials are worth nothing."},
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

/// `POST /api/v1/messages/cancel`
pub(in crate::http) fn cancel() -> Value {
    let service = "messaging.v1.MessagingService";
    let mut cancel = rpc::operation(&Method::POST, "/api/v1/messages/cancel", service, "CancelMessage");
    if let Value::Object(cancel) = &mut cancel {
        cancel.insert("operationId".to_owned(), json!("CancelMessageByKey"));
        cancel.insert("summary".to_owned(), json!("Cancels a message by the idempotency key that it was sent with"));
    }
    if let Some(Value::Object(body)) = cancel.pointer_mut("/requestBody/content/application~1json") {
        body.insert("example".to_owned(), json!({"sentIdempotencyKey": "order-7"}));
    }
    cancel
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
        "responses": answers("mittoMessage", &schema("ProviderView"), &[&PROMPT])})
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
        "responses": answers("mittoRefreshStatus", &schema("Refreshed"), &[&PROMPT, &BODY])})
}

/// `POST /api/mitto/refresh-status-bulk`
pub(in crate::http) fn refresh_bulk() -> Value {
    let id =
        json!({"type": ["integer", "string"], "description": "Every message of this campaign that the provider took."});
    let body = json!({"type": "object", "properties": {"campaignId": id,
        "providerMessageIds": {"type": "array", "items": provider_id(), "minItems": 1, "maxItems": 100},
        "pageToken": {"type": "string", "description": "The `nextPageToken` of the answer before."}}});
    let mut answers = answers("mittoRefreshStatusBulk", &schema("BulkRefreshed"), &[&PROMPT, &BODY]);
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
        "description": "Scope `campaigns` or `campaigns:draft`. Never older than a second. Numbers are numbers here, as the existing clients \
            know them.\n\nThe same as the RPC `messaging.v1.CampaignService.GetCampaignStats`.",
        "responses": answers("GetCampaignStats", &schema("Stats"), &[&PROMPT])})
}

/// `POST /api/v1/campaigns/{campaign_id}/recipients`
pub(in crate::http) fn recipients() -> Value {
    let one = schema("AddRecipientsRequest.Recipient");
    let list = json!({"type": "array", "items": one});
    let object = json!({"type": "object", "properties": {"recipients": list}, "additionalProperties": false});
    let csv = "number,first_name,reference\n+306900000001,Maria,order-7\n";
    json!({"operationId": "AddRecipients", "tags": ["campaigns"], "summary": "Adds recipients to a draft",
        "parameters": [campaign_id()],
        "description": "Scope `campaigns` or `campaigns:draft`. De-duplicated by number; invalid ones are reported, not fatal. CSV has a header: \
            the first column is the number, the others are variables by their names, and one named `reference` is the \
            recipient's own; of a form, the first file is \
            read. It is stored while it comes, up to 64 MiB; if it breaks off, send the whole again: what is there counts as `duplicates`.\n\nThe same as the RPC \
            `messaging.v1.CampaignService.AddRecipients`.",
        "requestBody": {"required": true, "content": {
            "application/json": {"schema": {"oneOf": [list, object]},
                "example": [{"destination": "+306900000001", "variables": {"first_name": "Maria"}, "reference": "order-7"}]},
            "text/csv": {"schema": {"type": "string"}, "example": csv},
            "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {
                "file": {"type": "string", "contentMediaType": "text/csv"}}}, "example": {"file": csv}}}},
        "responses": answers("AddRecipients", &schema("AddRecipientsResponse"), &[&BODY])})
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
    let file = |id: &str, summary: &str, kind: &str, names: &[(&str, &str)]| {
        let mut file = plain(id, summary, kind);
        let named = names.iter().map(|(name, example)| {
            json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}, "example": example})
        });
        if let Some(fields) = file.as_object_mut() {
            fields.insert("parameters".to_owned(), named.collect());
        }
        if let Some(Value::Object(responses)) = file.get_mut("responses") {
            responses.insert("404".to_owned(), json!({"$ref": "#/components/responses/NotFound"}));
        }
        file
    };
    let page = file("page", "A page of the manual", "text/markdown", &[("page", "reference.md")]);
    let program = file("program", "A program of the manual's pages", "text/plain", &[("file", "send.py")]);
    let names = [("language", "python"), ("file", "messaging_client.py")];
    let client = file("client", "A client to copy", "text/plain", &names);
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
        ("/llms.txt", "get", plain("llms", "The manual's pages, for programs that read", "text/markdown")),
        ("/docs/{page}", "get", page),
        ("/docs/clients/{file}", "get", program),
        ("/clients/{language}/{file}", "get", client),
    ]
}
