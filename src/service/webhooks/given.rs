//! The properties of an endpoint, as callers give them, checked.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;

use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::tags::Metadata;
use crate::domain::webhook::event::EventType;
use crate::domain::webhook::{self, Calling, target};
use crate::error::{Error, Violation};
use crate::service::Service;

/// The shortest time for which a refused event is tried again.
const SHORTEST_AGE: SignedDuration = SignedDuration::from_mins(1);
/// The most calls a second that can be asked for.
const MOST_RATE: u16 = 10_000;

/// How an endpoint is to be called, as a caller gives it; what is absent stays as it is, or as it is by default.
#[derive(Debug, Clone, Default)]
pub struct GivenCalling {
    /// How many events one call carries at most.
    pub max_batch: Option<i32>,
    /// How long a call waits for more.
    pub max_wait: Option<SignedDuration>,
    /// How many calls a second at most; 0 for no limit.
    pub max_rate: Option<i32>,
    /// How long a refused event is tried again.
    pub max_age: Option<SignedDuration>,
    /// Whether events have the recipient's number.
    pub include_destination: Option<bool>,
    /// Whether events have the text.
    pub include_text: Option<bool>,
}

impl GivenCalling {
    /// The way of before with what is given.
    pub(super) fn over(&self, before: Calling, violations: &mut Vec<Violation>) -> Calling {
        let mut refuse = |field: &str, why: String| violations.push(Violation::new(field, why));
        let mut calling = before;
        if let Some(n) = self.max_batch {
            match u16::try_from(n) {
                Ok(0) => calling.max_batch = 1,
                Ok(n) if n <= webhook::MAX_BATCH => calling.max_batch = n,
                _ => refuse("max_batch", format!("must be 1 to {}", webhook::MAX_BATCH)),
            }
        }
        if let Some(wait) = self.max_wait {
            match Duration::try_from(wait) {
                // It is kept in milliseconds.
                Ok(wait) if wait <= webhook::MAX_WAIT && wait.subsec_nanos() % 1_000_000 == 0 => {
                    calling.max_wait = wait;
                }
                _ => {
                    let most = webhook::MAX_WAIT.as_secs();
                    refuse("max_wait", format!("must be 0 to {most} seconds, in whole milliseconds"));
                }
            }
        }
        if let Some(n) = self.max_rate {
            match u16::try_from(n) {
                Ok(0) => calling.max_rate = None,
                Ok(n) if n <= MOST_RATE => calling.max_rate = Some(n),
                _ => refuse("max_rate", format!("must be 0 to {MOST_RATE}")),
            }
        }
        if let Some(age) = self.max_age {
            if (SHORTEST_AGE..=webhook::LONGEST_AGE).contains(&age) {
                calling.max_age = age;
            } else {
                refuse("max_age", "must be 60 seconds to 3 days".to_owned());
            }
        }
        calling.with_destination = self.include_destination.unwrap_or(calling.with_destination);
        calling.with_text = self.include_text.unwrap_or(calling.with_text);
        calling
    }
}

/// Types by their names.
pub(super) fn types(given: &[String], violations: &mut Vec<Violation>) -> Vec<EventType> {
    let mut types: Vec<EventType> = Vec::new();
    for name in given {
        match EventType::parse(name) {
            Some(one) if !types.contains(&one) => types.push(one),
            Some(_) => {}
            None => {
                let known = EventType::ALL.map(EventType::name).join(", ");
                violations.push(Violation::new("types", format!("must hold types that this service knows: {known}")));
                break;
            }
        }
    }
    types
}

/// Pairs that metadata has to have.
pub(super) fn pairs(given: BTreeMap<String, String>, violations: &mut Vec<Violation>) -> BTreeMap<String, String> {
    let refused = |e| {
        violations.push(Violation::new("metadata", e));
        BTreeMap::new()
    };
    Metadata::parse(given).map_or_else(refused, Metadata::into_pairs)
}

/// A description.
pub(super) fn description(given: &str, violations: &mut Vec<Violation>) {
    if !webhook::is_description(given) {
        let why = format!("must be at most {} characters, none of them a control character", webhook::MAX_DESCRIPTION);
        violations.push(Violation::new("description", why));
    }
}

impl Service {
    /// A URL that may be called.
    pub(super) fn target(&self, given: &str, violations: &mut Vec<Violation>) {
        if let Err(e) = target::parse(given, &self.inner.settings.hooks.nets) {
            violations.push(Violation::new("url", e));
        }
    }

    /// The owner's campaign with this id; 0 is none.
    pub(super) async fn campaign_of(
        &self,
        owner: OwnerId,
        id: i64,
        violations: &mut Vec<Violation>,
    ) -> Result<Option<CampaignId>, Error> {
        if id == 0 {
            return Ok(None);
        }
        let campaign = CampaignId(id);
        if self.inner.store.campaign(owner, campaign).await?.is_none() {
            violations.push(Violation::new("campaign_id", "must be a campaign of the same owner"));
        }
        Ok(Some(campaign))
    }
}
