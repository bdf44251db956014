//! Between the contract's messages and the service's types.

mod campaigns;
mod webhooks;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pbjson_types::{Struct, Value, value};
use prost::Message as _;

use crate::domain::message::Message;
use crate::domain::spend::Left;
use crate::domain::status::EventKind;
use crate::domain::tags::Reference;
use crate::domain::text::Encoding;
use crate::domain::webhook::event;
use crate::error::Violation;
use crate::proto;
use crate::service::{
    BulkEvent, BulkOutcome, BulkProgress, BulkRequest, BulkTarget, Explained, GivenSend, GivenTags, OptOut,
    OptOutSource, Refreshed, SendSingle, Sent, Snapshot, WatchMessages, Watched, WatchedChange,
};

/// The longest duration that protobuf knows, in seconds: 10,000 years.
const LONGEST_SECONDS: u64 = 315_576_000_000;

/// The earliest time that protobuf knows, in seconds: the begin of the year 1.
const EARLIEST_SECONDS: i64 = -62_135_596_800;

/// A time as the contract has it.
pub(crate) fn timestamp(at: Timestamp) -> pbjson_types::Timestamp {
    pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// A time that a caller gave, to the microsecond; absent is fine, out of range is a violation of `field`.
pub(super) fn given_time(
    field: &str,
    at: Option<pbjson_types::Timestamp>,
    violations: &mut Vec<Violation>,
) -> Option<Timestamp> {
    let at = at?;
    let known = at.seconds >= EARLIEST_SECONDS && (0..1_000_000_000).contains(&at.nanos);
    let read = known.then(|| Timestamp::new(at.seconds, at.nanos / 1000 * 1000).ok()).flatten();
    if read.is_none() {
        violations.push(Violation::new(field, "must be a valid time"));
    }
    read
}

/// A duration that a caller gave; absent is fine, a fraction of a second is a violation of `field`.
pub(super) fn given_duration(
    field: &str,
    d: Option<pbjson_types::Duration>,
    violations: &mut Vec<Violation>,
) -> Option<SignedDuration> {
    let d = d?;
    let whole = d.nanos == 0 && d.seconds.unsigned_abs() <= LONGEST_SECONDS;
    if !whole {
        violations.push(Violation::new(field, "must be whole seconds"));
    }
    whole.then(|| SignedDuration::from_secs(d.seconds))
}

/// The same, of which a fraction of a second is fine.
pub(super) fn given_fraction(
    field: &str,
    d: Option<pbjson_types::Duration>,
    violations: &mut Vec<Violation>,
) -> Option<SignedDuration> {
    let d = d?;
    // As the contract's type has it: less than a second of nanoseconds, with the sign of the seconds.
    let nanos = d.nanos.unsigned_abs() < 1_000_000_000 && i64::from(d.nanos).signum() * d.seconds.signum() >= 0;
    let sound = nanos && d.seconds.unsigned_abs() <= LONGEST_SECONDS;
    if !sound {
        violations.push(Violation::new(field, "must be a valid duration"));
    }
    sound.then(|| SignedDuration::new(d.seconds, d.nanos))
}

/// The tags that a caller gave.
pub(super) fn given_tags(reference: Option<String>, metadata: BTreeMap<String, String>) -> GivenTags {
    GivenTags { reference: reference.unwrap_or_default(), metadata: metadata.into_iter().collect() }
}

/// A reference as the contract has it.
fn reference(reference: Option<Reference>) -> Option<String> {
    reference.map(|reference| reference.as_str().to_owned())
}

/// JSON as a `Struct`; what is not an object goes under `value`.
pub(super) fn raw(json: serde_json::Value) -> Struct {
    match json {
        serde_json::Value::Object(map) => Struct { fields: map.into_iter().map(|(k, v)| (k, value(v))).collect() },
        other => Struct { fields: [("value".to_owned(), value(other))].into() },
    }
}

fn value(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match json {
        Json::Null => value::Kind::NullValue(0),
        Json::Bool(b) => value::Kind::BoolValue(b),
        Json::Number(n) => value::Kind::NumberValue(n.as_f64().unwrap_or_default()),
        Json::String(s) => value::Kind::StringValue(s),
        Json::Array(list) => {
            value::Kind::ListValue(pbjson_types::ListValue { values: list.into_iter().map(value).collect() })
        }
        object @ Json::Object(_) => value::Kind::StructValue(raw(object)),
    };
    Value { kind: Some(kind) }
}

impl From<Message> for proto::Message {
    fn from(m: Message) -> Self {
        let status = m.status() as i32;
        let next_attempt_at = m.next_attempt_at().map(timestamp);
        let s = m.state;
        let encoding = match m.encoding {
            Encoding::Gsm7 => proto::Encoding::Gsm7,
            Encoding::Ucs2 => proto::Encoding::Ucs2,
        };
        Self {
            id: m.id.to_string(),
            owner_id: m.owner.0,
            campaign_id: m.campaign.map(|c| c.0),
            destination: m.destination.as_str().to_owned(),
            text: m.text.as_str().to_owned(),
            sender: m.sender.as_str().to_owned(),
            traffic_account_id: m.traffic_account_id,
            status,
            provider_message_id: s.provider_message_id.map(|id| id.to_string()),
            provider_status: s.provider_status,
            bulk_id: s.bulk_id,
            error_code: s.error_code,
            error: s.error,
            attempts: s.attempts,
            possible_duplicate: s.possible_duplicate,
            segments: i32::from(m.segments),
            encoding: encoding as i32,
            delivery_guarantee: m.guarantee as i32,
            created_at: Some(timestamp(m.created_at)),
            scheduled_at: m.scheduled_at.map(timestamp),
            sent_at: s.sent_at.map(timestamp),
            delivered_at: s.delivered_at.map(timestamp),
            failed_at: s.failed_at.map(timestamp),
            updated_at: Some(timestamp(s.updated_at)),
            reference: reference(m.tags.reference),
            metadata: m.tags.metadata.into_pairs(),
            supersede_key: m.supersede.key.map(|key| key.as_str().to_owned()),
            superseded_message_id: m.supersede.older.map(|older| older.id.to_string()),
            superseded: m.supersede.older.map_or(0, |older| i32::from(older.fate as i16)),
            next_attempt_at,
        }
    }
}

impl SendSingle {
    /// The request, and what in it could not be read: the service tells that with the rest of what is wrong.
    pub(super) fn read(r: proto::SendSingleRequest) -> (Self, Vec<Violation>) {
        let mut violations = Vec::new();
        let request = Self {
            scheduled_at: given_time("scheduled_at", r.scheduled_at, &mut violations),
            destination: r.destination,
            text: r.text,
            sender: r.sender,
            traffic_account_id: r.traffic_account_id,
            user_id: r.user_id,
            campaign_id: r.campaign_id,
            idempotency_key: r.idempotency_key,
            delivery_guarantee: r.delivery_guarantee,
            dry_run: r.dry_run,
            validity: given_duration("validity", r.validity, &mut violations),
            tags: given_tags(r.reference, r.metadata),
            supersede_key: r.supersede_key.unwrap_or_default(),
        };
        (request, violations)
    }
}

impl GivenSend {
    /// One message of a stream.
    pub(super) fn read(r: proto::SendManyRequest) -> Self {
        let bytes = r.encoded_len();
        let (request, violations) = SendSingle::read(r.message.unwrap_or_default());
        Self { sequence: r.sequence, request, violations, bytes }
    }
}

impl From<Sent> for proto::SendSingleResponse {
    fn from(sent: Sent) -> Self {
        let forcing = if sent.dry_run { sent.message.text.forcing_characters() } else { Vec::new() };
        let mut message = proto::Message::from(sent.message);
        if sent.dry_run {
            // Nothing was stored: there is no record to name, and no state that it is in.
            message.id.clear();
            (message.status, message.attempts) = (0, 0);
            (message.created_at, message.updated_at) = (None, None);
        }
        Self {
            message_id: message.provider_message_id.clone().unwrap_or_default(),
            traffic_account_id: message.traffic_account_id.clone(),
            raw_response: sent.raw.map(raw),
            superseded_message_id: message.superseded_message_id.clone(),
            superseded: message.superseded,
            message: Some(message),
            spend_left: sent.left.map(Into::into),
            forcing_characters: forcing.into_iter().map(String::from).collect(),
        }
    }
}

impl From<Left> for proto::SpendLeft {
    fn from(left: Left) -> Self {
        Self {
            segments_today: left.today,
            segments_this_month: left.this_month,
            messages_to_this_number: left.to_number,
        }
    }
}

impl proto::GetMessageStatusResponse {
    /// The provider's view of the message that was asked for as `id`.
    pub(super) fn of(id: &str, s: Snapshot) -> Self {
        use proto::get_message_status_response as view;
        Self {
            message_id: s.message_id.unwrap_or_else(|| id.to_owned()),
            text: s.text,
            sender: s.sender.map(|sender| view::Sender {
                id: sender.id,
                name: sender.name,
                messaging_app_identifier: sender.messaging_app_identifier,
            }),
            conversation: s.conversation.map(|c| view::Conversation { id: c.id, participants: c.participants }),
            created_at: s.created_at.map(timestamp),
            updated_at: s.updated_at.map(timestamp),
            traffic_account_id: s.traffic_account_id,
            delivery_status: s.delivery_status,
            message_parts: s.message_parts.unwrap_or(1),
            request_info: s.request_sms.map(|sms| view::RequestInfo {
                sms: Some(view::request_info::Sms { sender: sms.sender, text: sms.text }),
            }),
            description: s.description,
            raw_response: Some(raw(s.raw)),
        }
    }
}

impl proto::RefreshStatusResponse {
    /// The result of refreshing the message that was asked for as `id`.
    pub(super) fn of(id: &str, r: Refreshed) -> Self {
        Self {
            updated: i32::try_from(r.records).unwrap_or(i32::MAX),
            internal_status: r.status as i32,
            affected_campaign_ids: r.campaigns.into_iter().map(|c| c.0).collect(),
            status: Some(proto::GetMessageStatusResponse::of(id, r.snapshot)),
        }
    }
}

impl From<proto::RefreshStatusBulkRequest> for BulkRequest {
    fn from(r: proto::RefreshStatusBulkRequest) -> Self {
        use proto::refresh_status_bulk_request::Target;
        let target = r.target.map(|target| match target {
            Target::CampaignId(id) => BulkTarget::Campaign(id),
            Target::ProviderMessageIds(list) => BulkTarget::Ids(list.ids),
        });
        Self { target, owner_id: r.owner_id, only_pending: r.only_pending, resume_token: r.resume_token, limit: None }
    }
}

impl From<BulkProgress> for proto::RefreshStatusBulkResponse {
    fn from(p: BulkProgress) -> Self {
        use proto::refresh_status_bulk_response as event;
        let total = p.total;
        let event = match p.event {
            BulkEvent::Result { id, outcome, status, updated, error, refreshed: _ } => {
                let (error_code, error) = error.map(|e| (e.code.to_owned(), e.words)).unwrap_or_default();
                event::Event::Result(event::Result {
                    provider_message_id: id,
                    outcome: match outcome {
                        BulkOutcome::Updated => proto::RefreshOutcome::Updated,
                        BulkOutcome::Unchanged => proto::RefreshOutcome::Unchanged,
                        BulkOutcome::Failed => proto::RefreshOutcome::Failed,
                    } as i32,
                    internal_status: status.map_or(0, |s| s as i32),
                    updated: i32::try_from(updated).unwrap_or(i32::MAX),
                    error,
                    error_code,
                })
            }
            BulkEvent::Summary { updated, unchanged, failed, more: _ } => {
                event::Event::Summary(event::Summary { total, updated, unchanged, failed })
            }
        };
        Self { total, completed: p.completed, resume_token: p.resume_token, event: Some(event) }
    }
}

impl From<OptOut> for proto::OptOut {
    fn from(entry: OptOut) -> Self {
        Self {
            destination: entry.destination.as_str().to_owned(),
            source: match entry.source {
                OptOutSource::Owner => proto::OptOutSource::Owner,
                OptOutSource::Recipient => proto::OptOutSource::Recipient,
            }
            .into(),
            created_at: Some(timestamp(entry.created_at)),
        }
    }
}

impl From<EventKind> for proto::HistoryKind {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::Accepted => Self::Accepted,
            EventKind::Fenced => Self::Fenced,
            EventKind::Settled => Self::Settled,
            EventKind::LateAnswer => Self::LateAnswer,
            EventKind::Reported => Self::Reported,
            EventKind::LeaseLost => Self::LeaseLost,
            EventKind::Resend => Self::Resend,
            EventKind::Expired => Self::Expired,
            EventKind::Cancelled => Self::Cancelled,
            EventKind::OptedOut => Self::OptedOut,
            EventKind::Requeued => Self::Requeued,
            EventKind::Unreported => Self::Unreported,
            EventKind::Released => Self::Released,
        }
    }
}

