//! Accepting messages: the idempotency record and the message row, committed together before anything is sent.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::sql_types::BigInt;
use diesel::{OptionalExtension as _, QueryDsl as _, QueryResult, SqliteConnection};
use diesel_async::RunQueryDsl as _;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::ids::{MessageId, OwnerId};
use crate::domain::message::{Dispatch, Message};
use crate::domain::rate::Rate;
use crate::domain::spend::Over;
use crate::domain::status::EventKind;
use crate::store::admissions::Admissions;
use crate::store::columns::sql::Instant as InstantSql;
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::error::Failure;
use crate::store::opt_outs::OptedOut;
use crate::store::pg_bulk::ClaimKeys;
use crate::store::pseudonyms::Keyed;
use crate::store::rows::{EventRow, KeyRow, MessageRow};
use crate::store::schema::{idempotency_keys as keys, messages};
use crate::store::spend::Accounts;
use crate::store::superseding::Superseding;
use crate::store::transaction::{Tx, on, transact};
use crate::store::transition;
use crate::store::writes::Writes;
use crate::store::{Error, Store, run};

/// The idempotency key, which makes a call repeatable. Scoped to the message's owner and the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The caller's key.
    pub key: String,
    /// A digest of the decoded, normalised request.
    pub fingerprint: [u8; 32],
}

/// The result of accepting a message.
#[derive(Debug, Clone)]
pub enum Accepted {
    /// It is stored: as given, or queued if its route account has no room for it now.
    New(Box<Message>),
    /// The same call was made before: this is its message, as it is now.
    Repeat(Box<Message>),
    /// The key belongs to a call with other content.
    KeyReused,
    /// Its recipient does not want the owner's messages; nothing is stored.
    OptedOut,
    /// The owner may not spend it; nothing is stored.
    Over(Over),
}

/// The limits that a message is booked on when it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// The limit of the route account, if the message is to be sent at once.
    pub rate: Option<Rate>,
    /// Whether its owner has limits of spending.
    pub limited: bool,
}

/// The number of `SendSingle` in `idempotency_keys.call`.
pub(super) const SEND_SINGLE: i16 = 1;

/// One message to accept.
#[derive(Clone)]
pub(super) struct Accept {
    pub message: Message,
    pub key: Option<IdempotencyKey>,
    pub terms: Terms,
    /// Whether it may be stored already: an earlier attempt's answer was lost.
    pub doubted: bool,
    /// Whether it waits for its owner's row while another transaction has that.
    pub patient: bool,
}

impl Accept {
    fn key_row(&self) -> Option<KeyRow> {
        let key = self.key.as_ref()?;
        Some(KeyRow {
            owner_id: self.message.owner.0,
            call: SEND_SINGLE,
            key: key.key.clone(),
            fingerprint: key.fingerprint.to_vec(),
            message_id: Some(Guid(self.message.id.0)),
            campaign_id: None,
            // It is kept until a week after this, and the message can be sent until then: a call must not be repeatable with the
            // message still to come.
            created_at: Instant(self.message.expires_at),
        })
    }
}

impl IdempotencyKey {
    /// The verdict on the key's record, which was there before: it is of an equal call, or of other content.
    fn judge(&self, record: &KeyRow, message: Option<Message>) -> Accepted {
        match message {
            Some(message) if self.fingerprint[..] == record.fingerprint[..] => Accepted::Repeat(Box::new(message)),
            _ => Accepted::KeyReused,
        }
    }
}

/// The verdicts on messages before they are stored, by their ids.
pub(super) type Verdicts = HashMap<Uuid, Accepted>;

/// Those that were stored by an attempt whose answer was lost. One that may yet be is waited for: its id is taken.
pub(super) async fn landed(tx: &mut Tx, accepts: &[Accept]) -> Result<Verdicts, Failure> {
    let doubted: Vec<Guid> = accepts.iter().filter(|a| a.doubted).map(|a| Guid(a.message.id.0)).collect();
    if doubted.is_empty() {
        return Ok(Verdicts::new());
    }
    let rows = transition::by_ids(tx, doubted).await?;
    Ok(rows.into_iter().map(|row| (row.id.0, Accepted::New(Box::new(row.into_message())))).collect())
}

