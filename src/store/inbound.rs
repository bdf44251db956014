//! Messages from recipients: written as they came; read one by one, each together with what it changes.

mod list;

pub use list::{InboundFilter, Received};

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, Insertable, QueryDsl as _, QueryResult, Queryable, Selectable,
    SqliteConnection,
};
use diesel_async::RunQueryDsl as _;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::audit::Act;
use crate::domain::ids::{MessageId, OwnerId};
use crate::domain::keyword::{Effect, Keywords, Verdict};
use crate::domain::opt_out::OptOutSource;
use crate::domain::phone::Msisdn;
use crate::domain::report::{Form, Inbound, pieces};
use crate::store::addressee::concerned;
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::error::Failure;
use crate::store::owner_events::{self, OwnerEvent};
use crate::store::pseudonyms::Keyed;
use crate::store::schema::{inbound, opt_outs};
use crate::store::seen_posts::{self, SignedPost};
use crate::store::transaction::{Tx, locked, on, transact};
use crate::store::{Error, Store, audit, run};

/// How many rows one statement stores.
const AT_ONCE: usize = 1000;

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
    number: Option<String>,
    effect: Option<i16>,
}

/// The result for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadInbound {
    /// The request; `None` if it cannot be read.
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
    /// The content, as it came.
    pub message: Option<Inbound>,
}

/// The author's number, whether or not the provider writes it with a `+`.
fn author(message: &Inbound) -> Option<Msisdn> {
    Msisdn::parse(&message.from).or_else(|_| Msisdn::parse(&format!("+{}", message.from))).ok()
}

/// How long a message waits that the database refused to have read.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(5);

/// The advisory lock of whoever reads inbound messages: "inbound" in ASCII.
const LOCK: i64 = 0x0069_6e62_6f75_6e64;

/// Whether the number's author asked the owner for messages after `at`: a post that came late must not undo it.
async fn started_after(tx: &mut Tx, owner: OwnerId, number: &str, at: Instant) -> Result<bool, Failure> {
    let starts = inbound::table
        .filter(inbound::owner_id.eq(owner.0).and(inbound::received_at.gt(at)))
        // Spelt out, so that the planner sees that the index holds them.
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("verdict = 2"));
    let rows: Vec<InboundRow> = on!(tx, |c| starts.select(columns_of::<InboundRow>()).load(c).await?);
    let mut authors = rows.iter().filter_map(|row| author(&row.message()?));
    Ok(authors.any(|author| author.as_str() == number))
}

/// Does what the author of a message that came `at` that time asks an owner for, unless what came after it said otherwise. Returns
/// what that changed; `None` if nothing is asked of anybody.
async fn obey(
    tx: &mut Tx,
    keyed: &Keyed,
    read: ReadInbound,
    number: &str,
    at: Instant,
) -> Result<Option<Effect>, Failure> {
    // Whoever was erased is on the list under a pseudonym, and comes off it under either form.
    match (read.verdict, read.owner) {
        (Some(Verdict::Stop), Some(owner)) if started_after(tx, owner, number, at).await? => {
            Ok(Some(Effect::Overtaken))
        }
        (Some(Verdict::Stop), Some(owner)) => {
            let row = (
                opt_outs::owner_id.eq(owner.0),
                opt_outs::destination.eq(number),
                opt_outs::source.eq(OptOutSource::Recipient as i16),
                opt_outs::created_at.eq(at),
            );
            let insert = diesel::insert_into(opt_outs::table).values(row).on_conflict_do_nothing();
            let new = on!(tx, |c| insert.execute(c).await?) == 1;
            if new {
                owner_events::note(tx, owner, OwnerEvent::OptedOut(number, OptOutSource::Recipient)).await?;
            } else {
                // A START that came before this one and is read after it is not to undo it.
                let earlier = opt_outs::source.eq(OptOutSource::Recipient as i16).and(opt_outs::created_at.lt(at));
                let said = opt_outs::table.find((owner.0, number)).filter(earlier);
                let again = diesel::update(said).set(opt_outs::created_at.eq(at));
                on!(tx, |c| again.execute(c).await?);
            }
            Ok(Some(if new { Effect::OptedOut } else { Effect::AlreadyOptedOut }))
        }
        (Some(Verdict::Start), Some(owner)) => {
            // What the owner put on the list, the recipient does not take off it.
            let theirs = opt_outs::source.eq(OptOutSource::Recipient as i16).and(opt_outs::created_at.le(at));
            let mut gone = 0;
            for form in keyed.forms(number) {
                let delete = diesel::delete(opt_outs::table.find((owner.0, form)).filter(theirs));
                gone += on!(tx, |c| delete.execute(c).await?);
            }
            if gone > 0 {
                owner_events::note(tx, owner, OwnerEvent::OptedIn(number, OptOutSource::Recipient)).await?;
            }
            Ok(Some(if gone > 0 { Effect::OptedIn } else { Effect::NothingToUndo }))
        }
        _ => Ok(None),
    }
}

/// The message that waits longest.
#[diesel::dsl::auto_type]
fn next_waiting() -> _ {
    inbound::table.filter(inbound::due_at.is_not_null()).order((inbound::due_at, inbound::id)).limit(1_i64)
}

