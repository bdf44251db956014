//! Campaigns, always within one owner: making and reading them. What happens to them later is in the files behind.

mod expand;
mod moves;
mod plan;
mod recipients;

pub use expand::{Pace, ToReconcile};
pub use moves::Move;
pub use plan::Candidate;
pub use recipients::{Added, RecipientBatch};

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, Insertable, OptionalExtension as _, QueryDsl as _, Queryable,
    Selectable,
};
use diesel_async::RunQueryDsl as _;
use jiff::SignedDuration;

use crate::domain::campaign::{Campaign, CampaignState, NewCampaign};
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::tags::Tags;
use crate::store::columns::{Instant, columns_of};
use crate::store::error::Failure;
use crate::store::rows::{KeyRow, guarantee, reference};
use crate::store::schema::{campaigns, idempotency_keys as keys};
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, IdempotencyKey, Store, run};

/// The number of `CreateCampaign` in `idempotency_keys.call`.
const CREATE_CAMPAIGN: i16 = 2;

/// The result of making a campaign.
#[derive(Debug, Clone)]
pub enum CampaignInsert {
    /// It is made; or was, by an equal call before.
    Made(Box<Campaign>),
    /// The key belongs to a call with other content.
    KeyReused,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = campaigns)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct CampaignRow {
    id: i64,
    owner_id: i64,
    name: String,
    text: String,
    sender: Option<String>,
    delivery_guarantee: i16,
    scheduled_at: Option<Instant>,
    validity_seconds: i64,
    state: i16,
    created_at: Instant,
    updated_at: Instant,
    recipients: i64,
    duplicates: i64,
    invalid: i64,
    started_at: Option<Instant>,
    ended_at: Option<Instant>,
    reference: Option<String>,
    metadata: Option<String>,
}

#[derive(Clone, Insertable)]
#[diesel(table_name = campaigns)]
struct NewRow {
    owner_id: i64,
    name: String,
    text: String,
    sender: Option<String>,
    delivery_guarantee: i16,
    scheduled_at: Option<Instant>,
    validity_seconds: i64,
    state: i16,
    created_at: Instant,
    updated_at: Instant,
    reference: Option<String>,
    metadata: Option<String>,
}

impl From<CampaignRow> for Campaign {
    fn from(row: CampaignRow) -> Self {
        Self {
            id: CampaignId(row.id),
            content: NewCampaign {
                owner: OwnerId(row.owner_id),
                name: row.name,
                text: row.text,
                sender: row.sender,
                guarantee: guarantee(row.delivery_guarantee),
                scheduled_at: row.scheduled_at.map(|at| at.0),
                validity: SignedDuration::from_secs(row.validity_seconds),
                tags: Tags::from_stored(row.reference, row.metadata.as_deref()),
            },
            state: CampaignState::from_number(row.state).unwrap_or(CampaignState::Draft),
            recipients: row.recipients,
            duplicates: row.duplicates,
            invalid: row.invalid,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            started_at: row.started_at.map(|at| at.0),
            ended_at: row.ended_at.map(|at| at.0),
        }
    }
}

/// Whether a key's record is of a call with this content, and which campaign it made.
fn judge(key: &IdempotencyKey, record: &KeyRow) -> Option<i64> {
    record.campaign_id.filter(|_| record.fingerprint[..] == key.fingerprint[..])
}

fn key_row(owner: OwnerId, key: &IdempotencyKey, campaign: i64, now: Instant) -> KeyRow {
    KeyRow {
        owner_id: owner.0,
        call: CREATE_CAMPAIGN,
        key: key.key.clone(),
        fingerprint: key.fingerprint.to_vec(),
        message_id: None,
        campaign_id: Some(campaign),
        created_at: now,
    }
}

/// Makes the campaign, or finds the one that the key made; `None` if the key is another call's.
async fn insert(tx: &mut Tx, row: &NewRow, key: Option<&IdempotencyKey>) -> Result<Option<CampaignRow>, Failure> {
    let insert = diesel::insert_into(campaigns::table).values(row);
    let made: CampaignRow = on!(tx, |c| insert.returning(columns_of::<CampaignRow>()).get_result(c).await?);
    let Some(key) = key else { return Ok(Some(made)) };
    let claim = key_row(OwnerId(row.owner_id), key, made.id, row.created_at);
    let claim = diesel::insert_into(keys::table).values(claim).on_conflict_do_nothing();
    if on!(tx, |c| claim.execute(c).await?) == 1 {
        return Ok(Some(made));
    }
    on!(tx, |c| diesel::delete(campaigns::table.find(made.id)).execute(c).await?);
    let record = keys::table.find((row.owner_id, CREATE_CAMPAIGN, &key.key));
    let record: KeyRow = on!(tx, |c| record.select(columns_of::<KeyRow>()).get_result(c).await?);
    let Some(earlier) = judge(key, &record) else { return Ok(None) };
    let earlier = campaigns::table.find(earlier);
    Ok(on!(tx, |c| earlier.select(columns_of::<CampaignRow>()).get_result(c).await.optional()?))
}

impl Store {
    /// Makes a campaign.
    pub async fn create_campaign(
        &self,
        new: NewCampaign,
        key: Option<IdempotencyKey>,
    ) -> Result<CampaignInsert, Error> {
        let now = Instant(self.clock.now());
        let row = NewRow {
            owner_id: new.owner.0,
            reference: reference(&new.tags),
            metadata: new.tags.metadata.to_stored(),
            name: new.name,
            text: new.text,
            sender: new.sender,
            delivery_guarantee: new.guarantee as i16,
            scheduled_at: new.scheduled_at.map(Instant),
            validity_seconds: new.validity.as_secs(),
            state: CampaignState::Draft as i16,
            created_at: now,
            updated_at: now,
        };
        let made = transact!(&self.transactions, |tx| insert(tx, &row, key.as_ref()).await)?;
        Ok(made.map_or(CampaignInsert::KeyReused, |row| CampaignInsert::Made(Box::new(row.into()))))
    }

    /// The owner's campaign with this id.
    pub async fn campaign(&self, owner: OwnerId, id: CampaignId) -> Result<Option<Campaign>, Error> {
        let mine = campaigns::id.eq(id.0).and(campaigns::owner_id.eq(owner.0));
        let query = campaigns::table.filter(mine);
        let row: Option<CampaignRow> =
            run!(&self.db, |c| query.select(columns_of::<CampaignRow>()).get_result(c).await.optional()?);
        Ok(row.map(Campaign::from))
    }

    /// Up to `limit` of the owner's campaigns, newest first, from right after `before` on.
    pub async fn campaigns(
        &self,
        owner: OwnerId,
        before: Option<CampaignId>,
        limit: i64,
    ) -> Result<Vec<Campaign>, Error> {
        let before = before.map_or(i64::MAX, |id| id.0);
        let mine = campaigns::owner_id.eq(owner.0).and(campaigns::id.lt(before));
        let query = campaigns::table.filter(mine).order(campaigns::id.desc()).limit(limit);
        let rows: Vec<CampaignRow> = run!(&self.db, |c| query.select(columns_of::<CampaignRow>()).load(c).await?);
        Ok(rows.into_iter().map(Campaign::from).collect())
    }
}
