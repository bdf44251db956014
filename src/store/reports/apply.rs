//! Applying reports: one transaction takes some that no other replica has, lets them happen to their messages, and notes
//! what became of them.

use std::collections::{HashMap, HashSet};

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Nullable, SmallInt};
use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, SelectableHelper as _, SqliteConnection,
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use jiff::Timestamp;
use uuid::Uuid;

use super::{ReportRow, Stage};
use crate::domain::ids::MessageId;
use crate::domain::report::{Report, next_look};
use crate::domain::status::Event;
use crate::planted;
use crate::store::batch::Writes;
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::lane::in_a_task;
use crate::store::pools::{Db, run};
use crate::store::schema::{messages, reports};
use crate::store::transition::{self, Job, Moved, Pick, Trust};
use crate::store::unnest::unnest;
use crate::store::writer::again_after;
use crate::store::{Error, Store};

/// Which reports to apply. Those that another replica is at are left to it, and those that were applied are done.
#[derive(Debug, Clone)]
pub enum Which {
    /// These, if they wait.
    These(Vec<Uuid>),
    /// Up to so many whose time has come, oldest first.
    Due(i64),
}

/// What became of a report.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The report.
    pub id: Uuid,
    /// How it stands now.
    pub stage: Stage,
    /// Whether its word is one that is known.
    pub known_word: bool,
    /// Its messages, and what it did to each.
    pub moved: Vec<Moved>,
}

/// The messages that reports name: those of our own ids that exist, and those that carry the provider's.
#[derive(Default)]
struct Targets {
    ours: HashSet<Guid>,
    theirs: HashMap<String, Vec<Guid>>,
}

impl Targets {
    /// Whom a report concerns: the message whose id it carries, else all that carry the provider's.
    fn of(&self, report: &Report) -> Vec<Guid> {
        let ours = report.message.map(|id| Guid(id.0)).filter(|id| self.ours.contains(id));
        if let Some(id) = ours {
            return vec![id];
        }
        let theirs = report.provider_id.as_ref().and_then(|id| self.theirs.get(id.as_str()));
        theirs.cloned().unwrap_or_default()
    }
}

/// A report, what it says, and whom it concerns.
struct Matched {
    row: ReportRow,
    report: Option<Report>,
    targets: Vec<Guid>,
}

impl Matched {
    fn all(rows: Vec<ReportRow>, targets: &Targets) -> Vec<Self> {
        let matched = |row: ReportRow| {
            let report = row.report();
            let targets = report.as_ref().map(|report| targets.of(report)).unwrap_or_default();
            Self { row, report, targets }
        };
        rows.into_iter().map(matched).collect()
    }

    fn jobs(&self) -> impl Iterator<Item = Job> + '_ {
        let evidence = self.report.as_ref().map(|report| report.evidence.clone());
        let evidence = evidence.filter(|_| !planted::now_and_then("lost-report"));
        self.targets.iter().filter_map(move |id| {
            Some(Job { pick: Pick::Id(MessageId(id.0)), event: Event::Evidence(evidence.clone()?) })
        })
    }

    /// What is noted of it: how it stands, and when it is looked at again.
    fn note(&self, now: Timestamp) -> NoteRow {
        let next = next_look(self.row.received_at.0, self.row.tries, now);
        let (stage, due_at) = match (&self.report, next) {
            (None, _) => (Stage::Unreadable, None),
            (Some(_), _) if !self.targets.is_empty() => (Stage::Applied, None),
            (Some(_), Some(next)) => (Stage::Waiting, Some(Instant(next))),
            (Some(_), None) => (Stage::Nobodys, None),
        };
        NoteRow { id: self.row.id, state: stage as i16, tries: self.row.tries.saturating_add(1), due_at, stage }
    }
}

/// What changes of a row of `reports`.
pub(super) struct NoteRow {
    id: Guid,
    state: i16,
    tries: i16,
    due_at: Option<Instant>,
    /// No column: the state's meaning.
    stage: Stage,
}

unnest! {
    /// Notes what became of reports.
    NoteReports of NoteRow,
    "UPDATE reports AS r SET state = n.state, tries = n.tries, due_at = n.due_at FROM ",
    ") AS n(id, state, tries, due_at) WHERE r.id = n.id",
    {
        id: Guid => GuidSql,
        state: i16 => SmallInt,
        tries: i16 => SmallInt,
        due_at: Option<Instant> => Nullable<InstantSql>,
    }
}

/// The reports to take.
macro_rules! taken {
    (these $ids:expr) => {
        reports::table
            .filter(reports::id.eq_any($ids))
            .filter(reports::due_at.is_not_null())
            .order(reports::id)
            .select(ReportRow::as_select())
    };
    (due $now:expr, $limit:expr) => {
        reports::table
            .filter(reports::due_at.le(Instant($now)))
            .order(reports::due_at)
            .limit($limit)
            .select(ReportRow::as_select())
    };
}

async fn targets_postgres(c: &mut AsyncPgConnection, rows: &[ReportRow]) -> QueryResult<Targets> {
    use diesel_async::RunQueryDsl as _;
    let ours: Vec<Guid> = rows.iter().filter_map(|row| row.message_id).collect();
    let theirs: Vec<&str> = rows.iter().filter_map(|row| row.provider_message_id.as_deref()).collect();
    let by_id = messages::table.filter(messages::id.eq_any(ours)).select(messages::id);
    let by_name = messages::table
        .filter(messages::provider_message_id.eq_any(theirs))
        .select((messages::provider_message_id, messages::id));
    // One round trip for both.
    let (mut one, mut other) = (&*c, &*c);
    let (ours, theirs) = futures::join!(by_id.load::<Guid>(&mut one), by_name.load(&mut other));
    let mut targets = Targets { ours: ours?.into_iter().collect(), theirs: HashMap::new() };
    for (name, id) in theirs? {
        let name: Option<String> = name;
        targets.theirs.entry(name.unwrap_or_default()).or_default().push(id);
    }
    Ok(targets)
}

