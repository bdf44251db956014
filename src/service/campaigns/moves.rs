//! Starting, planning, pausing, resuming and cancelling a campaign.

use crate::auth::{Caller, Scope};
use crate::domain::campaign::{Action, Campaign, Refused};
use crate::domain::ids::CampaignId;
use crate::domain::plan::Plan;
use crate::domain::sender::SenderId;
use crate::domain::template::Template;
use crate::error::{Error, Resource};
use crate::service::Service;
use crate::store::Move;

/// How many recipients of a plan are in memory.
const PAGE: i64 = 1000;

impl Service {
    /// Starts one of the caller's campaigns, at once or at its time. Done again, it changes nothing.
    pub async fn start_campaign(&self, caller: &Caller, id: i64, recipients: Option<i64>) -> Result<Campaign, Error> {
        caller.require(needed(Action::Start))?;
        if recipients.is_some_and(|n| n < 0) {
            return Err(Error::invalid("expected_recipients", "must not be negative"));
        }
        let (_, sender) = self.ready_to(caller, id, Action::Start).await?;
        self.move_campaign(caller, id, Action::Start, (Some(sender), recipients)).await
    }

    /// The plan of starting one of the caller's campaigns, recipient by recipient. Changes nothing.
    pub async fn plan_campaign(&self, caller: &Caller, id: i64) -> Result<(Campaign, Plan), Error> {
        let (campaign, _) = self.ready_to(caller, id, Action::Start).await?;
        // It reads all recipients: as a list, in turn.
        let _turn = self.inner.admission.list(caller.user).await;
        let store = &self.inner.store;
        let template = Template::from_stored(&campaign.content.text);
        let mut plan = Plan { invalid: campaign.invalid, duplicates: campaign.duplicates, ..Plan::default() };
        self.inner.sender.refresh_gates().await?;
        plan.segments_per_second = self.inner.sender.rate().map_or(0, |rate| i64::from(rate.per_second));
        if template.is_plain()
            && let Ok(text) = template.render(&crate::domain::template::Variables::default())
        {
            plan.opted_out = store.count_opted_out(caller.user, campaign.id).await?;
            plan.count(&text, campaign.recipients - plan.opted_out);
            return Ok((campaign, plan));
        }
        let mut after = String::new();
        loop {
            let page = store.candidates(caller.user, campaign.id, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok((campaign, plan)) };
            last.recipient.destination.as_str().clone_into(&mut after);
            for candidate in page {
                match template.render(&candidate.recipient.variables) {
                    _ if candidate.opted_out => plan.opted_out += 1,
                    Ok(text) => plan.count(&text, 1),
                    Err(_) => plan.unsendable += 1,
                }
            }
        }
    }

    /// Keeps one of the caller's campaigns from sending until it is resumed.
    pub async fn pause_campaign(&self, caller: &Caller, id: i64) -> Result<Campaign, Error> {
        self.move_campaign(caller, id, Action::Pause, (None, None)).await
    }

    /// Goes on with one of the caller's campaigns.
    pub async fn resume_campaign(&self, caller: &Caller, id: i64) -> Result<Campaign, Error> {
        caller.require(needed(Action::Resume))?;
        // Its sender may have been taken back since it was started.
        self.ready_to(caller, id, Action::Resume).await?;
        self.move_campaign(caller, id, Action::Resume, (None, None)).await
    }

    /// Ends one of the caller's campaigns: what is not in flight is not sent.
    pub async fn cancel_campaign(&self, caller: &Caller, id: i64) -> Result<Campaign, Error> {
        self.move_campaign(caller, id, Action::Cancel, (None, None)).await
    }

    /// A campaign that can be started, or go on, as it is now, and the sender that its messages would get.
    async fn ready_to(&self, caller: &Caller, id: i64, action: Action) -> Result<(Campaign, SenderId), Error> {
        let campaign = self.campaign(caller, id).await?;
        campaign.clone().apply(action, self.inner.clock.now()).map_err(|e| refused(e, action))?;
        let user = self.inner.users.get(caller.user).await?;
        let own = campaign.content.sender.clone().map(SenderId::from_stored);
        Ok((campaign, self.sender_of(&user, own)?))
    }

    async fn move_campaign(
        &self,
        caller: &Caller,
        id: i64,
        action: Action,
        (sender, recipients): (Option<SenderId>, Option<i64>),
    ) -> Result<Campaign, Error> {
        caller.require(needed(action))?;
        let campaign = CampaignId(id);
        let moved =
            self.inner.store.move_campaign(Move { owner: caller.user, campaign, action, sender, recipients }).await?;
        self.inner.stats.forget(caller.user, campaign).await;
        let moved = moved.ok_or_else(|| Error::NotFound(Resource::Campaign, id.to_string()))?;
        moved.map_err(|e| refused(e, action))
    }
}

/// The scope that an action needs: having messages sent takes more than keeping them from it.
fn needed(action: Action) -> Scope {
    match action {
        Action::Start | Action::Resume | Action::Begin | Action::Finish => Scope::Campaigns,
        Action::Pause | Action::Cancel => Scope::CampaignsDraft,
    }
}

fn refused(why: Refused, action: Action) -> Error {
    match why {
        Refused::Empty => Error::Precondition {
            reason: "CAMPAIGN_EMPTY",
            message: "The campaign has no recipients: add some before it is started".to_owned(),
            metadata: Vec::new(),
        },
        Refused::Recipients(count) => Error::Precondition {
            reason: "COUNT_CHANGED",
            message: format!(
                "The campaign has {count} recipients now, which is not what was expected: it was not started"
            ),
            metadata: vec![("count", count.to_string())],
        },
        Refused::State(state) => {
            let done = match action {
                Action::Start | Action::Begin => "started",
                Action::Pause => "paused",
                Action::Resume => "resumed",
                Action::Cancel => "cancelled",
                Action::Finish => "finished",
            };
            Error::Precondition {
                reason: "CAMPAIGN_STATE",
                message: format!("A campaign that is {} cannot be {done}", state.name()),
                metadata: vec![("state", state.name().to_owned())],
            }
        }
    }
}
