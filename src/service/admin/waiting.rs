//! Messages that wait to be sent, and campaigns whose messages are still to be made: listing the former, and taking all back that match, once
//! their number was stated: after a restore, for example, when they were sent since.

use jiff::Timestamp;
use uuid::Uuid;

use super::inspect::OperatedPage;
use super::{AT_ONCE, MOST, Operations, count_changed, few_enough, not_negative};
use crate::auth::{Caller, Scope};
use crate::domain::audit::Act;
use crate::domain::campaign::Action;
use crate::domain::ids::MessageId;
use crate::domain::message::Dispatch;
use crate::domain::status::Event;
use crate::error::{Error, Violation};
use crate::store::{Depths, Job, Move, Pick, Store, ToCome, WaitingFilter};

/// The states that wait, in the order in which they are listed: unknown are those whose answer was lost and that are to be sent again.
const WAITING: [Dispatch; 3] = [Dispatch::Scheduled, Dispatch::Queued, Dispatch::Unknown];

/// Which messages, as a caller says it.
#[derive(Debug, Clone, Copy, Default)]
pub struct GivenWaiting {
    /// Those accepted until then.
    pub accepted_until: Option<Timestamp>,
    /// Only this owner's.
    pub owner_id: Option<i64>,
}

/// Which messages to list.
#[derive(Debug, Clone, Default)]
pub struct ListWaiting {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// Which ones.
    pub of: GivenWaiting,
}

/// Which messages to take back.
#[derive(Debug, Clone, Copy, Default)]
pub struct CancelWaiting {
    /// Which ones.
    pub of: GivenWaiting,
    /// Only count them.
    pub dry_run: bool,
    /// How many they are at most.
    pub at_most: Option<i64>,
}

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cancelled {
    /// How many matched.
    pub count: i64,
    /// How many are cancelled.
    pub cancelled: i64,
    /// How many may be at the provider, and are unknown now.
    pub unknown: i64,
}

/// How many messages are still to be made of them.
fn recipients(campaigns: &[ToCome]) -> i64 {
    campaigns.iter().map(|campaign| campaign.recipients).sum()
}

/// The place behind which a page begins: a state, and a message in it.
fn place(bytes: &[u8]) -> Option<(usize, MessageId)> {
    let (state, id) = bytes.split_first()?;
    let state = usize::from(*state);
    (state < WAITING.len()).then_some(())?;
    Some((state, MessageId(Uuid::from_slice(id).ok()?)))
}

impl Operations {
    /// How full the queue is, of all owners, as of five seconds ago at most.
    pub async fn queue(&self, caller: &Caller) -> Result<Depths, Error> {
        caller.require(Scope::Ops)?;
        let _turn = self.admission.list(caller.user).await;
        self.depths.get().await
    }

    /// A page of the messages that wait. `violations` are what could not be read of the request.
    pub async fn list_waiting(
        &self,
        caller: &Caller,
        request: &ListWaiting,
        mut violations: Vec<Violation>,
    ) -> Result<OperatedPage, Error> {
        caller.require(Scope::Ops)?;
        let asked = (request.page_size, request.page_token.as_str());
        let (page, behind) = self.page(format!("waiting/{:?}", request.of), asked, place, &mut violations);
        let filter = self.waiting(&request.of, violations).await?;
        let (first, mut after) = behind.map_or((0, None), |(state, id)| (state, Some(id)));
        let _turn = self.admission.list(caller.user).await;
        let mut messages = Vec::new();
        for dispatch in WAITING.into_iter().skip(first) {
            let left = page.limit() - i64::try_from(messages.len()).unwrap_or(0);
            if left > 0 {
                messages.extend(self.store.waiting(dispatch, filter, after.take(), left).await?);
            }
        }
        let next_page_token = page.cut(&mut messages, |last| {
            let state = WAITING.iter().position(|state| *state == last.state.dispatch).unwrap_or(0);
            let mut place = vec![u8::try_from(state).unwrap_or(0)];
            place.extend(last.id.0.as_bytes());
            place
        });
        Ok(OperatedPage { messages, next_page_token })
    }