/// Claims the keys of those that are not decided on; what is not in the result is new. A key that another transaction is claiming is waited for, in one
/// order for all, so that two batches cannot wait for each other.
pub(super) async fn claim_keys(tx: &mut Tx, accepts: &[Accept], mut verdicts: Verdicts) -> Result<Verdicts, Failure> {
    let open: Vec<&Accept> = accepts.iter().filter(|a| !verdicts.contains_key(&a.message.id.0)).collect();
    let mut rows: Vec<KeyRow> = open.iter().filter_map(|accept| accept.key_row()).collect();
    if rows.is_empty() {
        return Ok(verdicts);
    }
    rows.sort_by(|a, b| (a.owner_id, &a.key).cmp(&(b.owner_id, &b.key)));
    let won: Vec<Option<Guid>> = on!(tx, |pg| ClaimKeys::of(rows.into_iter()).load(pg).await?, |lite| {
        lite.spawn_blocking(move |c| claim_each(c, &rows)).await?
    });
    let won: HashSet<Option<Guid>> = won.into_iter().collect();
    for accept in open {
        let mine = accept.key_row().filter(|row| !won.contains(&row.message_id));
        let Some((mine, key)) = mine.zip(accept.key.as_ref()) else { continue };
        let query = keys::table.find((mine.owner_id, mine.call, mine.key));
        let record: KeyRow = on!(tx, |c| query.select(columns_of::<KeyRow>()).get_result(c).await?);
        let message: Option<MessageRow> = match record.message_id {
            Some(id) => {
                let query = messages::table.find(id);
                on!(tx, |c| query.select(columns_of::<MessageRow>()).get_result(c).await.optional()?)
            }
            None => None,
        };
        verdicts.insert(accept.message.id.0, key.judge(&record, message.map(MessageRow::into_message)));
    }
    Ok(verdicts)
}

/// As [`ClaimKeys`], one by one.
fn claim_each(c: &mut SqliteConnection, rows: &[KeyRow]) -> QueryResult<Vec<Option<Guid>>> {
    let mut won = Vec::with_capacity(rows.len());
    for row in rows {
        let insert = diesel::insert_into(keys::table).values(row).on_conflict_do_nothing();
        if diesel::RunQueryDsl::execute(insert, c)? == 1 {
            won.push(row.message_id);
        }
    }
    Ok(won)
}

