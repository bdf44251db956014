//! The expander's one transaction: a campaign's next recipients become messages together with the cursor that says so,
//! so that an end of the process anywhere neither loses one nor makes one twice.

use std::collections::HashSet;

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, NullableExpressionMethods as _, QueryDsl as _, Queryable,
    QueryableByName, Selectable,
};
use diesel_async::RunQueryDsl as _;
use jiff::{SignedDuration, Timestamp};

use super::CampaignRow;
use super::moves::write;
use super::plan::{Candidate, CandidateRow, page};
use crate::domain::campaign::{Action, Campaign, CampaignState, NextStep, expires_at};
use crate::domain::expansion::{Expansion, refuse};
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::message::Dispatch;
use crate::domain::sender::SenderId;
use crate::domain::spend::Limit;
use crate::store::accept;
use crate::store::columns::{Instant, columns_of};
use crate::store::counters::queued;
use crate::store::error::Failure;
use crate::store::pseudonyms::Keyed;
use crate::store::schema::campaigns;
use crate::store::spend::Accounts;
use crate::store::transaction::{Tx, locked, on, transact};
use crate::store::writes::Writes;
use crate::store::{Error, Store, Topic, run, users, wake};

/// As much of a campaign as says whether there is something to do for it: its text stays where it is.
#[derive(Queryable, Selectable)]
#[diesel(table_name = campaigns)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct Living {
    id: i64,
    owner_id: i64,
    state: i16,
    scheduled_at: Option<Instant>,
    started_at: Option<Instant>,
    validity_seconds: i64,
}

/// How a campaign is expanded.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How many recipients one transaction takes at most.
    pub page: i64,
    /// No more recipients become messages while more of the campaign's are queued.
    pub ceiling: i64,
    /// The route account of the messages.
    pub traffic_account_id: String,
    /// The sender ID that every owner may use.
    pub default_sender: Option<SenderId>,
}

/// The recipients that one transaction takes.
#[derive(Debug, Clone, Copy)]
enum Take {
    /// The next ones, so many at most.
    Next(i64),
    /// The next one, whose message the database refuses: a record that says so takes its place.
    Refused,
}

/// A campaign that there may be something to do for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToReconcile {
    /// Which one.
    pub campaign: CampaignId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Whether its owner cancelled it, so that what is queued of it is to be swept away.
    pub cancelled: bool,
    /// Whether its messages' validity has ended, with the same consequence.
    pub expired: bool,
}

/// Whether a message that the campaign's start made is queued, in flight, or waits for its resend. The first part names
/// the order of the queue's index, so that no other is read; inside of an EXISTS the planner would not see it.
const BUSY: &str = "SELECT (SELECT count(*) FROM (SELECT 1 FROM messages WHERE lane = $1 AND dispatch = 1 \
    ORDER BY lane, owner_id, traffic_account_id LIMIT 1) AS queued) > 0 OR EXISTS (SELECT 1 FROM messages \
    WHERE lane = $1 AND dispatch IN (2, 3, 6) AND dispatch <> 1 AND due_at IS NOT NULL) AS busy";

#[derive(QueryableByName)]
struct Busy {
    #[diesel(sql_type = Bool)]
    busy: bool,
}

/// Where the expansion is.
#[derive(Queryable, Selectable)]
#[diesel(table_name = campaigns)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct Cursor {
    expanded: i64,
    expanded_to: String,
}

