//! The take-over from the system before this one. Each batch is one transaction with the record of what it took, under a
//! lock that one import holds at a time: ended anywhere, a second run goes on where the first one was.

mod check;
mod contacts;
mod homes;

pub use check::Differing;
pub use homes::OldHome;

use std::collections::{BTreeMap, HashSet};

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt};
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, Insertable, QueryDsl as _, QueryResult};
use diesel_async::RunQueryDsl as _;
use jiff::Timestamp;
use serde_json::json;

use crate::domain::campaign::CampaignState;
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::message::{Guarantee, Message};
use crate::domain::sender::SenderId;
use crate::domain::status::EventKind;
use crate::store::columns::sql::Guid as GuidSql;
use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::pg_bulk::unnest;
use crate::store::rows::EventRow;
use crate::store::schema::{campaigns, chores, legacy_imports as imports, users};
use crate::store::transaction::{Tx, on, transact};
use crate::store::writes::Writes;
use crate::store::{Error, Store};

/// The kinds of rows that can be taken over. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum OldKind {
    /// A user.
    User = 1,
    /// A campaign.
    Campaign = 2,
    /// A message.
    Message = 3,
    /// A contact that wants no messages.
    Contact = 4,
}

/// A user of the old system.
#[derive(Debug, Clone)]
pub struct OldUser {
    /// The id there, which it keeps if that is free.
    pub legacy_id: i64,
    /// The name.
    pub name: String,
    /// The sender of its messages.
    pub sender: Option<SenderId>,
    /// When it was made; `None` is now.
    pub created_at: Option<Timestamp>,
}

