//! Where a bulk refresh takes its ids from, in an order that another stream can go on in.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest as _, Sha256};

use crate::domain::ids::{CampaignId, OwnerId, ProviderMessageId};
use crate::error::{Error, Resource};
use crate::service::Service;
use crate::service::refresh_bulk::progress::Progress;
use crate::service::refresh_bulk::{BulkRequest, BulkTarget};

/// The most ids that one request may list.
const MAX_IDS: usize = 100_000;
/// How many of them one query asks about: SQLite binds 32,766 values at most.
const CHUNK: usize = 10_000;
/// How many of a campaign's ids are in memory.
const PAGE: i64 = 500;

/// One id to refresh.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The provider's id, as the caller gave it.
    pub id: String,
    /// Its place in the order.
    pub cursor: String,
    /// Whether it is the owner's.
    pub owned: bool,
}

/// The ids.
pub(super) struct Source {
    /// How many there are in all.
    pub total: i64,
    ready: VecDeque<Target>,
    more: Option<Pages>,
}

/// A campaign's ids, page by page.
struct Pages {
    owner: OwnerId,
    campaign: CampaignId,
    only_pending: bool,
    after: String,
}

/// The name of the order: a token of one request means nothing to another.
pub(super) fn name(owner: OwnerId, request: &BulkRequest) -> String {
    let target = match &request.target {
        None => String::new(),
        Some(BulkTarget::Campaign(id)) => format!("campaign/{id}"),
        Some(BulkTarget::Ids(ids)) => {
            let mut hash = Sha256::new();
            for id in ids {
                hash.update([id.as_bytes(), b"\0"].concat());
            }
            format!("ids/{:x?}", hash.finalize())
        }
    };
    format!("refresh/{owner}/{target}/{}", request.only_pending)
}

impl Source {
    /// The request's ids after what is done already.
    pub(super) async fn open(
        service: &Service,
        owner: OwnerId,
        request: &BulkRequest,
        done: &Progress,
    ) -> Result<Self, Error> {
        let _turn = service.inner.admission.list(owner).await;
        match &request.target {
            None => Err(Error::invalid("target", "is required: campaign_id or provider_message_ids")),
            Some(BulkTarget::Campaign(id)) => {
                let campaign = CampaignId(*id);
                let store = &service.inner.store;
                let found = store.campaign(owner, campaign).await?;
                found.ok_or_else(|| Error::NotFound(Resource::Campaign, id.to_string()))?;
                let only_pending = request.only_pending;
                let total = store.count_refresh_targets(owner, campaign, only_pending).await?;
                let pages = Pages { owner, campaign, only_pending, after: done.cursor().to_owned() };
                Ok(Self { total, ready: VecDeque::new(), more: Some(pages) })
            }
            Some(BulkTarget::Ids(ids)) => Self::list(service, owner, ids, request.only_pending, done).await,
        }
    }

    async fn list(
        service: &Service,
        owner: OwnerId,
        ids: &[String],
        only_pending: bool,
        done: &Progress,
    ) -> Result<Self, Error> {
        const FIELD: &str = "provider_message_ids.ids";
        if ids.is_empty() || ids.len() > MAX_IDS {
            return Err(Error::invalid(FIELD, format!("must hold 1 to {MAX_IDS} ids")));
        }
        let named: Vec<ProviderMessageId> = ids.iter().filter_map(|id| ProviderMessageId::from_caller(id)).collect();
        let store = &service.inner.store;
        let (mut mine, mut settled) = (HashSet::new(), HashSet::new());
        for chunk in named.chunks(CHUNK) {
            mine.extend(store.owned_provider_ids(owner, chunk, false).await?);
            if only_pending {
                settled.extend(store.owned_provider_ids(owner, chunk, true).await?);
            }
        }
        let mut seen = HashSet::new();
        let skip = done.cursor().parse::<usize>().map_or(0, |last| last + 1);
        let mut ready = VecDeque::new();
        let mut total = 0;
        for (place, id) in ids.iter().enumerate() {
            let known = ProviderMessageId::from_caller(id);
            if !seen.insert(id) || known.as_ref().is_some_and(|id| settled.contains(id)) {
                continue;
            }
            total += 1;
            if place >= skip {
                ready.push_back(Target {
                    id: id.clone(),
                    cursor: place.to_string(),
                    owned: known.is_some_and(|id| mine.contains(&id)),
                });
            }
        }
        Ok(Self { total, ready, more: None })
    }

    /// The next id.
    pub(super) async fn next(&mut self, service: &Service) -> Result<Option<Target>, Error> {
        if self.ready.is_empty()
            && let Some(pages) = &mut self.more
        {
            let Pages { owner, campaign, only_pending, after } = pages;
            let _turn = service.inner.admission.list(*owner).await;
            let ids = service.inner.store.refresh_targets(*owner, *campaign, *only_pending, after, PAGE).await?;
            match ids.last() {
                Some(last) => last.as_str().clone_into(after),
                None => self.more = None,
            }
            let target = |id: ProviderMessageId| Target {
                id: id.as_str().to_owned(),
                cursor: id.as_str().to_owned(),
                owned: true,
            };
            self.ready.extend(ids.into_iter().map(target));
        }
        Ok(self.ready.pop_front())
    }
}
