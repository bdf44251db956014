//! What an owner does to a campaign: lock the row, let the domain decide, write what changed.

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult,
    SelectableHelper as _, SqliteConnection,
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};

use super::CampaignRow;
use crate::domain::campaign::{Action, Campaign, Refused};
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::sender::SenderId;
use crate::store::columns::Instant;
use crate::store::lane::in_a_task;
use crate::store::schema::campaigns;
use crate::store::{Error, Store, run};

/// What is to happen to an owner's campaign.
#[derive(Debug, Clone)]
pub struct Move {
    /// Whose it is.
    pub owner: OwnerId,
    /// Which one.
    pub campaign: CampaignId,
    /// What happens.
    pub action: Action,
    /// The sender that its messages get, if this starts it: one campaign has one sender, whatever becomes of the
    /// owner's or the service's meanwhile.
    pub sender: Option<SenderId>,
}

type Moved = Option<Result<Campaign, Refused>>;

/// The owner's campaign.
macro_rules! mine {
    ($step:expr) => {
        campaigns::table
            .filter(campaigns::id.eq($step.campaign.0).and(campaigns::owner_id.eq($step.owner.0)))
            .select(CampaignRow::as_select())
    };
}

/// Writes what an action can change.
macro_rules! write_campaign {
    ($campaign:expr) => {
        diesel::update(campaigns::table.find($campaign.id.0)).set((
            campaigns::state.eq($campaign.state as i16),
            campaigns::sender.eq($campaign.content.sender.as_deref()),
            campaigns::updated_at.eq(Instant($campaign.updated_at)),
            campaigns::started_at.eq($campaign.started_at.map(Instant)),
            campaigns::ended_at.eq($campaign.ended_at.map(Instant)),
        ))
    };
}
pub(super) use write_campaign;

/// The campaign after the action, and whether it has to be written.
fn decide(row: CampaignRow, step: &Move, now: jiff::Timestamp) -> Result<(Campaign, bool), Refused> {
    let mut campaign = Campaign::from(row);
    let changed = campaign.apply(step.action, now)?;
    if let Some(sender) = step.sender.as_ref().filter(|_| changed && step.action == Action::Start) {
        campaign.content.sender = Some(sender.as_str().to_owned());
    }
    Ok((campaign, changed))
}

async fn in_postgres(c: &mut AsyncPgConnection, step: Move, now: jiff::Timestamp) -> QueryResult<Moved> {
    use diesel_async::RunQueryDsl as _;
    c.transaction(async |c| {
        let row = mine!(step).for_update().first(c).await.optional()?;
        match row.map(|row| decide(row, &step, now)) {
            None => Ok(None),
            Some(Err(refused)) => Ok(Some(Err(refused))),
            Some(Ok((campaign, changed))) => {
                if changed {
                    write_campaign!(campaign).execute(c).await?;
                }
                Ok(Some(Ok(campaign)))
            }
        }
    })
    .await
}

fn in_sqlite(c: &mut SqliteConnection, step: &Move, now: jiff::Timestamp) -> QueryResult<Moved> {
    use diesel::RunQueryDsl as _;
    let row = mine!(step).first(c).optional()?;
    match row.map(|row| decide(row, step, now)) {
        None => Ok(None),
        Some(Err(refused)) => Ok(Some(Err(refused))),
        Some(Ok((campaign, changed))) => {
            if changed {
                write_campaign!(campaign).execute(c)?;
            }
            Ok(Some(Ok(campaign)))
        }
    }
}

impl Store {
    /// Lets an owner's action happen to a campaign, alone under its row's lock. `None` if there is no such campaign.
    pub async fn move_campaign(&self, step: Move) -> Result<Moved, Error> {
        let (db, now) = (self.db.clone(), self.clock.now());
        in_a_task(async move {
            let _alone = db.alone().await;
            Ok(run!(&db, |pg| in_postgres(pg, step, now).await?, |lite| {
                lite.spawn_blocking(move |c| c.immediate_transaction(|c| in_sqlite(c, &step, now))).await?
            }))
        })
        .await
    }
}
