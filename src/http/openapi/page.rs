//! `/docs`: the document as a page for people, in the order in which one needs it: credentials, a first call, then the routes by what
//! they are about. It is made here, whole: no script, and nothing from elsewhere.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::http::openapi::curl;

const STYLE: &str = include_str!("docs.css");

/// The page's policy: be styled by its own sheet.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let sheet = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{sheet}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// A route of the document.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    about: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> &str {
        text(self.about, "/operationId")
    }

    fn tag(&self) -> &str {
        text(self.about, "/tags/0")
    }
}

/// The document as a page.
pub(super) fn page(document: &Value) -> String {
    let groups = groups(document);
    let schemas = document.pointer("/components/schemas");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "messaging: HTTP API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "To the content" }
                header {
                    h1 { "HTTP API" }
                    p { "Made from " a href="/openapi.json" { "/openapi.json" } ", which generators of clients read." }
                }
                div.columns {
                    nav aria-label="Routes" {
                        details open {
                            summary { "Contents" }
                            p { a href="#begin" { "Credentials and a first call" } }
                            @for (name, _, operations) in &groups {
                                h2 { a href={ "#" (anchor(name)) } { (capital(name)) } }
                                ul { @for o in operations { li { a href={ "#" (o.id()) } { (method(o.method)) " " (broken(short(o.path))) } } } }
                            }
                            h2 { a href="#schemas" { "Schemas" } }
                        }
                    }
                    main #main {
                        (begin(document))
                        @for (name, description, operations) in &groups {
                            section.group aria-labelledby=(anchor(name)) {
                                h2 id=(anchor(name)) { (capital(name)) }
                                (prose(description))
                                @for o in operations { (operation(document, o)) }
                            }
                        }
                        section.group aria-labelledby="schemas" {
                            h2 #schemas { "Schemas" }
                            @for (name, schema) in entries(schemas) { (self::schema(name, schema)) }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// The part that everybody needs first.
fn begin(document: &Value) -> Markup {
    let schemes = entries(document.pointer("/components/securitySchemes")).filter(|(name, _)| *name != "webhook");
    html! {
        section.group aria-labelledby="begin" {
            h2 #begin { "Credentials and a first call" }
            p { "Every route under " code { "/api" } " needs one of these headers:" }
            dl {
                @for (_, scheme) in schemes {
                    dt { code { @if text(scheme, "/scheme") == "bearer" { "authorization: Bearer …" } @else { (text(scheme, "/name")) ": …" } } }
                    dd { (prose(text(scheme, "/description"))) }
                }
            }
            p { "Put the address of this page and a token where the lines below find them, and send a message:" }
            pre tabindex="0" { code { "export API=…   # such as the address of this page without /docs\nexport MESSAGING_TOKEN=$(messaging token --user 1)\n\n" (curl::first(document)) } }
            (prose(text(document, "/info/description")))
        }
    }
}

fn operation(document: &Value, o: &Operation<'_>) -> Markup {
    let about = o.about;
    let parameters: Vec<&Value> = about.get("parameters").and_then(Value::as_array).into_iter().flatten().collect();
    html! {
        section.operation {
            h3 id=(o.id()) { (method(o.method)) " " code { (broken(o.path)) } }
            (prose(text(about, "/description")))
            pre tabindex="0" { code { (curl::line(document, o.method, o.path, about)) } }
            @if !parameters.is_empty() {
                h4 { "Parameters" }
                dl { @for p in &parameters { (field(&format!("{} ({})", text(p, "/name"), text(p, "/in")), p.get("schema").unwrap_or(p), text(p, "/description"))) } }
            }
            @for (media, body) in entries(about.pointer("/requestBody/content")) {
                @let schema = body.get("schema").unwrap_or(body);
                h4 { "Body: " code { (media) } " " (kind(schema)) }
                (fields(schema))
                (example(body.get("example").or_else(|| schema.pointer("/examples/0"))))
            }
            h4 { "Answers" }
            dl.answers { @for (status, answer) in entries(about.get("responses")) { dt { (status) } dd { (answered(answer)) } } }
        }
    }
}

fn answered(answer: &Value) -> Markup {
    let referred = text(answer, "/$ref").rsplit('/').next().unwrap_or_default();
    html! {
        @match text(answer, "/description") { "" => { (referred) } description => { (inline(description)) } }
        @for (media, body) in entries(answer.get("content")) {
            " " code { (media) } " " @if let Some(schema) = body.get("schema") { (kind(schema)) }
        }
    }
}

fn schema(name: &str, schema: &Value) -> Markup {
    html! {
        section.operation {
            h3 id={ "schema-" (name) } { code { (name) } }
            (prose(text(schema, "/description")))
            (fields(schema))
            (example(schema.pointer("/examples/0")))
        }
    }
}

/// The fields of an object, if it has any.
fn fields(schema: &Value) -> Markup {
    let all: Vec<_> = entries(schema.get("properties")).collect();
    html! { @if !all.is_empty() { dl { @for (name, about) in all { (field(name, about, text(about, "/description"))) } } } }
}

fn field(name: &str, about: &Value, description: &str) -> Markup {
    html! { dt { code { (name) } " " span.kind { (kind(about)) } } dd { (prose(description)) } }
}

/// A schema in a few words; its name leads to it.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next()) {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    let word = match schema.get("type") {
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        word => word.and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    html! {
        @match schema.get("items") {
            Some(items) => { "list of " (kind(items)) }
            None => { (word) @if !text(schema, "/format").is_empty() { " " (text(schema, "/format")) } }
        }
    }
}

fn example(example: Option<&Value>) -> Markup {
    let shown = example.map(|example| example.as_str().map_or_else(|| format!("{example:#}"), str::to_owned));
    html! { @if let Some(shown) = shown { pre tabindex="0" { code { (shown) } } } }
}

/// The routes by what they are about, in the order of the document's tags: what is new before what is for existing clients.
fn groups(document: &Value) -> Vec<(&str, &str, Vec<Operation<'_>>)> {
    let mut left: Vec<Operation<'_>> = Vec::new();
    for (path, item) in entries(document.get("paths")) {
        left.extend(entries(Some(item)).map(|(method, about)| Operation { method, path, about }));
    }
    let mut tags: Vec<(&str, &str)> = Vec::new();
    for tag in document.get("tags").and_then(Value::as_array).into_iter().flatten() {
        tags.push((text(tag, "/name"), text(tag, "/description")));
    }
    let unnamed: Vec<&str> = left.iter().map(|o| text(o.about, "/tags/0")).collect();
    for name in unnamed {
        if !tags.iter().any(|(tag, _)| *tag == name) {
            tags.push((name, ""));
        }
    }
    tags.sort_by_key(|(name, _)| *name == "existing clients");
    let mut groups = Vec::new();
    for (name, description) in tags {
        let (of, others) = left.into_iter().partition(|o: &Operation<'_>| o.tag() == name);
        left = others;
        groups.push((name, description, of));
    }
    groups.retain(|(.., operations)| !operations.is_empty());
    groups
}

fn method(method: &str) -> Markup {
    html! { b.method { (method.to_uppercase()) } }
}

/// A path that may be broken behind its slashes.
fn broken(path: &str) -> Markup {
    html! { @for part in path.split_inclusive('/') { (part) wbr; } }
}

fn short(path: &str) -> &str {
    path.strip_prefix("/api/v1").unwrap_or(path)
}

fn anchor(name: &str) -> String {
    format!("about-{}", name.replace(' ', "-"))
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

/// Paragraphs, and what is between backticks as code.
fn prose(text: &str) -> Markup {
    html! {
        @for paragraph in text.split("\n\n").filter(|p| !p.is_empty()) { p { (inline(paragraph)) } }
    }
}

/// A text, with code where it has backticks.
fn inline(text: &str) -> Markup {
    html! { @for (place, part) in text.split('`').enumerate() { @if place % 2 == 1 { code { (part) } } @else { (part) } } }
}
