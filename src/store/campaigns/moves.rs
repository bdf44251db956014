//! An owner's actions on a campaign: lock the row, let the domain decide, write what changed.

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use super::CampaignRow;
use crate::domain::campaign::{Action, Campaign, CampaignState, Refused};
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::sender::SenderId;
use crate::domain::webhook::event::EventType;
use crate::store::columns::Instant;
use crate::store::error::Failure;
use crate::store::owner_events::{self, OwnerEvent};
use crate::store::schema::campaigns;
use crate::store::transaction::{Tx, locked, on, transact};
use crate::store::{Error, Store};

/// The action on an owner's campaign.
#[derive(Debug, Clone)]
pub struct Move {
    /// Whose it is.
    pub owner: OwnerId,
    /// Which one.
    pub campaign: CampaignId,
    /// The action.
    pub action: Action,
    /// The sender that its messages get, if this starts it: one campaign has one sender, whatever becomes of the
    /// owner's or the service's meanwhile.
    pub sender: Option<SenderId>,
    /// How many recipients it has to have, if that was said.
    pub recipients: Option<i64>,
}

type Moved = Option<Result<Campaign, Refused>>;

/// Writes what an action can change of a campaign that was in the state `from`, and that it did.
pub(super) async fn write(tx: &mut Tx, from: CampaignState, campaign: &Campaign) -> Result<(), Failure> {
    let update = diesel::update(campaigns::table.find(campaign.id.0)).set((
        campaigns::state.eq(campaign.state as i16),
        campaigns::sender.eq(campaign.content.sender.as_deref()),
        campaigns::updated_at.eq(Instant(campaign.updated_at)),
        campaigns::started_at.eq(campaign.started_at.map(Instant)),
        campaigns::ended_at.eq(campaign.ended_at.map(Instant)),
    ));
    on!(tx, |c| update.execute(c).await?);
    if let Some(of) = EventType::of_campaign(from, campaign.state) {
        let step = diesel::update(campaigns::table.find(campaign.id.0)).set(campaigns::steps.eq(campaigns::steps + 1));
        let step: i32 = on!(tx, |c| step.returning(campaigns::steps).get_result(c).await?);
        owner_events::note(tx, campaign.content.owner, OwnerEvent::Campaign(campaign.id, of, step)).await?;
    }
    Ok(())
}

/// The campaign after the action and, if it has to be written, the state before.
fn decide(row: CampaignRow, step: &Move, now: jiff::Timestamp) -> Result<(Campaign, Option<CampaignState>), Refused> {
    let mut campaign = Campaign::from(row);
    let from = campaign.state;
    if step.recipients.is_some_and(|expected| expected != campaign.recipients) {
        return Err(Refused::Recipients(campaign.recipients));
    }
    let changed = campaign.apply(step.action, now)?;
    if let Some(sender) = step.sender.as_ref().filter(|_| changed && step.action == Action::Start) {
        campaign.content.sender = Some(sender.as_str().to_owned());
    }
    Ok((campaign, changed.then_some(from)))
}

impl Store {
    /// Lets an owner's action happen to a campaign, alone under its row's lock. `None` if there is no such campaign.
    pub async fn move_campaign(&self, step: Move) -> Result<Moved, Error> {
        transact!(&self.transactions, |tx| {
            let mine = campaigns::id.eq(step.campaign.0).and(campaigns::owner_id.eq(step.owner.0));
            let row = locked!(tx, CampaignRow, campaigns::table.filter(mine)).pop();
            match row.map(|row| decide(row, &step, tx.now)) {
                None => Ok(None),
                Some(Err(refused)) => Ok(Some(Err(refused))),
                Some(Ok((campaign, from))) => {
                    if let Some(from) = from {
                        write(tx, from, &campaign).await?;
                    }
                    Ok(Some(Ok(campaign)))
                }
            }
        })
    }
}
