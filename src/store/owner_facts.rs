//! The facts that events of owners tell, as they are now.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::domain::campaign::Campaign;
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::opt_out::OptOutSource;
use crate::domain::phone::Msisdn;
use crate::domain::webhook::event::EventType;
use crate::store::columns::{Guid, columns_of};
use crate::store::schema::owner_events;
use crate::store::{Error, Received, Store, run};

/// The facts of one event. It may hold a number and a text, so it has no `Debug`.
#[derive(Clone, Default)]
pub struct OwnerFacts {
    /// The campaign, if it is about one that is there.
    pub campaign: Option<Campaign>,
    /// The message from a recipient, if it is about one that is there.
    pub inbound: Option<Received>,
    /// The number that came onto the list or off it, unless it was erased.
    pub number: Option<Msisdn>,
    /// By whose wish that was.
    pub source: Option<OptOutSource>,
    /// The route account or endpoint that an operational event is about.
    pub about: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = owner_events)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct FactsRow {
    subject: Guid,
    version: i32,
    owner_id: i64,
    kind: i16,
    campaign_id: Option<i64>,
    number: Option<String>,
    source: Option<i16>,
    about: Option<String>,
}

impl Store {
    /// The facts of all events of these subjects, by subject and version; none of those that are not there any more.
    pub async fn owner_facts(&self, subjects: &[Uuid]) -> Result<HashMap<(Uuid, i32), OwnerFacts>, Error> {
        if subjects.is_empty() {
            return Ok(HashMap::new());
        }
        let these: Vec<Guid> = subjects.iter().copied().map(Guid).collect();
        let query = owner_events::table.filter(owner_events::subject.eq_any(these));
        let rows: Vec<FactsRow> = run!(&self.db, |c| query.select(columns_of::<FactsRow>()).load(c).await?);
        let mut facts = HashMap::with_capacity(rows.len());
        for row in rows {
            let (event, of) = ((row.subject.0, row.version), self.facts_of(row).await?);
            facts.insert(event, of);
        }
        Ok(facts)
    }

    async fn facts_of(&self, row: FactsRow) -> Result<OwnerFacts, Error> {
        let owner = OwnerId(row.owner_id);
        let campaign = match row.campaign_id {
            Some(id) => self.campaign(owner, CampaignId(id)).await?,
            None => None,
        };
        let inbound = if row.kind == EventType::InboundReceived as i16 {
            self.one_inbound(owner, row.subject.0).await?
        } else {
            None
        };
        let source = row.source.map(OptOutSource::from_stored);
        Ok(OwnerFacts { campaign, inbound, number: row.number.map(Msisdn::from_stored), source, about: row.about })
    }
}