impl From<Explained> for proto::ExplainMessageResponse {
    fn from(explained: Explained) -> Self {
        let (id, masked) = (explained.message.id, explained.message.destination.masked());
        let mut message = proto::Message::from(explained.message);
        message.text.clear();
        message.destination = masked;
        let entries = explained.entries.into_iter().map(|entry| proto::explain_message_response::Entry {
            at: Some(timestamp(entry.at)),
            kind: entry.kind.map_or(proto::HistoryKind::Unspecified, Into::into).into(),
            from: i32::from(entry.from),
            to: i32::from(entry.to),
            attempt: entry.attempt,
            evidence: entry.evidence.is_object().then(|| raw(entry.evidence)),
            event_id: if entry.from == entry.to { String::new() } else { event::id(id.0, entry.version) },
        });
        Self { message: Some(message), entries: entries.collect() }
    }
}

impl From<proto::WatchMessagesRequest> for WatchMessages {
    fn from(r: proto::WatchMessagesRequest) -> Self {
        Self { campaign_id: r.campaign_id, statuses: r.statuses, owner_id: r.owner_id, resume_token: r.resume_token }
    }
}

impl From<Watched<WatchedChange>> for proto::WatchMessagesResponse {
    fn from(watched: Watched<WatchedChange>) -> Self {
        let event = watched.event.map(|change| proto::watch_messages_response::Event {
            id: change.message.to_string(),
            campaign_id: change.campaign.map(|campaign| campaign.0),
            from: i32::from(change.from),
            to: i32::from(change.to),
            at: Some(timestamp(change.at)),
            reference: reference(change.tags.reference),
            metadata: change.tags.metadata.into_pairs(),
            event_id: event::id(change.message.0, change.version),
            version: change.version,
        });
        Self { resume_token: watched.resume_token, event }
    }
}
