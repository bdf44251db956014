//! Messages, events and idempotency keys as rows, and the way between them and the domain's types.

use diesel::prelude::*;

use crate::domain::evidence::Rank;
use crate::domain::ids::{CampaignId, MessageId, OwnerId, ProviderMessageId};
use crate::domain::message::{Dispatch, Guarantee, Lane, Message, State};
use crate::domain::phone::Msisdn;
use crate::domain::sender::SenderId;
use crate::domain::status::Change;
use crate::domain::supersede::{Fate, Supersede, SupersedeKey, Superseded};
use crate::domain::tags::{Reference, Tags};
use crate::domain::text::{Encoding, MessageText};
use crate::domain::trace::TraceContext;
use crate::store::columns::{Guid, Instant};
use crate::store::schema::{events, idempotency_keys, messages};

/// A row of `messages`, its columns in the table's order.
#[derive(Queryable, Selectable)]
#[diesel(table_name = messages)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub(super) struct MessageRow {
    pub id: Guid,
    pub owner_id: i64,
    pub campaign_id: Option<i64>,
    pub destination: String,
    pub text: String,
    pub sender: String,
    pub traffic_account_id: String,
    pub segments: i16,
    pub encoding: i16,
    pub delivery_guarantee: i16,
    pub created_at: Instant,
    pub scheduled_at: Option<Instant>,
    pub expires_at: Instant,
    pub dispatch: i16,
    pub delivery_rank: i16,
    pub status: i16,
    pub evidence_at: Option<Instant>,
    pub evidence_hash: i64,
    pub provider_message_id: Option<String>,
    pub provider_status: Option<String>,
    pub bulk_id: Option<String>,
    pub error_code: Option<String>,
    pub error: Option<String>,
    pub attempts: i32,
    pub ambiguous: i16,
    pub crashes: i16,
    pub possible_duplicate: bool,
    pub held_by: Option<Guid>,
    pub epoch: i32,
    pub due_at: Option<Instant>,
    pub sent_at: Option<Instant>,
    pub delivered_at: Option<Instant>,
    pub failed_at: Option<Instant>,
    pub updated_at: Instant,
    pub version: i32,
    pub lane: i64,
    pub reference: Option<String>,
    pub metadata: Option<String>,
    pub supersede_key: Option<String>,
    pub superseded_id: Option<Guid>,
    pub superseded: Option<i16>,
    pub traceparent: Option<String>,
}

/// The columns of `messages` that change, and the id that names the row.
pub(super) struct StateRow {
    pub id: Guid,
    pub dispatch: i16,
    pub delivery_rank: i16,
    pub status: i16,
    pub evidence_at: Option<Instant>,
    pub evidence_hash: i64,
    pub provider_message_id: Option<String>,
    pub provider_status: Option<String>,
    pub bulk_id: Option<String>,
    pub error_code: Option<String>,
    pub error: Option<String>,
    pub attempts: i32,
    pub ambiguous: i16,
    pub crashes: i16,
    pub possible_duplicate: bool,
    pub held_by: Option<Guid>,
    pub epoch: i32,
    pub due_at: Option<Instant>,
    pub sent_at: Option<Instant>,
    pub delivered_at: Option<Instant>,
    pub failed_at: Option<Instant>,
    pub updated_at: Instant,
    pub version: i32,
    pub lane: i64,
    /// No column: the version that the row must still have to be written.
    pub was: i32,
}

/// A row of `events`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub(super) struct EventRow {
    pub message_id: Guid,
    pub version: i32,
    pub owner_id: i64,
    pub at: Instant,
    pub kind: i16,
    pub from_status: i16,
    pub to_status: i16,
    pub attempt: i32,
    pub evidence: String,
}

/// The number of the single sends' lane; a campaign's is its id, which is never 0.
pub(super) const SINGLES: i64 = 0;

/// The number of the message's lane.
pub(super) fn lane(m: &Message) -> i64 {
    m.campaign.filter(|_| m.lane == Lane::Campaign).map_or(SINGLES, |campaign| campaign.0)
}

impl StateRow {
    pub(super) fn of(m: &Message) -> Self {
        let s = &m.state;
        Self {
            id: Guid(m.id.0),
            dispatch: s.dispatch as i16,
            delivery_rank: s.rank as i16,
            status: m.status() as i16,
            evidence_at: s.evidence_at.map(Instant),
            evidence_hash: s.evidence_hash,
            provider_message_id: s.provider_message_id.as_ref().map(|id| id.as_str().to_owned()),
            provider_status: s.provider_status.clone(),
            bulk_id: s.bulk_id.clone(),
            error_code: s.error_code.clone(),
            error: s.error.clone(),
            attempts: s.attempts,
            ambiguous: s.ambiguous,
            crashes: s.crashes,
            possible_duplicate: s.possible_duplicate,
            held_by: s.held_by.map(Guid),
            epoch: s.epoch,
            due_at: s.due_at.map(Instant),
            sent_at: s.sent_at.map(Instant),
            delivered_at: s.delivered_at.map(Instant),
            failed_at: s.failed_at.map(Instant),
            updated_at: Instant(s.updated_at),
            version: s.version,
            lane: lane(m),
            was: s.version,
        }
    }
}

