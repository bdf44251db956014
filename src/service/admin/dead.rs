//! Messages that were given up: listing them, and putting all back that match, once their number was stated.

use jiff::Timestamp;

use super::inspect::OperatedPage;
use super::{AT_ONCE, MOST, Operations, count_changed, few_enough, not_negative};
use crate::auth::{Caller, Scope};
use crate::domain::audit::Act;
use crate::domain::ids::{CampaignId, MessageId};
use crate::domain::page;
use crate::domain::status::Event;
use crate::error::{Error, Violation};
use crate::service::account_id;
use crate::service::lookup::is_code;
use crate::store::{DeadFilter, Job, Pick};

/// Which messages, as a caller says it. What is absent or empty narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct GivenDead {
    /// Only this owner's.
    pub owner_id: Option<i64>,
    /// Only this campaign's.
    pub campaign_id: Option<i64>,
    /// Only those with this error code.
    pub error_code: String,
    /// Only those that took this route account.
    pub traffic_account_id: String,
    /// Only those accepted at this time or later.
    pub accepted_after: Option<Timestamp>,
    /// Only those accepted before this time.
    pub accepted_before: Option<Timestamp>,
}

/// Which messages to list.
#[derive(Debug, Clone, Default)]
pub struct ListDead {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// The message to go on behind, without a token; empty for none.
    pub after_id: String,
    /// Which ones.
    pub of: GivenDead,
}

/// Which messages to put back.
#[derive(Debug, Clone, Default)]
pub struct RequeueDead {
    /// Which ones.
    pub of: GivenDead,
    /// Only count them.
    pub dry_run: bool,
    /// How many they are.
    pub expected_count: Option<i64>,
}

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requeued {
    /// How many match.
    pub count: i64,
    /// How many are in the queue again.
    pub requeued: i64,
    /// How many are left as they were.
    pub left: i64,
}

impl GivenDead {
    /// Notes every text that cannot be a filter.
    fn check(&self, violations: &mut Vec<Violation>) {
        if !is_code(&self.error_code) {
            violations.push(Violation::new("error_code", "must be an error code, such as RETRIES_EXHAUSTED"));
        }
        if !self.traffic_account_id.is_empty() && account_id(&self.traffic_account_id).is_none() {
            violations.push(Violation::new("traffic_account_id", "must be a route account's id, a UUID"));
        }
    }

    fn filter(&self) -> DeadFilter {
        let named = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        DeadFilter {
            owner: None,
            campaign: self.campaign_id.map(CampaignId),
            error_code: named(&self.error_code),
            account: account_id(&self.traffic_account_id),
            after: self.accepted_after,
            before: self.accepted_before,
        }
    }

    /// For the audit: how they were chosen.
    fn told(&self) -> String {
        let named = |name: &str, text: &str| (!text.is_empty()).then(|| format!("{name} {text}"));
        let chosen = [
            self.campaign_id.map(|id| format!("campaign {id}")),
            named("error", &self.error_code),
            named("account", &self.traffic_account_id),
            self.accepted_after.map(|at| format!("accepted from {at}")),
            self.accepted_before.map(|at| format!("accepted before {at}")),
        ];
        chosen.into_iter().flatten().fold(String::new(), |told, one| told + ", " + &one)
    }
}

impl Operations {
    /// A page of the messages that were given up. `violations` are what could not be read of the request.
    pub async fn list_dead(
        &self,
        caller: &Caller,
        request: &ListDead,
        mut violations: Vec<Violation>,
    ) -> Result<OperatedPage, Error> {
        caller.require(Scope::Ops)?;
        let after = Some(request.after_id.as_str()).filter(|id| !id.is_empty()).map(MessageId::parse);
        if after == Some(None) {
            violations.push(Violation::new("after_id", "must be a message's id, a UUID"));
        }
        let asked = (request.page_size, request.page_token.as_str());
        let (page, behind) = self.page(format!("dead/{:?}", request.of), asked, page::id, &mut violations);
        request.of.check(&mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let filter = DeadFilter { owner: self.existing(request.of.owner_id).await?, ..request.of.filter() };
        let behind = behind.map(MessageId).or(after.flatten());
        let _turn = self.admission.list(caller.user).await;
        let mut messages = self.store.dead(&filter, behind, page.limit()).await?;
        let next_page_token = page.cut(&mut messages, |last| last.id.0.as_bytes().to_vec());
        Ok(OperatedPage { messages, next_page_token })
    }

    /// Counts the messages that match, or puts them back if they are as many as the request expects. It is written down before the
    /// first one is moved, so that nothing of it can happen unseen.
    pub async fn requeue_dead(
        &self,
        caller: &Caller,
        request: &RequeueDead,
        mut violations: Vec<Violation>,
    ) -> Result<Requeued, Error> {
        let store = self.acting(caller)?;
        if !request.dry_run && request.expected_count.is_none() {
            violations.push(Violation::new("expected_count", "is required: ask with dry_run first"));
        }
        not_negative("expected_count", request.expected_count, &mut violations);
        request.of.check(&mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let filter = DeadFilter { owner: self.existing(request.of.owner_id).await?, ..request.of.filter() };
        let turn = self.admission.list(caller.user).await;
        let Some(expected) = request.expected_count.filter(|_| !request.dry_run) else {
            return Ok(Requeued { count: store.count_dead(&filter).await?, ..Requeued::default() });
        };
        let ids = store.dead_ids(&filter, MOST + 1).await?;
        let count = few_enough(ids.len())?;
        if count != expected {
            return Err(count_changed(count));
        }
        if count == 0 {
            return Ok(Requeued::default());
        }
        let (subject, stats) = (format!("{count} messages{}", request.of.told()), self.stats.clone());
        self.to_the_end(async move {
            store.note_act(Act::MessagesRequeued, filter.owner, &subject).await?;
            let mut requeued = 0;
            for ids in ids.chunks(AT_ONCE) {
                let job = |id: &MessageId| Job { pick: Pick::Id(*id), event: Event::Requeue { may_duplicate: false } };
                let moved = store.apply_each(ids.iter().map(job).collect()).await?;
                let moved: Vec<_> = moved.into_iter().flatten().filter(|moved| moved.result.is_ok()).collect();
                stats.forget_moved(&moved).await;
                requeued += i64::try_from(moved.len()).unwrap_or(0);
            }
            drop(turn);
            Ok(Requeued { count, requeued, left: count - requeued })
        })
        .await
    }
}
