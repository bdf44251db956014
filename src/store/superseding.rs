//! Taking the place of older messages, in the transaction that accepts the new one: what has the same key is found and locked, and
//! whoever accepts another message with that key waits until this is over. Messages without a key cost nothing here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::dsl::sql;
use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult, QueryableByName, SqliteConnection,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::domain::ids::MessageId;
use crate::domain::message::Message;
use crate::domain::status;
use crate::domain::supersede::Superseded;
use crate::store::columns::Guid;
use crate::store::columns::sql::Guid as GuidSql;
use crate::store::counters::Before;
use crate::store::error::Failure;
use crate::store::prepared::Prepare as _;
use crate::store::resend::{PENDING, SENT, WAITS};
use crate::store::rows::EventRow;
use crate::store::schema::messages::{self, dsl};
use crate::store::transaction::{Tx, on};
use crate::store::transition;
use crate::store::writes::Writes;

/// Those that are waiting, the newest that is not, and those that wait to be sent again, of each owner, number and key. The states are spelt out as the indexes have
/// them; a list of three would cost each write of a message on SQLite a table of its own.
const FIND: &str = "SELECT m.id FROM UNNEST($1, $2, $3) AS k(owner_id, destination, supersede_key) CROSS JOIN LATERAL (\
    (SELECT w.id FROM messages AS w WHERE w.owner_id = k.owner_id AND w.destination = k.destination \
    AND w.supersede_key = k.supersede_key AND w.dispatch < 3) UNION \
    (SELECT s.id FROM messages AS s WHERE s.owner_id = k.owner_id AND s.destination = k.destination \
    AND s.supersede_key = k.supersede_key AND s.dispatch >= 3 AND s.dispatch <= 6 AND s.dispatch <> 5 ORDER BY s.id DESC LIMIT 1) UNION \
    (SELECT u.id FROM messages AS u WHERE u.owner_id = k.owner_id AND u.destination = k.destination AND u.supersede_key = k.supersede_key \
    AND u.dispatch >= 3 AND u.dispatch <= 6 AND u.dispatch <> 5 AND u.dispatch = 6 AND u.due_at IS NOT NULL)) AS m";

/// In the order of the numbers, so that two batches cannot wait for each other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(n) FROM UNNEST($1) AS n";

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = GuidSql)]
    id: Guid,
}

/// An owner, a number and a key: of the messages that have all three, the newest stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Slot {
    owner: i64,
    destination: String,
    key: String,
}

impl Slot {
    fn of(message: &Message) -> Option<Self> {
        let key = message.supersede.key.as_ref()?.as_str().to_owned();
        Some(Self { owner: message.owner.0, destination: message.destination.as_str().to_owned(), key })
    }

    /// The number that it is locked by. Two that share one wait for each other, and that is all.
    fn lock(&self) -> i64 {
        let mut hash = Sha256::new();
        hash.update(self.owner.to_be_bytes());
        for part in [&self.destination, &self.key] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest.first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
    }
}

/// The messages whose place may be taken in one transaction, locked.
#[derive(Default)]
pub(super) struct Superseding {
    /// Of each slot, oldest first.
    slots: HashMap<Slot, Vec<Message>>,
    /// Those whose place was taken, as they are then.
    taken: BTreeMap<MessageId, Message>,
}

impl Superseding {
    /// Locks what these, which are about to be stored, may take the place of.
    pub(super) async fn open(tx: &mut Tx, new: impl Iterator<Item = &Message>) -> Result<Self, Failure> {
        let slots: BTreeSet<Slot> = new.filter_map(Slot::of).collect();
        if slots.is_empty() {
            return Ok(Self::default());
        }
        let slots: Vec<Slot> = slots.into_iter().collect();
        let found: Vec<Guid> =
            on!(tx, |pg| find(pg, slots).await?, |lite| lite.spawn_blocking(move |c| find_each(c, &slots)).await?);
        let mut superseding = Self::default();
        if !found.is_empty() {
            transition::by_ids(tx, found).await?.into_iter().for_each(|row| superseding.stored(&row.into_message()));
        }
        Ok(superseding)
    }

    /// Lets a message that is about to be stored take the place of those with its key, and notes in it which that is.
    pub(super) fn take_place(&mut self, message: &mut Message, now: Timestamp, writes: &mut Writes) {
        let Some(older) = Slot::of(message).and_then(|slot| self.slots.get_mut(&slot)) else { return };
        for older in older {
            let before = Before::of(older);
            let (change, fate) = status::supersede(older, message.id, now);
            if let Some(change) = change {
                writes.change(older, before, EventRow::of(older, &change, now));
                self.taken.insert(older.id, older.clone());
            }
            if let Some(fate) = fate {
                message.supersede.older = Some(Superseded { id: older.id, fate });
            }
        }
    }

    /// This one is stored, and the next one may take its place.
    pub(super) fn stored(&mut self, message: &Message) {
        if let Some(slot) = Slot::of(message) {
            self.slots.entry(slot).or_default().push(message.clone());
        }
    }

    /// A message as it is at the end of the transaction, if its place was taken.
    pub(super) fn taken(&self, id: MessageId) -> Option<&Message> {
        self.taken.get(&id)
    }
}

async fn find(pg: &mut AsyncPgConnection, slots: Vec<Slot>) -> QueryResult<Vec<Guid>> {
    let mut locks: Vec<i64> = slots.iter().map(Slot::lock).collect();
    locks.sort_unstable();
    diesel::sql_query(LOCK).bind::<Array<BigInt>, _>(locks).prepared().execute(pg).await?;
    // A statement of its own: it sees what those have stored who had the lock before.
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for slot in slots {
        columns.0.push(slot.owner);
        columns.1.push(slot.destination);
        columns.2.push(slot.key);
    }
    let query = diesel::sql_query(FIND).bind::<Array<BigInt>, _>(columns.0).bind::<Array<Text>, _>(columns.1);
    let found: Vec<Found> = query.bind::<Array<Text>, _>(columns.2).prepared().load(pg).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// As [`find`], slot by slot: whoever writes is alone.
fn find_each(c: &mut SqliteConnection, slots: &[Slot]) -> QueryResult<Vec<Guid>> {
    use diesel::RunQueryDsl;
    let mut ids: Vec<Guid> = Vec::new();
    for Slot { owner, destination, key } in slots {
        let mine = || dsl::owner_id.eq(owner).and(dsl::destination.eq(destination)).and(dsl::supersede_key.eq(key));
        let waits = messages::table.filter(mine().and(sql::<Bool>(WAITS))).select(dsl::id);
        ids.extend(RunQueryDsl::load::<Guid>(waits.prepared(), c)?);
        let sent = messages::table.filter(mine().and(sql::<Bool>(SENT))).select(dsl::id);
        ids.extend(RunQueryDsl::load::<Guid>(sent.order(dsl::id.desc()).limit(1).prepared(), c)?);
        let pending = messages::table.filter(mine().and(sql::<Bool>(PENDING))).select(dsl::id);
        ids.extend(RunQueryDsl::load::<Guid>(pending.prepared(), c)?);
    }
    // One may be the newest, and wait to be sent again.
    ids.sort_unstable_by_key(|id| id.0);
    ids.dedup();
    Ok(ids)
}
