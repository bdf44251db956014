//! Moving messages that are stored: lock the rows, let [`status::apply`] decide in Rust, write what changed.

use std::collections::HashMap;

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::sql_types::Bool;
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult, SqliteConnection};
use diesel_async::RunQueryDsl as _;

use crate::domain::ids::{CampaignId, MessageId, OwnerId, ProviderMessageId};
use crate::domain::message::{Dispatch, Message};
use crate::domain::status::{self, Change, Event, Refused};
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::counters::Before;
use crate::store::error::Failure;
use crate::store::resend;
use crate::store::rows::{EventRow, MessageRow};
use crate::store::schema::messages::{self, dsl};
use crate::store::transaction::{Tx, locked, on};
use crate::store::writes::Writes;

/// An event and the messages that it happens to.
#[derive(Debug, Clone)]
pub struct Job {
    /// The messages.
    pub pick: Pick,
    /// The event for each.
    pub event: Event,
}

/// Which messages.
#[derive(Debug, Clone)]
pub enum Pick {
    /// This one.
    Id(MessageId),
    /// This one, which was like this when the caller last saw it. If it still is, it need not be read first.
    Known(Box<Message>),
    /// All of this owner's that carry this id of the provider's.
    Provider(OwnerId, ProviderMessageId),
    /// Up to `limit` that wait in this campaign's lane, whenever they are due; others' as with [`Pick::Due`].
    Waiting {
        /// The campaign.
        campaign: CampaignId,
        /// How many at most.
        limit: i64,
    },
    /// Up to `limit` single sends that wait and whose validity has ended; others' as with [`Pick::Due`].
    Expired {
        /// How many at most.
        limit: i64,
    },
    /// Up to `limit` in this state whose time has come, oldest first; those that another replica is at are left to it.
    Due {
        /// The state.
        dispatch: Dispatch,
        /// How many at most.
        limit: i64,
    },
}

/// A message that a job picked, as it is now, and what the event did to it.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The message after the event.
    pub message: Message,
    /// The change, or why there was none.
    pub result: Result<Change, Refused>,
}

/// The ids of messages by their owner and the provider's id.
type ByProvider = HashMap<(i64, String), Vec<MessageId>>;

/// The messages of a batch's jobs, each loaded once, and which job picked which.
#[derive(Default)]
pub(super) struct Loaded {
    messages: HashMap<MessageId, Message>,
    picked: Vec<Vec<MessageId>>,
    /// The newer messages that have the keys of those whose resend is due.
    newer: HashMap<MessageId, MessageId>,
    /// Those that a job picked because they are due, and those that are set aside: a job that looks for such gets others.
    due: Vec<Guid>,
}

impl Pick {
    /// Whether it looks for messages, instead of naming them.
    pub(super) fn looks(&self) -> bool {
        match self {
            Self::Id(_) | Self::Known(_) => false,
            Self::Provider(..) | Self::Waiting { .. } | Self::Expired { .. } | Self::Due { .. } => true,
        }
    }
}

impl Loaded {
    /// Messages that were loaded already, and which of them each job picked.
    pub(super) fn of(messages: HashMap<MessageId, Message>, picked: Vec<Vec<MessageId>>) -> Self {
        Self { messages, picked, ..Self::default() }
    }

    /// The same, with those that changed earlier in this transaction as they are since.
    pub(super) fn after<'a>(mut self, changed: impl Fn(MessageId) -> Option<&'a Message>) -> Self {
        for message in self.messages.values_mut() {
            if let Some(since) = changed(message.id) {
                message.clone_from(since);
            }
        }
        self
    }

    /// The messages that were picked.
    pub(super) fn ids(&self) -> impl Iterator<Item = MessageId> {
        self.picked.iter().flatten().copied()
    }

    /// Loads the messages that jobs name by an owner and an id of the provider's.
    async fn add_named(&mut self, tx: &mut Tx, jobs: &[Job]) -> Result<ByProvider, Failure> {
        let named = |job: &Job| match &job.pick {
            Pick::Provider(owner, id) => Some((owner.0, id.as_str().to_owned())),
            _ => None,
        };
        let (owners, provider_ids): (Vec<i64>, Vec<String>) = jobs.iter().filter_map(named).unzip();
        let mut by_provider = ByProvider::new();
        if owners.is_empty() {
            return Ok(by_provider);
        }
        let mine = dsl::owner_id.eq_any(owners).and(dsl::provider_message_id.eq_any(provider_ids));
        let rows = locked!(tx, MessageRow, messages::table.filter(mine).order(dsl::id));
        for row in &rows {
            let name = (row.owner_id, row.provider_message_id.clone().unwrap_or_default());
            by_provider.entry(name).or_default().push(MessageId(row.id.0));
        }
        self.add(rows);
        Ok(by_provider)
    }

    fn add(&mut self, rows: Vec<MessageRow>) -> Vec<MessageId> {
        let mut ids = Vec::with_capacity(rows.len());
        for row in rows {
            let message = row.into_message();
            ids.push(message.id);
            self.messages.entry(message.id).or_insert(message);
        }
        ids
    }

    /// Believes those that are known.
    fn believe(&mut self, jobs: &[Job]) {
        for job in jobs {
            if let Pick::Known(message) = &job.pick {
                self.messages.entry(message.id).or_insert_with(|| (**message).clone());
            }
        }
    }

    fn add_due(&mut self, rows: Vec<MessageRow>) -> Vec<MessageId> {
        self.due.extend(rows.iter().map(|row| row.id));
        self.add(rows)
    }
}

