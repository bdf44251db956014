//! `WatchMessages`: the changes of an owner's messages.

use std::collections::HashSet;

use crate::auth::{Caller, Scope};
use crate::domain::ids::{CampaignId, MessageId};
use crate::domain::message::Status;
use crate::domain::tags::Tags;
use crate::error::{Error, Resource};
use crate::service::Service;
use crate::service::watch::{Shows, Watch};
use crate::store::JournalEntry;

/// Which changes to watch.
#[derive(Debug, Clone, Default)]
pub struct WatchMessages {
    /// Only messages of this campaign.
    pub campaign_id: Option<i64>,
    /// Only changes to the statuses of these numbers; none means all.
    pub statuses: Vec<i32>,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
    /// Where to go on; empty means from now on.
    pub resume_token: String,
}

/// A change of a message's state, as a watcher is told.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchedChange {
    /// Which message.
    pub message: MessageId,
    /// The number of the change: later changes of the message have greater ones.
    pub version: i32,
    /// Its campaign.
    pub campaign: Option<CampaignId>,
    /// Its tags.
    pub tags: Tags,
    /// The number of the status before; 0 for a new message.
    pub from: i16,
    /// The number of the status after.
    pub to: i16,
    /// When.
    pub at: jiff::Timestamp,
}

/// The filter of one stream.
#[derive(Debug, Clone)]
struct Wanted {
    campaign: Option<CampaignId>,
    statuses: HashSet<i16>,
}

impl Shows for Wanted {
    type Event = WatchedChange;

    async fn shown(&self, _: &Service, entry: &JournalEntry) -> Result<Option<WatchedChange>, Error> {
        let Some(message) = entry.message() else { return Ok(None) };
        let what = entry.what;
        let in_campaign = self.campaign.is_none() || entry.campaign == self.campaign;
        if !in_campaign || !(self.statuses.is_empty() || self.statuses.contains(&what.to)) {
            return Ok(None);
        }
        let (campaign, tags) = (entry.campaign, entry.tags.clone());
        let version = what.position.version;
        Ok(Some(WatchedChange { message, version, campaign, tags, from: what.from, to: what.to, at: what.at }))
    }
}

impl Service {
    /// Watches an owner's messages. What is wrong with the request is told before the stream begins.
    pub async fn watch_messages(&self, caller: &Caller, request: WatchMessages) -> Result<Watch<WatchedChange>, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let status = |n: &i32| Status::from_number(*n).map(|status| status as i16);
        let statuses: Option<HashSet<i16>> = request.statuses.iter().map(status).collect();
        let statuses =
            statuses.ok_or_else(|| Error::invalid("statuses", "must hold statuses that this service knows"))?;
        // Whoever opens a thousand waits for their own.
        let _turn = self.inner.admission.list(caller.user).await;
        let campaign = request.campaign_id.map(CampaignId);
        if let Some(id) = campaign
            && self.inner.store.campaign(owner, id).await?.is_none()
        {
            return Err(Error::NotFound(Resource::Campaign, id.to_string()));
        }
        self.watch(caller, owner, &request.resume_token, Wanted { campaign, statuses }).await
    }
}