/// Reads the oldest message that waits, and does what it asks for.
async fn read_next(tx: &mut Tx, keywords: &Keywords, keyed: &Keyed) -> Result<Option<ReadInbound>, Failure> {
    // Two messages of one number must not overtake each other between replicas.
    tx.alone(LOCK).await?;
    let now = Instant(tx.now);
    let Some(row) = locked!(tx, InboundRow, next_waiting().filter(inbound::due_at.le(now))).pop() else {
        // Once for all that were read.
        seen_posts::forget(tx).await?;
        return Ok(None);
    };
    let message = row.message();
    let number = message.as_ref().and_then(author);
    let mut read = ReadInbound { verdict: None, owner: None };
    if let (Some(message), Some(number)) = (&message, &number) {
        let owner = concerned(tx, &message.to, keyed.forms(number.as_str())).await?;
        read = ReadInbound { verdict: Some(keywords.verdict(&message.text)), owner };
    }
    let number = number.as_ref().map(Msisdn::as_str);
    let effect = obey(tx, keyed, read, number.unwrap_or_default(), row.received_at).await?;
    let done = diesel::update(inbound::table.find(row.id)).set((
        inbound::state.eq(read.stage() as i16),
        inbound::due_at.eq(None::<Instant>),
        inbound::verdict.eq(read.verdict.map(|verdict| verdict as i16)),
        inbound::owner_id.eq(read.owner.map(|owner| owner.0)),
        inbound::number.eq(number),
        inbound::effect.eq(effect.map(|effect| effect as i16)),
    ));
    on!(tx, |c| done.execute(c).await?);
    if let Some(owner) = read.owner {
        owner_events::note(tx, owner, OwnerEvent::Inbound(row.id.0)).await?;
    }
    Ok(Some(read))
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

fn insert_each(c: &mut SqliteConnection, rows: &[InboundRow]) -> QueryResult<()> {
    let insert = |row: &InboundRow| diesel::RunQueryDsl::execute(diesel::insert_into(inbound::table).values(row), c);
    rows.iter().map(insert).try_for_each(|done| done.map(drop))
}

impl Store {
    /// Stores the messages of a post as they are. When this returns, they are on the disk. False if the post is a signed one that
    /// was stored before: whoever recorded it changes nothing by it.
    pub async fn file_inbound(&self, form: Form, body: &[u8], signed: Option<SignedPost>) -> Result<bool, Error> {
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
            number: None,
            effect: None,
        };
        let rows: Vec<InboundRow> = pieces(form, body).into_iter().map(row).collect();
        transact!(&self.transactions, |tx| {
            if let Some(signed) = signed
                && !seen_posts::note(tx, signed).await?
            {
                return Ok(false);
            }
            on!(
                tx,
                |pg| {
                    // A statement has 65,535 parameters at most.
                    for rows in rows.chunks(AT_ONCE) {
                        diesel::insert_into(inbound::table).values(rows).execute(pg).await?;
                    }
                },
                |lite| {
                    let rows = rows.clone();
                    lite.spawn_blocking(move |c| insert_each(c, &rows)).await?;
                }
            );
            Ok(true)
        })
    }

    /// Reads the oldest message that waits, after whichever another replica is at, and does what it asks for, in one
    /// transaction. `None` if nothing waits.
    pub async fn read_next_inbound(&self, keywords: Keywords) -> Result<Option<ReadInbound>, Error> {
        let keyed = self.keyed.clone();
        let read = transact!(&self.transactions, |tx| read_next(tx, &keywords, &keyed).await);
        if let Err(Error::Query(cause)) = &read {
            tracing::error!(%cause, "a message from a recipient cannot be read; it is tried again later, and holds up no other");
            self.put_off_inbound().await?;
        }
        read
    }

    /// Has the one that waits longest wait behind the others.
    async fn put_off_inbound(&self) -> Result<(), Error> {
        transact!(&self.transactions, |tx| {
            tx.alone(LOCK).await?;
            let Some(row) = locked!(tx, InboundRow, next_waiting()).pop() else { return Ok(()) };
            let later = tx.now.checked_add(PUT_OFF).ok().map(Instant);
            let update = diesel::update(inbound::table.find(row.id)).set(inbound::due_at.eq(later));
            on!(tx, |c| update.execute(c).await?);
            Ok(())
        })
    }

    /// Up to `limit` messages that a person has to look at, oldest first, from right after the one that came then and has this id.
    pub async fn inbound_to_review(
        &self,
        after: Option<(Timestamp, Uuid)>,
        limit: i64,
    ) -> Result<Vec<ToReview>, Error> {
        let (at, id) = after.unwrap_or((Timestamp::UNIX_EPOCH, Uuid::nil()));
        let (at, id) = (Instant(at), Guid(id));
        let review = diesel::dsl::sql::<diesel::sql_types::Bool>("state = 5");
        let behind = inbound::received_at.gt(at).or(inbound::received_at.eq(at).and(inbound::id.gt(id)));
        let query = inbound::table.filter(review).filter(behind);
        let query = query.order((inbound::received_at, inbound::id)).limit(limit);
        let rows: Vec<InboundRow> = run!(&self.db, |c| query.select(columns_of::<InboundRow>()).load(c).await?);
        let entry = |row: InboundRow| ToReview {
            id: row.id.0,
            received_at: row.received_at.0,
            owner: row.owner_id.map(OwnerId),
            message: row.message(),
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// Takes a message off the list of those to look at. True if it was on it.
    pub async fn resolve_inbound(&self, id: Uuid) -> Result<bool, Error> {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let on_the_list =
                inbound::table.filter(inbound::id.eq(Guid(id)).and(inbound::state.eq(Stage::Review as i16)));
            let update = diesel::update(on_the_list).set(inbound::state.eq(Stage::Done as i16));
            let update = update.returning(inbound::owner_id);
            let Some(owner) = on!(tx, |c| update.load::<Option<i64>>(c).await?).pop() else { return Ok(false) };
            audit::note(tx, &actor, Act::InboundResolved, owner.map(OwnerId), &id.to_string()).await?;
            Ok(true)
        })
    }
}