/// The rows to write for those that are new, and the answer to each.
///
/// A repeat within one batch finds a record whose message this very batch is about to write: the message is then the
/// one given with the first call.
pub(super) fn decide(
    accepts: &[Accept],
    mut verdicts: Verdicts,
    opted_out: &OptedOut,
    booked: &mut Booked,
    now: Timestamp,
    writes: &mut Writes,
) -> Vec<Option<Accepted>> {
    let mut first: HashMap<(i64, &str), (&Accept, Option<Message>)> = HashMap::new();
    let mut answers = Vec::with_capacity(accepts.len());
    for accept in accepts {
        let name = accept.key.as_ref().map(|k| (accept.message.owner.0, k.key.as_str()));
        let verdict = verdicts.remove(&accept.message.id.0);
        let answer = match (verdict, name.and_then(|n| first.get(&n))) {
            (Some(Accepted::KeyReused), Some((earlier, message))) if earlier.key == accept.key => {
                Accepted::Repeat(Box::new(message.as_ref().unwrap_or(&earlier.message).clone()))
            }
            // The one of this batch that claimed the key first waits for its owner's row, and so does this one.
            (Some(Accepted::KeyReused), None)
                if accept.terms.limited && booked.accounts.is_busy(accept.message.owner) =>
            {
                answers.push(None);
                continue;
            }
            (Some(verdict), _) => verdict,
            (None, _) if accept.terms.limited && booked.accounts.is_busy(accept.message.owner) => {
                writes.free_keys.extend(accept.key_row().map(|row| (row.owner_id, row.call, row.key)));
                answers.push(None);
                continue;
            }
            (None, _) => {
                let refused = if opted_out.has(&accept.message) {
                    Some(Accepted::OptedOut)
                } else {
                    booked.accounts.take(&accept.message).err().map(Accepted::Over)
                };
                if let Some(refused) = refused {
                    // Nothing is stored of it, so that the key is free once the recipient or the owner may have it.
                    writes.free_keys.extend(accept.key_row().map(|row| (row.owner_id, row.call, row.key)));
                    refused
                } else {
                    let mut message = admitted(accept, &mut booked.admissions, now);
                    booked.superseding.take_place(&mut message, now, writes);
                    writes.accept(&message, event(&message, now));
                    booked.superseding.stored(&message);
                    // Only of one that takes another's place there is more to tell than was given.
                    let told = message.supersede.key.is_some().then(|| message.clone());
                    first.extend(name.map(|n| (n, (accept, told))));
                    Accepted::New(Box::new(message))
                }
            }
        };
        answers.push(Some(answer));
    }
    answers.into_iter().map(|answer| answer.map(|answer| booked.at_last(answer))).collect()
}

/// The accounts of a batch that waits for its owners' rows.
pub(super) struct Waited(Option<Accounts>);

impl Waited {
    /// Waits for the rows, if these do.
    pub(super) async fn open(tx: &mut Tx, keyed: &Keyed, accepts: &[Accept]) -> Result<Self, Failure> {
        if accepts.is_empty() || !accepts.iter().all(|accept| accept.patient) {
            return Ok(Self(None));
        }
        Ok(Self(Some(Accounts::open(tx, keyed, &owners(accepts.iter()), true).await?)))
    }
}

/// The owners of these, and the numbers that they write to.
fn owners<'a>(accepts: impl Iterator<Item = &'a Accept>) -> BTreeMap<OwnerId, HashSet<String>> {
    let mut owners: BTreeMap<OwnerId, HashSet<String>> = BTreeMap::new();
    for Accept { message, .. } in accepts {
        owners.entry(message.owner).or_default().insert(message.destination.as_str().to_owned());
    }
    owners
}

/// The rows that a batch's messages are booked on, and those whose place they take; locked.
pub(super) struct Booked {
    accounts: Accounts,
    admissions: Admissions,
    pub superseding: Superseding,
}

impl Booked {
    /// Locks what these are booked on: the owners with limits, then the gates of the accounts with a rate. Messages that are
    /// stored already were booked when they were.
    pub(super) async fn open(
        tx: &mut Tx,
        keyed: &Keyed,
        accepts: &[Accept],
        verdicts: &Verdicts,
        Waited(waited): Waited,
    ) -> Result<Self, Failure> {
        let accounts = if let Some(accounts) = waited {
            accounts
        } else {
            let new = |a: &&Accept| a.terms.limited && !verdicts.contains_key(&a.message.id.0);
            Accounts::open(tx, keyed, &owners(accepts.iter().filter(new)), false).await?
        };
        let new = accepts.iter().map(|a| &a.message).filter(|message| !verdicts.contains_key(&message.id.0));
        let admissions = Admissions::lock(tx, &rates(accepts)).await?;
        Ok(Self { accounts, admissions, superseding: Superseding::open(tx, new).await? })
    }

    /// The answer as it is at the end of the batch: a later one of it may have taken the message's place.
    fn at_last(&self, answer: Accepted) -> Accepted {
        let now = |message: &Message| self.superseding.taken(message.id).cloned().map(Box::new);
        match answer {
            Accepted::New(message) => Accepted::New(now(&message).unwrap_or(message)),
            Accepted::Repeat(message) => Accepted::Repeat(now(&message).unwrap_or(message)),
            other => other,
        }
    }