/// A campaign of the old system, which is over. It holds a text, so it has no `Debug`.
#[derive(Clone)]
pub struct OldCampaign {
    /// The id there, which it keeps if that is free.
    pub legacy_id: i64,
    /// Whose it is, here.
    pub owner: OwnerId,
    /// The name.
    pub name: String,
    /// The text.
    pub text: String,
    /// The sender, as it was.
    pub sender: Option<String>,
    /// How it ended.
    pub state: CampaignState,
    /// When it was made; `None` is now.
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

#[derive(Insertable)]
#[diesel(table_name = imports)]
pub(super) struct ImportRow {
    kind: i16,
    legacy_id: i64,
    our_id: Option<i64>,
    message_id: Option<Guid>,
}

impl ImportRow {
    fn of(kind: OldKind, legacy_id: i64, our_id: i64) -> Self {
        Self { kind: kind as i16, legacy_id, our_id: Some(our_id), message_id: None }
    }
}

/// The lock that one import holds on Postgres: "legacy" in ASCII.
const LOCK: i64 = 0x6c65_6761_6379;
/// The largest id that is kept: programs that read ids as floating point numbers know all integers up to here.
const LARGEST_KEPT: i64 = (1 << 53) - 1;

/// Waits until no other import is in a transaction, and finds those of the ids that were taken before. SQLite's transaction
/// is alone as it is.
async fn taken(tx: &mut Tx, kind: OldKind, ids: Vec<i64>) -> Result<HashSet<i64>, Failure> {
    tx.alone(LOCK).await?;
    let query = imports::table
        .filter(imports::kind.eq(kind as i16).and(imports::legacy_id.eq_any(ids)))
        .select(imports::legacy_id);
    let known: Vec<i64> = on!(tx, |c| query.load(c).await?);
    Ok(known.into_iter().collect())
}

/// Remembers what was taken.
async fn remember(tx: &mut Tx, rows: Vec<ImportRow>) -> Result<(), Failure> {
    on!(
        tx,
        |pg| {
            InsertImports::of(rows.into_iter()).execute(pg).await?;
        },
        |lite| {
            for row in rows {
                diesel::insert_into(imports::table).values(row).execute(lite).await?;
            }
        }
    );
    Ok(())
}

/// Inserts a row under the id that it had if that is free, else under a new one; comes to its id here.
macro_rules! bring {
    ($tx:expr, $table:ident, $legacy_id:expr, $values:expr) => {{
        let kept = (1..=LARGEST_KEPT).contains(&$legacy_id) && {
            let values = ($table::id.eq($legacy_id), $values);
            let insert = diesel::insert_into($table::table).values(values).on_conflict_do_nothing();
            on!($tx, |c| insert.execute(c).await?) == 1
        };
        if kept {
            $legacy_id
        } else {
            let insert = diesel::insert_into($table::table).values($values).returning($table::id);
            on!($tx, |c| insert.get_result(c).await?)
        }
    }};
}

#[derive(Clone, Insertable)]
#[diesel(table_name = users)]
struct UserValues {
    name: String,
    sender_name: Option<String>,
    created_at: Instant,
}

#[derive(Clone, Insertable)]
#[diesel(table_name = campaigns)]
struct CampaignValues {
    owner_id: i64,
    name: String,
    text: String,
    sender: Option<String>,
    delivery_guarantee: i16,
    validity_seconds: i64,
    state: i16,
    created_at: Instant,
    updated_at: Instant,
    ended_at: Option<Instant>,
}

fn user_values(old: &OldUser, now: Timestamp) -> UserValues {
    UserValues {
        name: old.name.clone(),
        sender_name: old.sender.as_ref().map(|sender| sender.as_str().to_owned()),
        created_at: Instant(old.created_at.unwrap_or(now)),
    }
}

fn campaign_values(old: &OldCampaign, now: Timestamp) -> CampaignValues {
    let created_at = old.created_at.unwrap_or(now);
    let updated_at = Instant(old.updated_at.unwrap_or(created_at));
    CampaignValues {
        owner_id: old.owner.0,
        name: old.name.clone(),
        text: old.text.clone(),
        sender: old.sender.clone(),
        delivery_guarantee: Guarantee::AtMostOnce as i16,
        validity_seconds: Message::DEFAULT_VALIDITY.as_secs(),
        state: old.state as i16,
        created_at: Instant(created_at),
        updated_at,
        ended_at: Some(updated_at),
    }
}

/// The messages that were not taken before, and the rows that remember them.
fn decide(old: &[(i64, Message)], before: &HashSet<i64>) -> (Writes, Vec<ImportRow>, BTreeMap<i64, Timestamp>) {
    let (mut writes, mut rows, mut first_sent) = (Writes::default(), Vec::new(), BTreeMap::new());
    for (legacy_id, message) in old.iter().filter(|(id, _)| !before.contains(id)) {
        let status = message.status() as i16;
        // From and to are one: it is no change that watchers are told of.
        let event = EventRow {
            message_id: Guid(message.id.0),
            version: message.state.version,
            owner_id: message.owner.0,
            at: Instant(message.created_at),
            kind: EventKind::Accepted as i16,
            from_status: status,
            to_status: status,
            attempt: message.state.attempts,
            evidence: json!({"legacy_id": legacy_id}).to_string(),
        };
        writes.accept(message, event);
        if let (Some(CampaignId(campaign)), Some(at)) = (message.campaign, message.state.sent_at) {
            let first = first_sent.entry(campaign).or_insert(at);
            *first = at.min(*first);
        }
        let message_id = Some(Guid(message.id.0));
        rows.push(ImportRow { kind: OldKind::Message as i16, legacy_id: *legacy_id, our_id: None, message_id });
    }
    (writes, rows, first_sent)
}

async fn bring_messages(tx: &mut Tx, old: &[(i64, Message)]) -> Result<usize, Failure> {
    let ids = old.iter().map(|(id, _)| *id).collect();
    let before = taken(tx, OldKind::Message, ids).await?;
    let (writes, rows, first_sent) = decide(old, &before);
    writes.flush(tx).await?;
    for (campaign, at) in first_sent {
        // Old messages do not come in the order in which they were sent: an earlier one moves the campaign's first back.
        let later = campaigns::table.find(campaign).filter(campaigns::first_sent_at.gt(Instant(at)));
        let move_back = diesel::update(later).set(campaigns::first_sent_at.eq(Instant(at)));
        on!(tx, |c| move_back.execute(c).await?);
    }
    let new = rows.len();
    if new > 0 {
        remember(tx, rows).await?;
    }
    Ok(new)
}

unnest! {
    /// Remembers what was taken.
    InsertImports of ImportRow,
    "INSERT INTO legacy_imports (kind, legacy_id, our_id, message_id) SELECT * FROM ",
    ")",
    {
        kind: i16 => SmallInt,
        legacy_id: i64 => BigInt,
        our_id: Option<i64> => Nullable<BigInt>,
        message_id: Option<Guid> => Nullable<GuidSql>,
    }
}

impl Store {
    /// Lets new users and campaigns have ids after these only, so that none takes one that an import is about to keep.
    /// SQLite looks at the ids that are there, and one transaction writes at a time.
    pub async fn reserve_old_ids(&self, users: i64, campaigns: i64) -> Result<(), Error> {
        let to = |largest: i64| largest.min(LARGEST_KEPT);
        let sequences = [("users_id_seq".to_owned(), to(users)), ("campaigns_id_seq".to_owned(), to(campaigns))];
        transact!(&self.transactions, |tx| {
            for (sequence, largest) in &sequences {
                let advance =
                    format!("SELECT setval('{sequence}', $1::bigint) FROM {sequence} WHERE last_value < $1::bigint");
                let advance = diesel::sql_query(advance).bind::<BigInt, _>(*largest);
                on!(
                    tx,
                    |pg| {
                        advance.execute(pg).await?;
                    },
                    |_lite| ()
                );
            }
            Ok(())
        })
    }

