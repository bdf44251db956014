//! The journal: every change of a message's state in one order, so that whoever read up to a place can go on after it and
//! miss nothing, whenever the rest was committed. `docs/decisions/0021-the-journal-is-read-below-the-oldest-transaction.md` says why the order is sound.

mod seek;

use std::sync::Arc;

use diesel::sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text};
use diesel::{QueryResult, QueryableByName, SqliteConnection};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::ids::{CampaignId, MessageId, OwnerId};
use crate::domain::tags::Tags;
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::db::Db;
use crate::store::prepared::Prepare as _;
use crate::store::schema::events;
use crate::store::{Error, Store, run};

/// A point between two entries of the journal: after the entry of this place, message and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The place of the transaction.
    pub place: i64,
    /// Within it, the message.
    pub message: Uuid,
    /// Of the message, the version.
    pub version: i32,
}

impl Position {
    /// The point before everything at this place.
    #[must_use]
    pub fn before(place: i64) -> Self {
        Self { place, message: Uuid::nil(), version: i32::MIN }
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

/// A change of a message's state.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// The point after it.
    pub position: Position,
    /// Whose message.
    pub owner: OwnerId,
    /// Which message.
    pub message: MessageId,
    /// Its campaign.
    pub campaign: Option<CampaignId>,
    /// Its owner's own tags, as they are now: none of a message that was erased.
    pub tags: Tags,
    /// The number of the status before; 0 for a new message.
    pub from: i16,
    /// The number of the status after.
    pub to: i16,
    /// When.
    pub at: jiff::Timestamp,
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

/// A page of the entries of `$owners`. The state of the index is spelt out, so that the planner sees that it holds them
/// all; what there is of the message is looked up row by row, so that no plan can read the table of messages, and once: its
/// campaign alone or, if it has tags, a list of campaign, reference and metadata, which `$array` makes.
macro_rules! page {
    ($owners:literal, $array:literal) => {
        concat!(
            "SELECT e.place, e.message_id, e.version, e.owner_id, e.at, e.from_status, e.to_status, \
             (SELECT CASE WHEN m.reference IS NULL AND m.metadata IS NULL THEN CAST(m.campaign_id AS text) \
             ELSE CAST(",
            $array,
            "(m.campaign_id, m.reference, m.metadata) AS text) END FROM messages AS m WHERE m.id = e.message_id) AS about \
             FROM events AS e WHERE e.owner_id ",
            $owners,
            " AND e.from_status <> e.to_status AND e.place >= $2 \
             AND (e.place > $2 OR e.message_id > $3 OR (e.message_id = $3 AND e.version > $4)) AND e.place < $5 \
             ORDER BY e.place, e.message_id, e.version LIMIT $6"
        )
    };
}

/// Of one owner, in the order of the index.
const PAGE_OF_ONE_POSTGRES: &str = page!("= $1", "json_build_array");
const PAGE_OF_ONE_SQLITE: &str = page!("= $1", "json_array");
/// Of several, which have to be sorted.
const PAGE_OF_SOME_POSTGRES: &str = page!("= ANY($1)", "json_build_array");
const PAGE_OF_SOME_SQLITE: &str = page!("IN (SELECT value FROM json_each($1))", "json_array");

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

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = GuidSql)]
    message_id: Guid,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = BigInt)]
    owner_id: i64,
    #[diesel(sql_type = InstantSql)]
    at: Instant,
    #[diesel(sql_type = SmallInt)]
    from_status: i16,
    #[diesel(sql_type = SmallInt)]
    to_status: i16,
    #[diesel(sql_type = Nullable<Text>)]
    about: Option<String>,
}

/// A message besides its changes: its campaign, reference and metadata.
type About = (Option<i64>, Option<String>, Option<String>);

impl EntryRow {
    fn about(&self) -> About {
        let about = self.about.as_deref().unwrap_or_default();
        if about.starts_with('[') {
            serde_json::from_str(about).unwrap_or_default()
        } else {
            (about.parse().ok(), None, None)
        }
    }
}

impl From<EntryRow> for JournalEntry {
    fn from(row: EntryRow) -> Self {
        let (campaign, reference, metadata) = row.about();
        Self {
            position: Position { place: row.place, message: row.message_id.0, version: row.version },
            owner: OwnerId(row.owner_id),
            message: MessageId(row.message_id.0),
            campaign: campaign.map(CampaignId),
            tags: Tags::from_stored(reference, metadata.as_deref()),
            from: row.from_status,
            to: row.to_status,
            at: row.at.0,
        }
    }
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
        let entry = events::message_id.eq(Guid(at.message)).and(events::version.eq(at.version));
        let there = events::table.filter(entry.and(events::owner_id.eq(owner.0)).and(events::place.eq(at.place)));
        let there = diesel::select(diesel::dsl::exists(there));
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

    /// Up to `limit` changes of these owners' messages after `after` and below the place `settled`, in order.
    pub async fn journal(
        &self,
        owners: &[OwnerId],
        after: Position,
        settled: i64,
        limit: i64,
    ) -> Result<Vec<JournalEntry>, Error> {
        use diesel_async::RunQueryDsl as _;
        let ids: Vec<i64> = owners.iter().map(|owner| owner.0).collect();
        let rows: Vec<EntryRow> = match ids.as_slice() {
            &[owner] => {
                let page = match self.db {
                    Db::Pg(_) => PAGE_OF_ONE_POSTGRES,
                    Db::Lite(_) => PAGE_OF_ONE_SQLITE,
                };
                let query = diesel::sql_query(page).bind::<BigInt, _>(owner);
                let query = query.bind::<BigInt, _>(after.place).bind::<GuidSql, _>(Guid(after.message));
                let query = query.bind::<Integer, _>(after.version).bind::<BigInt, _>(settled).bind::<BigInt, _>(limit);
                run!(&self.db, |c| query.prepared().load(c).await?)
            }
            _ => run!(
                &self.db,
                |pg| {
                    let query = diesel::sql_query(PAGE_OF_SOME_POSTGRES).bind::<Array<BigInt>, _>(ids);
                    let query = query.bind::<BigInt, _>(after.place).bind::<GuidSql, _>(Guid(after.message));
                    let query = query.bind::<Integer, _>(after.version).bind::<BigInt, _>(settled);
                    query.bind::<BigInt, _>(limit).prepared().load(pg).await?
                },
                |lite| {
                    let ids = serde_json::to_string(&ids).unwrap_or_default();
                    let query = diesel::sql_query(PAGE_OF_SOME_SQLITE).bind::<Text, _>(ids);
                    let query = query.bind::<BigInt, _>(after.place).bind::<GuidSql, _>(Guid(after.message));
                    let query = query.bind::<Integer, _>(after.version).bind::<BigInt, _>(settled);
                    query.bind::<BigInt, _>(limit).prepared().load(lite).await?
                }
            ),
        };
        Ok(rows.into_iter().map(JournalEntry::from).collect())
    }
}
