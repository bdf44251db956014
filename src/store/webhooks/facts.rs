//! The facts of messages that events tell, as they are now.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::domain::ids::CampaignId;
use crate::domain::phone::Msisdn;
use crate::domain::tags::Tags;
use crate::domain::trace::TraceContext;
use crate::store::columns::{Guid, columns_of};
use crate::store::prepared::Prepare as _;
use crate::store::schema::messages;
use crate::store::{Error, Store, run};

/// The facts of one message. It holds a number and a text, so it has no `Debug`.
#[derive(Clone)]
pub struct EventFacts {
    /// Which message.
    pub message: Uuid,
    /// Its campaign.
    pub campaign: Option<CampaignId>,
    /// Its recipient, or what stands for one that was erased.
    pub destination: Msisdn,
    /// Its text.
    pub text: String,
    /// The provider's id of it.
    pub provider_id: Option<String>,
    /// Why it was not delivered.
    pub error_code: Option<String>,
    /// How often it was handed to the provider.
    pub attempts: i32,
    /// Whether it may have been sent twice.
    pub possible_duplicate: bool,
    /// Its tags.
    pub tags: Tags,
    /// The span that it was accepted in.
    pub trace: Option<TraceContext>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = messages)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct FactsRow {
    id: Guid,
    campaign_id: Option<i64>,
    destination: String,
    text: String,
    provider_message_id: Option<String>,
    error_code: Option<String>,
    attempts: i32,
    possible_duplicate: bool,
    reference: Option<String>,
    metadata: Option<String>,
    traceparent: Option<String>,
}

impl From<FactsRow> for EventFacts {
    fn from(row: FactsRow) -> Self {
        Self {
            message: row.id.0,
            campaign: row.campaign_id.map(CampaignId),
            destination: Msisdn::from_stored(row.destination),
            text: row.text,
            provider_id: row.provider_message_id,
            error_code: row.error_code,
            attempts: row.attempts,
            possible_duplicate: row.possible_duplicate,
            tags: Tags::from_stored(row.reference, row.metadata.as_deref()),
            trace: row.traceparent.as_deref().and_then(TraceContext::parse),
        }
    }
}

impl Store {
    /// The facts of these messages, in no order; none of those that were deleted.
    pub async fn event_facts(&self, messages: &[Uuid]) -> Result<Vec<EventFacts>, Error> {
        let rows: Vec<FactsRow> = if let &[one] = messages {
            let query = messages::table.find(Guid(one));
            run!(&self.db, |c| query.select(columns_of::<FactsRow>()).load(c).await?)
        } else {
            let of: Vec<Guid> = messages.iter().copied().map(Guid).collect();
            run!(
                &self.db,
                |pg| messages::table.filter(messages::id.eq_any(of)).select(columns_of::<FactsRow>()).load(pg).await?,
                |lite| {
                    // One text whatever their number: a list that is spelt out would be parsed each time.
                    let ids: Vec<String> = of.iter().map(|id| id.0.simple().to_string()).collect();
                    let ids = serde_json::to_string(&ids).unwrap_or_default();
                    let these =
                        sql::<Bool>("id IN (SELECT unhex(value) FROM json_each(").bind::<Text, _>(ids).sql("))");
                    messages::table.filter(these).select(columns_of::<FactsRow>()).prepared().load(lite).await?
                }
            )
        };
        Ok(rows.into_iter().map(EventFacts::from).collect())
    }
}
