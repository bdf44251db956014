//! Mitto's read model: every field may be absent, null or of another type, and none of that spoils the others.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::provider::{Snapshot, SnapshotConversation, SnapshotSender, SnapshotSms};

/// Reads what can be read; `None` if the answer is not an object.
pub(super) fn read(raw: Value) -> Option<Snapshot> {
    if !raw.is_object() {
        return None;
    }
    let sms = object(&raw, "requestInfo").and_then(|info| object(info, "sms"));
    Some(Snapshot {
        message_id: word(&raw, "messageId"),
        text: text(&raw, "text"),
        sender: object(&raw, "sender").map(|sender| SnapshotSender {
            id: word(sender, "id"),
            name: word(sender, "name"),
            messaging_app_identifier: word(sender, "messagingAppIdentifier"),
        }),
        conversation: object(&raw, "conversation").map(|conversation| SnapshotConversation {
            id: word(conversation, "id"),
            participants: participants(conversation),
        }),
        created_at: time(&raw, "createdAt"),
        updated_at: time(&raw, "updatedAt"),
        traffic_account_id: word(&raw, "trafficAccountId"),
        delivery_status: word(&raw, "deliveryStatus"),
        description: word(&raw, "description"),
        message_parts: word(&raw, "messageParts")
            .and_then(|parts| parts.trim().parse().ok())
            .filter(|&parts| parts > 0),
        request_sms: sms.map(|sms| SnapshotSms { sender: word(sms, "sender"), text: text(sms, "text") }),
        raw,
    })
}

fn object<'a>(parent: &'a Value, name: &str) -> Option<&'a Value> {
    parent.get(name).filter(|value| value.is_object())
}

/// A text; a number is taken as its text.
fn text(parent: &Value, name: &str) -> Option<String> {
    match parent.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The same, where an empty one says nothing.
fn word(parent: &Value, name: &str) -> Option<String> {
    text(parent, name).filter(|word| !word.is_empty())
}

fn participants(conversation: &Value) -> Vec<String> {
    match conversation.get("participants") {
        Some(Value::Array(participants)) => participants.iter().filter_map(participant).collect(),
        Some(one) => participant(one).into_iter().collect(),
        None => Vec::new(),
    }
}

fn participant(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A time with up to nine fractional digits; Mitto's are UTC, so one without an offset is, too.
fn time(parent: &Value, name: &str) -> Option<Timestamp> {
    let text = parent.get(name)?.as_str()?;
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}
