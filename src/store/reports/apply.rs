//! The effect of reports on their messages: whom each concerns, what became of it, and those that waited for their time.

use std::collections::{BTreeSet, HashMap};

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Nullable, SmallInt};
use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult, SqliteConnection};
use diesel_async::RunQueryDsl as _;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{ParsedReport, ReportRow, ReportStage};
use crate::domain::ids::MessageId;
use crate::domain::message::Message;
use crate::domain::report::{Report, next_try_at};
use crate::domain::status::Event;
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::pg_bulk::unnest;
use crate::store::prepared::Prepare as _;
use crate::store::rows::MessageRow;
use crate::store::schema::{messages, reports};
use crate::store::transaction::{Tx, locked, on, transact};
use crate::store::transition::{self, Job, Loaded, Moved, Pick};
use crate::store::writes::Writes;
use crate::store::{Error, Store, run};

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

/// The outcome of a report.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The report.
    pub id: Uuid,
    /// How it stands now.
    pub stage: ReportStage,
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
pub(super) struct ReportBatch {
    matched: Vec<Matched>,
    messages: HashMap<MessageId, Message>,
}

impl ReportBatch {
    fn new(reports: Vec<ParsedReport>, named: Named) -> Self {
        let matched = |(row, report): ParsedReport| Matched { targets: named.by(&row), report, row };
        Self { matched: reports.into_iter().map(matched).collect(), messages: named.messages }
    }

    /// Finds and locks whom these reports concern; mostly they carry our id, and the provider's is not asked for.
    pub(super) async fn load(tx: &mut Tx, reports: Vec<ParsedReport>) -> Result<Self, Failure> {
        let mut named = Named::default();
        let mut ours: Vec<Guid> = reports.iter().filter_map(|(row, _)| row.message_id).collect();
        ours.sort_unstable_by_key(|id| id.0);
        ours.dedup();
        if !ours.is_empty() {
            named.add(transition::by_ids(tx, ours).await?);
        }
        let rest = reports.iter().filter(|(row, _)| named.ours(row).is_none());
        let theirs: BTreeSet<String> = rest.filter_map(|(row, _)| row.provider_message_id.clone()).collect();
        if !theirs.is_empty() {
            let carried = messages::provider_message_id.eq_any(theirs);
            named.add_theirs(locked!(tx, MessageRow, messages::table.filter(carried).order(messages::id)));
        }
        Ok(Self::new(reports, named))
    }

    /// The rows as they are to be stored once the batch is applied.
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
    pub(super) fn decide(self, tx: &Tx, writes: &mut Writes) -> Result<Vec<Applied>, Failure> {
        let mut applied: Vec<Applied> = Vec::with_capacity(self.matched.len());
        let (mut jobs, mut picked) = (Vec::new(), Vec::new());
        for matched in self.matched {
            let stage = matched.note(tx.now).stage;
            let known_word = matched.report.as_ref().is_some_and(|report| report.known_word);
            applied.push(Applied { id: matched.row.id.0, stage, known_word, moved: Vec::new() });
            for (id, report) in matched.targets.into_iter().zip(std::iter::repeat(matched.report)) {
                let Some(Report { evidence, .. }) = report else { continue };
                picked.push(vec![id]);
                jobs.push((applied.len() - 1, Job { pick: Pick::Id(id), event: Event::Evidence(evidence) }));
            }
        }
        let (of, jobs): (Vec<usize>, Vec<Job>) = jobs.into_iter().unzip();
        let loaded = Loaded::of(self.messages, picked);
        for (at, moved) in of.into_iter().zip(transition::decide(&jobs, loaded, tx, writes)?) {
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
    /// The row's new values: how it stands, and when it is looked at again.
    fn note(&self, now: Timestamp) -> NoteRow {
        let next = next_try_at(self.row.received_at.0, self.row.tries, now);
        let (stage, due_at) = match (&self.report, next) {
            (None, _) => (ReportStage::Unreadable, None),
            (Some(_), _) if !self.targets.is_empty() => (ReportStage::Applied, None),
            (Some(_), Some(next)) => (ReportStage::Waiting, Some(Instant(next))),
            (Some(_), None) => (ReportStage::Unmatched, None),
        };
        NoteRow { id: self.row.id, state: stage as i16, tries: self.row.tries.saturating_add(1), due_at, stage }
    }
}

/// The columns of a row of `reports` that change.
pub(super) struct NoteRow {
    id: Guid,
    state: i16,
    tries: i16,
    due_at: Option<Instant>,
    /// No column: the state's meaning.
    stage: ReportStage,
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

fn parsed(rows: Vec<ReportRow>) -> Vec<ParsedReport> {
    let read = |row: ReportRow| {
        let report = row.report();
        (row, report)
    };
    rows.into_iter().map(read).collect()
}

/// As [`NoteReports`], one by one.
fn note_each(c: &mut SqliteConnection, notes: &[NoteRow]) -> QueryResult<()> {
    for note in notes {
        let set = (reports::state.eq(note.state), reports::tries.eq(note.tries), reports::due_at.eq(note.due_at));
        diesel::RunQueryDsl::execute(diesel::update(reports::table.find(note.id)).set(set).prepared(), c)?;
    }
    Ok(())
}

/// Takes reports that wait and applies them.
async fn apply(tx: &mut Tx, which: Which) -> Result<Vec<Applied>, Failure> {
    let rows = match which {
        Which::This(id) => locked!(free tx, ReportRow, reports::table.find(id).filter(reports::due_at.is_not_null())),
        Which::Due(limit) => {
            let due = reports::table.filter(reports::due_at.le(Instant(tx.now)));
            locked!(free tx, ReportRow, due.order(reports::due_at).limit(limit))
        }
    };
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let batch = ReportBatch::load(tx, parsed(rows)).await?;
    let notes = batch.notes(tx.now);
    let mut writes = Writes::default();
    let applied = batch.decide(tx, &mut writes)?;
    writes.flush(tx).await?;
    on!(
        tx,
        |pg| {
            NoteReports::of(notes.into_iter()).execute(pg).await?;
        },
        |lite| {
            lite.spawn_blocking(move |c| note_each(c, &notes)).await?;
        }
    );
    Ok(applied)
}

impl Store {
    /// Applies up to `limit` reports whose time has come: those of messages that were not there before, and those that
    /// could only be stored. Returns what became of them once that is on the disk.
    ///
    /// One that the database refuses to apply holds up no other: it is put off.
    pub async fn apply_due_reports(&self, limit: i64) -> Result<Vec<Applied>, Error> {
        match self.apply_reports(Which::Due(limit)).await {
            Err(Error::Query(_)) => self.apply_each_due(limit).await,
            done => done,
        }
    }

    async fn apply_reports(&self, which: Which) -> Result<Vec<Applied>, Error> {
        transact!(&self.transactions, |tx| apply(tx, which).await)
    }

    async fn apply_each_due(&self, limit: i64) -> Result<Vec<Applied>, Error> {
        let due = reports::table.filter(reports::due_at.le(Instant(self.clock.now()))).order(reports::due_at);
        let query = due.limit(limit).select(reports::id);
        let ids: Vec<Guid> = run!(&self.db, |c| query.load(c).await?);
        let mut applied = Vec::new();
        for id in ids {
            match self.apply_reports(Which::This(id)).await {
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
        transact!(&self.transactions, |tx| {
            let later = tx.now.checked_add(PUT_OFF).ok().map(Instant);
            let update = diesel::update(reports::table.find(id)).set(reports::due_at.eq(later));
            on!(tx, |c| update.execute(c).await?);
            Ok(())
        })
    }
}
