//! What reports do to their messages: whom each concerns, what became of it, and those that waited for their time.

use std::collections::HashMap;

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Nullable, SmallInt};
use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, SelectableHelper as _, SqliteConnection,
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{ReportRow, Said, Stage};
use crate::clock::Clock;
use crate::domain::ids::MessageId;
use crate::domain::message::Message;
use crate::domain::report::{Report, next_look};
use crate::domain::status::Event;
use crate::planted;
use crate::store::batch::Writes;
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::lane::in_a_task;
use crate::store::pools::{Db, run};
use crate::store::rows::MessageRow;
use crate::store::schema::{messages, reports};
use crate::store::transition::{self, Job, Loaded, Moved, Pick, Trust};
use crate::store::unnest::unnest;
use crate::store::writer::Races;
use crate::store::{Error, Store};

/// When a report is tried again that the database refused to apply.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(10);

/// Which waiting reports to apply. Those that another replica is at are left to it.
#[derive(Debug, Clone, Copy)]
enum Which {
    /// This one.
    This(Guid),
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

/// The messages that reports name, by our own id and by the provider's.
#[derive(Default)]
struct Named {
    messages: HashMap<MessageId, Message>,
    theirs: HashMap<String, Vec<MessageId>>,
}

impl Named {
    fn add(&mut self, rows: Vec<MessageRow>) {
        for message in rows.into_iter().map(MessageRow::into_message) {
            self.messages.entry(message.id).or_insert(message);
        }
    }

    fn add_theirs(&mut self, rows: Vec<MessageRow>) {
        for row in &rows {
            let name = row.provider_message_id.clone().unwrap_or_default();
            self.theirs.entry(name).or_default().push(MessageId(row.id.0));
        }
        self.add(rows);
    }

    /// Whom a report concerns: the message whose id it carries, else all that carry the provider's.
    fn by(&self, row: &ReportRow) -> Vec<MessageId> {
        if let Some(id) = self.ours(row) {
            return vec![id];
        }
        let theirs = row.provider_message_id.as_ref().and_then(|name| self.theirs.get(name));
        theirs.cloned().unwrap_or_default()
    }

    fn ours(&self, row: &ReportRow) -> Option<MessageId> {
        row.message_id.map(|id| MessageId(id.0)).filter(|id| self.messages.contains_key(id))
    }
}

/// A report, what it says, and whom it concerns.
struct Matched {
    row: ReportRow,
    report: Option<Report>,
    targets: Vec<MessageId>,
}

/// Reports that can be applied: what is said of which messages, locked and as they are now.
pub(super) struct Bunch {
    matched: Vec<Matched>,
    messages: HashMap<MessageId, Message>,
}

impl Bunch {
    fn new(reports: Vec<Said>, named: Named) -> Self {
        let matched = |(row, report): Said| Matched { targets: named.by(&row), report, row };
        Self { matched: reports.into_iter().map(matched).collect(), messages: named.messages }
    }

    /// Finds and locks whom these reports concern; mostly they carry our id, and the provider's is not asked for.
    pub(super) async fn load_postgres(c: &mut AsyncPgConnection, reports: Vec<Said>) -> QueryResult<Self> {
        use diesel_async::RunQueryDsl as _;
        let mut named = Named::default();
        let rows = || reports.iter().map(|(row, _)| row);
        let ours: Vec<Guid> = rows().filter_map(|row| row.message_id).collect();
        if !ours.is_empty() {
            let query = messages::table.filter(messages::id.eq_any(ours)).order(messages::id);
            named.add(query.select(MessageRow::as_select()).for_update().load(c).await?);
        }
        let rest = rows().filter(|row| named.ours(row).is_none());
        let theirs: Vec<&str> = rest.filter_map(|row| row.provider_message_id.as_deref()).collect();
        if !theirs.is_empty() {
            let query = messages::table.filter(messages::provider_message_id.eq_any(theirs)).order(messages::id);
            named.add_theirs(query.select(MessageRow::as_select()).for_update().load(c).await?);
        }
        Ok(Self::new(reports, named))
    }

