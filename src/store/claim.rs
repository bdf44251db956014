//! Taking messages out of the queue: one transaction locks what is due of some partitions, leaves out what has opted out or
//! exceeds its account's rate, and claims the rest, or passes the fence with it at once.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool, SmallInt};
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::campaign::CampaignState;
use crate::domain::ids::MessageId;
use crate::domain::message::{Dispatch, Lease, Message};
use crate::domain::rate::Rate;
use crate::domain::status::{self, Event};
use crate::store::admissions::Admissions;
use crate::store::aside::Picked;
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::counters::Before;
use crate::store::error::Failure;
use crate::store::opt_outs::OptedOut;
use crate::store::partitions::Partition;
use crate::store::prepared::Prepare as _;
use crate::store::rows::{EventRow, MessageRow};
use crate::store::schema::messages::{self, dsl};
use crate::store::transaction::{Tx, on, transact};
use crate::store::transition::in_state;
use crate::store::writes::Writes;
use crate::store::{Error, Store};

/// The messages to take out of the queue, and for whom.
#[derive(Debug, Clone)]
pub struct Claim {
    /// From which partitions, and how many messages of each at most.
    pub shares: Vec<(Partition, usize)>,
    /// Who will hold them.
    pub by: Uuid,
    /// Until when.
    pub until: Timestamp,
    /// Pass the fence in the same transaction: for a caller who sends at once what this answers.
    pub fence: bool,
    /// The rates of the limited accounts among the partitions'.
    pub rates: BTreeMap<String, Rate>,
    /// How many messages that were tried before may be taken; further ones are put off by
    pub retries: usize,
    /// so long.
    pub put_off: SignedDuration,
}

/// The messages that were taken out of the queue.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The messages that are held now: claimed or, with [`Claim::fence`], sending.
    pub leased: Vec<Message>,
    /// Those that left the queue unsent: their validity had ended, or their recipients had opted out.
    pub dropped: Vec<Message>,
    /// How many were seen of each share, held or not: as many as the share means that there may be more.
    pub seen: Vec<usize>,
    /// How many had been tried before.
    pub retries: usize,
    /// The accounts that have no room now for all that was seen.
    pub limited: HashSet<String>,
    /// Instead of all else, the leases of which nobody knows whether they were taken: the answer to the commit is lost.
    pub doubtful: Vec<(MessageId, Lease)>,
}

/// Which of the messages of the shares are looked at.
struct Sieve {
    only: Option<Guid>,
    aside: Vec<Guid>,
}

impl Sieve {
    /// Whether it lets everything through.
    fn is_usual(&self) -> bool {
        self.only.is_none() && self.aside.is_empty()
    }

