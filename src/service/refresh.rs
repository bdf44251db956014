//! `RefreshStatus`: ask the provider about one message and bring our records up to date.

use crate::auth::{Caller, Scope};
use crate::domain::evidence::{Evidence, Rank};
use crate::domain::ids::{CampaignId, OwnerId, ProviderMessageId};
use crate::domain::message::Status;
use crate::domain::status::Event;
use crate::error::{Error, Resource};
use crate::provider::Snapshot;
use crate::service::Service;
use crate::service::lookup::parse_provider_id;
use crate::store::{Job, Moved, Pick};

/// The findings and changes of a refresh.
#[derive(Debug, Clone, PartialEq)]
pub struct Refreshed {
    /// How many of our records carry the id.
    pub records: usize,
    /// How many of them now read differently.
    pub changed: usize,
    /// The status that the provider's word stands for.
    pub status: Status,
    /// The provider's live view.
    pub snapshot: Snapshot,
    /// The campaigns of the records, ascending.
    pub campaigns: Vec<CampaignId>,
}

/// The status that the provider's word stands for: delivered, failed, and everything else is on its way.
#[must_use]
pub fn internal_status(word: Option<&str>) -> Status {
    match Rank::of_read_model(word.unwrap_or_default()) {
        Rank::Delivered => Status::Delivered,
        Rank::Failed => Status::Failed,
        Rank::None | Rank::Sent | Rank::NoReport => Status::Sent,
    }
}

impl Service {
    /// Refreshes all the owner's messages that carry this id of the provider's.
    pub async fn refresh(&self, caller: &Caller, id: &str, owner_id: Option<i64>) -> Result<Refreshed, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, owner_id).await?;
        let parsed = parse_provider_id("provider_message_id", id)?;
        if !self.inner.store.owns_provider_id(owner, &parsed).await? {
            return Err(Error::NotFound(Resource::Message, id.to_owned()));
        }
        let turn = self.inner.admission.provider_read(caller.user).await;
        let snapshot = self.inner.provider.read(&parsed).await.map_err(|e| Error::of_read(&e, id))?;
        drop(turn);
        self.record(owner, &parsed, snapshot).await
    }

    /// Brings the owner's messages that carry this id up to what the provider said.
    pub(super) async fn record(
        &self,
        owner: OwnerId,
        id: &ProviderMessageId,
        snapshot: Snapshot,
    ) -> Result<Refreshed, Error> {
        let evidence = match &snapshot.delivery_status {
            Some(word) => Evidence::of_read_model(word, snapshot.updated_at, snapshot.description.as_deref()),
            // No word is no evidence: the records are found and left as they are.
            None => Evidence {
                rank: Rank::None,
                word: String::new(),
                at: None,
                description: None,
                provider_message_id: None,
            },
        };
        let job = Job { pick: Pick::Provider(owner, id.clone()), event: Event::Evidence(evidence) };
        let moved = self.inner.store.apply(job).await?;
        self.inner.stats.forget_moved(&moved).await;
        let visible = |m: &&Moved| m.result.as_ref().is_ok_and(|change| change.visible);
        let mut campaigns: Vec<CampaignId> = moved.iter().filter_map(|m| m.message.campaign).collect();
        campaigns.sort_unstable();
        campaigns.dedup();
        Ok(Refreshed {
            records: moved.len(),
            changed: moved.iter().filter(visible).count(),
            status: internal_status(snapshot.delivery_status.as_deref()),
            snapshot,
            campaigns,
        })
    }
}
