//! The material of all operations: their answers, the errors, parameters and references.

use serde_json::{Map, Value, json};

use crate::http::openapi::{problems, refusals};

/// The statuses that every route of the API can be refused with.
pub(super) const EVERY: [&str; 6] = ["400", "401", "403", "429", "500", "503"];
/// The same of a route that answers within a time.
pub(super) const PROMPT: [&str; 1] = ["504"];
/// The same of a route that reads a body.
pub(super) const BODY: [&str; 3] = ["408", "413", "415"];

/// The answers to errors, by their names.
pub(super) fn problems() -> Value {
    problems::ALL.iter().map(|problem| (problem.name.to_owned(), problem.answer())).collect()
}

/// 200 with this schema, and the errors of this operation: those that every route has, of these kinds, and its own.
pub(super) fn answers(operation: &str, schema: &Value, kinds: &[&[&str]]) -> Value {
    let ok = json!({"description": "Done.", "content": {"application/json": {"schema": schema}}});
    with_errors(operation, ok, kinds)
}

/// The same with this answer.
pub(super) fn with_errors(operation: &str, ok: Value, kinds: &[&[&str]]) -> Value {
    let mut all = Map::from_iter([("200".to_owned(), ok)]);
    let common = EVERY.iter().chain(kinds.iter().copied().flatten());
    let common = common.filter_map(|status| problems::ALL.iter().find(|problem| problem.status == *status));
    let own = refusals::of(operation);
    for (problem, reasons) in common.map(|problem| (problem, Vec::new())).chain(own) {
        all.insert(problem.status.to_owned(), problem.reference(&reasons));
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
