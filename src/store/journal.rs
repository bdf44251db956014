//! The journal: every change of a message's state, and what else happens to its owner, in one order, so that whoever read up to a place can go on after it and
//! miss nothing, whenever the rest was committed. `docs/decisions/0021-the-journal-is-read-below-the-oldest-transaction.md` says why the order is sound.

mod page;
mod seek;

use std::sync::Arc;

use diesel::sql_types::{BigInt, Text};
use diesel::{QueryResult, QueryableByName, SqliteConnection};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::ids::{CampaignId, MessageId, OwnerId};
use crate::domain::message::Status;
use crate::domain::tags::Tags;
use crate::store::columns::Guid;
use crate::store::prepared::Prepare as _;
use crate::store::schema::{events, owner_events};
use crate::store::{Error, Store, run};

/// A point between two entries of the journal: after the entry of this place, subject and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The place of the transaction.
    pub place: i64,
    /// Within it, the message that changed, or the subject of another event.
    pub subject: Uuid,
    /// Of the subject, the version: the events of one are told in this order.
    pub version: i32,
}

impl Position {
    /// The point before everything at this place.
    #[must_use]
    pub fn before(place: i64) -> Self {
        Self { place, subject: Uuid::nil(), version: i32::MIN }
    }
}

/// How far the journal can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// Everything below this place is there to be read; nothing will be added to it.
    pub settled: i64,
    /// No position that was ever told is at a higher place.
    pub end: i64,
}

/// A thing that happened: a change of a message's state, or another event of its owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happening {
    /// The point after it.
    pub position: Position,
    /// The number of the status before; 0 for a new message, and for what is no message's change.
    pub from: i16,
    /// The number of its `EventType`; of a message's change the number of the status after, which may be one that is of no type.
    pub to: i16,
    /// When.
    pub at: jiff::Timestamp,
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// The thing that happened.
    pub what: Happening,
    /// To whom: the owner of the message or of whatever else it is.
    pub owner: OwnerId,
    /// The campaign that it is about, or that the message is of.
    pub campaign: Option<CampaignId>,
    /// The owner's own tags of the message or the campaign, as they are now: none of one that was erased.
    pub tags: Tags,
}

impl JournalEntry {
    /// The message, if one changed.
    #[must_use]
    pub fn message(&self) -> Option<MessageId> {
        Status::from_number(i32::from(self.what.to)).map(|_| MessageId(self.what.position.subject))
    }
}

/// The columns that an insert of events computes once for all its rows: see the migration that made the column.
pub(super) const PLACE: &str = "(SELECT GREATEST(pg_current_xact_id()::text::bigint, \
     pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1))";

/// The next place on SQLite: larger than any before, also after the file was replaced by an older copy of itself.
/// Read by a statement of its own: for RETURNING, SQLite makes a table each time.
const NEXT_PLACE: &str = "UPDATE journal SET place = max(place + 1, $1)";
const PLACE_NOW: &str = "SELECT place AS n FROM journal";

const HORIZON_POSTGRES: &str = "SELECT pg_snapshot_xmin(s)::text::bigint AS settled, \
    pg_snapshot_xmax(s)::text::bigint AS end_at FROM (SELECT pg_current_snapshot() AS s) AS now";
const HORIZON_SQLITE: &str = "SELECT place + 1 AS settled, place + 1 AS end_at FROM journal";

/// The cluster's own number and the database's: a copy in another cluster counts its transactions anew.
const NAME_POSTGRES: &str = "SELECT system_identifier::text || '/' || \
    (SELECT oid FROM pg_database WHERE datname = current_database())::text AS name FROM pg_control_system()";
const NAME_SQLITE: &str = "SELECT hex(id) AS name FROM journal";

/// The number that a server counts up when it was recovered to a point in time, or a standby took over.
const TIMELINE_POSTGRES: &str =
    "SELECT ('x' || lpad(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), 16, '0'))::bit(64)::bigint AS n";

#[derive(QueryableByName)]
struct HorizonRow {
    #[diesel(sql_type = BigInt)]
    settled: i64,
    #[diesel(sql_type = BigInt)]
    end_at: i64,
}

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct PlaceRow {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// The place of the events that this transaction writes, on SQLite.
pub(super) fn next_position(c: &mut SqliteConnection, now: jiff::Timestamp) -> QueryResult<i64> {
    use diesel::RunQueryDsl as _;
    diesel::sql_query(NEXT_PLACE).bind::<BigInt, _>(now.as_microsecond()).prepared().execute(c)?;
    diesel::sql_query(PLACE_NOW).prepared().get_result::<PlaceRow>(c).map(|row| row.n)
}

/// Rung after every commit of this process that wrote events.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Notify>);

impl Written {
    pub(super) fn ring(&self) {
        self.0.notify_waiters();
    }
}

impl Store {
    /// Ends when this process has committed events after this call.
    pub fn written(&self) -> tokio::sync::futures::Notified<'_> {
        self.written.0.notified()
    }

    /// The name of this database: positions of another one mean nothing here.
    pub async fn journal_name(&self) -> Result<String, Error> {
        use diesel_async::RunQueryDsl as _;
        let row: NameRow =
            run!(&self.db, |pg| diesel::sql_query(NAME_POSTGRES).get_result(pg).await?, |lite| diesel::sql_query(
                NAME_SQLITE
            )
            .get_result(lite)
            .await?);
        Ok(row.name)
    }

    /// The timeline on which the server is; 0 of one that has none or does not tell.
    pub async fn journal_timeline(&self) -> Result<i64, Error> {
        use diesel_async::RunQueryDsl as _;
        let asked: Result<Option<PlaceRow>, Error> = async {
            Ok(run!(&self.db, |pg| Some(diesel::sql_query(TIMELINE_POSTGRES).get_result(pg).await?), |_lite| None))
        }
        .await;
        match asked {
            Ok(row) => Ok(row.map_or(0, |row| row.n)),
            // Some who run Postgres for others let nobody ask.
            Err(Error::Query(_)) => Ok(0),
            Err(e) => Err(e),
        }
    }

    /// Whether the owner's entry that ends at this position is in the journal.
    pub async fn is_in_journal(&self, owner: OwnerId, at: Position) -> Result<bool, Error> {
        use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _};
        use diesel_async::RunQueryDsl as _;
        let entry = events::message_id.eq(Guid(at.subject)).and(events::version.eq(at.version));
        let change = events::table.filter(entry.and(events::owner_id.eq(owner.0)).and(events::place.eq(at.place)));
        let entry = owner_events::subject.eq(Guid(at.subject)).and(owner_events::version.eq(at.version));
        let entry = entry.and(owner_events::owner_id.eq(owner.0)).and(owner_events::place.eq(at.place));
        let other = owner_events::table.filter(entry);
        let there = diesel::select(diesel::dsl::exists(change).or(diesel::dsl::exists(other)));
        Ok(run!(&self.db, |c| there.get_result::<bool>(c).await?))
    }

    /// How far the journal can be read now.
    pub async fn journal_horizon(&self) -> Result<Horizon, Error> {
        use diesel_async::RunQueryDsl as _;
        let row: HorizonRow =
            run!(&self.db, |pg| diesel::sql_query(HORIZON_POSTGRES).prepared().get_result(pg).await?, |lite| {
                diesel::sql_query(HORIZON_SQLITE).prepared().get_result(lite).await?
            });
        Ok(Horizon { settled: row.settled, end: row.end_at })
    }
}
