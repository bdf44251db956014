//! Taking reports in, many posts in one commit: they are written down, and applied, together. Whoever posts waits for the
//! disk alone: what cannot be applied is stored as it came.
//!
//! It runs in a task of its own, as the writer does, and for the same reason.

use std::collections::{HashMap, HashSet};

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Binary, Nullable, SmallInt, Text};
use diesel::{QueryResult, SqliteConnection};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::apply::{Applied, Bunch};
use super::{Post, ReportRow, Said, Stage};
use crate::clock::Clock;
use crate::domain::report::{Form, Report};
use crate::planted;
use crate::store::batch::Writes;
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::lane::{self, Commands, Gathering};
use crate::store::pools::{Db, run};
use crate::store::schema::reports;
use crate::store::unnest::unnest;
use crate::store::writer::Races;
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
    pub(in crate::store) fn start(db: &Db, clock: &Clock) -> Self {
        let (db, clock) = (db.clone(), clock.clone());
        Self(lane::start("reports", QUEUE, move |commands| file(db.clone(), clock.clone(), commands)))
    }
}

async fn file(db: Db, clock: Clock, commands: Commands<Command>) {
    let mut commands = commands.lock().await;
    let mut gathering = Gathering::default();
    loop {
        let gathered = gathering.next(&mut commands, MAX_BATCH).await;
        if gathered.is_empty() {
            return;
        }
        commit(&db, &clock, gathered).await;
    }
}

/// Takes the posts in together; if the database refuses that, each for itself.
async fn commit(db: &Db, clock: &Clock, commands: Vec<Command>) {
    let now = clock.now();
    let (posts, replies): (Vec<Vec<Said>>, Vec<_>) =
        commands.into_iter().map(|command| (said(command.post, now), command.reply)).unzip();
    match take_in(db, clock, posts.concat()).await {
        Ok(mut applied) => {
            for (post, reply) in posts.iter().zip(replies) {
                let _ = reply.send(Ok(of(post, &mut applied)));
            }
        }
        Err(Error::Query(_)) => {
            for (post, reply) in posts.into_iter().zip(replies) {
                let alone = alone(db, clock, &post).await;
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
async fn alone(db: &Db, clock: &Clock, post: &[Said]) -> Result<HashMap<Uuid, Applied>, Error> {
    match take_in(db, clock, post.to_vec()).await {
        Err(Error::Query(e)) => {
            tracing::error!(error = %e, "reports cannot be applied; they are stored, and tried again");
            let rows = in_order(post.to_vec()).into_iter().map(|(row, _)| row).collect();
            let waiting = |id: Guid| Applied { id: id.0, stage: Stage::Waiting, known_word: true, moved: Vec::new() };
            Ok(store(db, rows).await?.into_iter().map(|id| (id.0, waiting(id))).collect())
        }
        done => done,
    }
}

/// What became of a post's reports that are new; of two posts in one commit only one brought a new one.
fn of(post: &[Said], applied: &mut HashMap<Uuid, Applied>) -> Vec<Applied> {
    post.iter().filter_map(|(row, _)| applied.remove(&row.id.0)).collect()
}

fn said(post: Post, now: Timestamp) -> Vec<Said> {
    let said = |(body, report): (Vec<u8>, Option<Report>)| {
        let row = ReportRow {
            id: Guid(name(post.form, &body)),
            received_at: Instant(now),
            form: post.form as i16,
            body,
            message_id: report.as_ref().and_then(|report| report.message).map(|id| Guid(id.0)),
            provider_message_id: report.as_ref().and_then(|r| r.provider_id.as_ref()).map(ToString::to_string),
            state: if report.is_some() { Stage::Waiting } else { Stage::Unreadable } as i16,
            tries: 0,
            due_at: report.as_ref().map(|_| Instant(now.checked_add(LATER).unwrap_or(now))),
        };
        (row, report)
    };
    post.pieces.into_iter().map(said).collect()
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

/// In order and each once, so that two replicas that write the same reports never wait for each other crosswise.
fn in_order(mut reports: Vec<Said>) -> Vec<Said> {
    reports.sort_unstable_by_key(|(row, _)| row.id.0);
    reports.dedup_by_key(|(row, _)| row.id.0);
    reports
}

/// Writes the reports down and applies those that are new, in one transaction: what waits for its message is looked at
/// again later. Answers what became of the new ones.
async fn take_in(db: &Db, clock: &Clock, reports: Vec<Said>) -> Result<HashMap<Uuid, Applied>, Error> {
    let (reports, mut races) = (in_order(reports), Races::default());
    loop {
        let these = reports.clone();
        let _alone = db.alone().await;
        let done = run!(db, |pg| postgres(pg, these, clock.now()).await, |lite| {
            let now = clock.now();
            lite.spawn_blocking(move |c| c.immediate_transaction(|c| sqlite(c, these, now))).await
        });
        match done {
            Ok(applied) => return Ok(applied.into_iter().map(|applied| (applied.id, applied)).collect()),
            Err(e) => races.lost(e).await?,
        }
    }
}

async fn postgres(c: &mut AsyncPgConnection, reports: Vec<Said>, now: Timestamp) -> QueryResult<Vec<Applied>> {
    use diesel_async::RunQueryDsl as _;
    c.transaction(async |c| {
        let mut bunch = Bunch::load_postgres(c, reports).await?;
        let new: Vec<Guid> = InsertReports::of(bunch.rows(now).into_iter()).get_results(c).await?;
        let new: HashSet<Guid> = new.into_iter().collect();
        bunch.keep(|id| new.contains(id));
        let mut writes = Writes::default();
        let applied = bunch.decide(now, &mut writes)?;
        writes.flush_postgres(c).await?;
        Ok(applied)
    })
    .await
}

fn sqlite(c: &mut SqliteConnection, reports: Vec<Said>, now: Timestamp) -> QueryResult<Vec<Applied>> {
    let mut bunch = Bunch::load_sqlite(c, reports)?;
    let new: HashSet<Guid> = insert_sqlite(c, &bunch.rows(now))?.into_iter().collect();
    bunch.keep(|id| new.contains(id));
    let mut writes = Writes::default();
    let applied = bunch.decide(now, &mut writes)?;
    writes.flush_sqlite(c, now)?;
    Ok(applied)
}

/// Writes the reports down as they are. Answers which are new.
async fn store(db: &Db, rows: Vec<ReportRow>) -> Result<Vec<Guid>, Error> {
    let _alone = db.alone().await;
    let new = run!(
        db,
        |pg| {
            use diesel_async::RunQueryDsl as _;
            InsertReports::of(rows.into_iter()).get_results(pg).await?
        },
        |lite| lite.spawn_blocking(move |c| c.immediate_transaction(|c| insert_sqlite(c, &rows))).await?
    );
    Ok(new)
}

fn insert_sqlite(c: &mut SqliteConnection, rows: &[ReportRow]) -> QueryResult<Vec<Guid>> {
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
    /// Stores a post's reports as they came, and applies them. When this answers, they are on the disk; those that are
    /// there already stay what they are. Answers what became of the new ones.
    pub async fn file_reports(&self, post: Post) -> Result<Vec<Applied>, Error> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Error::Unavailable("the reports' lane has stopped".into());
        self.intake.0.send(Command { post, reply }).await.map_err(|_| stopped())?;
        if planted::bug("early-ack") {
            return Ok(Vec::new());
        }
        let applied = answer.await.map_err(|_| stopped())?;
        self.written.ring();
        applied
    }
}