/// The messages of a page, and where the cursor goes; `None` if the campaign has not been started as it should.
fn messages(
    campaign: &Campaign,
    mut cursor: Cursor,
    candidates: Vec<CandidateRow>,
    (pace, take): (&Pace, Take),
    accounts: &mut Accounts,
    now: Timestamp,
) -> Option<(Writes, Cursor)> {
    let expansion = Expansion::of(campaign, &pace.traffic_account_id)?;
    let expired = has_expired(campaign, now);
    let mut writes = Writes::default();
    if candidates.is_empty() {
        // Somebody deleted recipients: those that are gone must not be waited for.
        cursor.expanded = campaign.recipients;
    }
    for row in candidates {
        let destination = row.destination.clone();
        let Candidate { recipient, opted_out } = row.into();
        let mut message = match take {
            Take::Next(_) => expansion.message(recipient, opted_out, now),
            Take::Refused => expansion.record(recipient.destination, now),
        };
        // What will not be sent any more takes nothing of what may be sent.
        if message.state.dispatch == Dispatch::Queued
            && !expired
            && let Err(over) = accounts.take(&message)
        {
            match over.limit {
                // The rest of the recipients wait for the next day, or month.
                Limit::Day | Limit::Month => break,
                Limit::Country | Limit::Number => refuse(&mut message, over, now),
            }
        }
        cursor.expanded += 1;
        cursor.expanded_to = destination;
        writes.accept(&message, accept::event(&message, now));
    }
    Some((writes, cursor))
}

/// Whether nothing more of the campaign is sent.
fn has_expired(campaign: &Campaign, now: Timestamp) -> bool {
    campaign.expires_at().is_some_and(|at| at <= now)
}

/// Whether something of the campaign is under way.
async fn busy(tx: &mut Tx, id: CampaignId) -> Result<bool, Failure> {
    let query = diesel::sql_query(BUSY).bind::<BigInt, _>(id.0);
    let busy: Busy = on!(tx, |c| query.get_result(c).await?);
    Ok(busy.busy)
}

/// The campaign's next recipients become messages. Returns how many did.
async fn expand(
    tx: &mut Tx,
    keyed: &Keyed,
    campaign: &Campaign,
    cursor: Cursor,
    (pace, take): (&Pace, Take),
) -> Result<usize, Failure> {
    let id = campaign.id;
    if queued(tx, id).await? > pace.ceiling {
        return Ok(0);
    }
    // What waits for the next day is not read again and again.
    if !has_expired(campaign, tx.now)
        && Accounts::of_owner(tx, keyed, campaign.content.owner, HashSet::new()).await?.any_is_spent()
    {
        return Ok(0);
    }
    let limit = match take {
        Take::Next(limit) => limit,
        Take::Refused => 1,
    };
    let rows = page(tx, keyed, (campaign.content.owner, id), &cursor.expanded_to, limit).await?;
    let numbers = rows.iter().map(|row| row.destination.clone()).collect();
    let mut accounts = Accounts::of_owner(tx, keyed, campaign.content.owner, numbers).await?;
    let (before, gone) = (cursor.expanded, rows.is_empty());
    let Some((writes, cursor)) = messages(campaign, cursor, rows, (pace, take), &mut accounts, tx.now) else {
        return Ok(0);
    };
    let made = if gone { 0 } else { usize::try_from(cursor.expanded - before).unwrap_or(0) };
    if made == 0 && !gone {
        return Ok(0);
    }
    writes.flush(tx).await?;
    accounts.book(tx).await?;
    let move_cursor = diesel::update(campaigns::table.find(id.0))
        .set((campaigns::expanded.eq(cursor.expanded), campaigns::expanded_to.eq(cursor.expanded_to)));
    on!(tx, |c| move_cursor.execute(c).await?);
    wake::notify(tx, Topic::Queue).await?;
    Ok(made)
}

/// Whether its owner may still send it: an operator takes senders back, and disables users.
async fn may_go_on(tx: &mut Tx, campaign: &Campaign, pace: &Pace) -> Result<bool, Failure> {
    let Some(owner) = users::of_id(tx, campaign.content.owner).await? else { return Ok(true) };
    let sender = campaign.content.sender.clone().map(SenderId::from_stored);
    let granted =
        sender.is_none_or(|sender| pace.default_sender.as_ref() == Some(&sender) || owner.may_use_sender(&sender));
    Ok(granted && owner.disabled_at.is_none())
}

