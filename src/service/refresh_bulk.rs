//! `RefreshStatusBulk`: refresh a campaign or a list, and tell each result as it comes.
//!
//! The memory is bounded by a few times the number of calls in flight and one page of ids, whatever the
//! campaign's size. Dropping the stream aborts what is in flight.

mod progress;
mod source;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::auth::{Caller, Scope};
use crate::domain::ids::{OwnerId, ProviderMessageId};
use crate::domain::message::Status;
use crate::error::{Error, Resource};
use crate::provider::ReadError;
use crate::service::{Refreshed, Service};
use progress::Progress;
use source::Source;

/// The target of a refresh.
#[derive(Debug, Clone)]
pub enum BulkTarget {
    /// Every message of a campaign that the provider took.
    Campaign(i64),
    /// These, by the provider's ids.
    Ids(Vec<String>),
}

/// A bulk refresh.
#[derive(Debug, Clone)]
pub struct BulkRequest {
    /// The target; `None` if the caller named nothing.
    pub target: Option<BulkTarget>,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
    /// Leave out what is final already.
    pub only_pending: bool,
    /// Where to go on; empty means at the start.
    pub resume_token: String,
    /// After so many ids the stream ends, and its last token is where another one goes on.
    pub limit: Option<usize>,
}

/// The result of a refresh for one id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkOutcome {
    /// At least one record reads differently now.
    Updated,
    /// The records were up to date.
    Unchanged,
    /// It could not be refreshed.
    Failed,
}

/// Why one id could not be refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkFailure {
    /// The stable upper-snake reason with which a refresh of this id alone would have failed.
    pub code: &'static str,
    /// For people.
    pub words: String,
}

/// The content of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum BulkEvent {
    /// One id is done.
    Result {
        /// The provider's id, as the caller gave it.
        id: String,
        /// The result.
        outcome: BulkOutcome,
        /// The status that the provider's word stands for, unless it failed.
        status: Option<Status>,
        /// How many records changed.
        updated: usize,
        /// All that the refresh found, unless it failed.
        refreshed: Option<Box<Refreshed>>,
        /// Why it failed.
        error: Option<BulkFailure>,
    },
    /// All are done, or as many as this stream does: how many changed something, changed nothing, failed.
    Summary {
        /// Whether there are more, for another stream.
        more: bool,
        /// Changed a record.
        updated: i64,
        /// Changed nothing.
        unchanged: i64,
        /// Failed.
        failed: i64,
    },
}

/// One step of a bulk refresh.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkProgress {
    /// How many ids there are in all.
    pub total: i64,
    /// How many are done.
    pub completed: i64,
    /// Where to go on after this event.
    pub resume_token: String,
    /// The content.
    pub event: BulkEvent,
}

/// The steps of a bulk refresh.
pub type BulkStream = Pin<Box<dyn Stream<Item = Result<BulkProgress, Error>> + Send>>;

/// How often an id is asked for again when the provider asks to slow down, and how long to wait at most.
const THROTTLED_TRIES: u32 = 5;
const THROTTLED_WAIT: Duration = Duration::from_secs(5);

/// For each provider call in flight, how many ids may be in hand: the others wait for their commit, and must not keep
/// the next call waiting.
const IN_HAND: usize = 3;

