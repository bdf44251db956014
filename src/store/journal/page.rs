//! A page of the journal: changes of messages and what else happens to owners, in one order.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text};
use diesel_async::RunQueryDsl as _;

use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::tags::Tags;
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::db::Db;
use crate::store::journal::{Happening, JournalEntry, Position};
use crate::store::prepared::Prepare as _;
use crate::store::{Error, Store, run};

/// A page of the changes of `$owners`' messages, or of what else happened to them, which has its kind in place of a status. The state of the index is spelt out, so that the planner sees that it holds them
/// all; what there is of the message is looked up row by row, so that no plan can read the table of messages, and once: its
/// campaign alone or, if it has tags, a list of campaign, reference and metadata, which `$array` makes.
macro_rules! page {
    (changes, $owners:literal, $array:literal) => {
        concat!(
            "SELECT e.place, e.message_id AS subject, e.version, e.owner_id, e.at, \
             e.from_status, e.to_status, \
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
    (others, $owners:literal, $array:literal) => {
        concat!(
            "SELECT e.place, e.subject, e.version, e.owner_id, e.at, \
             CAST(0 AS smallint) AS from_status, e.kind AS to_status, \
             COALESCE((SELECT CAST(",
            $array,
            "(c.id, c.reference, c.metadata) AS text) FROM campaigns AS c WHERE c.id = e.campaign_id), \
             CAST(e.campaign_id AS text)) AS about \
             FROM owner_events AS e WHERE e.owner_id ",
            $owners,
            " AND e.place >= $2 AND (e.place > $2 OR e.subject > $3 OR (e.subject = $3 AND e.version > $4)) AND e.place < $5 \
             ORDER BY e.place, e.subject, e.version LIMIT $6"
        )
    };
}

/// A statement for each database and number of owners.
struct Statements {
    /// Of one owner, in the order of the index.
    one: [&'static str; 2],
    /// Of several, which have to be sorted.
    some: [&'static str; 2],
}

const CHANGES: Statements = Statements {
    one: [page!(changes, "= $1", "json_build_array"), page!(changes, "= $1", "json_array")],
    some: [
        page!(changes, "= ANY($1)", "json_build_array"),
        page!(changes, "IN (SELECT value FROM json_each($1))", "json_array"),
    ],
};
const OTHERS: Statements = Statements {
    one: [page!(others, "= $1", "json_build_array"), page!(others, "= $1", "json_array")],
    some: [
        page!(others, "= ANY($1)", "json_build_array"),
        page!(others, "IN (SELECT value FROM json_each($1))", "json_array"),
    ],
};

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = GuidSql)]
    subject: Guid,
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

/// The subject of an entry besides its position: its campaign, reference and metadata.
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
            what: Happening {
                position: Position { place: row.place, subject: row.subject.0, version: row.version },
                from: row.from_status,
                to: row.to_status,
                at: row.at.0,
            },
            owner: OwnerId(row.owner_id),
            campaign: campaign.map(CampaignId),
            tags: Tags::from_stored(reference, metadata.as_deref()),
        }
    }
}

/// A stretch of the journal.
#[derive(Clone, Copy)]
struct Stretch {
    after: Position,
    /// Its entries are below this place.
    settled: i64,
    limit: i64,
}

impl Store {
    /// Up to `limit` entries of these owners after `after` and below the place `settled`, in order.
    pub async fn journal(
        &self,
        owners: &[OwnerId],
        after: Position,
        settled: i64,
        limit: i64,
    ) -> Result<Vec<JournalEntry>, Error> {
        let stretch = Stretch { after, settled, limit };
        let mut entries = self.stretch(&CHANGES, owners, stretch).await?;
        // Below what is settled nothing is added between the two.
        let mut others = self.stretch(&OTHERS, owners, stretch).await?;
        if !others.is_empty() {
            entries.append(&mut others);
            entries.sort_unstable_by_key(|entry| entry.what.position);
            entries.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(entries)
    }

    async fn stretch(
        &self,
        statements: &Statements,
        owners: &[OwnerId],
        stretch: Stretch,
    ) -> Result<Vec<JournalEntry>, Error> {
        let Stretch { after: Position { place, subject, version }, settled, limit } = stretch;
        let ids: Vec<i64> = owners.iter().map(|owner| owner.0).collect();
        let ([one_pg, one_lite], [some_pg, some_lite]) = (statements.one, statements.some);
        let rows: Vec<EntryRow> = match ids.as_slice() {
            &[owner] => {
                let page = if matches!(self.db, Db::Pg(_)) { one_pg } else { one_lite };
                let query = diesel::sql_query(page).bind::<BigInt, _>(owner);
                let query = query.bind::<BigInt, _>(place).bind::<GuidSql, _>(Guid(subject));
                let query = query.bind::<Integer, _>(version).bind::<BigInt, _>(settled).bind::<BigInt, _>(limit);
                run!(&self.db, |c| query.prepared().load(c).await?)
            }
            _ => run!(
                &self.db,
                |pg| {
                    let query = diesel::sql_query(some_pg).bind::<Array<BigInt>, _>(ids);
                    let query = query.bind::<BigInt, _>(place).bind::<GuidSql, _>(Guid(subject));
                    let query = query.bind::<Integer, _>(version).bind::<BigInt, _>(settled);
                    query.bind::<BigInt, _>(limit).prepared().load(pg).await?
                },
                |lite| {
                    let ids = serde_json::to_string(&ids).unwrap_or_default();
                    let query = diesel::sql_query(some_lite).bind::<Text, _>(ids);
                    let query = query.bind::<BigInt, _>(place).bind::<GuidSql, _>(Guid(subject));
                    let query = query.bind::<Integer, _>(version).bind::<BigInt, _>(settled);
                    query.bind::<BigInt, _>(limit).prepared().load(lite).await?
                }
            ),
        };
        Ok(rows.into_iter().map(JournalEntry::from).collect())
    }
}
