//! Messages from recipients: written as they came; read one by one, each together with what it changes.

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{
    ExpressionMethods as _, Insertable, OptionalExtension as _, QueryDsl as _, QueryResult, Queryable, QueryableByName,
    Selectable, SelectableHelper as _, SqliteConnection,
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::ids::{MessageId, OwnerId};
use crate::domain::keyword::{Keywords, Verdict};
use crate::domain::phone::Msisdn;
use crate::domain::report::{Form, Inbound, pieces};
use crate::domain::sender::SenderId;
use crate::store::columns::sql::Guid as GuidSql;
use crate::store::columns::{Guid, Instant};
use crate::store::lane::in_a_task;
use crate::store::pseudonyms::Keyed;
use crate::store::schema::{inbound, opt_outs};
use crate::store::{Error, OptOutSource, Store, run};

/// How a message stands. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
enum Stage {
    Waiting = 1,
    Done = 2,
    Unreadable = 4,
    Review = 5,
}

/// A row of `inbound`.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = inbound, treat_none_as_default_value = false)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct InboundRow {
    id: Guid,
    received_at: Instant,
    form: i16,
    body: Vec<u8>,
    state: i16,
    due_at: Option<Instant>,
    verdict: Option<i16>,
    owner_id: Option<i64>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadInbound {
    /// What it asks for; `None` if it cannot be read.
    pub verdict: Option<Verdict>,
    /// Whose sender it was written to, or who wrote last to its author.
    pub owner: Option<OwnerId>,
}

/// A message for a person to look at. It holds a number and a text.
#[derive(Clone)]
pub struct ToReview {
    /// Its id.
    pub id: Uuid,
    /// When it came.
    pub received_at: Timestamp,
    /// Whom it concerns, if that is known.
    pub owner: Option<OwnerId>,
    /// What it says, as it came.
    pub message: Option<Inbound>,
}

/// A user, his sender and his last message to a number.
#[derive(QueryableByName)]
struct Talk {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    sender_name: Option<String>,
    #[diesel(sql_type = Nullable<GuidSql>)]
    last: Option<Guid>,
}

/// One probe of an index for each user: an index over all messages by number alone would cost every send.
const TALKS: &str = "SELECT u.id, u.sender_name, (SELECT m.id FROM messages AS m WHERE m.owner_id = u.id \
    AND m.destination = $1 ORDER BY m.id DESC LIMIT 1) AS last FROM users AS u";

/// Everybody's last message to a number, plain and erased; `$query` loads the talks of one form.
macro_rules! talks {
    ($forms:expr, |$form:ident| $query:expr) => {{
        let mut talks: Vec<Talk> = Vec::new();
        for $form in $forms {
            let of_this: Vec<Talk> = $query;
            talks = if talks.is_empty() { of_this } else { later(talks, &of_this) };
        }
        talks
    }};
}

/// The same users, each with the later one of two last messages.
fn later(mut talks: Vec<Talk>, others: &[Talk]) -> Vec<Talk> {
    for talk in &mut talks {
        let other = others.iter().find(|other| other.id == talk.id).and_then(|other| other.last);
        talk.last = talk.last.map(|id| id.0).max(other.map(|id| id.0)).map(Guid);
    }
    talks
}

/// Whom a message to this sender of ours concerns: the owner of the sender; if several have it or none, whoever of
/// them, or of all, wrote to its author last. Never more than one.
fn concerned(talks: &[Talk], to: &str) -> Option<OwnerId> {
    let names = [to.to_owned(), format!("+{to}")].map(|name| SenderId::parse(&name).ok());
    let is_his = |talk: &&Talk| {
        let his = talk.sender_name.as_deref();
        names.iter().flatten().any(|name| his.is_some_and(|his| his.eq_ignore_ascii_case(name.as_str())))
    };
    let mut owners = talks.iter().filter(is_his);
    if let (Some(only), None) = (owners.next(), owners.next()) {
        return Some(OwnerId(only.id));
    }
    let last = |talk: &&Talk| talk.last.map(|id| id.0);
    let latest = talks.iter().filter(is_his).filter(|talk| talk.last.is_some()).max_by_key(last);
    let latest = latest.or_else(|| talks.iter().filter(|talk| talk.last.is_some()).max_by_key(last));
    latest.map(|talk| OwnerId(talk.id))
}

/// The author's number, whether or not the provider writes it with a `+`.
fn author(message: &Inbound) -> Option<Msisdn> {
    Msisdn::parse(&message.from).or_else(|_| Msisdn::parse(&format!("+{}", message.from))).ok()
}

/// The oldest message that waits.
macro_rules! next {
    () => {
        inbound::table
            .filter(inbound::due_at.is_not_null())
            .order((inbound::due_at, inbound::id))
            .limit(1)
            .select(InboundRow::as_select())
    };
}

/// What is written of a message that was read; `$execute` runs a statement.
macro_rules! settle {
    ($row:expr, $read:expr, $number:expr, $keyed:expr, $now:expr, |$statement:ident| $execute:expr) => {{
        let number = $number.as_ref().map(Msisdn::as_str).unwrap_or_default();
        // Whoever was erased is on the list under a pseudonym, and comes off it under either form.
        match ($read.verdict, $read.owner) {
            (Some(Verdict::Stop), Some(owner)) => {
                let row = (
                    opt_outs::owner_id.eq(owner.0),
                    opt_outs::destination.eq(number),
                    opt_outs::source.eq(OptOutSource::Recipient as i16),
                    opt_outs::created_at.eq(Instant($now)),
                );
                let $statement = diesel::insert_into(opt_outs::table).values(row).on_conflict_do_nothing();
                $execute;
            }
            (Some(Verdict::Start), Some(owner)) => {
                // What the owner himself put on the list, the recipient does not take off it.
                let his = opt_outs::source.eq(OptOutSource::Recipient as i16);
                for form in $keyed.forms(number) {
                    let $statement = diesel::delete(opt_outs::table.find((owner.0, form)).filter(his));
                    $execute;
                }
            }
            _ => {}
        }
        let set = (
            inbound::state.eq($read.stage() as i16),
            inbound::due_at.eq(None::<Instant>),
            inbound::verdict.eq($read.verdict.map(|verdict| verdict as i16)),
            inbound::owner_id.eq($read.owner.map(|owner| owner.0)),
        );
        let $statement = diesel::update(inbound::table.find($row.id)).set(set);
        $execute;
    }};
}

impl ReadInbound {
    fn stage(self) -> Stage {
        match (self.verdict, self.owner) {
            (None, _) => Stage::Unreadable,
            (Some(Verdict::PerhapsStop), _) | (Some(Verdict::Stop | Verdict::Start), None) => Stage::Review,
            (Some(_), _) => Stage::Done,
        }
    }
}

impl InboundRow {
    fn message(&self) -> Option<Inbound> {
        Inbound::read(Form::from_number(self.form), &self.body)
    }
}

async fn postgres(
    c: &mut AsyncPgConnection,
    words: &Keywords,
    keyed: &Keyed,
    now: Timestamp,
) -> QueryResult<Option<ReadInbound>> {
    use diesel_async::RunQueryDsl as _;
    c.transaction(async |c| {
        let row: Option<InboundRow> = next!().for_update().skip_locked().first(c).await.optional()?;
        let Some(row) = row else { return Ok(None) };
        let message = row.message();
        let number = message.as_ref().and_then(author);
        let mut read = ReadInbound { verdict: None, owner: None };
        if let (Some(message), Some(number)) = (&message, &number) {
            let talks = talks!(keyed.forms(number.as_str()), |form| diesel::sql_query(TALKS)
                .bind::<Text, _>(form)
                .load(c)
                .await?);
            read = ReadInbound { verdict: Some(words.verdict(&message.text)), owner: concerned(&talks, &message.to) };
        }
        settle!(row, read, number, keyed, now, |statement| statement.execute(c).await?);
        Ok(Some(read))
    })
    .await
}

fn sqlite(
    c: &mut SqliteConnection,
    words: &Keywords,
    keyed: &Keyed,
    now: Timestamp,
) -> QueryResult<Option<ReadInbound>> {
    use diesel::RunQueryDsl as _;
    let row: Option<InboundRow> = next!().first(c).optional()?;
    let Some(row) = row else { return Ok(None) };
    let message = row.message();
    let number = message.as_ref().and_then(author);
    let mut read = ReadInbound { verdict: None, owner: None };
    if let (Some(message), Some(number)) = (&message, &number) {
        let talks =
            talks!(keyed.forms(number.as_str()), |form| diesel::sql_query(TALKS).bind::<Text, _>(form).load(c)?);
        read = ReadInbound { verdict: Some(words.verdict(&message.text)), owner: concerned(&talks, &message.to) };
    }
    settle!(row, read, number, keyed, now, |statement| statement.execute(c)?);
    Ok(Some(read))
}

fn insert_sqlite(c: &mut SqliteConnection, rows: &[InboundRow]) -> QueryResult<()> {
    use diesel::RunQueryDsl as _;
    rows.iter().try_for_each(|row| diesel::insert_into(inbound::table).values(row).execute(c).map(drop))
}

impl Store {
    /// Stores the messages of a post as they are. When this answers, they are on the disk.
    pub async fn file_inbound(&self, form: Form, body: &[u8]) -> Result<(), Error> {
        use diesel_async::RunQueryDsl as _;
        let now = self.clock.now();
        let row = |piece: &[u8]| InboundRow {
            // Ordered by time: they are read in the order in which they came.
            id: Guid(MessageId::new(now).0),
            received_at: Instant(now),
            form: form as i16,
            body: piece.to_vec(),
            state: Stage::Waiting as i16,
            due_at: Some(Instant(now)),
            verdict: None,
            owner_id: None,
        };
        let rows: Vec<InboundRow> = pieces(form, body).into_iter().map(row).collect();
        let db = self.db.clone();
        in_a_task(async move {
            let _alone = db.alone().await;
            run!(
                &db,
                |pg| {
                    diesel::insert_into(inbound::table).values(&rows).execute(pg).await?;
                },
                |lite| {
                    lite.spawn_blocking(move |c| c.immediate_transaction(|c| insert_sqlite(c, &rows))).await?;
                }
            );
            Ok(())
        })
        .await
    }

    /// Reads the oldest message that waits and that no other replica is at, and does what it asks for, in one
    /// transaction. `None` if nothing waits.
    pub async fn read_next_inbound(&self, keywords: Keywords) -> Result<Option<ReadInbound>, Error> {
        let (db, clock, keyed) = (self.db.clone(), self.clock.clone(), self.keyed.clone());
        in_a_task(async move {
            let _alone = db.alone().await;
            let read = run!(&db, |pg| postgres(pg, &keywords, &keyed, clock.now()).await?, |lite| {
                let now = clock.now();
                lite.spawn_blocking(move |c| c.immediate_transaction(|c| sqlite(c, &keywords, &keyed, now))).await?
            });
            Ok(read)
        })
        .await
    }

    /// Up to `limit` messages that a person has to look at, oldest first.
    pub async fn inbound_to_review(&self, limit: i64) -> Result<Vec<ToReview>, Error> {
        use diesel_async::RunQueryDsl as _;
        let review = diesel::dsl::sql::<diesel::sql_types::Bool>("state = 5");
        let query = inbound::table.filter(review).order((inbound::received_at, inbound::id)).limit(limit);
        let rows: Vec<InboundRow> = run!(&self.db, |c| query.select(InboundRow::as_select()).load(c).await?);
        let entry = |row: InboundRow| ToReview {
            id: row.id.0,
            received_at: row.received_at.0,
            owner: row.owner_id.map(OwnerId),
            message: row.message(),
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// Takes a message off the list of those to look at. True if it was on it.
    pub async fn reviewed_inbound(&self, id: Uuid) -> Result<bool, Error> {
        use diesel_async::RunQueryDsl as _;
        let _alone = self.db.alone().await;
        let on_the_list = inbound::table.find(Guid(id)).filter(inbound::state.eq(Stage::Review as i16));
        let update = diesel::update(on_the_list).set(inbound::state.eq(Stage::Done as i16));
        Ok(run!(&self.db, |c| update.execute(c).await?) == 1)
    }
}