/// Lets no call begin any more once it is dropped.
struct CloseOnDrop(Arc<Semaphore>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// How many ids may wait in the token for a slow one before them.
const MAX_WINDOW: usize = 1024;

impl Service {
    /// Starts a bulk refresh. What is wrong with the request is told before the stream begins.
    pub async fn refresh_bulk(&self, caller: &Caller, request: BulkRequest) -> Result<BulkStream, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let seal = self.seal(source::name(owner, &request));
        let resumed = Progress::resume(seal, &request.resume_token)?;
        let source = Source::open(self, owner, &request, &resumed).await?;
        let steps = self.clone().walk(owner, source, resumed, request.limit.unwrap_or(usize::MAX));
        Ok(self.while_allowed(caller, steps))
    }

    fn walk(
        self,
        owner: OwnerId,
        mut source: Source,
        mut progress: Progress,
        mut left: usize,
    ) -> impl Stream<Item = Result<BulkProgress, Error>> + Send {
        async_stream::try_stream! {
            progress.total = progress.total.max(source.total);
            let total = progress.total;
            let concurrency = self.inner.settings.refresh_concurrency;
            let slots = Arc::new(Semaphore::new(concurrency));
            // Tasks, so that a reader who does not read holds back new calls but lets those under way finish; dropped
            // with the stream, they are aborted.
            let mut calls = JoinSet::new();
            // Dropped before the tasks: a slot that an aborted call gives back must not let the next one begin.
            let _closing = CloseOnDrop(slots.clone());
            loop {
                while left > 0 && calls.len() < concurrency * IN_HAND && progress.waiting() < MAX_WINDOW {
                    let Some(target) = source.next(&self).await? else { break };
                    if progress.begin(&target.id, &target.cursor) {
                        left -= 1;
                        let (service, slots) = (self.clone(), slots.clone());
                        calls.spawn(async move {
                            let event = service.refresh_target(owner, &target, &slots).await;
                            (target, event)
                        });
                    }
                }
                let Some(done) = calls.join_next().await else { break };
                let (target, event) = done?;
                if let BulkEvent::Result { outcome, .. } = &event {
                    progress.complete(&target.id, *outcome);
                }
                yield BulkProgress { total, completed: progress.completed(), resume_token: progress.token(), event };
            }
            let event = progress.summary(left == 0 && source.next(&self).await?.is_some());
            yield BulkProgress { total, completed: progress.completed(), resume_token: progress.token(), event };
        }
    }

    async fn refresh_target(&self, owner: OwnerId, target: &source::Target, slots: &Semaphore) -> BulkEvent {
        let failed = |why: &Error, words: String| BulkEvent::Result {
            id: target.id.clone(),
            outcome: BulkOutcome::Failed,
            status: None,
            updated: 0,
            refreshed: None,
            error: Some(BulkFailure { code: why.reason(), words }),
        };
        let not_found = || {
            let unknown = Error::NotFound(Resource::Message, target.id.clone());
            failed(&unknown, unknown.message())
        };
        let Some(id) = target.owned.then(|| ProviderMessageId::from_provider(&target.id)).flatten() else {
            return not_found();
        };
        let mut tries = 0;
        loop {
            // Nobody reads it: the reader is gone.
            let Ok(slot) = slots.acquire().await else { return failed(&Error::Cancelled, Error::Cancelled.message()) };
            let turn = self.inner.admission.provider_read(owner).await;
            let read = self.inner.provider.read(&id).await;
            drop((turn, slot));
            let snapshot = match read {
                Ok(snapshot) => snapshot,
                Err(ReadError::Throttled { retry_after }) if tries < THROTTLED_TRIES => {
                    tries += 1;
                    tokio::time::sleep(retry_after.unwrap_or(Duration::from_secs(1)).min(THROTTLED_WAIT)).await;
                    continue;
                }
                Err(ReadError::NotFound) => return not_found(),
                Err(e) => return failed(&Error::of_read(&e, &target.id), e.to_string()),
            };
            return match self.record(owner, &id, snapshot).await {
                Ok(refreshed) => BulkEvent::Result {
                    id: target.id.clone(),
                    outcome: if refreshed.changed > 0 { BulkOutcome::Updated } else { BulkOutcome::Unchanged },
                    status: Some(refreshed.status),
                    updated: refreshed.changed,
                    refreshed: Some(Box::new(refreshed)),
                    error: None,
                },
                Err(e) => {
                    tracing::warn!(cause = e.cause(), "one refresh of many failed");
                    failed(&e, "the service could not store what the provider said".to_owned())
                }
            };
        }
    }
}
