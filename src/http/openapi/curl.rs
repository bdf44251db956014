//! A route as a line for curl, with the document's own examples.

use std::fmt::Write as _;

use serde_json::Value;

/// The first call that one makes.
pub(super) fn first(document: &Value) -> String {
    let about = document.pointer("/paths/~1api~1v1~1messages/post");
    about.map_or_else(String::new, |about| line(document, "post", "/api/v1/messages", about))
}

/// The line of a route. What is in braces in its path is to be filled in.
pub(super) fn line(document: &Value, method: &str, path: &str, about: &Value) -> String {
    let mut line = "curl".to_owned();
    if method != "get" {
        let _ = write!(line, " -X {}", method.to_uppercase());
    }
    let _ = write!(line, " \"$API{path}\"");
    match security(about) {
        Security::Token => line.push_str(" \\\n  -H \"authorization: Bearer $MESSAGING_TOKEN\""),
        Security::Webhook => line.push_str(" \\\n  -H \"x-webhook-token: $WEBHOOK_SECRET\""),
        Security::None => {}
    }
    let Some(bodies) = about.pointer("/requestBody/content").and_then(Value::as_object) else { return line };
    let json = bodies.get_key_value("application/json").or_else(|| bodies.iter().next());
    let Some((media, body)) = json else { return line };
    let _ = write!(line, " \\\n  -H \"content-type: {media}\"");
    if let Some(example) = example(document, body) {
        let shown = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
        // A quotation mark of the shell's would end the text.
        let _ = write!(line, " \\\n  -d '{}'", shown.replace('\'', "'\\''"));
    }
    line
}

enum Security {
    Token,
    Webhook,
    None,
}

fn security(about: &Value) -> Security {
    let Some(ways) = about.get("security").and_then(Value::as_array) else { return Security::Token };
    let by_webhook = ways.iter().any(|way| way.get("webhook").is_some());
    if ways.is_empty() {
        Security::None
    } else if by_webhook {
        Security::Webhook
    } else {
        Security::Token
    }
}

/// The example of a body: its own, its schema's, or that of the schema that it refers to.
fn example<'a>(document: &'a Value, body: &'a Value) -> Option<&'a Value> {
    let schema = body.get("schema");
    let referred = || {
        let place = schema?.get("$ref")?.as_str()?.strip_prefix('#')?;
        document.pointer(place)?.pointer("/examples/0")
    };
    body.get("example").or_else(|| schema?.pointer("/examples/0")).or_else(referred)
}
