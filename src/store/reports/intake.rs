//! Taking reports in, many posts in one commit: they are written down, and applied, together. Whoever posts waits for the
//! disk alone: what cannot be applied is stored as it came.
//!
//! It runs in a task of its own, as the writer does, and for the same reason.

use std::collections::{HashMap, HashSet};

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Binary, Nullable, SmallInt, Text};
use diesel::{QueryResult, SqliteConnection};
use diesel_async::RunQueryDsl as _;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::apply::{Applied, ReportBatch};
use super::{ParsedReport, ReportRow, ReportStage};
use crate::domain::report::{Form, Post, Report};
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::pg_bulk::unnest;
use crate::store::schema::reports;
use crate::store::task::{self, Commands};
use crate::store::transaction::{Runner, Tx, on, transact};
use crate::store::writes::Writes;
use crate::store::{Error, Store};

/// How many posts one transaction takes at most.
const MAX_BATCH: usize = 512;
/// How many posts may wait.
const QUEUE: usize = 2048;
/// When a report is looked at that could only be stored.
const LATER: SignedDuration = SignedDuration::from_secs(1);

/// A post, and where it is told what became of its new reports.
struct Command {
    post: Post,
    reply: oneshot::Sender<Result<Vec<Applied>, Error>>,
}

/// The way to the task; it ends when the last one is dropped.
#[derive(Clone)]
pub(in crate::store) struct Intake(mpsc::Sender<Command>);

impl Intake {
    /// Starts the task.
    pub(in crate::store) fn start(transactions: &Runner) -> Self {
        let transactions = transactions.clone();
        Self(task::start("reports", QUEUE, move |commands| file(transactions.clone(), commands)))
    }
}

async fn file(transactions: Runner, commands: Commands<Command>) {
    let mut commands = commands.lock().await;
    loop {
        let gathered = task::gather(&mut commands, MAX_BATCH).await;
        if gathered.is_empty() {
            return;
        }
        commit(&transactions, gathered).await;
    }
}

/// Takes the posts in together; if the database refuses that, each for itself.
async fn commit(transactions: &Runner, commands: Vec<Command>) {
    let now = transactions.clock.now();
    let (posts, replies): (Vec<Vec<ParsedReport>>, Vec<_>) =
        commands.into_iter().map(|command| (rows(command.post, now), command.reply)).unzip();
    match take_in(transactions, posts.concat()).await {
        Ok(mut applied) => {
            for (post, reply) in posts.iter().zip(replies) {
                let _ = reply.send(Ok(of(post, &mut applied)));
            }
        }
        Err(Error::Query(_)) => {
            for (post, reply) in posts.into_iter().zip(replies) {
                let alone = alone(transactions, &post).await;
                let _ = reply.send(alone.map(|mut applied| of(&post, &mut applied)));
            }
        }
        Err(e) => {
            tracing::warn!(error = %e, posts = replies.len(), "a batch of reports could not be stored");
            for reply in replies {
                let _ = reply.send(Err(e.clone()));
            }
        }
    }
}

/// Takes in one post; if it cannot be applied it is stored as it came, which is what its sender waits for.
async fn alone(transactions: &Runner, post: &[ParsedReport]) -> Result<HashMap<Uuid, Applied>, Error> {
    match take_in(transactions, post.to_vec()).await {
        Err(Error::Query(e)) => {
            tracing::error!(error = %e, "reports cannot be applied; they are stored, and tried again");
            let rows: Vec<ReportRow> = in_order(post.to_vec()).into_iter().map(|(row, _)| row).collect();
            let waiting =
                |id: Guid| Applied { id: id.0, stage: ReportStage::Waiting, known_word: true, moved: Vec::new() };
            let new = transact!(transactions, |tx| insert(tx, rows.clone()).await)?;
            Ok(new.into_iter().map(|id| (id.0, waiting(id))).collect())
        }
        done => done,
    }
}