/// One step of one campaign. Returns how much it did.
async fn step(tx: &mut Tx, keyed: &Keyed, id: CampaignId, (pace, take): (&Pace, Take)) -> Result<usize, Failure> {
    // A campaign that another replica is at is left to it.
    let Some(row) = locked!(free tx, CampaignRow, campaigns::table.find(id.0)).pop() else { return Ok(0) };
    let mut campaign = Campaign::from(row);
    let Some(cursor) = locked!(tx, Cursor, campaigns::table.find(id.0)).pop() else { return Ok(0) };
    let next = campaign.next_step(cursor.expanded, tx.now);
    let sends = campaign.state != CampaignState::Paused && matches!(next, NextStep::Begin | NextStep::Expand);
    let action = match next {
        NextStep::Nothing => return Ok(0),
        // Its owner learns why when it resumes it.
        _ if sends && !may_go_on(tx, &campaign, pace).await? => Action::Pause,
        NextStep::Begin => Action::Begin,
        NextStep::Expand => return expand(tx, keyed, &campaign, cursor, (pace, take)).await,
        NextStep::Finish if busy(tx, id).await? => return Ok(0),
        NextStep::Finish => Action::Finish,
    };
    let from = campaign.state;
    let changed = campaign.apply(action, tx.now).is_ok_and(|changed| changed);
    if changed {
        write(tx, from, &campaign).await?;
    }
    Ok(usize::from(changed))
}

impl Store {
    /// The campaigns that there may be something to do for: their time has come, they run, were cancelled and are not
    /// over, or outlived their validity while they were paused.
    pub async fn campaigns_to_reconcile(&self) -> Result<Vec<ToReconcile>, Error> {
        let now = self.clock.now();
        let running = [CampaignState::Running as i16, CampaignState::Paused as i16, CampaignState::Cancelled as i16];
        let due = campaigns::scheduled_at.le(Instant(now)).assume_not_null();
        // Spelt out, so that the planner sees that the index of the living holds them all.
        let query = campaigns::table
            .filter(sql::<Bool>("state <> 1 AND ended_at IS NULL"))
            .filter(campaigns::state.eq_any(running).or(campaigns::state.eq(CampaignState::Scheduled as i16).and(due)))
            .order(campaigns::id);
        let rows: Vec<Living> = run!(&self.db, |c| query.select(columns_of::<Living>()).load(c).await?);
        let of = |row: Living| {
            let (scheduled, validity) =
                (row.scheduled_at.map(|at| at.0), SignedDuration::from_secs(row.validity_seconds));
            let expires_at = row.started_at.map(|started| expires_at(started.0, scheduled, validity));
            let expired = expires_at.is_some_and(|at| at <= now);
            // There is nothing to do for one that its owner holds, before its validity ends.
            (row.state != CampaignState::Paused as i16 || expired).then_some(ToReconcile {
                campaign: CampaignId(row.id),
                owner: OwnerId(row.owner_id),
                cancelled: row.state == CampaignState::Cancelled as i16,
                expired,
            })
        };
        Ok(rows.into_iter().filter_map(of).collect())
    }

    /// Takes one campaign one step further: begins it, makes messages of its next recipients, or finds that it is over; or pauses
    /// it, if its owner may not send it any more. Returns how much was done; 0 also if another replica is at it.
    ///
    /// A recipient whose message the database refuses is found by halves, and gets a record that says so: it is not to keep
    /// the others waiting.
    pub async fn reconcile(&self, campaign: CampaignId, pace: Pace) -> Result<usize, Error> {
        let mut limit = pace.page;
        loop {
            match self.step(campaign, &pace, Take::Next(limit)).await {
                Err(Error::Query(_)) if limit > 1 => limit /= 2,
                Err(Error::Query(cause)) => {
                    tracing::error!(campaign_id = campaign.0, %cause, "the message of a recipient is refused");
                    return self.step(campaign, &pace, Take::Refused).await;
                }
                done => return done,
            }
        }
    }

    async fn step(&self, campaign: CampaignId, pace: &Pace, take: Take) -> Result<usize, Error> {
        let (keyed, pace) = (self.keyed.clone(), pace.clone());
        transact!(&self.transactions, |tx| step(tx, &keyed, campaign, (&pace, take)).await)
    }
}
