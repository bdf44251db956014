//! `/openapi.json` and `/docs`: what the API offers, generated from the routes and the contract's descriptors.
//!
//! A route that does what an RPC does is described by the contract's own comments, so that the manual is written once.

mod answers;
mod curl;
mod examples;
pub(super) mod operations;
mod page;
mod problems;
mod refusals;
mod rpc;
mod schemas;
pub(super) mod streams;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::routing::get;
use serde_json::{Map, Value, json};

use crate::http::endpoint::{About, Endpoint};

/// The document and its page, made once, when somebody asks.
static DOCUMENT: OnceLock<(String, String)> = OnceLock::new();

/// The routes of the document of these endpoints.
pub(super) fn routes(endpoints: fn() -> Vec<Endpoint>) -> Router {
    let made = move || {
        DOCUMENT.get_or_init(|| {
            let document = document(&endpoints());
            (document.to_string(), page::page(&document))
        })
    };
    let json = move || async move { ([(CONTENT_TYPE, "application/json")], made().0.as_str()) };
    let page = move || async move {
        let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, page::POLICY.as_str())];
        (headers, made().1.as_str())
    };
    Router::new().route("/openapi.json", get(json)).route("/docs", get(page))
}

fn document(endpoints: &[Endpoint]) -> Value {
    let mut paths = Map::new();
    let mut put = |path: &str, method: &str, operation: Value| {
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if let Value::Object(item) = item {
            item.insert(method.to_ascii_lowercase(), operation);
        }
    };
    for endpoint in endpoints {
        let operation = match &endpoint.about {
            About::Rpc(service, name) => rpc::operation(&endpoint.method, endpoint.path, service, name),
            About::Operation(operation) => operation(),
        };
        put(endpoint.path, endpoint.method.as_str(), operation);
    }
    for (path, method, operation) in operations::watched() {
        put(path, method, operation);
    }
    let mut schemas = schemas::all();
    schemas.extend(operations::schemas());
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "messaging",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
            "description": operations::INTRODUCTION,
        },
        "servers": [{"url": "/"}],
        "tags": operations::tags(),
        "security": [{"token": []}, {"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "HS256; `sub` is the user, `scope` what is allowed. `messaging token --user ID` makes one."},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key",
                    "description": "`messaging key create --user ID` makes one."},
                "webhook": {"type": "apiKey", "in": "header", "name": "x-webhook-token",
                    "description": "One of `WEBHOOK_SECRET`; a signature does as well."},
            },
            "responses": answers::problems(),
            "schemas": schemas,
        },
    });
    keep_what_is_named(&mut document);
    document
}

/// Leaves out the schemas that nothing refers to: requests whose fields are all in a path, answers that a route gives another form.
fn keep_what_is_named(document: &mut Value) {
    let mut named = BTreeSet::new();
    for part in ["/paths", "/components/responses"] {
        references(document, part, &mut named);
    }
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        schemas.retain(|name, _| named.contains(&format!("#/components/schemas/{name}")));
    }
}

/// Everything referred to from this place on, directly or by what is referred to.
fn references(document: &Value, place: &str, named: &mut BTreeSet<String>) {
    let mut left: Vec<&Value> = document.pointer(place).into_iter().collect();
    while let Some(value) = left.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(target)) = fields.get("$ref")
                    && named.insert(target.clone())
                {
                    left.extend(document.pointer(target.trim_start_matches('#')));
                }
                left.extend(fields.values());
            }
            Value::Array(list) => left.extend(list),
            _ => {}
        }
    }
}
