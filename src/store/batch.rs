//! One batch of writes: a transaction that accepts messages, moves messages, and records both.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult, SqliteConnection};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use jiff::Timestamp;

use crate::domain::message::{Dispatch, Message};
use crate::planted;
use crate::store::accept::{self, Accept, Accepted};
use crate::store::counters::{Before, Tally, note_first_sent};
use crate::store::gates::Admissions;
use crate::store::journal;
use crate::store::opt_outs;
use crate::store::pools::Lite;
use crate::store::pseudonyms::Keyed;
use crate::store::rows::{EventRow, MessageRow, StateRow};
use crate::store::schema::{campaign_counter_changes, events, idempotency_keys, messages};
use crate::store::single::UpdateState;
use crate::store::transition::{self, Job, Moved, OUTDATED, Trust};
use crate::store::unnest::{InsertCounts, InsertEvents, InsertMessages, UpdateHolds, UpdateStates};
use crate::store::wake::{self, Topic};

/// What one transaction is to do.
#[derive(Default)]
pub(super) struct Batch {
    pub accepts: Vec<Accept>,
    pub jobs: Vec<Job>,
}

/// The answers, in the order of the questions.
pub(super) struct Answers {
    pub accepts: Vec<Accepted>,
    pub jobs: Vec<Vec<Moved>>,
}

/// What the decisions of a batch come to in rows.
#[derive(Default)]
pub(super) struct Writes {
    new: Vec<MessageRow>,
    changed: HashMap<uuid::Uuid, StateRow>,
    /// Those of the changed whose hold alone changed.
    held: HashSet<uuid::Uuid>,
    events: Vec<EventRow>,
    tally: Tally,
    /// Idempotency keys that this transaction claimed, and that are to be free again.
    pub free_keys: Vec<(i64, i16, String)>,
}

impl Writes {
    pub(super) fn accept(&mut self, message: &Message, event: EventRow) {
        self.new.push(MessageRow::of(message));
        self.events.push(event);
        self.tally.moved(message, None);
    }

    /// As [`Writes::change`], of a claim or a fence, which change who holds the message and nothing else.
    pub(super) fn hold(&mut self, message: &Message, before: Before, event: Option<EventRow>) {
        self.change(message, before, event);
        self.held.insert(message.id.0);
    }

    pub(super) fn change(&mut self, message: &Message, before: Before, event: Option<EventRow>) {
        let was = self.changed.get(&message.id.0).map_or(before.version, |row| row.was);
        self.changed.insert(message.id.0, StateRow { was, ..StateRow::of(message) });
        self.held.remove(&message.id.0);
        self.events.extend(event);
        self.tally.moved(message, Some(before));
    }
}

impl Writes {
    /// Writes everything. [`OUTDATED`] if a row was not as it was believed to be.
    pub(super) async fn flush_postgres(self, c: &mut AsyncPgConnection) -> QueryResult<()> {
        use diesel_async::RunQueryDsl as _;
        // Through a shared reference they go out together, one round trip for all. The first fault is the true one:
        // the statements behind it fail because the transaction has.
        macro_rules! unless_empty {
            ($rows:expr, $statement:ident) => {{
                let (rows, mut c) = ($rows, &*c);
                async move { if rows.len() == 0 { Ok(0) } else { $statement::of(rows).execute(&mut c).await } }
            }};
        }
        let counts = self.tally.rows();
        let expected = self.changed.len();
        let (held, changed): (Vec<StateRow>, Vec<StateRow>) =
            self.changed.into_values().partition(|row| self.held.contains(&row.id.0));
        let (new, held, changed, events, counted) = futures::join!(
            unless_empty!(self.new.into_iter(), InsertMessages),
            unless_empty!(held.into_iter(), UpdateHolds),
            unless_empty!(changed.into_iter(), UpdateStates),
            unless_empty!(self.events.into_iter(), InsertEvents),
            unless_empty!(counts.into_iter(), InsertCounts),
        );
        if new.and(held)? + changed? != expected && !planted::bug("double-claim") {
            return Err(OUTDATED);
        }
        events.and(counted)?;
        for (campaign, at) in self.tally.first_sent() {
            note_first_sent!(campaign, at).execute(c).await?;
        }
        for key in self.free_keys {
            diesel::delete(idempotency_keys::table.find(key)).execute(c).await?;
        }
        Ok(())
    }

