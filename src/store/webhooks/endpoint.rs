//! One endpoint, and its row.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::webhook::event::EventType;
use crate::domain::webhook::secret::Mark;
use crate::domain::webhook::{Calling, EndpointId, EndpointState, Wanted};
use crate::store::columns::{Guid, Instant};
use crate::store::schema::webhook_endpoints;

/// One endpoint, as its owner made it. Its URL may hold a secret: it has no `Debug`.
#[derive(Clone, PartialEq)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose.
    pub owner: OwnerId,
    /// Where it is.
    pub url: String,
    /// Its owner's words.
    pub description: String,
    /// The events that it wants.
    pub wanted: Wanted,
    /// How it is called.
    pub calling: Calling,
    /// Whether it gets events.
    pub state: EndpointState,
    /// Its secret,
    pub secret: SecretOf,
    /// and the one before, until when it counts.
    pub old_secret: Option<(SecretOf, Timestamp)>,
    /// Grows with every change.
    pub revision: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The key and the rotation that a secret is derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretOf {
    /// Which of the service's keys.
    pub mark: Mark,
    /// How many secrets there were before.
    pub rotation: i32,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_endpoints)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub(super) struct EndpointRow {
    pub id: Guid,
    pub owner_id: i64,
    pub url: String,
    pub description: String,
    pub types: String,
    pub campaign_id: Option<i64>,
    pub metadata: Option<String>,
    pub max_batch: i16,
    pub max_wait_ms: i32,
    pub max_rate: Option<i32>,
    pub max_age_seconds: i64,
    pub with_destination: bool,
    pub with_text: bool,
    pub state: i16,
    pub key_mark: Vec<u8>,
    pub rotation: i32,
    pub old_mark: Option<Vec<u8>>,
    pub old_rotation: Option<i32>,
    pub old_until: Option<Instant>,
    pub revision: i32,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl EndpointRow {
    pub(super) fn set_wanted(&mut self, wanted: &Wanted) {
        self.types = EventType::join(&wanted.types);
        self.campaign_id = wanted.campaign.map(|id| id.0);
        self.metadata = (!wanted.metadata.is_empty()).then(|| serde_json::json!(wanted.metadata).to_string());
    }

    pub(super) fn set_calling(&mut self, calling: &Calling) {
        self.max_batch = i16::try_from(calling.max_batch).unwrap_or(i16::MAX);
        self.max_wait_ms = i32::try_from(calling.max_wait.as_millis()).unwrap_or(i32::MAX);
        self.max_rate = calling.max_rate.map(i32::from);
        self.max_age_seconds = calling.max_age.as_secs();
        self.with_destination = calling.with_destination;
        self.with_text = calling.with_text;
    }

    pub(super) fn into_endpoint(self) -> Endpoint {
        let mark = |bytes: &[u8]| Mark::try_from(bytes).unwrap_or_default();
        let metadata: Option<BTreeMap<String, String>> =
            self.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let old = self.old_mark.zip(self.old_rotation).zip(self.old_until);
        Endpoint {
            id: EndpointId(self.id.0),
            owner: OwnerId(self.owner_id),
            url: self.url,
            description: self.description,
            wanted: Wanted {
                types: EventType::split(&self.types),
                campaign: self.campaign_id.map(CampaignId),
                metadata: metadata.unwrap_or_default(),
            },
            calling: Calling {
                max_batch: u16::try_from(self.max_batch).unwrap_or(1).max(1),
                max_wait: Duration::from_millis(u64::try_from(self.max_wait_ms).unwrap_or(0)),
                max_rate: self.max_rate.and_then(|n| u16::try_from(n).ok()),
                max_age: SignedDuration::from_secs(self.max_age_seconds),
                with_destination: self.with_destination,
                with_text: self.with_text,
            },
            state: EndpointState::from_number(self.state),
            secret: SecretOf { mark: mark(&self.key_mark), rotation: self.rotation },
            old_secret: old.map(|((bytes, rotation), until)| (SecretOf { mark: mark(&bytes), rotation }, until.0)),
            revision: self.revision,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        }
    }
}
