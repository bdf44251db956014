//! Moving messages that are stored: lock the rows, let [`status::apply`] decide in Rust, write what changed.

use std::collections::HashMap;

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::sql_types::Bool;
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult, SelectableHelper as _,
    SqliteConnection,
};
use diesel_async::AsyncPgConnection;
use jiff::Timestamp;

use crate::domain::ids::{CampaignId, MessageId, OwnerId, ProviderMessageId};
use crate::domain::message::{Dispatch, Message};
use crate::domain::status::{self, Change, Event, Refused};
use crate::store::batch::Writes;
use crate::store::columns::{Guid, Instant};
use crate::store::counters::Before;
use crate::store::rows::{EventRow, MessageRow};
use crate::store::schema::messages::{self, dsl};

/// An event and the messages that it happens to.
#[derive(Debug, Clone)]
pub struct Job {
    /// The messages.
    pub pick: Pick,
    /// What happens to each.
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
    /// What changed, or why nothing did.
    pub result: Result<Change, Refused>,
}

/// Whether [`Pick::Known`] is believed. What is written then is written only if the row still has the version that was
/// known; if not, nothing of the batch is, and it is done again with every message read first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Known,
    Nothing,
}

/// What ends a transaction in which something known turned out to be out of date.
pub(super) const OUTDATED: diesel::result::Error = diesel::result::Error::RollbackTransaction;

/// The messages of a batch's jobs, each loaded once, and which job picked which.
#[derive(Default)]
pub(super) struct Loaded {
    messages: HashMap<MessageId, Message>,
    picked: Vec<Vec<MessageId>>,
    /// Those that a job picked because they are due: another job of the batch that looks for such gets others.
    due: Vec<Guid>,
}

