//! Chores: erasing what is old, in small pages. The row of a chore is the lock that makes it one replica's at a time, and
//! holds the place from which it goes on after a restart.

mod bodies;
mod messages;
mod request;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

pub use request::Requested;

use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::processes;
use crate::store::pseudonyms::Keyed;
use crate::store::schema::{chores, pseudonym_key};
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store, run};

/// The treatment of old data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// The texts and numbers of messages.
    Texts,
    /// The same, of those that were still under way.
    TextsLeft,
    /// Whole messages and their events.
    Rows,
    /// The same, of those that were still under way.
    RowsLeft,
    /// Reports, messages from recipients, the texts of campaigns that are over and, with a key, the numbers of opt-outs.
    Bodies,
}

impl Chore {
    fn name(self) -> &'static str {
        match self {
            Self::Texts => "texts",
            Self::TextsLeft => "texts_left",
            Self::Rows => "rows",
            Self::RowsLeft => "rows_left",
            Self::Bodies => "bodies",
        }
    }

    /// How long it rests when it is through.
    fn rest(self) -> SignedDuration {
        match self {
            Self::Texts | Self::Rows | Self::Bodies => SignedDuration::from_mins(10),
            Self::TextsLeft | Self::RowsLeft => SignedDuration::from_hours(1),
        }
    }
}

/// The result of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Messages that lost their text and their number.
    pub texts: usize,
    /// Messages that were deleted.
    pub rows: usize,
    /// Reports that were deleted.
    pub reports: usize,
    /// Recipients' messages that were deleted.
    pub inbound: usize,
    /// Opt-outs whose number is a pseudonym now.
    pub opt_outs: usize,
    /// Campaigns that lost their text and their tags.
    pub campaigns: usize,
    /// Whether there is more to do now.
    pub more: bool,
}

/// Takes a chore whose time has come, unless another replica is at it.
const TAKE_POSTGRES: &str = "UPDATE chores SET due_at = $2 WHERE name = (SELECT name FROM chores WHERE name = $1 \
    AND due_at <= $2 FOR UPDATE SKIP LOCKED) RETURNING after_id";
/// By number: SQLite counts `$…` in the order in which they appear.
const TAKE_SQLITE: &str = "UPDATE chores SET due_at = ?2 WHERE name = ?1 AND due_at <= ?2 RETURNING after_id";

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = GuidSql)]
    after_id: Guid,
}

/// The range of one page of a chore.
#[derive(Clone, Copy)]
struct Task {
    chore: Chore,
    before: Timestamp,
    limit: i64,
}

/// Notes the key by which erased numbers are found, or finds that it is another one.
async fn confirm_key(tx: &mut Tx, keyed: &Keyed) -> Result<(), Failure> {
    let mine = keyed.required()?.check().to_vec();
    processes::all_have_key(tx, &mine).await?;
    let row = (pseudonym_key::id.eq(1_i16), pseudonym_key::check_value.eq(mine));
    let note = diesel::insert_into(pseudonym_key::table).values(row).on_conflict_do_nothing();
    on!(tx, |c| note.execute(c).await?);
    let query = pseudonym_key::table.select(pseudonym_key::check_value);
    let known: Vec<u8> = on!(tx, |c| query.get_result(c).await?);
    Ok(keyed.judge(Some(&known))?)
}

/// One page of a chore; `None` if it is not its time, or another replica's.
async fn page(tx: &mut Tx, keyed: &Keyed, task: Task) -> Result<Option<Erased>, Failure> {
    let take = diesel::sql_query(tx.dialect(TAKE_POSTGRES, TAKE_SQLITE).to_owned())
        .bind::<Text, _>(task.chore.name())
        .bind::<InstantSql, _>(Instant(tx.now));
    let taken: Option<Taken> = on!(tx, |c| take.get_result(c).await.optional()?);
    let Some(Taken { after_id }) = taken else { return Ok(None) };
    let (erased, after) = match task.chore {
        Chore::Texts | Chore::TextsLeft => {
            confirm_key(tx, keyed).await?;
            messages::page(tx, Some(keyed.required()?), task, after_id).await?
        }
        Chore::Rows | Chore::RowsLeft => messages::page(tx, None, task, after_id).await?,
        Chore::Bodies => {
            if keyed.pseudonyms().is_some() {
                confirm_key(tx, keyed).await?;
            }
            (bodies::page(tx, keyed.pseudonyms(), task).await?, Guid(Uuid::nil()))
        }
    };
    let rest = if erased.more { SignedDuration::ZERO } else { task.chore.rest() };
    let due_at = Instant(tx.now.checked_add(rest).unwrap_or(tx.now));
    let done = diesel::update(chores::table.find(task.chore.name()));
    let done = done.set((chores::after_id.eq(after), chores::due_at.eq(due_at)));
    on!(tx, |c| done.execute(c).await?);
    Ok(Some(erased))
}

/// No chore was done before 2001, in seconds: a row that says so is as the migration made it.
const NEVER: i64 = 978_307_200;

/// How far a chore is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoreStanding {
    /// Its name.
    pub name: String,
    /// When its next page is due, a past time while it is at work; `None` of one that was never done.
    pub due_at: Option<Timestamp>,
    /// The message behind which it goes on; `None` at the beginning.
    pub after: Option<Uuid>,
}

impl Store {
    /// How far the chores are, by their names.
    pub async fn chores(&self) -> Result<Vec<ChoreStanding>, Error> {
        let query = chores::table.order(chores::name).select((chores::name, chores::due_at, chores::after_id));
        let rows: Vec<(String, Instant, Guid)> = run!(&self.db, |c| query.load(c).await?);
        let of = |(name, due_at, after): (String, Instant, Guid)| ChoreStanding {
            name,
            due_at: Some(due_at.0).filter(|at| at.as_second() > NEVER),
            after: Some(after.0).filter(|after| !after.is_nil()),
        };
        Ok(rows.into_iter().map(of).collect())
    }

    /// Does up to `limit` rows of a chore to what was there before `before`, in one short transaction. `None` if there is
    /// nothing to do now, or another replica is at it.
    pub async fn tidy(&self, chore: Chore, before: Timestamp, limit: i64) -> Result<Option<Erased>, Error> {
        let (keyed, task) = (self.keyed.clone(), Task { chore, before, limit });
        transact!(&self.transactions, |tx| page(tx, &keyed, task).await)
    }
}