    /// As a condition, spelt out: it is nearly always the same.
    fn condition(&self, tx: &Tx) -> String {
        let spelt = |id: &Guid| match tx.dialect("postgres", "sqlite") {
            "postgres" => format!("'{}'::uuid", id.0),
            _ => format!("x'{}'", id.0.simple()),
        };
        match (&self.only, self.aside.as_slice()) {
            (Some(only), _) => format!("id = {}", spelt(only)),
            (None, []) => "TRUE".to_owned(),
            (None, aside) => format!("id NOT IN ({})", aside.iter().map(spelt).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// The messages of each share, oldest first. Those that another replica is at are left to it.
async fn shares(tx: &mut Tx, claim: &Claim, sieve: &Sieve) -> Result<Vec<Vec<MessageRow>>, Failure> {
    let now = Instant(tx.now);
    let (usual, sieve) = (sieve.is_usual(), sieve.condition(tx));
    let queries = claim.shares.iter().map(|(partition, limit)| {
        let (lane, limit) = (partition.lane(), i64::try_from(*limit).unwrap_or(i64::MAX));
        // The list of partitions may be some moments old. This names no message: it is asked once for all of them.
        let runs = sql::<Bool>("(")
            .bind::<BigInt, _>(lane)
            .sql(" = 0 OR EXISTS (SELECT 1 FROM campaigns AS c WHERE c.state = ")
            .bind::<SmallInt, _>(CampaignState::Running as i16)
            .sql(" AND c.id = ")
            .bind::<BigInt, _>(lane)
            .sql("))");
        messages::table
            .filter(in_state(Dispatch::Queued).and(dsl::lane.eq(lane)).and(dsl::owner_id.eq(partition.owner.0)))
            .filter(dsl::traffic_account_id.eq(partition.account.clone()))
            .filter(dsl::due_at.ge(Instant(partition.due_from)).and(dsl::due_at.le(now)))
            .filter(runs)
            .filter(sql::<Bool>(&sieve))
            .order(dsl::due_at)
            .limit(limit)
    });
    let shares = on!(
        tx,
        |pg| {
            // Through a shared reference they go out together, one round trip for all.
            let loads = queries.map(|query| {
                let (query, mut c) =
                    (query.select(columns_of::<MessageRow>()).for_update().skip_locked().prepared_if(usual), &*pg);
                async move { query.load(&mut c).await }
            });
            futures::future::try_join_all(loads).await?
        },
        |lite| {
            let mut shares = Vec::with_capacity(claim.shares.len());
            for query in queries {
                shares.push(query.select(columns_of::<MessageRow>()).prepared_if(usual).load(lite).await?);
            }
            shares
        }
    );
    Ok(shares)
}

impl Claimed {
    /// Adds what was taken by another claim of the same shares.
    fn add(&mut self, other: Self) {
        self.leased.extend(other.leased);
        self.dropped.extend(other.dropped);
        self.seen.iter_mut().zip(other.seen).for_each(|(all, seen)| *all += seen);
        self.retries += other.retries;
        self.limited.extend(other.limited);
        self.doubtful.extend(other.doubtful);
    }
}

impl Claim {
    fn decide(
        &self,
        shares: Vec<Vec<MessageRow>>,
        opted_out: &OptedOut,
        admissions: &mut Admissions,
        now: Timestamp,
        writes: &mut Writes,
    ) -> Claimed {
        let mut claimed = Claimed { seen: shares.iter().map(Vec::len).collect(), ..Claimed::default() };
        let mut seen = HashSet::new();
        for row in shares.into_iter().flatten() {
            let mut message = row.into_message();
            if !seen.insert(message.id) {
                continue;
            }
            let retry = message.state.attempts > 0;
            let event = if opted_out.has(&message) {
                Event::OptOut
            } else if retry && claimed.retries >= self.retries {
                Event::Defer { until: now.checked_add(self.put_off).unwrap_or(now) }
            } else if message.expires_at > now && !admissions.admit(&message.traffic_account_id, message.segments) {
                claimed.limited.insert(message.traffic_account_id.clone());
                continue;
            } else {
                Event::Claim { by: self.by, until: self.until }
            };
            let changed = happen(&mut message, &event, now, writes);
            if let (true, Some(lease)) = (self.fence, message.lease()) {
                let event = Event::Fence { lease, until: self.until, margin: SignedDuration::ZERO };
                happen(&mut message, &event, now, writes);
            }
            match message.state.dispatch {
                Dispatch::Claimed | Dispatch::Sending => {
                    claimed.retries += usize::from(retry);
                    claimed.leased.push(message);
                }
                Dispatch::Queued => {}
                _ if changed => claimed.dropped.push(message),
                _ => {}
            }
        }
        claimed
    }
}

/// Lets one event happen, and has it written if it does.
fn happen(message: &mut Message, event: &Event, now: Timestamp, writes: &mut Writes) -> bool {
    let before = Before::of(message);
    let done = status::apply(message, event, now);
    if let Ok(change) = &done {
        let row = EventRow::of(message, change, now);
        // A claim drops what has expired instead.
        let held = matches!(message.state.dispatch, Dispatch::Claimed | Dispatch::Sending);
        if held { writes.lease(message, before, row) } else { writes.change(message, before, row) }
    }
    done.is_ok()
}

impl Store {
    /// Takes messages out of the queue: beside the writer, so that a large claim does not keep single writes waiting. A
    /// message that the database refuses to change is set aside, and holds up no other.
    pub async fn claim(&self, claim: Claim) -> Result<Claimed, Error> {
        self.keyed.usable()?;
        let picked = Picked::default();
        match self.claim_once(&claim, None, &picked).await {
            Err(refused @ Error::Query(_)) => self.claim_each(&claim, picked.take(), refused).await,
            known => known,
        }
    }

    /// Claims each of what a claim that was refused had picked, and sets aside those that are to blame.
    async fn claim_each(&self, claim: &Claim, picked: Vec<MessageId>, refused: Error) -> Result<Claimed, Error> {
        let mut all = Claimed { seen: vec![0; claim.shares.len()], ..Claimed::default() };
        if picked.is_empty() {
            return Err(refused);
        }
        for id in picked {
            match self.claim_once(claim, Some(id), &Picked::default()).await {
                Ok(one) => all.add(one),
                Err(e @ Error::Query(_)) => self.aside.put(id, &e, self.clock.now()),
                // Those that are held already are not to be forgotten.
                Err(e) if all.leased.is_empty() && all.doubtful.is_empty() => return Err(e),
                Err(_) => break,
            }
        }
        Ok(all)
    }

    /// Claims what is due of the shares, or `only` this one message of it, and notes which messages that were.
    async fn claim_once(&self, claim: &Claim, only: Option<MessageId>, picked: &Picked) -> Result<Claimed, Error> {
        let (claim, keyed, picked) = (claim.clone(), self.keyed.clone(), picked.clone());
        let sieve = Sieve { only: only.map(|id| Guid(id.0)), aside: self.aside.ids(self.clock.now()) };
        let leases = Arc::new(Mutex::new(Vec::new()));
        let taken = leases.clone();
        let claimed = transact!(&self.transactions, |tx| {
            let mut admissions = Admissions::lock(tx, &claim.rates).await?;
            let shares = shares(tx, &claim, &sieve).await?;
            picked.note(shares.iter().flatten().map(|row| MessageId(row.id.0)));
            let rows = shares.iter().flatten().map(|row| (row.owner_id, row.destination.as_str()));
            let opted_out = OptedOut::among(tx, &keyed, rows).await?;
            let mut writes = Writes::default();
            let claimed = claim.decide(shares, &opted_out, &mut admissions, tx.now, &mut writes);
            writes.flush(tx).await?;
            admissions.book(tx).await?;
            let held = claimed.leased.iter().filter_map(|message| Some((message.id, message.lease()?)));
            *taken.lock().unwrap_or_else(PoisonError::into_inner) = held.collect();
            Ok(claimed)
        });
        match claimed {
            Err(Error::InDoubt(_)) => {
                let doubtful = std::mem::take(&mut *leases.lock().unwrap_or_else(PoisonError::into_inner));
                Ok(Claimed { doubtful, ..Claimed::default() })
            }
            known => known,
        }
    }
}