impl Loaded {
    /// Messages that were loaded already, and which of them each job picked.
    pub(super) fn of(messages: HashMap<MessageId, Message>, picked: Vec<Vec<MessageId>>) -> Self {
        Self { messages, picked, due: Vec::new() }
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

/// What is due in a state, but for those that are taken.
macro_rules! due {
    ($dispatch:expr, $now:expr, $taken:expr, $limit:expr) => {
        messages::table
            .filter(in_state($dispatch).and(dsl::due_at.le(Instant($now))))
            .filter(dsl::id.ne_all($taken))
            .order(dsl::due_at)
            .limit($limit)
            .select(MessageRow::as_select())
    };
}

/// What waits and is not worth sending any more, but for those that are taken.
macro_rules! expired {
    ($now:expr, $taken:expr, $limit:expr) => {
        messages::table
            .filter(sql::<Bool>("dispatch IN (0, 1) AND lane = 0").and(dsl::expires_at.le(Instant($now))))
            .filter(dsl::id.ne_all($taken))
            .order(dsl::expires_at)
            .limit($limit)
            .select(MessageRow::as_select())
    };
}

/// What waits in a campaign's lane, but for those that are taken.
macro_rules! waiting {
    ($campaign:expr, $taken:expr, $limit:expr) => {
        messages::table
            .filter(in_state(Dispatch::Queued).and(dsl::lane.eq($campaign.0)))
            .filter(dsl::id.ne_all($taken))
            .order((dsl::lane, dsl::owner_id, dsl::traffic_account_id))
            .limit($limit)
            .select(MessageRow::as_select())
    };
}

/// Loads and locks the jobs' messages on Postgres.
///
/// Those named by id or provider id are locked in the order of their ids, in one statement each, so that batches of
/// two replicas rarely wait for each other crosswise; where they do, Postgres ends one and the writer repeats it.
pub(super) async fn load_postgres(
    c: &mut AsyncPgConnection,
    jobs: &[Job],
    trust: Trust,
    now: Timestamp,
) -> QueryResult<Loaded> {
    use diesel_async::RunQueryDsl as _;
    let mut loaded = Loaded::default();
    let id = |job: &Job| match &job.pick {
        Pick::Id(id) => Some(Guid(id.0)),
        Pick::Known(message) if trust == Trust::Nothing => Some(Guid(message.id.0)),
        _ => None,
    };
    let ids: Vec<Guid> = jobs.iter().filter_map(id).collect();
    if !ids.is_empty() {
        let query = messages::table.filter(dsl::id.eq_any(ids)).order(dsl::id).select(MessageRow::as_select());
        let rows = query.for_update().load(c).await?;
        loaded.add(rows);
    }
    let named = jobs.iter().filter_map(|j| if let Pick::Provider(o, id) = &j.pick { Some((o, id)) } else { None });
    let (owners, provider_ids): (Vec<i64>, Vec<&str>) = named.map(|(o, id)| (o.0, id.as_str())).unzip();
    let mut by_provider: HashMap<(i64, String), Vec<MessageId>> = HashMap::new();
    if !owners.is_empty() {
        let mine = dsl::owner_id.eq_any(owners).and(dsl::provider_message_id.eq_any(provider_ids));
        let query = messages::table.filter(mine).order(dsl::id).select(MessageRow::as_select());
        let rows: Vec<MessageRow> = query.for_update().load(c).await?;
        for row in &rows {
            let name = (row.owner_id, row.provider_message_id.clone().unwrap_or_default());
            by_provider.entry(name).or_default().push(MessageId(row.id.0));
        }
        loaded.add(rows);
    }
    loaded.believe(if trust == Trust::Known { jobs } else { &[] });
    for job in jobs {
        let picked = match &job.pick {
            Pick::Id(id) => vec![*id],
            Pick::Known(message) => vec![message.id],
            Pick::Provider(owner, id) => {
                by_provider.get(&(owner.0, id.as_str().to_owned())).cloned().unwrap_or_default()
            }
            Pick::Due { dispatch, limit } => {
                let query = due!(*dispatch, now, loaded.due.clone(), *limit);
                let rows = query.for_update().skip_locked().load(c).await?;
                loaded.add_due(rows)
            }
            Pick::Expired { limit } => {
                let query = expired!(now, loaded.due.clone(), *limit);
                let rows = query.for_update().skip_locked().load(c).await?;
                loaded.add_due(rows)
            }
            Pick::Waiting { campaign, limit } => {
                let query = waiting!(campaign, loaded.due.clone(), *limit);
                let rows = query.for_update().skip_locked().load(c).await?;
                loaded.add_due(rows)
            }
        };
        loaded.picked.push(picked);
    }
    Ok(loaded)
}

/// Loads the jobs' messages on SQLite, whose transaction is alone in writing.
pub(super) fn load_sqlite(c: &mut SqliteConnection, jobs: &[Job], trust: Trust, now: Timestamp) -> QueryResult<Loaded> {
    use diesel::RunQueryDsl as _;
    let mut loaded = Loaded::default();
    loaded.believe(if trust == Trust::Known { jobs } else { &[] });
    for job in jobs {
        let picked = match &job.pick {
            Pick::Known(message) if trust == Trust::Known => vec![message.id],
            Pick::Known(message) => {
                loaded.add(messages::table.find(Guid(message.id.0)).select(MessageRow::as_select()).load(c)?)
            }
            Pick::Id(id) => loaded.add(messages::table.find(Guid(id.0)).select(MessageRow::as_select()).load(c)?),
            Pick::Provider(owner, id) => {
                let mine = dsl::owner_id.eq(owner.0).and(dsl::provider_message_id.eq(id.as_str()));
                let query = messages::table.filter(mine).order(dsl::id).select(MessageRow::as_select());
                loaded.add(query.load(c)?)
            }
            Pick::Due { dispatch, limit } => loaded.add_due(due!(*dispatch, now, loaded.due.clone(), *limit).load(c)?),
            Pick::Expired { limit } => loaded.add_due(expired!(now, loaded.due.clone(), *limit).load(c)?),
            Pick::Waiting { campaign, limit } => {
                loaded.add_due(waiting!(campaign, loaded.due.clone(), *limit).load(c)?)
            }
        };
        loaded.picked.push(picked);
    }
    Ok(loaded)
}

/// Lets each job's event happen to its messages, in the order of the jobs, and collects what has to be written.
///
/// What only memory knows is not refused on its word: [`OUTDATED`] asks for the row itself.
pub(super) fn decide(
    jobs: &[Job],
    mut loaded: Loaded,
    trust: Trust,
    now: Timestamp,
    writes: &mut Writes,
) -> QueryResult<Vec<Vec<Moved>>> {
    let mut answers = Vec::with_capacity(jobs.len());
    for (job, picked) in jobs.iter().zip(std::mem::take(&mut loaded.picked)) {
        let mut moved = Vec::with_capacity(picked.len());
        for id in picked {
            let Some(message) = loaded.messages.get_mut(&id) else { continue };
            let before = Before::of(message);
            let result = status::apply(message, &job.event, now);
            match &result {
                Ok(change) => writes.change(message, before, EventRow::of(message, change, now)),
                Err(_) if trust == Trust::Known && matches!(job.pick, Pick::Known(_)) => return Err(OUTDATED),
                Err(_) => {}
            }
            moved.push(Moved { message: message.clone(), result });
        }
        answers.push(moved);
    }
    Ok(answers)
}
