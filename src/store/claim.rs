//! Taking messages out of the queue: one transaction locks what is due of some streams, leaves out what has opted out or
//! exceeds its account's rate, and claims the rest, or passes the fence with it at once.

use std::collections::{BTreeMap, HashSet};

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool, SmallInt};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult, SelectableHelper as _,
    SqliteConnection,
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::campaign::CampaignState;
use crate::domain::message::{Dispatch, Message};
use crate::domain::rate::Rate;
use crate::domain::status::{self, Event};
use crate::planted;
use crate::store::batch::Writes;
use crate::store::columns::Instant;
use crate::store::counters::Before;
use crate::store::gates::Admissions;
use crate::store::lane::in_a_task;
use crate::store::opt_outs::{self, OptedOut};
use crate::store::pseudonyms::Keyed;
use crate::store::rows::{EventRow, MessageRow};
use crate::store::schema::messages::{self, dsl};
use crate::store::streams::Stream;
use crate::store::transition::in_state;
use crate::store::{Error, Store, run};

/// What to take out of the queue, and for whom.
#[derive(Debug, Clone)]
pub struct Claim {
    /// From which streams, and how many messages of each at most.
    pub shares: Vec<(Stream, usize)>,
    /// Who will hold them.
    pub by: Uuid,
    /// Until when.
    pub until: Timestamp,
    /// Pass the fence in the same transaction: for a caller who sends at once what this answers.
    pub fence: bool,
    /// The rates of the limited accounts among the streams'.
    pub rates: BTreeMap<String, Rate>,
    /// How many messages that were tried before may be taken; further ones are put off by
    pub retries: usize,
    /// so long.
    pub put_off: SignedDuration,
}

/// What was taken out of the queue.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The messages that are held now: claimed or, with [`Claim::fence`], sending.
    pub held: Vec<Message>,
    /// Those that left the queue unsent: their validity had ended, or their recipients had opted out.
    pub dropped: Vec<Message>,
    /// How many were seen of each share, held or not: as many as the share means that there may be more.
    pub seen: Vec<usize>,
    /// How many had been tried before.
    pub retries: usize,
    /// The accounts that have no room now for all that was seen.
    pub limited: HashSet<String>,
}

/// The messages of one share, oldest first.
macro_rules! share {
    ($stream:expr, $limit:expr, $now:expr) => {
        messages::table
            .filter(in_state(Dispatch::Queued).and(dsl::lane.eq($stream.lane())).and(dsl::owner_id.eq($stream.owner.0)))
            .filter(dsl::traffic_account_id.eq(&$stream.account).and(dsl::due_at.le(Instant($now))))
            // The list of streams may be some moments old. This names no message: it is asked once for all of them.
            .filter(
                sql::<Bool>("(")
                    .bind::<BigInt, _>($stream.lane())
                    .sql(" = 0 OR EXISTS (SELECT 1 FROM campaigns AS c WHERE c.state = ")
                    .bind::<SmallInt, _>(CampaignState::Running as i16)
                    .sql(" AND c.id = ")
                    .bind::<BigInt, _>($stream.lane())
                    .sql("))"),
            )
            .order(dsl::due_at)
            .limit(i64::try_from(*$limit).unwrap_or(i64::MAX))
            .select(MessageRow::as_select())
    };
}

async fn postgres(c: &mut AsyncPgConnection, claim: &Claim, keyed: &Keyed, now: Timestamp) -> QueryResult<Claimed> {
    use diesel_async::RunQueryDsl as _;
    c.transaction(async |c| {
        let mut admissions = Admissions::lock_postgres(c, &claim.rates, now).await?;
        // Through a shared reference they go out together, one round trip for all.
        let loads = claim.shares.iter().map(|(stream, limit)| {
            let (query, mut c) = (share!(stream, limit, now).for_update().skip_locked(), &*c);
            async move { query.load::<MessageRow>(&mut c).await }
        });
        let shares = if planted::bug("double-claim") {
            without_locks(c, claim, now).await?
        } else {
            futures::future::try_join_all(loads).await?
        };
        let rows = shares.iter().flatten().map(|row| (row.owner_id, row.destination.as_str()));
        let opted_out = opt_outs::among_postgres(c, keyed, rows).await?;
        let mut writes = Writes::default();
        let claimed = claim.decide(shares, &opted_out, &mut admissions, now, &mut writes);
        writes.flush_postgres(c).await?;
        admissions.book_postgres(c, now).await?;
        Ok(claimed)
    })
    .await
}

/// What a planted bug does instead of locking. One message of each share, because of two that are taken crosswise Postgres
/// would refuse one taker; and slowly enough for another replica to read the same.
async fn without_locks(c: &mut AsyncPgConnection, claim: &Claim, now: Timestamp) -> QueryResult<Vec<Vec<MessageRow>>> {
    use diesel_async::RunQueryDsl as _;
    let mut shares = Vec::with_capacity(claim.shares.len());
    for (stream, _) in &claim.shares {
        shares.push(share!(stream, &1_usize, now).load(c).await?);
    }
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    Ok(shares)
}

fn sqlite(c: &mut SqliteConnection, claim: &Claim, keyed: &Keyed, now: Timestamp) -> QueryResult<Claimed> {
    use diesel::RunQueryDsl as _;
    let mut admissions = Admissions::lock_sqlite(c, &claim.rates, now)?;
    let mut shares = Vec::with_capacity(claim.shares.len());
    for (stream, limit) in &claim.shares {
        shares.push(share!(stream, limit, now).load::<MessageRow>(c)?);
    }
    let rows = shares.iter().flatten().map(|row| (row.owner_id, row.destination.as_str()));
    let opted_out = opt_outs::among_sqlite(c, keyed, rows)?;
    let mut writes = Writes::default();
    let claimed = claim.decide(shares, &opted_out, &mut admissions, now, &mut writes);
    writes.flush_sqlite(c, now)?;
    admissions.book_sqlite(c, now)?;
    Ok(claimed)
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
            if let (true, Some(hold)) = (self.fence, message.hold()) {
                let event = Event::Fence { hold, until: self.until, margin: SignedDuration::ZERO };
                happen(&mut message, &event, now, writes);
            }
            match message.state.dispatch {
                Dispatch::Claimed | Dispatch::Sending => {
                    claimed.retries += usize::from(retry);
                    claimed.held.push(message);
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
        if held { writes.hold(message, before, row) } else { writes.change(message, before, row) }
    }
    done.is_ok()
}

impl Store {
    /// Takes messages out of the queue. It runs in a task of its own, beside the writer, so that a large claim does not
    /// keep single writes waiting.
    pub async fn claim(&self, claim: Claim) -> Result<Claimed, Error> {
        self.keyed.usable()?;
        let (db, clock, keyed) = (self.db.clone(), self.clock.clone(), self.keyed.clone());
        let claimed = in_a_task(async move {
            let _alone = db.alone().await;
            Ok::<_, Error>(run!(&db, |pg| postgres(pg, &claim, &keyed, clock.now()).await?, |lite| {
                let now = clock.now();
                lite.spawn_blocking(move |c| c.immediate_transaction(|c| sqlite(c, &claim, &keyed, now))).await?
            }))
        })
        .await;
        self.written.ring();
        claimed
    }
}
