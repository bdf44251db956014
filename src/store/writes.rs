//! The rows that the decisions of a transaction come to, and how they are written.

use std::collections::{BTreeMap, HashSet};

use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult, SqliteConnection};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::message::Message;
use crate::store::columns::Instant;
use crate::store::counters::{Before, Tally};
use crate::store::error::Failure;
use crate::store::journal;
use crate::store::pg_bulk::{
    InsertCount, InsertCounts, InsertEvent, InsertEvents, InsertMessage, InsertMessages, UpdateLeases, UpdateStates,
};
use crate::store::rows::{EventRow, MessageRow, StateRow};
use crate::store::schema::{campaigns, idempotency_keys};
use crate::store::sqlite_rows::UpdateState;
use crate::store::transaction::{Tx, on};

/// The rows that the decisions of a transaction come to.
#[derive(Default)]
pub(super) struct Writes {
    new: Vec<MessageRow>,
    /// In the order of their ids, so that two transactions rarely wait for each other crosswise.
    changed: BTreeMap<Uuid, StateRow>,
    /// Those of the changed whose lease alone changed.
    held: HashSet<Uuid>,
    events: Vec<EventRow>,
    tally: Tally,
    /// Idempotency keys that this transaction claimed, and that are to be free again.
    pub free_keys: Vec<(i64, i16, String)>,
}

impl Writes {
    /// A new message, and the record of it.
    pub(super) fn accept(&mut self, message: &Message, event: EventRow) {
        self.new.push(MessageRow::of(message));
        self.events.push(event);
        self.tally.moved(message, None);
    }

    /// As [`Writes::change`], of a claim or a fence, which change who holds the message and nothing else.
    pub(super) fn lease(&mut self, message: &Message, before: Before, event: Option<EventRow>) {
        self.change(message, before, event);
        self.held.insert(message.id.0);
    }

    /// A message that changed, what it was before, and the record of it.
    pub(super) fn change(&mut self, message: &Message, before: Before, event: Option<EventRow>) {
        let was = self.changed.get(&message.id.0).map_or(before.version, |row| row.was);
        self.changed.insert(message.id.0, StateRow { was, ..StateRow::of(message) });
        self.held.remove(&message.id.0);
        self.events.extend(event);
        self.tally.moved(message, Some(before));
    }

    /// Whether a message of these waits in the queue from the beginning.
    pub(super) fn queues(&self) -> bool {
        self.new.iter().any(|row| row.dispatch == crate::domain::message::Dispatch::Queued as i16)
    }

    /// Writes everything; [`Failure::Outdated`] if a row was not as it was believed to be.
    pub(super) async fn flush(mut self, tx: &mut Tx) -> Result<(), Failure> {
        tx.journaled |= !self.events.is_empty();
        tx.moves.add(&self.tally.moves);
        let (first_sent, free_keys) = (self.tally.take_first_sent(), std::mem::take(&mut self.free_keys));
        let now = tx.now;
        let as_believed = on!(tx, |pg| self.into_postgres(pg).await?, |lite| {
            lite.spawn_blocking(move |c| self.into_sqlite(c, now)).await?
        });
        if !as_believed {
            return Err(Failure::Outdated);
        }
        for (campaign, at) in first_sent {
            // Written once in a campaign's life.
            let unset = campaigns::id.eq(campaign).and(campaigns::first_sent_at.is_null());
            let note = diesel::update(campaigns::table.filter(unset)).set(campaigns::first_sent_at.eq(Instant(at)));
            on!(tx, |c| note.execute(c).await?);
        }
        for key in free_keys {
            on!(tx, |c| diesel::delete(idempotency_keys::table.find(key)).execute(c).await?);
        }
        Ok(())
    }

    /// Whether all the changed rows were still as they were believed to be.
    async fn into_postgres(self, c: &AsyncPgConnection) -> QueryResult<bool> {
        let expected = self.changed.len();
        let (held, changed): (Vec<StateRow>, Vec<StateRow>) =
            self.changed.into_values().partition(|row| self.held.contains(&row.id.0));
        // Through a shared reference they go out together, one round trip for all. The first fault is the true one:
        // the statements behind it fail because the transaction has.
        let (new, held, changed, events, counted) = futures::join!(
            execute(self.new, InsertMessages::of, c),
            execute(held, UpdateLeases::of, c),
            execute(changed, UpdateStates::of, c),
            execute(self.events, InsertEvents::of, c),
            execute(self.tally.rows(), InsertCounts::of, c),
        );
        if new.and(held)? + changed? != expected {
            return Ok(false);
        }
        events.and(counted).map(|_| true)
    }

    /// As [`Writes::into_postgres`], row by row in one call.
    fn into_sqlite(self, c: &mut SqliteConnection, now: Timestamp) -> QueryResult<bool> {
        use diesel::RunQueryDsl;
        for row in &self.new {
            RunQueryDsl::execute(InsertMessage(row), c)?;
        }
        for row in self.changed.values() {
            if RunQueryDsl::execute(UpdateState(row), c)? != 1 {
                return Ok(false);
            }
        }
        if !self.events.is_empty() {
            let place = journal::next_position(c, now)?;
            for row in &self.events {
                RunQueryDsl::execute(InsertEvent(row, place), c)?;
            }
        }
        for row in &self.tally.rows() {
            RunQueryDsl::execute(InsertCount(row), c)?;
        }
        Ok(true)
    }
}

/// Runs a statement over rows if there are any. Comes to how many rows it changed.
async fn execute<R, S>(
    rows: Vec<R>,
    statement: impl FnOnce(std::vec::IntoIter<R>) -> S,
    mut c: &AsyncPgConnection,
) -> QueryResult<usize>
where
    S: QueryFragment<Pg> + QueryId + Send,
{
    if rows.is_empty() { Ok(0) } else { statement(rows.into_iter()).execute(&mut c).await }
}
