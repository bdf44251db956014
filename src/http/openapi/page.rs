//! `/docs`: the document as a page for people. It is made here, whole: no script, and nothing from elsewhere.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("docs.css");

/// The page's policy: be styled by its own sheet.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let sheet = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{sheet}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// The document as a page.
pub(super) fn page(document: &Value) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>messaging: HTTP API</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head><body>\
         <header><h1>messaging: HTTP API</h1><p>Made from <a href=\"/openapi.json\">/openapi.json</a>.</p>"
    );
    html.push_str(&prose(text(document, "/info/description")));
    html.push_str("</header><nav><h2>Routes</h2><ul>");
    let operations = operations(document);
    for (path, method, operation) in &operations {
        let id = text(operation, "/operationId");
        let _ = write!(html, "<li><a href=\"#{id}\"><b>{}</b> {}</a></li>", method.to_uppercase(), escaped(path));
    }
    html.push_str("</ul></nav><main>");
    for (path, method, operation) in &operations {
        section(&mut html, path, method, operation);
    }
    html.push_str("<h2>Schemas</h2>");
    for (name, schema) in entries(document.pointer("/components/schemas")) {
        let _ = write!(html, "<section id=\"schema-{name}\"><h3>{}</h3>", escaped(name));
        html.push_str(&prose(text(schema, "/description")));
        rows(&mut html, entries(schema.get("properties")).map(|(name, field)| (name.clone(), kind(field), field)));
        example(&mut html, schema.pointer("/examples/0"));
        html.push_str("</section>");
    }
    html.push_str("</main></body></html>\n");
    html
}

fn section(html: &mut String, path: &str, method: &str, operation: &Value) {
    let id = text(operation, "/operationId");
    let _ =
        write!(html, "<section id=\"{id}\"><h3><b>{}</b> <code>{}</code></h3>", method.to_uppercase(), escaped(path));
    html.push_str(&prose(text(operation, "/description")));
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    rows(
        html,
        parameters
            .map(|p| (format!("{} ({})", text(p, "/name"), text(p, "/in")), kind(p.get("schema").unwrap_or(p)), p)),
    );
    for (media, body) in entries(operation.pointer("/requestBody/content")) {
        let schema = body.get("schema").unwrap_or(body);
        let _ = write!(html, "<h4>Body: <code>{}</code> {}</h4>", escaped(media), kind(schema));
        rows(html, entries(schema.get("properties")).map(|(name, field)| (name.clone(), kind(field), field)));
        example(html, body.get("example").or_else(|| schema.pointer("/examples/0")));
    }
    html.push_str("<h4>Answers</h4><table>");
    for (status, answer) in entries(operation.get("responses")) {
        let content = entries(answer.get("content")).map(|(media, body)| {
            format!("<code>{}</code> {}", escaped(media), body.get("schema").map(kind).unwrap_or_default())
        });
        let content: Vec<String> = content.collect();
        let referred = text(answer, "/$ref").rsplit('/').next().unwrap_or_default();
        let words = if referred.is_empty() { text(answer, "/description") } else { referred };
        let _ = write!(html, "<tr><td>{status}</td><td>{}</td><td>{}</td></tr>", escaped(words), content.join("<br>"));
    }
    html.push_str("</table></section>");
}

fn rows<'a>(html: &mut String, fields: impl Iterator<Item = (String, String, &'a Value)>) {
    let mut fields = fields.peekable();
    if fields.peek().is_none() {
        return;
    }
    html.push_str("<table>");
    for (name, kind, field) in fields {
        let about = prose(text(field, "/description"));
        let _ = write!(html, "<tr><td><code>{}</code></td><td>{kind}</td><td>{about}</td></tr>", escaped(&name));
    }
    html.push_str("</table>");
}

/// A schema in a few words; its name leads to it.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next()) {
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    let word = match schema.get("type") {
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        word => word.and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    match schema.get("items") {
        Some(items) => format!("list of {}", kind(items)),
        None => escaped(&format!("{word} {}", text(schema, "/format"))),
    }
}

fn example(html: &mut String, example: Option<&Value>) {
    if let Some(example) = example {
        let shown = example.as_str().map_or_else(|| format!("{example:#}"), str::to_owned);
        let _ = write!(html, "<pre>{}</pre>", escaped(&shown));
    }
}

fn operations(document: &Value) -> Vec<(&String, &String, &Value)> {
    let paths = entries(document.get("paths"));
    paths.flat_map(|(path, item)| entries(Some(item)).map(move |(method, about)| (path, method, about))).collect()
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

/// Paragraphs, and what is between backticks as code.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for paragraph in text.split("\n\n").filter(|p| !p.is_empty()) {
        html.push_str("<p>");
        for (place, part) in escaped(paragraph).split('`').enumerate() {
            let _ = if place % 2 == 1 { write!(html, "<code>{part}</code>") } else { write!(html, "{part}") };
        }
        html.push_str("</p>");
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