    /// Writes down what was taken of them.
    pub(super) async fn book(&self, tx: &mut Tx) -> Result<(), Failure> {
        self.accounts.book(tx).await?;
        self.admissions.book(tx).await
    }
}

/// The message as it is stored: queued if it was to be sent at once and its account has no room.
fn admitted(accept: &Accept, admissions: &mut Admissions, now: Timestamp) -> Message {
    let message = accept.message.clone();
    let at_once = message.state.dispatch == Dispatch::Sending && accept.terms.rate.is_some();
    let full = at_once && !admissions.admit(&message.traffic_account_id, message.segments);
    if full { message.queued(now) } else { message }
}

/// The limits of the accounts that these are to be sent on at once.
fn rates(accepts: &[Accept]) -> BTreeMap<String, Rate> {
    let limited = accepts.iter().filter(|a| a.message.state.dispatch == Dispatch::Sending);
    limited.filter_map(|a| Some((a.message.traffic_account_id.clone(), a.terms.rate?))).collect()
}

/// The owners and numbers of these.
pub(super) fn recipients(accepts: &[Accept]) -> impl Iterator<Item = (i64, &str)> {
    accepts.iter().map(|a| (a.message.owner.0, a.message.destination.as_str()))
}

/// The record of a message's acceptance.
pub(super) fn event(message: &Message, now: Timestamp) -> EventRow {
    EventRow {
        message_id: Guid(message.id.0),
        version: message.state.version,
        owner_id: message.owner.0,
        at: Instant(now),
        kind: EventKind::Accepted as i16,
        from_status: 0,
        to_status: message.status() as i16,
        attempt: message.state.attempts,
        evidence: "null".to_owned(),
    }
}

/// How long a call can be repeated with its key after its message's validity has ended.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How many keys one transaction lets go of: other replicas do the same, and sends wait for none of it.
const FORGOTTEN: i64 = 2000;

/// The oldest keys that are not kept any more; those that another replica is at are left to it.
const FORGET_POSTGRES: &str = "DELETE FROM idempotency_keys WHERE (owner_id, call, key) IN (SELECT owner_id, call, key \
    FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
const FORGET_SQLITE: &str = "DELETE FROM idempotency_keys WHERE (owner_id, call, key) IN (SELECT owner_id, call, key \
    FROM idempotency_keys WHERE created_at < ? ORDER BY created_at LIMIT ?)";

impl Store {
    /// The verdict on a call with this key if an equal one, or another one, was accepted before.
    pub async fn accepted_before(&self, owner: OwnerId, key: &IdempotencyKey) -> Result<Option<Accepted>, Error> {
        let query = keys::table.find((owner.0, SEND_SINGLE, key.key.clone()));
        let record: Option<KeyRow> =
            run!(&self.db, |c| query.select(columns_of::<KeyRow>()).get_result(c).await.optional()?);
        let Some(record) = record else { return Ok(None) };
        let message = match record.message_id {
            Some(id) => self.message(owner, MessageId(id.0)).await?,
            None => None,
        };
        Ok(Some(key.judge(&record, message)))
    }

    /// Lets go of some keys that are older than a call can be repeated. Returns whether there may be more.
    pub async fn forget_old_keys(&self) -> Result<bool, Error> {
        let gone = transact!(&self.transactions, |tx| {
            let old = tx.now.checked_sub(KEPT).unwrap_or(tx.now);
            let delete = diesel::sql_query(tx.dialect(FORGET_POSTGRES, FORGET_SQLITE).to_owned())
                .bind::<InstantSql, _>(Instant(old))
                .bind::<BigInt, _>(FORGOTTEN);
            Ok(on!(tx, |c| delete.execute(c).await?))
        })?;
        Ok(i64::try_from(gone).is_ok_and(|gone| gone >= FORGOTTEN))
    }
}
