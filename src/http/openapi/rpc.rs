//! The operation of a route that does what an RPC does, from the contract's descriptors.

use axum::http::Method;
use prost_reflect::FieldDescriptor;
use serde_json::{Map, Value, json};

use crate::http::openapi::answers::{BODY, PROMPT, answers, idempotency_key, tag_of};
use crate::http::openapi::schemas;
use crate::http::transcode::CONTRACT;

/// The operation.
pub(super) fn operation(method: &Method, path: &str, service: &str, name: &str) -> Value {
    let found = CONTRACT.get_service_by_name(service);
    let found = found.and_then(|service| service.methods().find(|method| method.name() == name));
    // A route of an RPC that is not there is found by the test that compares the two.
    let Some(rpc) = found else { return json!({}) };
    let input = rpc.input();
    let text = schemas::comment(&rpc.parent_service().parent_file(), rpc.path());
    let in_path = |field: &FieldDescriptor| path.contains(&format!("{{{}}}", field.name()));
    let reads_body = !matches!(*method, Method::GET | Method::DELETE);
    let mut parameters = Vec::new();
    for field in input.fields() {
        let place = match (in_path(&field), reads_body) {
            (true, _) => "path",
            (false, false) => "query",
            (false, true) => continue,
        };
        parameters.push(parameter(&field, place));
    }
    let repeatable = reads_body && input.get_field_by_name("idempotency_key").is_some();
    if repeatable {
        parameters.push(idempotency_key());
    }
    let elsewhere: Vec<String> = input.fields().filter(in_path).map(|field| field.name().to_owned()).collect();
    let elsewhere: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
    let schema =
        if elsewhere.is_empty() { schemas::reference(input.full_name()) } else { schemas::object(&input, &elsewhere) };
    let has_required = input.fields().any(|f| !in_path(&f) && schemas::is_required(&f));
    let kinds: &[&[&str]] = if reads_body { &[&PROMPT, &BODY] } else { &[&PROMPT] };
    let mut operation = Map::from_iter([
        ("operationId".to_owned(), json!(name)),
        ("tags".to_owned(), json!([tag_of(path)])),
        ("summary".to_owned(), json!(text.split(". ").next().unwrap_or_default().trim_end_matches('.'))),
        ("description".to_owned(), json!(format!("{text}\n\nThe same as the RPC `{service}.{name}`."))),
        ("parameters".to_owned(), json!(parameters)),
        ("responses".to_owned(), answers(name, &schemas::reference(rpc.output().full_name()), kinds)),
    ]);
    if reads_body {
        let body = json!({"required": has_required, "content": {"application/json": {"schema": schema}}});
        operation.insert("requestBody".to_owned(), body);
    }
    Value::Object(operation)
}

fn parameter(field: &FieldDescriptor, place: &str) -> Value {
    let mut schema = schemas::of_field(field);
    let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    let mut parameter = json!({"name": field.name(), "in": place, "required": place == "path", "schema": schema});
    if let (Value::Object(parameter), Some(description)) = (&mut parameter, description) {
        parameter.insert("description".to_owned(), description);
    }
    parameter
}