    /// As [`Bunch::load_postgres`].
    pub(super) fn load_sqlite(c: &mut SqliteConnection, reports: Vec<Said>) -> QueryResult<Self> {
        use diesel::RunQueryDsl as _;
        let mut named = Named::default();
        for (row, _) in &reports {
            if let Some(id) = row.message_id {
                let found = messages::table.find(id).select(MessageRow::as_select()).first(c).optional()?;
                named.add(found.into_iter().collect());
            }
            let Some(name) = row.provider_message_id.as_deref().filter(|_| named.ours(row).is_none()) else { continue };
            if !named.theirs.contains_key(name) {
                let query = messages::table.filter(messages::provider_message_id.eq(name)).order(messages::id);
                named.add_theirs(query.select(MessageRow::as_select()).load(c)?);
            }
        }
        Ok(Self::new(reports, named))
    }

    /// The rows as they are to be stored once the bunch is applied.
    pub(super) fn rows(&self, now: Timestamp) -> Vec<ReportRow> {
        let row = |matched: &Matched| {
            let note = matched.note(now);
            ReportRow { state: note.state, tries: note.tries, due_at: note.due_at, ..matched.row.clone() }
        };
        self.matched.iter().map(row).collect()
    }

    /// Leaves out all but these.
    pub(super) fn keep(&mut self, which: impl Fn(&Guid) -> bool) {
        self.matched.retain(|matched| which(&matched.row.id));
    }

    /// Lets every report happen to its messages.
    pub(super) fn decide(self, now: Timestamp, writes: &mut Writes) -> QueryResult<Vec<Applied>> {
        let mut applied: Vec<Applied> = Vec::with_capacity(self.matched.len());
        let (mut jobs, mut picked) = (Vec::new(), Vec::new());
        for matched in self.matched {
            let stage = matched.note(now).stage;
            let known_word = matched.report.as_ref().is_some_and(|report| report.known_word);
            applied.push(Applied { id: matched.row.id.0, stage, known_word, moved: Vec::new() });
            let report = matched.report.filter(|_| !planted::now_and_then("lost-report"));
            for (id, report) in matched.targets.into_iter().zip(std::iter::repeat(report)) {
                let Some(Report { evidence, .. }) = report else { continue };
                picked.push(vec![id]);
                jobs.push((applied.len() - 1, Job { pick: Pick::Id(id), event: Event::Evidence(evidence) }));
            }
        }
        let (of, jobs): (Vec<usize>, Vec<Job>) = jobs.into_iter().unzip();
        let loaded = Loaded::of(self.messages, picked);
        for (at, moved) in of.into_iter().zip(transition::decide(&jobs, loaded, Trust::Nothing, now, writes)?) {
            if let Some(one) = applied.get_mut(at) {
                one.moved.extend(moved);
            }
        }
        Ok(applied)
    }