    /// As [`Writes::flush_postgres`].
    pub(super) fn flush_sqlite(&self, c: &mut SqliteConnection, now: Timestamp) -> QueryResult<()> {
        use diesel::RunQueryDsl as _;
        for row in &self.new {
            diesel::insert_into(messages::table).values(row).execute(c)?;
        }
        for row in self.changed.values() {
            if UpdateState(row).execute(c)? != 1 {
                return Err(OUTDATED);
            }
        }
        if !self.events.is_empty() {
            let place = journal::next_place(c, now)?;
            for row in &self.events {
                diesel::insert_into(events::table).values((row, events::place.eq(place))).execute(c)?;
            }
        }
        for row in &self.tally.rows() {
            diesel::insert_into(campaign_counter_changes::table).values(row).execute(c)?;
        }
        for (campaign, at) in self.tally.first_sent() {
            note_first_sent!(campaign, at).execute(c)?;
        }
        for (owner, call, key) in &self.free_keys {
            diesel::delete(idempotency_keys::table.find((owner, call, key))).execute(c)?;
        }
        Ok(())
    }
}

/// Runs a batch on Postgres.
pub(super) async fn postgres(
    c: &mut AsyncPgConnection,
    batch: &Batch,
    keyed: &Keyed,
    trust: Trust,
    now: Timestamp,
) -> QueryResult<Answers> {
    c.transaction(async |c| {
        let mut writes = Writes::default();
        let verdicts = accept::claim_keys_postgres(c, &batch.accepts).await?;
        let opted_out = opt_outs::among_postgres(c, keyed, accept::recipients(&batch.accepts)).await?;
        let mut admissions = Admissions::lock_postgres(c, &accept::rates(&batch.accepts), now).await?;
        let accepts = accept::decide(&batch.accepts, verdicts, &opted_out, &mut admissions, now, &mut writes);
        let queued = writes.new.iter().any(|row| row.dispatch == Dispatch::Queued as i16);
        let loaded = transition::load_postgres(c, &batch.jobs, trust, now).await?;
        let jobs = transition::decide(&batch.jobs, loaded, trust, now, &mut writes)?;
        writes.flush_postgres(c).await?;
        admissions.book_postgres(c, now).await?;
        if queued {
            wake::notify(c, Topic::Queue).await?;
        }
        Ok(Answers { accepts, jobs })
    })
    .await
}

/// Runs a batch on SQLite, in one hop to a blocking thread.
pub(super) async fn sqlite(
    c: &mut Lite,
    batch: Arc<Batch>,
    keyed: Keyed,
    trust: Trust,
    now: Timestamp,
) -> QueryResult<Answers> {
    c.spawn_blocking(move |c| c.immediate_transaction(|c| in_sqlite(c, &batch, &keyed, trust, now))).await
}

fn in_sqlite(
    c: &mut SqliteConnection,
    batch: &Batch,
    keyed: &Keyed,
    trust: Trust,
    now: Timestamp,
) -> QueryResult<Answers> {
    let mut writes = Writes::default();
    let verdicts = accept::claim_keys_sqlite(c, &batch.accepts)?;
    let opted_out = opt_outs::among_sqlite(c, keyed, accept::recipients(&batch.accepts))?;
    let mut admissions = Admissions::lock_sqlite(c, &accept::rates(&batch.accepts), now)?;
    let accepts = accept::decide(&batch.accepts, verdicts, &opted_out, &mut admissions, now, &mut writes);
    let loaded = transition::load_sqlite(c, &batch.jobs, trust, now)?;
    let jobs = transition::decide(&batch.jobs, loaded, trust, now, &mut writes)?;
    writes.flush_sqlite(c, now)?;
    admissions.book_sqlite(c, now)?;
    Ok(Answers { accepts, jobs })
}