fn targets_sqlite(c: &mut SqliteConnection, rows: &[ReportRow]) -> QueryResult<Targets> {
    use diesel::RunQueryDsl as _;
    let mut targets = Targets::default();
    for row in rows {
        if let Some(id) = row.message_id {
            let found = messages::table.find(id).select(messages::id).first::<Guid>(c).optional()?;
            targets.ours.extend(found);
        }
        if let Some(name) = &row.provider_message_id {
            let query = messages::table.filter(messages::provider_message_id.eq(name)).select(messages::id);
            targets.theirs.insert(name.clone(), query.load(c)?);
        }
    }
    Ok(targets)
}

/// What was decided of the reports, in their order.
fn applied(matched: Vec<Matched>, notes: &[NoteRow], moved: Vec<Vec<Moved>>) -> Vec<Applied> {
    let mut moved = moved.into_iter();
    let one = |(matched, note): (Matched, &NoteRow)| Applied {
        id: matched.row.id.0,
        stage: note.stage,
        known_word: matched.report.as_ref().is_some_and(|report| report.known_word),
        moved: moved.by_ref().take(matched.targets.len()).flatten().collect(),
    };
    matched.into_iter().zip(notes).map(one).collect()
}

async fn postgres(c: &mut AsyncPgConnection, which: &Which, now: Timestamp) -> QueryResult<Vec<Applied>> {
    use diesel_async::RunQueryDsl as _;
    c.transaction(async |c| {
        let rows: Vec<ReportRow> = match which {
            Which::These(ids) => {
                let ids: Vec<Guid> = ids.iter().copied().map(Guid).collect();
                taken!(these ids).for_update().skip_locked().load(c).await?
            }
            Which::Due(limit) => taken!(due now, *limit).for_update().skip_locked().load(c).await?,
        };
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let targets = targets_postgres(c, &rows).await?;
        let matched = Matched::all(rows, &targets);
        let jobs: Vec<Job> = matched.iter().flat_map(Matched::jobs).collect();
        let mut writes = Writes::default();
        let loaded = transition::load_postgres(c, &jobs, Trust::Nothing, now).await?;
        let moved = transition::decide(&jobs, loaded, Trust::Nothing, now, &mut writes)?;
        writes.flush_postgres(c).await?;
        let notes = || matched.iter().map(|matched| matched.note(now));
        NoteReports::of(notes()).execute(c).await?;
        let notes: Vec<NoteRow> = notes().collect();
        Ok(applied(matched, &notes, moved))
    })
    .await
}

fn sqlite(c: &mut SqliteConnection, which: &Which, now: Timestamp) -> QueryResult<Vec<Applied>> {
    use diesel::RunQueryDsl as _;
    let mut rows: Vec<ReportRow> = Vec::new();
    match which {
        Which::These(ids) => {
            for id in ids {
                rows.extend(taken!(these[Guid(*id)]).load(c)?);
            }
        }
        Which::Due(limit) => rows = taken!(due now, *limit).load(c)?,
    }
    let targets = targets_sqlite(c, &rows)?;
    let matched = Matched::all(rows, &targets);
    let jobs: Vec<Job> = matched.iter().flat_map(Matched::jobs).collect();
    let mut writes = Writes::default();
    let loaded = transition::load_sqlite(c, &jobs, Trust::Nothing, now)?;
    let moved = transition::decide(&jobs, loaded, Trust::Nothing, now, &mut writes)?;
    writes.flush_sqlite(c, now)?;
    let notes: Vec<NoteRow> = matched.iter().map(|matched| matched.note(now)).collect();
    for note in &notes {
        let set = (reports::state.eq(note.state), reports::tries.eq(note.tries), reports::due_at.eq(note.due_at));
        diesel::update(reports::table.find(note.id)).set(set).execute(c)?;
    }
    Ok(applied(matched, &notes, moved))
}

async fn attempt(db: &Db, clock: &crate::clock::Clock, which: Which) -> Result<Vec<Applied>, Error> {
    let mut races = 0;
    loop {
        let _alone = db.alone().await;
        let again = which.clone();
        let done = run!(db, |pg| postgres(pg, &which, clock.now()).await, |lite| {
            let now = clock.now();
            lite.spawn_blocking(move |c| c.immediate_transaction(|c| sqlite(c, &again, now))).await
        });
        match done {
            Err(e) => match again_after(&e, races) {
                Some(wait) => {
                    races += 1;
                    tokio::time::sleep(wait).await;
                }
                None => return Err(e.into()),
            },
            Ok(applied) => return Ok(applied),
        }
    }
}

impl Store {
    /// Applies reports to their messages. Answers those that were taken; when it does, what became of them is on the
    /// disk.
    pub async fn apply_reports(&self, which: Which) -> Result<Vec<Applied>, Error> {
        let (db, clock) = (self.db.clone(), self.clock.clone());
        let applied = in_a_task(async move { attempt(&db, &clock, which).await }).await;
        self.written.ring();
        applied
    }
}
