//! Messages that lose their text and their number, or go altogether: a page of them in one transaction.
//!
//! A row is changed only if it still has the version that was read, as everywhere; one that has not, or that is still
//! under way, is left for later.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{Chore, Erased, Task};
use crate::domain::phone::Msisdn;
use crate::domain::pseudonym::Pseudonyms;
use crate::domain::retention;
use crate::store::columns::sql::Guid as GuidSql;
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::error::Failure;
use crate::store::rows;
use crate::store::schema::{chores_left, events, messages};
use crate::store::transaction::{Tx, on};

/// The columns of a message that erasing it needs.
#[derive(Queryable, Selectable)]
#[diesel(table_name = messages)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub(super) struct OldRow {
    pub id: Guid,
    pub provider_message_id: Option<String>,
    version: i32,
    destination: String,
    provider_status: Option<String>,
    dispatch: i16,
    due_at: Option<Instant>,
    scheduled_at: Option<Instant>,
}

impl OldRow {
    pub(super) fn at_rest(&self) -> bool {
        retention::at_rest(rows::dispatch(self.dispatch), self.due_at.is_some())
    }

    fn ripe(&self, before: Timestamp) -> bool {
        self.at_rest() && self.scheduled_at.is_none_or(|at| at.0 < before)
    }

    fn number(&self) -> Msisdn {
        Msisdn::from_stored(self.destination.clone())
    }
}

#[derive(QueryableByName)]
struct Done {
    #[diesel(sql_type = GuidSql)]
    id: Guid,
}

/// Empties messages. The version counts on, so that nobody writes what they have in memory over it.
const EMPTY_POSTGRES: &str = "UPDATE messages AS m SET destination = n.destination, text = '', error = NULL, \
    reference = NULL, metadata = NULL, supersede_key = NULL, provider_status = n.provider_status, version = m.version + 1 FROM json_to_recordset($1::json) \
    AS n(id uuid, version integer, destination text, provider_status text) \
    WHERE m.id = n.id AND m.version = n.version RETURNING m.id AS id";
const EMPTY_SQLITE: &str = "UPDATE messages SET destination = n.destination, text = '', error = NULL, \
    reference = NULL, metadata = NULL, supersede_key = NULL, provider_status = n.provider_status, version = messages.version + 1 FROM (SELECT \
    unhex(json_extract(value, '$.id')) AS id, json_extract(value, '$.version') AS version, \
    json_extract(value, '$.destination') AS destination, json_extract(value, '$.provider_status') AS provider_status \
    FROM json_each($1)) AS n WHERE messages.id = n.id AND messages.version = n.version RETURNING id";

const STRIP_POSTGRES: &str = "UPDATE events AS e SET evidence = n.evidence FROM json_to_recordset($1::json) \
    AS n(id uuid, version integer, evidence text) WHERE e.message_id = n.id AND e.version = n.version";
const STRIP_SQLITE: &str = "UPDATE events SET evidence = n.evidence FROM (SELECT unhex(json_extract(value, '$.id')) \
    AS id, json_extract(value, '$.version') AS version, json_extract(value, '$.evidence') AS evidence \
    FROM json_each($1)) AS n WHERE events.message_id = n.id AND events.version = n.version";

const DELETE_POSTGRES: &str = "DELETE FROM messages AS m USING json_to_recordset($1::json) AS n(id uuid, \
    version integer) WHERE m.id = n.id AND m.version = n.version RETURNING m.id AS id";
const DELETE_SQLITE: &str = "DELETE FROM messages WHERE (id, version) IN (SELECT unhex(json_extract(value, '$.id')), \
    json_extract(value, '$.version') FROM json_each($1)) RETURNING id";

const LEAVE_POSTGRES: &str = "INSERT INTO chores_left (chore, message_id) SELECT $1, value::uuid \
    FROM json_array_elements_text($2::json) AS left_over(value) ON CONFLICT DO NOTHING";
const LEAVE_SQLITE: &str = "INSERT INTO chores_left (chore, message_id) SELECT $1, unhex(value) FROM json_each($2) \
    WHERE true ON CONFLICT DO NOTHING";

/// Empties these, which are at rest and not erased, and strips what was recorded of them. Returns those that it did.
pub(super) async fn empty(tx: &mut Tx, pseudonyms: &Pseudonyms, rows: &[&OldRow]) -> Result<HashSet<Guid>, Failure> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let entry = |row: &&OldRow| {
        let word = row.provider_status.as_deref().filter(|word| !retention::may_quote(word));
        let destination = pseudonyms.of(&row.number());
        json!({"id": row.id.0.simple().to_string(), "version": row.version, "destination": destination.as_str(),
            "provider_status": word})
    };
    let list = rows.iter().map(entry).collect::<serde_json::Value>().to_string();
    let update = diesel::sql_query(tx.dialect(EMPTY_POSTGRES, EMPTY_SQLITE).to_owned()).bind::<Text, _>(list);
    let done: Vec<Done> = on!(tx, |c| update.load(c).await?);
    let done: HashSet<Guid> = done.into_iter().map(|one| one.id).collect();
    strip(tx, &done).await?;
    Ok(done)
}