    /// Counts the messages that match, or cancels them if they are no more than the request says. It is written down before the first
    /// one is cancelled.
    pub async fn cancel_waiting(
        &self,
        caller: &Caller,
        request: &CancelWaiting,
        mut violations: Vec<Violation>,
    ) -> Result<Cancelled, Error> {
        let store = self.acting(caller)?;
        if !request.dry_run && request.at_most.is_none() {
            violations.push(Violation::new("at_most", "is required: ask with dry_run first"));
        }
        not_negative("at_most", request.at_most, &mut violations);
        let filter = self.waiting(&request.of, violations).await?;
        let turn = self.admission.list(caller.user).await;
        let Some(at_most) = request.at_most.filter(|_| !request.dry_run) else {
            let mut count = recipients(&store.to_come(filter).await?);
            for dispatch in WAITING {
                count += store.count_waiting(dispatch, filter).await?;
            }
            return Ok(Cancelled { count, ..Cancelled::default() });
        };
        // Before the messages: what campaigns make meanwhile is accepted later than what is asked for.
        let campaigns = store.to_come(filter).await?;
        let mut ids = Vec::new();
        for dispatch in WAITING {
            ids.extend(store.waiting_ids(dispatch, filter, MOST + 1).await?);
        }
        let count = few_enough(ids.len())? + recipients(&campaigns);
        if count > at_most {
            return Err(count_changed(count));
        }
        if count == 0 {
            return Ok(Cancelled::default());
        }
        let (operations, subject) = (self.clone(), format!("accepted until {}: {count}", filter.until));
        self.to_the_end(async move {
            store.note_act(Act::QueueCancelled, filter.owner, &subject).await?;
            let done = operations.cancel(&store, &campaigns, &ids, count).await;
            drop(turn);
            done
        })
        .await
    }

    /// The campaigns first: no message of theirs is made from then on.
    async fn cancel(
        &self,
        store: &Store,
        campaigns: &[ToCome],
        ids: &[MessageId],
        count: i64,
    ) -> Result<Cancelled, Error> {
        let mut done = Cancelled { count, ..Cancelled::default() };
        for &ToCome { owner, campaign, recipients } in campaigns {
            let step = Move { owner, campaign, action: Action::Cancel, sender: None, recipients: None };
            let moved = store.move_campaign(step).await?;
            self.stats.forget(owner, campaign).await;
            done.cancelled += if matches!(moved, Some(Ok(_))) { recipients } else { 0 };
        }
        for ids in ids.chunks(AT_ONCE) {
            let job = |id: &MessageId| Job { pick: Pick::Id(*id), event: Event::Cancel };
            let moved = store.apply_each(ids.iter().map(job).collect()).await?;
            let moved: Vec<_> = moved.into_iter().flatten().filter(|moved| moved.result.is_ok()).collect();
            self.stats.forget_moved(&moved).await;
            for moved in moved {
                let cancelled = moved.message.state.dispatch == Dispatch::Cancelled;
                done.cancelled += i64::from(cancelled);
                done.unknown += i64::from(!cancelled);
            }
        }
        Ok(done)
    }

    async fn waiting(&self, of: &GivenWaiting, mut violations: Vec<Violation>) -> Result<WaitingFilter, Error> {
        if of.accepted_until.is_none() && violations.iter().all(|violation| violation.field != "accepted_until") {
            violations.push(Violation::new("accepted_until", "is required"));
        }
        match of.accepted_until.filter(|_| violations.is_empty()) {
            // What is accepted while somebody reads the count is none of those that were counted.
            Some(until) => {
                let until = until.min(self.clock.now());
                Ok(WaitingFilter { owner: self.existing(of.owner_id).await?, until })
            }
            None => Err(Error::Invalid(violations)),
        }
    }
}