    fn notes(&self, now: Timestamp) -> Vec<NoteRow> {
        self.matched.iter().map(|matched| matched.note(now)).collect()
    }
}

impl Matched {
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
    (this $id:expr) => {
        reports::table.find($id).filter(reports::due_at.is_not_null()).select(ReportRow::as_select())
    };
    (due $now:expr, $limit:expr) => {
        reports::table
            .filter(reports::due_at.le(Instant($now)))
            .order(reports::due_at)
            .limit($limit)
            .select(ReportRow::as_select())
    };
}

fn said(rows: Vec<ReportRow>) -> Vec<Said> {
    let read = |row: ReportRow| {
        let report = row.report();
        (row, report)
    };
    rows.into_iter().map(read).collect()
}

async fn postgres(c: &mut AsyncPgConnection, which: Which, now: Timestamp) -> QueryResult<Vec<Applied>> {
    use diesel_async::RunQueryDsl as _;
    c.transaction(async |c| {
        let rows: Vec<ReportRow> = match which {
            Which::This(id) => taken!(this id).for_update().skip_locked().load(c).await?,
            Which::Due(limit) => taken!(due now, limit).for_update().skip_locked().load(c).await?,
        };
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let bunch = Bunch::load_postgres(c, said(rows)).await?;
        let notes = bunch.notes(now);
        let mut writes = Writes::default();
        let applied = bunch.decide(now, &mut writes)?;
        writes.flush_postgres(c).await?;
        NoteReports::of(notes.into_iter()).execute(c).await?;
        Ok(applied)
    })
    .await
}

fn sqlite(c: &mut SqliteConnection, which: Which, now: Timestamp) -> QueryResult<Vec<Applied>> {
    use diesel::RunQueryDsl as _;
    let rows: Vec<ReportRow> = match which {
        Which::This(id) => taken!(this id).load(c)?,
        Which::Due(limit) => taken!(due now, limit).load(c)?,
    };
    let bunch = Bunch::load_sqlite(c, said(rows))?;
    let notes = bunch.notes(now);
    let mut writes = Writes::default();
    let applied = bunch.decide(now, &mut writes)?;
    writes.flush_sqlite(c, now)?;
    for note in &notes {
        let set = (reports::state.eq(note.state), reports::tries.eq(note.tries), reports::due_at.eq(note.due_at));
        diesel::update(reports::table.find(note.id)).set(set).execute(c)?;
    }
    Ok(applied)
}

async fn attempt(db: &Db, clock: &Clock, which: Which) -> Result<Vec<Applied>, Error> {
    let mut races = Races::default();
    loop {
        let _alone = db.alone().await;
        let done = run!(db, |pg| postgres(pg, which, clock.now()).await, |lite| {
            let now = clock.now();
            lite.spawn_blocking(move |c| c.immediate_transaction(|c| sqlite(c, which, now))).await
        });
        match done {
            Ok(applied) => return Ok(applied),
            Err(e) => races.lost(e).await?,
        }
    }
}

impl Store {
    /// Applies up to `limit` reports whose time has come: those of messages that were not there before, and those that
    /// could only be stored. Answers what became of them; when it does, that is on the disk.
    ///
    /// One that the database refuses to apply holds up no other: it is put off.
    pub async fn apply_due_reports(&self, limit: i64) -> Result<Vec<Applied>, Error> {
        let store = self.clone();
        let applied = in_a_task(async move {
            match attempt(&store.db, &store.clock, Which::Due(limit)).await {
                Err(Error::Query(_)) => store.apply_each_due(limit).await,
                done => done,
            }
        });
        let applied = applied.await;
        self.written.ring();
        applied
    }

    async fn apply_each_due(&self, limit: i64) -> Result<Vec<Applied>, Error> {
        use diesel_async::RunQueryDsl as _;
        let due = reports::table.filter(reports::due_at.le(Instant(self.clock.now()))).order(reports::due_at);
        let ids: Vec<Guid> = run!(&self.db, |c| due.limit(limit).select(reports::id).load(c).await?);
        let mut applied = Vec::new();
        for id in ids {
            match attempt(&self.db, &self.clock, Which::This(id)).await {
                Ok(one) => applied.extend(one),
                Err(Error::Query(e)) => {
                    tracing::error!(report = %id.0, error = %e, "a report cannot be applied; it is tried again later");
                    self.put_off(id).await?;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(applied)
    }

    async fn put_off(&self, id: Guid) -> Result<(), Error> {
        use diesel_async::RunQueryDsl as _;
        let later = self.clock.now().checked_add(PUT_OFF).ok().map(Instant);
        let update = diesel::update(reports::table.find(id)).set(reports::due_at.eq(later));
        let _alone = self.db.alone().await;
        run!(&self.db, |c| update.execute(c).await?);
        Ok(())
    }
}
