//! Writing reports down, many posts in one commit: whoever posts waits for the disk, and for nothing else.
//!
//! It runs in a task of its own, as the writer does, and for the same reason.

use std::collections::HashSet;

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Binary, Nullable, SmallInt, Text};
use diesel::{QueryResult, SqliteConnection};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Post, ReportRow, Stage};
use crate::clock::Clock;
use crate::domain::report::Form;
use crate::planted;
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::lane::{self, Commands};
use crate::store::pools::{Db, run};
use crate::store::schema::reports;
use crate::store::unnest::unnest;
use crate::store::{Error, Store};

/// How many posts one transaction takes at most.
const MAX_BATCH: usize = 512;
/// How many posts may wait.
const QUEUE: usize = 2048;
/// How long a report is left to the process that took it before another one looks at it.
const HEAD_START: SignedDuration = SignedDuration::from_secs(1);

/// A post, and where the ids of its new reports go.
struct Command {
    post: Post,
    reply: oneshot::Sender<Result<Vec<Uuid>, Error>>,
}

/// The way to the task; it ends when the last one is dropped.
#[derive(Clone)]
pub(in crate::store) struct Intake(mpsc::Sender<Command>);

impl Intake {
    /// Starts the task.
    pub(in crate::store) fn start(db: &Db, clock: &Clock) -> Self {
        let (db, clock) = (db.clone(), clock.clone());
        Self(lane::start("reports", QUEUE, move |commands| file(db.clone(), clock.clone(), commands)))
    }
}

async fn file(db: Db, clock: Clock, commands: Commands<Command>) {
    let mut commands = commands.lock().await;
    loop {
        let mut gathered = Vec::new();
        if commands.recv_many(&mut gathered, MAX_BATCH).await == 0 {
            return;
        }
        commit(&db, clock.now(), gathered).await;
    }
}

/// Writes the posts together; if the database refuses one of them, each for itself.
async fn commit(db: &Db, now: Timestamp, commands: Vec<Command>) {
    let posts: Vec<Vec<ReportRow>> = commands.iter().map(|command| rows(&command.post, now)).collect();
    match write(db, posts.concat()).await {
        Ok(mut new) => {
            for (command, rows) in commands.into_iter().zip(posts) {
                let _ = command.reply.send(Ok(ids(&rows, &mut new)));
            }
        }
        Err(Error::Query(_)) if commands.len() > 1 => {
            for (command, rows) in commands.into_iter().zip(posts) {
                let alone = write(db, rows.clone()).await;
                let _ = command.reply.send(alone.map(|mut new| ids(&rows, &mut new)));
            }
        }
        Err(e) => {
            tracing::warn!(error = %e, posts = commands.len(), "a batch of reports could not be stored");
            for command in commands {
                let _ = command.reply.send(Err(e.clone()));
            }
        }
    }
}

/// Which of a post's reports are new and to be applied; two posts in one commit never both have one.
fn ids(rows: &[ReportRow], new: &mut HashSet<Guid>) -> Vec<Uuid> {
    rows.iter().filter(|row| new.remove(&row.id) && row.due_at.is_some()).map(|row| row.id.0).collect()
}

fn rows(post: &Post, now: Timestamp) -> Vec<ReportRow> {
    let row = |(body, named): &(Vec<u8>, Option<super::Named>)| ReportRow {
        id: Guid(name(post.form, body)),
        received_at: Instant(now),
        form: post.form as i16,
        body: body.clone(),
        message_id: named.as_ref().and_then(|named| named.message).map(|id| Guid(id.0)),
        provider_message_id: named.as_ref().and_then(|named| named.provider_id.as_ref()).map(ToString::to_string),
        state: if named.is_some() { Stage::Waiting } else { Stage::Unreadable } as i16,
        tries: 0,
        due_at: named.as_ref().map(|_| Instant(now.checked_add(HEAD_START).unwrap_or(now))),
    };
    post.pieces.iter().map(row).collect()
}

/// A report's id: its content's hash, so that a repetition is the same row.
fn name(form: Form, body: &[u8]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update((form as i16).to_be_bytes());
    hash.update(body);
    Uuid::from_bytes(hash.finalize().first_chunk().copied().unwrap_or_default())
}

unnest! {
    /// Inserts the reports that are not there, and answers which.
    InsertReports of ReportRow,
    "INSERT INTO reports (id, received_at, form, body, message_id, provider_message_id, state, tries, due_at) \
     SELECT * FROM ",
    ") ON CONFLICT DO NOTHING RETURNING id",
    {
        id: Guid => GuidSql,
        received_at: Instant => InstantSql,
        form: i16 => SmallInt,
        body: Vec<u8> => Binary,
        message_id: Option<Guid> => Nullable<GuidSql>,
        provider_message_id: Option<String> => Nullable<Text>,
        state: i16 => SmallInt,
        tries: i16 => SmallInt,
        due_at: Option<Instant> => Nullable<InstantSql>,
    }
}

impl Query for InsertReports {
    type SqlType = GuidSql;
}

async fn write(db: &Db, mut rows: Vec<ReportRow>) -> Result<HashSet<Guid>, Error> {
    // In order, so that two replicas that write the same reports never wait for each other crosswise.
    rows.sort_unstable_by_key(|row| row.id.0);
    rows.dedup_by_key(|row| row.id.0);
    let _alone = db.alone().await;
    let new: Vec<Guid> = run!(
        db,
        |pg| {
            use diesel_async::RunQueryDsl as _;
            InsertReports::of(rows.into_iter()).get_results(pg).await?
        },
        |lite| lite.spawn_blocking(move |c| c.immediate_transaction(|c| in_sqlite(c, &rows))).await?
    );
    Ok(new.into_iter().collect())
}

fn in_sqlite(c: &mut SqliteConnection, rows: &[ReportRow]) -> QueryResult<Vec<Guid>> {
    use diesel::RunQueryDsl as _;
    let mut new = Vec::with_capacity(rows.len());
    for row in rows {
        let insert = diesel::insert_into(reports::table).values(row).on_conflict(reports::id).do_nothing();
        if insert.execute(c)? == 1 {
            new.push(row.id);
        }
    }
    Ok(new)
}

impl Store {
    /// Stores a post's reports as they are; those that are stored already stay what they are. When this answers, they
    /// are on the disk. Answers the ids of those that are new and can be applied.
    pub async fn file_reports(&self, post: Post) -> Result<Vec<Uuid>, Error> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Error::Unavailable("the reports' lane has stopped".into());
        self.intake.0.send(Command { post, reply }).await.map_err(|_| stopped())?;
        if planted::bug("early-ack") {
            return Ok(Vec::new());
        }
        answer.await.map_err(|_| stopped())?
    }
}
