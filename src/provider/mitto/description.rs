//! Mitto's words for a failure, out of whatever body came with it.

use serde_json::{Map, Value};

/// The most characters that are quoted.
const MAX_CHARS: usize = 500;

/// Fields that explain a failure, the most telling first. `title` and `errors` are ASP.NET's.
const LEADING: [&str; 7] = ["message", "Message", "error", "title", "detail", "description", "errorMessage"];

/// The words in a body of any kind: JSON, plain text, or nothing that can be quoted (empty, HTML, not UTF-8).
pub(super) fn of_bytes(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{FEFF}');
    match serde_json::from_str(text) {
        Ok(value) => of_value(&value),
        Err(_) => quote(text),
    }
}

/// The words in JSON.
pub(super) fn of_value(value: &Value) -> Option<String> {
    quote(&words(value)?)
}

fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => join(items.iter().filter_map(words)),
        Value::Object(fields) => {
            let lead = LEADING.iter().find_map(|name| words(fields.get(*name)?).filter(|text| !text.trim().is_empty()));
            let details = fields.get("errors").and_then(|errors| match errors {
                Value::Object(by_field) => of_fields(by_field),
                other => words(other),
            });
            join(lead.into_iter().chain(details))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// `{"Destination":["is invalid"]}` as `Destination: is invalid`.
fn of_fields(by_field: &Map<String, Value>) -> Option<String> {
    join(by_field.iter().filter_map(|(field, what)| Some(format!("{field}: {}", words(what)?))))
}

fn join(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// One line without control characters, cut to a length that fits a record; markup is not quoted.
fn quote(text: &str) -> Option<String> {
    let start: String = text.chars().take(MAX_CHARS * 4).collect();
    let lower = start.trim_start().to_ascii_lowercase();
    if lower.starts_with('<') || lower.contains("<html") || lower.contains("<!doctype") {
        return None;
    }
    let mut line = String::new();
    for word in start.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let cut: String = line.chars().take(MAX_CHARS).collect();
    (!cut.is_empty()).then_some(cut)
}