/// The results of a post's reports that are new; of two posts in one commit only one brought a new one.
fn of(post: &[ParsedReport], applied: &mut HashMap<Uuid, Applied>) -> Vec<Applied> {
    post.iter().filter_map(|(row, _)| applied.remove(&row.id.0)).collect()
}

fn rows(post: Post, now: Timestamp) -> Vec<ParsedReport> {
    let row = |(body, report): (Vec<u8>, Option<Report>)| {
        let row = ReportRow {
            id: Guid(name(post.form, &body)),
            received_at: Instant(now),
            form: post.form as i16,
            body,
            message_id: report.as_ref().and_then(|report| report.message).map(|id| Guid(id.0)),
            provider_message_id: report.as_ref().and_then(|r| r.provider_id.as_ref()).map(ToString::to_string),
            state: if report.is_some() { ReportStage::Waiting } else { ReportStage::Unreadable } as i16,
            tries: 0,
            due_at: report.as_ref().map(|_| Instant(now.checked_add(LATER).unwrap_or(now))),
        };
        (row, report)
    };
    post.pieces.into_iter().map(row).collect()
}

/// A report's id: its content's hash, so that a repetition is the same row.
fn name(form: Form, body: &[u8]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update((form as i16).to_be_bytes());
    hash.update(body);
    Uuid::from_bytes(hash.finalize().first_chunk().copied().unwrap_or_default())
}

unnest! {
    /// Inserts the reports that are not there, and returns which.
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

/// In order and each once, so that two replicas that write the same reports never wait for each other crosswise.
fn in_order(mut reports: Vec<ParsedReport>) -> Vec<ParsedReport> {
    reports.sort_unstable_by_key(|(row, _)| row.id.0);
    reports.dedup_by_key(|(row, _)| row.id.0);
    reports
}

/// Writes the reports down and applies those that are new, in one transaction: what waits for its message is looked at
/// again later. Returns what became of the new ones.
async fn take_in(transactions: &Runner, reports: Vec<ParsedReport>) -> Result<HashMap<Uuid, Applied>, Error> {
    let reports = in_order(reports);
    let applied = transact!(transactions, |tx| {
        let mut batch = ReportBatch::load(tx, reports.clone()).await?;
        let new: HashSet<Guid> = insert(tx, batch.rows(tx.now)).await?.into_iter().collect();
        batch.keep(|id| new.contains(id));
        let mut writes = Writes::default();
        let applied = batch.decide(tx, &mut writes)?;
        writes.flush(tx).await?;
        Ok(applied)
    })?;
    Ok(applied.into_iter().map(|applied| (applied.id, applied)).collect())
}

/// Writes the reports down as they are. Returns which are new.
async fn insert(tx: &mut Tx, rows: Vec<ReportRow>) -> Result<Vec<Guid>, Failure> {
    Ok(on!(tx, |pg| InsertReports::of(rows.into_iter()).get_results(pg).await?, |lite| {
        lite.spawn_blocking(move |c| insert_each(c, &rows)).await?
    }))
}

/// As [`InsertReports`], one by one.
fn insert_each(c: &mut SqliteConnection, rows: &[ReportRow]) -> QueryResult<Vec<Guid>> {
    let mut new = Vec::with_capacity(rows.len());
    for row in rows {
        let insert = diesel::insert_into(reports::table).values(row).on_conflict(reports::id).do_nothing();
        if diesel::RunQueryDsl::execute(insert, c)? == 1 {
            new.push(row.id);
        }
    }
    Ok(new)
}

impl Store {
    /// Stores a post's reports as they came, and applies them. When this returns, they are on the disk; those that are
    /// there already stay what they are. Returns what became of the new ones.
    pub async fn file_reports(&self, post: Post) -> Result<Vec<Applied>, Error> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Error::Unavailable("the reports' task has stopped".into());
        self.intake.0.send(Command { post, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}