/// The state is spelt out, not bound: the indexes of the queue and of the timers hold rows of some states alone, and a
/// planner that does not see the state cannot use them. SQLite sees it only in the index's own words, which are
/// `dispatch = 1` of the queue and `dispatch <> 1` of the timers.
pub(super) fn in_state(dispatch: Dispatch) -> SqlLiteral<Bool> {
    let not_queued = if dispatch == Dispatch::Queued { "" } else { " AND dispatch <> 1" };
    sql(&format!("dispatch = {}{not_queued}", dispatch as i16))
}

/// Loads the jobs' messages, locked.
///
/// Those named by id or provider id are locked in the order of their ids, in one statement each, so that batches of
/// two replicas rarely wait for each other crosswise; where they do, Postgres ends one, which is then repeated.
pub(super) async fn load(tx: &mut Tx, jobs: &[Job], aside: &[Guid]) -> Result<Loaded, Failure> {
    let mut loaded = Loaded { due: aside.to_vec(), ..Loaded::default() };
    let outdated = tx.outdated;
    let id = |job: &Job| match &job.pick {
        Pick::Id(id) => Some(Guid(id.0)),
        Pick::Known(message) if outdated => Some(Guid(message.id.0)),
        _ => None,
    };
    let ids: Vec<Guid> = jobs.iter().filter_map(id).collect();
    if !ids.is_empty() {
        loaded.add(by_ids(tx, ids).await?);
    }
    let by_provider = loaded.add_named(tx, jobs).await?;
    loaded.believe(if outdated { &[] } else { jobs });
    for job in jobs {
        let picked = match &job.pick {
            Pick::Id(id) => vec![*id],
            Pick::Known(message) => vec![message.id],
            Pick::Provider(owner, id) => {
                by_provider.get(&(owner.0, id.as_str().to_owned())).cloned().unwrap_or_default()
            }
            Pick::Due { dispatch, limit } => {
                let due = messages::table.filter(in_state(*dispatch).and(dsl::due_at.le(Instant(tx.now))));
                let query = due.filter(dsl::id.ne_all(loaded.due.clone())).order(dsl::due_at).limit(*limit);
                let rows = locked!(free tx, MessageRow, query);
                if *dispatch == Dispatch::Unknown {
                    loaded.newer.extend(resend::newer(tx, &rows).await?);
                }
                loaded.add_due(rows)
            }
            Pick::Expired { limit } => {
                let waits = sql::<Bool>("dispatch IN (0, 1) AND lane = 0");
                let expired = messages::table.filter(waits.and(dsl::expires_at.le(Instant(tx.now))));
                let query = expired.filter(dsl::id.ne_all(loaded.due.clone())).order(dsl::expires_at).limit(*limit);
                loaded.add_due(locked!(free tx, MessageRow, query))
            }
            Pick::Waiting { campaign, limit } => {
                let waits = messages::table.filter(in_state(Dispatch::Queued).and(dsl::lane.eq(campaign.0)));
                let query = waits.filter(dsl::id.ne_all(loaded.due.clone()));
                let query = query.order((dsl::lane, dsl::owner_id, dsl::traffic_account_id, dsl::due_at)).limit(*limit);
                loaded.add_due(locked!(free tx, MessageRow, query))
            }
        };
        loaded.picked.push(picked);
    }
    Ok(loaded)
}

/// The messages with these ids, locked in the order of the ids. On SQLite one by one: a list is another statement for each
/// length of it.
pub(super) async fn by_ids(tx: &mut Tx, ids: Vec<Guid>) -> Result<Vec<MessageRow>, Failure> {
    Ok(on!(
        tx,
        |pg| {
            let query = messages::table.filter(dsl::id.eq_any(ids)).order(dsl::id);
            query.select(columns_of::<MessageRow>()).for_update().load(pg).await?
        },
        |lite| lite.spawn_blocking(move |c| each(c, &ids)).await?
    ))
}

fn each(c: &mut SqliteConnection, ids: &[Guid]) -> QueryResult<Vec<MessageRow>> {
    use diesel::{OptionalExtension as _, RunQueryDsl};
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        let query = messages::table.find(*id).select(columns_of::<MessageRow>());
        rows.extend(RunQueryDsl::get_result(query, c).optional()?);
    }
    Ok(rows)
}

/// Lets each job's event happen to its messages, in the order of the jobs, and collects what has to be written.
///
/// Knowledge from memory alone refuses nothing: [`Failure::Outdated`] asks for the row itself.
pub(super) fn decide(
    jobs: &[Job],
    mut loaded: Loaded,
    tx: &Tx,
    writes: &mut Writes,
) -> Result<Vec<Vec<Moved>>, Failure> {
    let now = tx.now;
    let mut answers = Vec::with_capacity(jobs.len());
    for (job, picked) in jobs.iter().zip(std::mem::take(&mut loaded.picked)) {
        let mut moved = Vec::with_capacity(picked.len());
        for id in picked {
            let Some(message) = loaded.messages.get_mut(&id) else { continue };
            let before = Before::of(message);
            // Sent again now, it would come behind the one that was to take its place.
            let taken = loaded.newer.get(&id).map(|by| Event::Supersede { by: *by });
            let event = taken.as_ref().filter(|_| job.event == Event::Timer).unwrap_or(&job.event);
            let result = status::apply(message, event, now);
            match &result {
                Ok(change) => writes.change(message, before, EventRow::of(message, change, now)),
                Err(_) if !tx.outdated && matches!(job.pick, Pick::Known(_)) => return Err(Failure::Outdated),
                Err(_) => {}
            }
            moved.push(Moved { message: message.clone(), result });
        }
        answers.push(moved);
    }
    Ok(answers)
}
