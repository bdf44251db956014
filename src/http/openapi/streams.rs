//! The operations of streams: Server-Sent Events, and the URLs that open them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::http::openapi::answers::{BODY, PROMPT, answers, campaign_id, path_parameter, schema, with_errors};
use crate::http::openapi::{examples, rpc};

/// The schemas of events.
const DATA: [&str; 5] =
    ["WatchCampaignResponse", "WatchMessagesResponse", "WatchInboundResponse", "RefreshStatusBulkResponse", "Problem"];

/// The header with which a reader comes back.
pub(super) fn last_event_id() -> Value {
    json!({"name": "Last-Event-ID", "in": "header", "required": false, "schema": {"type": "string"},
        "description": "The `id` of the last event that was read: the stream goes on after it."})
}

/// The content of a stream: how one event looks. The data of `event` is the first of these schemas.
pub(super) fn event_stream(event: &str, data: &[&str]) -> Value {
    let example = data.first().and_then(|name| examples::of(name)).unwrap_or_default();
    let data: Vec<Value> = data.iter().map(|name| schema(name)).collect();
    let data = json!({"type": "string", "contentMediaType": "application/json", "contentSchema": {"anyOf": data}});
    json!({"schema": {"type": "object", "description": "One event.", "properties": {
            "id": {"type": "string"}, "event": {"type": "string"}, "data": data}},
        "example": {"id": "3q2-7wHLnm0", "event": event, "data": example.to_string()}})
}

/// The answers of a stream: its events, nothing more for a reader who has read the last one, or an error.
fn events(operation: &str, description: &str, event: &str, data: &[&str], kinds: &[&[&str]]) -> Value {
    let ok = json!({"description": description, "content": {"text/event-stream": event_stream(event, data)}});
    let mut answers = with_errors(operation, ok, kinds);
    if let Value::Object(answers) = &mut answers {
        answers.insert("204".to_owned(), nothing_more());
    }
    answers
}

/// The answer to `Last-Event-ID: end`.
pub(super) fn nothing_more() -> Value {
    json!({"description": "The reader has had the last event."})
}

/// `GET /api/v1/campaigns/{campaign_id}/watch`
pub(in crate::http) fn watch_campaign() -> Value {
    let text = "Events `stats`, each a `WatchCampaignResponse`, and `end` when the campaign is over.";
    let answers = events("WatchCampaign", text, "stats", &["WatchCampaignResponse", "Problem"], &[&PROMPT]);
    json!({"operationId": "WatchCampaign", "tags": ["campaigns", "streams"],
        "summary": "Streams a campaign's counters until it is over", "parameters": [campaign_id(), last_event_id()],
        "description": "Scope `campaigns` or `campaigns:draft`. At once, and then whenever they have changed, twice a second at most. A silent \
            stream has a comment every 15 seconds. After `end` a reader who comes back is answered 204.\n\nThe same as the \
            RPC `messaging.v1.CampaignService.WatchCampaign`.",
        "responses": answers})
}

/// `GET /api/v1/messages/watch`
pub(in crate::http) fn watch_messages() -> Value {
    let text = "Events `change`, each a `WatchMessagesResponse`. It has no end of its own.";
    let watch =
        rpc::operation(&Method::GET, "/api/v1/messages/watch", "messaging.v1.MessagingService", "WatchMessages");
    let answers = events("WatchMessages", text, "change", &["WatchMessagesResponse", "Problem"], &[&PROMPT]);
    endless(watch, "messages", answers)
}

/// `GET /api/v1/inbound/watch`
pub(in crate::http) fn watch_inbound() -> Value {
    let text = "Events `inbound`, each a `WatchInboundResponse`. It has no end of its own.";
    let watch = rpc::operation(&Method::GET, "/api/v1/inbound/watch", "messaging.v1.InboundService", "WatchInbound");
    let answers = events("WatchInbound", text, "inbound", &["WatchInboundResponse", "Problem"], &[&PROMPT]);
    endless(watch, "inbound", answers)
}

/// The operation of a stream that a reader comes back to.
fn endless(mut watch: Value, tag: &str, answers: Value) -> Value {
    if let Value::Object(watch) = &mut watch {
        watch.insert("tags".to_owned(), json!([tag, "streams"]));
        watch.insert("responses".to_owned(), answers);
    }
    if let Some(Value::Array(parameters)) = watch.get_mut("parameters") {
        parameters.push(last_event_id());
    }
    watch
}

/// `POST /api/v1/stream-urls`
pub(in crate::http) fn stream_url() -> Value {
    let streams = json!({"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
        "properties": {"watchCampaign": schema("WatchCampaignRequest"), "watchMessages": schema("WatchMessagesRequest"),
            "watchInbound": schema("WatchInboundRequest"),
            "refreshStatusBulk": schema("RefreshStatusBulkRequest")}});
    let url = json!({"type": "object", "required": ["url", "connectBefore", "reconnectUntil"], "properties": {
        "url": {"type": "string", "description": "Relative to this server."},
        "connectBefore": {"type": "string", "format": "date-time"},
        "reconnectUntil": {"type": "string", "format": "date-time"}}});
    json!({"operationId": "createStreamUrl", "tags": ["streams"],
        "summary": "A URL that opens one stream, for `EventSource`",
        "description": "The scope is the stream's. The URL is good for this one stream of this caller's: it can be \
            connected to for 60 seconds; whoever was connected can come back with `Last-Event-ID` for an hour from its \
            issue. Without the id of an event it is worth nothing after the minute, so it may stand in a log.",
        "requestBody": {"required": true, "content": {"application/json": {"schema": streams,
            "example": {"watchCampaign": {"campaignId": "7"}}}}},
        "responses": answers("createStreamUrl", &url, &[&PROMPT, &BODY])})
}

/// `GET /api/v1/streams/{token}`
pub(in crate::http) fn stream() -> Value {
    let token = path_parameter("token", &json!({"type": "string"}), "From `url` of `createStreamUrl`.");
    json!({"operationId": "openStream", "tags": ["streams"], "summary": "The stream behind a URL", "security": [],
        "parameters": [token, last_event_id()], "description": "After `end` a reader who comes back is answered 204.",
        "responses": events("openStream", "The events of the stream.", "stats", &DATA, &[&PROMPT])})
}
