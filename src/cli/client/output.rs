//! How results look: JSON lines for programs, aligned rows for people.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;
use super::text::plain;
use crate::proto;

/// One object on one line, in canonical proto3 JSON, as over HTTP.
pub(super) fn json<T: Serialize>(out: &mut dyn Write, value: &T) -> Result<(), Failure> {
    let mut value = serde_json::to_value(value).map_err(|e| Failure::Answer(e.to_string()))?;
    in_utc(&mut value);
    Ok(writeln!(out, "{value}")?)
}

/// Ends times with the `Z` that proto3 JSON asks for. The contract's times, and nothing else, are named `at`, `…At` or `…Until`.
fn in_utc(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    // What is in there is the caller's own.
                    Value::Object(_) if name == "metadata" => {}
                    Value::String(at) if name == "at" || name.ends_with("At") || name.ends_with("Until") => {
                        if let Some(bare) = at.strip_suffix("+00:00") {
                            *at = format!("{bare}Z");
                        }
                    }
                    other => in_utc(other),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(in_utc),
        _ => {}
    }
}

/// Writes whole numbers without a fraction: in a `Struct` all are doubles.
pub(super) fn whole(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(whole),
        Value::Array(values) => values.iter_mut().for_each(whole),
        Value::Number(number) => {
            #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
            if let Some(plain) = number.as_f64().filter(|f| number.is_f64() && f.fract() == 0.0 && f.abs() < 9e15) {
                *value = (plain as i64).into();
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// A label and its value on each line, without those that are empty.
pub(super) fn rows(out: &mut dyn Write, rows: &[(&str, String)]) -> Result<(), Failure> {
    let width = rows.iter().filter(|(_, value)| !value.is_empty()).map(|(label, _)| label.len()).max().unwrap_or(0);
    for (label, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "{label:<width$}  {}", plain(value))?;
    }
    Ok(())
}

/// A point in time as RFC 3339 to the second, in UTC; empty if there is none.
pub(super) fn time(at: Option<&pbjson_types::Timestamp>) -> String {
    at.and_then(|at| Timestamp::new(at.seconds, 0).ok()).map(|at| at.to_string()).unwrap_or_default()
}

/// A length of time as `1m 30s`; empty if there is none.
pub(super) fn span(length: Option<&pbjson_types::Duration>) -> String {
    length.map(|d| format!("{:#}", SignedDuration::new(d.seconds, d.nanos))).unwrap_or_default()
}

/// How many a second, for a progress bar: nothing before the first second, whose beginning is no measure.
#[must_use]
pub fn rate(done: u64, elapsed: Duration) -> String {
    let whole = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    if whole < 1000 { String::new() } else { format!("{}/s", done.saturating_mul(1000) / whole) }
}

/// A state without the prefix that every state has.
pub(super) fn status(status: proto::MessageStatus) -> &'static str {
    short(status.as_str_name(), "MESSAGE_STATUS_")
}

/// An enum's name without its prefix; nothing for the value that means nothing.
pub(super) fn short(name: &'static str, prefix: &str) -> &'static str {
    match name.strip_prefix(prefix) {
        Some("UNSPECIFIED") => "",
        Some(short) => short,
        None => name,
    }
}

/// Our record of a message.
pub(super) fn message(out: &mut dyn Write, message: &proto::Message) -> Result<(), Failure> {
    let segments = match short(message.encoding().as_str_name(), "ENCODING_") {
        "" => String::new(),
        encoding => format!("{} ({encoding})", message.segments),
    };
    rows(
        out,
        &[
            ("status", status(message.status()).to_owned()),
            ("id", message.id.clone()),
            ("provider id", message.provider_message_id.clone().unwrap_or_default()),
            ("provider status", message.provider_status.clone().unwrap_or_default()),
            ("to", message.destination.clone()),
            ("sender", message.sender.clone()),
            ("text", message.text.clone()),
            ("segments", segments),
            ("campaign", message.campaign_id.map(|id| id.to_string()).unwrap_or_default()),
            ("reference", message.reference.clone().unwrap_or_default()),
            ("metadata", pairs(&message.metadata)),
            ("supersede key", message.supersede_key.clone().unwrap_or_default()),
            ("superseded", superseded(message)),
            ("attempts", message.attempts.to_string()),
            ("duplicate", if message.possible_duplicate { "possible".to_owned() } else { String::new() }),
            ("error", error(message)),
            ("created", time(message.created_at.as_ref())),
            ("scheduled", time(message.scheduled_at.as_ref())),
            ("next attempt", time(message.next_attempt_at.as_ref())),
            ("sent", time(message.sent_at.as_ref())),
            ("delivered", time(message.delivered_at.as_ref())),
            ("failed", time(message.failed_at.as_ref())),
        ],
    )
}

/// Pairs on one line.
pub(super) fn pairs(metadata: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(", ")
}

/// The message whose place it took, and what became of that.
fn superseded(message: &proto::Message) -> String {
    let id = message.superseded_message_id.as_deref().unwrap_or_default();
    format!("{id} {}", short(message.superseded().as_str_name(), "SUPERSEDED_")).trim().to_owned()
}

fn error(message: &proto::Message) -> String {
    match (&message.error_code, &message.error) {
        (Some(code), Some(words)) => format!("{code}: {words}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => String::new(),
    }
}

/// The value that an answer was to hold, or why it cannot be used.
pub(super) fn held<T>(value: Option<T>, what: &str) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::Answer(format!("it holds no {what}")))
}