/// Takes what may quote a number or a text out of the records of these messages.
async fn strip(tx: &mut Tx, ids: &HashSet<Guid>) -> Result<(), Failure> {
    let query = events::table
        .filter(events::message_id.eq_any(ids.iter().copied().collect::<Vec<Guid>>()).and(events::evidence.ne("null")))
        .select((events::message_id, events::version, events::evidence));
    let records: Vec<(Guid, i32, String)> = on!(tx, |c| query.load(c).await?);
    let entry = |(id, version, evidence): (Guid, i32, String)| {
        let evidence = retention::stripped(&evidence)?;
        Some(json!({"id": id.0.simple().to_string(), "version": version, "evidence": evidence}))
    };
    let list: Vec<serde_json::Value> = records.into_iter().filter_map(entry).collect();
    if !list.is_empty() {
        let list = serde_json::Value::from(list).to_string();
        let update = diesel::sql_query(tx.dialect(STRIP_POSTGRES, STRIP_SQLITE).to_owned()).bind::<Text, _>(list);
        on!(tx, |c| update.execute(c).await?);
    }
    Ok(())
}

/// Deletes these, which are at rest, and what was recorded of them. Returns those that it did.
async fn delete(tx: &mut Tx, rows: &[&OldRow]) -> Result<HashSet<Guid>, Failure> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let entry = |row: &&OldRow| json!({"id": row.id.0.simple().to_string(), "version": row.version});
    let list = rows.iter().map(entry).collect::<serde_json::Value>().to_string();
    let update = diesel::sql_query(tx.dialect(DELETE_POSTGRES, DELETE_SQLITE).to_owned()).bind::<Text, _>(list);
    let done: Vec<Done> = on!(tx, |c| update.load(c).await?);
    let ids: Vec<Guid> = done.iter().map(|one| one.id).collect();
    on!(tx, |c| diesel::delete(events::table.filter(events::message_id.eq_any(&ids))).execute(c).await?);
    let left = chores_left::table.filter(chores_left::chore.eq(Chore::TextsLeft.name()));
    let left = left.filter(chores_left::message_id.eq_any(&ids));
    on!(tx, |c| diesel::delete(left).execute(c).await?);
    Ok(ids.into_iter().collect())
}

/// The next messages, in the order of their ids: of all, or of those that were left.
async fn next(tx: &mut Tx, task: Task, after: Guid) -> Result<(Vec<Guid>, Vec<OldRow>), Failure> {
    let in_order = messages::table.order(messages::id);
    if matches!(task.chore, Chore::Texts | Chore::Rows) {
        let end = Guid(retention::first_id(task.before));
        let query = in_order.filter(messages::id.gt(after).and(messages::id.lt(end))).limit(task.limit);
        let rows: Vec<OldRow> = on!(tx, |c| query.select(columns_of::<OldRow>()).load(c).await?);
        return Ok((rows.iter().map(|row| row.id).collect(), rows));
    }
    let left = chores_left::table
        .filter(chores_left::chore.eq(task.chore.name()).and(chores_left::message_id.gt(after)))
        .order(chores_left::message_id)
        .limit(task.limit)
        .select(chores_left::message_id);
    let ids: Vec<Guid> = on!(tx, |c| left.load(c).await?);
    let query = in_order.filter(messages::id.eq_any(ids.clone()));
    let rows: Vec<OldRow> = on!(tx, |c| query.select(columns_of::<OldRow>()).load(c).await?);
    Ok((ids, rows))
}

/// Erases a page of messages: their texts and numbers with `pseudonyms`, without them the whole. Returns what was done,
/// and from where to go on.
pub(super) async fn page(
    tx: &mut Tx,
    pseudonyms: Option<&Pseudonyms>,
    task: Task,
    after: Guid,
) -> Result<(Erased, Guid), Failure> {
    let (ids, rows) = next(tx, task, after).await?;
    let more = i64::try_from(ids.len()).is_ok_and(|seen| seen >= task.limit);
    let ripe: Vec<&OldRow> = rows.iter().filter(|row| row.ripe(task.before)).collect();
    let mut erased = Erased { more, ..Erased::default() };
    let done = if let Some(pseudonyms) = pseudonyms {
        let plain: Vec<&OldRow> = ripe.iter().copied().filter(|row| !row.number().is_erased()).collect();
        let mut done = empty(tx, pseudonyms, &plain).await?;
        erased.texts = done.len();
        done.extend(ripe.iter().filter(|row| row.number().is_erased()).map(|row| row.id));
        done
    } else {
        let done = delete(tx, &ripe).await?;
        erased.rows = done.len();
        done
    };
    let left: HashSet<Guid> = rows.iter().map(|row| row.id).filter(|id| !done.contains(id)).collect();
    let end = if more { ids.last().copied() } else { None };
    let after = match task.chore {
        Chore::TextsLeft | Chore::RowsLeft => {
            let gone: Vec<Guid> = ids.iter().copied().filter(|id| !left.contains(id)).collect();
            let gone = chores_left::table
                .filter(chores_left::chore.eq(task.chore.name()).and(chores_left::message_id.eq_any(gone)));
            on!(tx, |c| diesel::delete(gone).execute(c).await?);
            end.unwrap_or(Guid(Uuid::nil()))
        }
        Chore::Texts | Chore::Rows | Chore::Bodies => {
            leave(tx, task.chore, &left).await?;
            ids.last().copied().unwrap_or(after)
        }
    };
    Ok((erased, after))
}

/// Leaves these to the chore that comes back to them.
async fn leave(tx: &mut Tx, chore: Chore, left: &HashSet<Guid>) -> Result<(), Failure> {
    if left.is_empty() {
        return Ok(());
    }
    let heir = if chore == Chore::Texts { Chore::TextsLeft } else { Chore::RowsLeft };
    let ids = left.iter().map(|id| id.0.simple().to_string());
    let list = ids.collect::<serde_json::Value>().to_string();
    let insert = diesel::sql_query(tx.dialect(LEAVE_POSTGRES, LEAVE_SQLITE).to_owned());
    let insert = insert.bind::<Text, _>(heir.name()).bind::<Text, _>(list);
    on!(tx, |c| insert.execute(c).await?);
    Ok(())
}
