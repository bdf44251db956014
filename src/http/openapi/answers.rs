//! The material of all operations: their answers, the errors, parameters and references.

use serde_json::{Map, Value, json};

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
        "The provider asks to slow down: `PROVIDER_THROTTLED`; or the owner has as much in hand as one may have now: \
         `TOO_MANY_CALLS_OF_ONE_OWNER`, `TOO_MANY_WATCHES_OF_ONE_OWNER`, `TOO_MANY_UPLOADS_OF_ONE_OWNER`, \
         `TOO_MANY_REFRESHES_OF_ONE_OWNER`, `TOO_MANY_BYTES_OF_ONE_OWNER`; with `Retry-After`.",
        "PROVIDER_THROTTLED",
        "The provider asks to slow down.",
    ),
    ("500", "Internal", "A fault of the service: `INTERNAL_ERROR`.", "INTERNAL_ERROR", "Internal error"),
    (
        "503",
        "Unavailable",
        "Try again after `Retry-After`: `DATABASE_UNAVAILABLE`, `STORAGE_FULL`, `PROVIDER_UNAVAILABLE`, `PROVIDER_ACCOUNT_BLOCKED`, \
         `TOO_MANY_CALLS`, `TOO_MANY_WATCHES`, `TOO_MANY_UPLOADS`, `TOO_MANY_REFRESHES`, `TOO_MANY_BYTES`, `STOPPING`.",
        "DATABASE_UNAVAILABLE",
        "The service's database is out of reach or takes no write. Try again, with the same idempotency key.",
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
    for status in errors.iter().chain(&["429", "500", "503", "504"]) {
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
        Some("inbound") => "inbound",
        Some("webhook-endpoints") => "webhook endpoints",
        Some(
            "audit-events" | "route-accounts" | "dead-messages" | "waiting-messages" | "users" | "api-keys"
            | "erasures" | "inbound-review" | "replicas" | "retention" | "report-replays",
        ) => "admin",
        _ => "messages",
    }
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