    /// Lets retention begin anew: what was taken over is old, and may lie behind where it is.
    pub async fn tidy_from_the_beginning(&self) -> Result<(), Error> {
        transact!(&self.transactions, |tx| {
            let anew = (chores::after_id.eq(Guid(uuid::Uuid::nil())), chores::due_at.eq(Instant(tx.now)));
            on!(tx, |c| diesel::update(chores::table).set(anew).execute(c).await?);
            Ok(())
        })
    }

    /// Takes users over. Returns how many of them were not taken before.
    pub async fn import_users(&self, old: Vec<OldUser>) -> Result<usize, Error> {
        transact!(&self.transactions, |tx| {
            let before = taken(tx, OldKind::User, old.iter().map(|old| old.legacy_id).collect()).await?;
            let mut new = Vec::new();
            for old in old.iter().filter(|old| !before.contains(&old.legacy_id)) {
                let our_id: i64 = bring!(tx, users, old.legacy_id, user_values(old, tx.now));
                new.push(ImportRow::of(OldKind::User, old.legacy_id, our_id));
            }
            let count = new.len();
            remember(tx, new).await?;
            Ok(count)
        })
    }

    /// Takes campaigns over. Returns how many of them were not taken before.
    pub async fn import_campaigns(&self, old: Vec<OldCampaign>) -> Result<usize, Error> {
        transact!(&self.transactions, |tx| {
            let before = taken(tx, OldKind::Campaign, old.iter().map(|old| old.legacy_id).collect()).await?;
            let mut new = Vec::new();
            for old in old.iter().filter(|old| !before.contains(&old.legacy_id)) {
                let our_id: i64 = bring!(tx, campaigns, old.legacy_id, campaign_values(old, tx.now));
                new.push(ImportRow::of(OldKind::Campaign, old.legacy_id, our_id));
            }
            let count = new.len();
            remember(tx, new).await?;
            Ok(count)
        })
    }

    /// Takes messages over, each with its id there: rows, events and counters. Returns how many of them were not taken
    /// before. Nothing of them is due.
    pub async fn import_messages(&self, old: Vec<(i64, Message)>) -> Result<usize, Error> {
        transact!(&self.transactions, |tx| bring_messages(tx, &old).await)
    }
}