impl MessageRow {
    pub(super) fn of(m: &Message) -> Self {
        let s = StateRow::of(m);
        Self {
            id: s.id,
            owner_id: m.owner.0,
            campaign_id: m.campaign.map(|c| c.0),
            destination: m.destination.as_str().to_owned(),
            text: m.text.as_str().to_owned(),
            sender: m.sender.as_str().to_owned(),
            traffic_account_id: m.traffic_account_id.clone(),
            segments: m.segments,
            encoding: m.encoding as i16,
            delivery_guarantee: m.guarantee as i16,
            created_at: Instant(m.created_at),
            scheduled_at: m.scheduled_at.map(Instant),
            expires_at: Instant(m.expires_at),
            dispatch: s.dispatch,
            delivery_rank: s.delivery_rank,
            status: s.status,
            evidence_at: s.evidence_at,
            evidence_hash: s.evidence_hash,
            provider_message_id: s.provider_message_id,
            provider_status: s.provider_status,
            bulk_id: s.bulk_id,
            error_code: s.error_code,
            error: s.error,
            attempts: s.attempts,
            ambiguous: s.ambiguous,
            crashes: s.crashes,
            possible_duplicate: s.possible_duplicate,
            held_by: s.held_by,
            epoch: s.epoch,
            due_at: s.due_at,
            sent_at: s.sent_at,
            delivered_at: s.delivered_at,
            failed_at: s.failed_at,
            updated_at: s.updated_at,
            version: s.version,
            lane: lane(m),
            reference: reference(&m.tags),
            metadata: m.tags.metadata.to_stored(),
            supersede_key: m.supersede.key.as_ref().map(|key| key.as_str().to_owned()),
            superseded_id: m.supersede.older.map(|older| Guid(older.id.0)),
            superseded: m.supersede.older.map(|older| older.fate as i16),
            traceparent: m.trace.map(|trace| trace.to_string()),
        }
    }

    /// The message in the row. A number that no version of this program wrote is read as the state that promises
    /// least, so that a row is never lost to a reader.
    pub(super) fn into_message(self) -> Message {
        Message {
            id: MessageId(self.id.0),
            owner: OwnerId(self.owner_id),
            campaign: self.campaign_id.map(CampaignId),
            destination: Msisdn::from_stored(self.destination),
            text: MessageText::from_stored(self.text),
            sender: SenderId::from_stored(self.sender),
            traffic_account_id: self.traffic_account_id,
            segments: self.segments,
            encoding: if self.encoding == Encoding::Gsm7 as i16 { Encoding::Gsm7 } else { Encoding::Ucs2 },
            guarantee: guarantee(self.delivery_guarantee),
            created_at: self.created_at.0,
            scheduled_at: self.scheduled_at.map(|at| at.0),
            expires_at: self.expires_at.0,
            lane: if self.lane == SINGLES { Lane::Single } else { Lane::Campaign },
            tags: Tags::from_stored(self.reference, self.metadata.as_deref()),
            supersede: supersede(self.supersede_key, self.superseded_id, self.superseded),
            trace: self.traceparent.as_deref().and_then(TraceContext::parse),
            state: State {
                dispatch: dispatch(self.dispatch),
                rank: rank(self.delivery_rank),
                evidence_at: self.evidence_at.map(|at| at.0),
                evidence_hash: self.evidence_hash,
                provider_message_id: self.provider_message_id.as_deref().and_then(ProviderMessageId::from_provider),
                provider_status: self.provider_status,
                bulk_id: self.bulk_id,
                error_code: self.error_code,
                error: self.error,
                attempts: self.attempts,
                ambiguous: self.ambiguous,
                crashes: self.crashes,
                possible_duplicate: self.possible_duplicate,
                held_by: self.held_by.map(|by| by.0),
                epoch: self.epoch,
                due_at: self.due_at.map(|at| at.0),
                sent_at: self.sent_at.map(|at| at.0),
                delivered_at: self.delivered_at.map(|at| at.0),
                failed_at: self.failed_at.map(|at| at.0),
                updated_at: self.updated_at.0,
                version: self.version,
            },
        }
    }
}

impl EventRow {
    /// The record of a change that left `message` as it is now; `None` where nothing worth a record happened.
    pub(super) fn of(message: &Message, change: &Change, at: jiff::Timestamp) -> Option<Self> {
        Some(Self {
            message_id: Guid(message.id.0),
            version: message.state.version,
            owner_id: message.owner.0,
            at: Instant(at),
            kind: change.kind? as i16,
            from_status: change.from as i16,
            to_status: change.to as i16,
            attempt: change.attempt,
            evidence: change.evidence.to_string(),
        })
    }
}

/// The reference as it is stored.
pub(super) fn reference(tags: &Tags) -> Option<String> {
    tags.reference.as_ref().map(|reference| Reference::as_str(reference).to_owned())
}

fn supersede(key: Option<String>, id: Option<Guid>, fate: Option<i16>) -> Supersede {
    let fate = fate.and_then(Fate::from_number);
    let older = id.zip(fate).map(|(id, fate)| Superseded { id: MessageId(id.0), fate });
    Supersede { key: key.map(SupersedeKey::from_stored), older }
}

pub(super) fn guarantee(n: i16) -> Guarantee {
    if n == Guarantee::AtLeastOnce as i16 { Guarantee::AtLeastOnce } else { Guarantee::AtMostOnce }
}

pub(super) fn dispatch(n: i16) -> Dispatch {
    Dispatch::ALL.into_iter().find(|d| *d as i16 == n).unwrap_or(Dispatch::Unknown)
}

fn rank(n: i16) -> Rank {
    Rank::ALL.into_iter().find(|r| *r as i16 == n).unwrap_or(Rank::None)
}

/// A row of `idempotency_keys`.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys, treat_none_as_default_value = false)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub(super) struct KeyRow {
    pub owner_id: i64,
    pub call: i16,
    pub key: String,
    pub fingerprint: Vec<u8>,
    pub message_id: Option<Guid>,
    pub campaign_id: Option<i64>,
    pub created_at: Instant,
}
