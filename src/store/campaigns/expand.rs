//! The expander's one transaction: a campaign's next recipients become messages together with the cursor that says so,
//! so that an end of the process anywhere neither loses one nor makes one twice.

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, NullableExpressionMethods as _, OptionalExtension as _,
    QueryDsl as _, QueryResult, Queryable, QueryableByName, Selectable, SelectableHelper as _, SqliteConnection,
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use jiff::Timestamp;

use super::CampaignRow;
use super::moves::write_campaign;
use super::plan::{Candidate, CandidateRow, mark_postgres, mark_sqlite, page};
use crate::domain::campaign::{Action, Campaign, CampaignState};
use crate::domain::expansion::Expansion;
use crate::domain::ids::{CampaignId, OwnerId};
use crate::planted;
use crate::store::accept;
use crate::store::batch::Writes;
use crate::store::columns::Instant;
use crate::store::counters::{Queued, queued};
use crate::store::lane::in_a_task;
use crate::store::pseudonyms::Keyed;
use crate::store::schema::campaigns;
use crate::store::{Error, Store, Topic, run, wake};

/// How a campaign is expanded.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How many recipients one transaction takes at most.
    pub page: i64,
    /// No more recipients become messages while more of the campaign's are queued.
    pub ceiling: i64,
    /// The route account of the messages.
    pub traffic_account_id: String,
}

/// A campaign that there may be something to do for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToTend {
    /// Which one.
    pub campaign: CampaignId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Whether its owner cancelled it, so that what is queued of it is to be swept away.
    pub cancelled: bool,
    /// Whether its messages' validity has ended, with the same consequence.
    pub expired: bool,
}

/// How far a campaign is.
#[derive(Queryable, Selectable)]
#[diesel(table_name = campaigns)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct Standing {
    #[diesel(embed)]
    campaign: CampaignRow,
    expanded: i64,
    expanded_to: String,
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

macro_rules! standing {
    ($id:expr) => {
        campaigns::table.find($id.0).select(Standing::as_select())
    };
}

macro_rules! busy {
    ($id:expr) => {
        diesel::sql_query(BUSY).bind::<BigInt, _>($id.0)
    };
}

macro_rules! move_cursor {
    ($id:expr, $cursor:expr) => {
        diesel::update(campaigns::table.find($id.0))
            .set((campaigns::expanded.eq($cursor.expanded), campaigns::expanded_to.eq(&$cursor.expanded_to)))
    };
}

/// What is next for a campaign.
enum Next {
    Nothing,
    /// Its time has come.
    Begin,
    /// Recipients are to become messages.
    Expand,
    /// It is over, once nothing of it is under way.
    Finish,
}

impl Standing {
    fn next(&self, now: Timestamp) -> Next {
        let row = &self.campaign;
        match CampaignState::from_number(row.state) {
            _ if row.ended_at.is_some() => Next::Nothing,
            Some(CampaignState::Scheduled) if row.scheduled_at.is_none_or(|at| at.0 <= now) => Next::Begin,
            Some(CampaignState::Running) if self.expanded < row.recipients => Next::Expand,
            Some(CampaignState::Running | CampaignState::Cancelled) => Next::Finish,
            _ => Next::Nothing,
        }
    }

    /// The campaign after `action`; `None` where it means nothing.
    fn after(self, action: Action, now: Timestamp) -> Option<Campaign> {
        let mut campaign = Campaign::from(self.campaign);
        campaign.apply(action, now).is_ok_and(|changed| changed).then_some(campaign)
    }
}

/// Where the expansion is after a page.
struct Cursor {
    expanded: i64,
    expanded_to: String,
}

/// The messages of a page, and where the cursor goes; `None` if the campaign has not been started as it should.
fn expand(standing: Standing, candidates: Vec<CandidateRow>, pace: &Pace, now: Timestamp) -> Option<(Writes, Cursor)> {
    let campaign = Campaign::from(standing.campaign);
    let expansion = Expansion::of(&campaign, &pace.traffic_account_id)?;
    let mut writes = Writes::default();
    let mut cursor = Cursor { expanded: standing.expanded, expanded_to: standing.expanded_to };
    if candidates.is_empty() {
        // Somebody deleted recipients: those that are gone must not be waited for.
        cursor.expanded = campaign.recipients;
    }
    for row in candidates {
        cursor.expanded += 1;
        cursor.expanded_to.clone_from(&row.destination);
        let Candidate { recipient, opted_out } = row.into();
        if planted::now_and_then("lost-recipient") {
            continue;
        }
        let message = expansion.message(recipient, opted_out, now);
        writes.accept(&message, accept::event(&message, now));
    }
    Some((writes, cursor))
}

/// One step of one campaign; how much it did.
async fn in_postgres(
    c: &mut AsyncPgConnection,
    keyed: &Keyed,
    id: CampaignId,
    pace: Pace,
    now: Timestamp,
) -> QueryResult<usize> {
    use diesel_async::RunQueryDsl as _;
    c.transaction(async |c| {
        // A campaign that another replica is at is left to it.
        let standing: Option<Standing> = standing!(id).for_update().skip_locked().first(c).await.optional()?;
        let Some(standing) = standing else { return Ok(0) };
        let action = match standing.next(now) {
            Next::Nothing => return Ok(0),
            Next::Begin => Action::Begin,
            Next::Finish if busy!(id).get_result::<Busy>(c).await?.busy => return Ok(0),
            Next::Finish => Action::Finish,
            Next::Expand => {
                if queued!(id).get_result::<Queued>(c).await?.n > pace.ceiling {
                    return Ok(0);
                }
                let owner = OwnerId(standing.campaign.owner_id);
                let mut rows: Vec<CandidateRow> =
                    page!(owner, id, standing.expanded_to.clone(), pace.page).load(c).await?;
                mark_postgres(c, keyed, owner, &mut rows).await?;
                let made = rows.len();
                let Some((writes, cursor)) = expand(standing, rows, &pace, now) else { return Ok(0) };
                writes.flush_postgres(c).await?;
                move_cursor!(id, cursor).execute(c).await?;
                wake::notify(c, Topic::Queue).await?;
                return Ok(made);
            }
        };
        let Some(campaign) = standing.after(action, now) else { return Ok(0) };
        write_campaign!(campaign).execute(c).await
    })
    .await
}

/// As [`in_postgres`].
fn in_sqlite(
    c: &mut SqliteConnection,
    keyed: &Keyed,
    id: CampaignId,
    pace: &Pace,
    now: Timestamp,
) -> QueryResult<usize> {
    use diesel::RunQueryDsl as _;
    let standing: Option<Standing> = standing!(id).first(c).optional()?;
    let Some(standing) = standing else { return Ok(0) };
    let action = match standing.next(now) {
        Next::Nothing => return Ok(0),
        Next::Begin => Action::Begin,
        Next::Finish if busy!(id).get_result::<Busy>(c)?.busy => return Ok(0),
        Next::Finish => Action::Finish,
        Next::Expand => {
            if queued!(id).get_result::<Queued>(c)?.n > pace.ceiling {
                return Ok(0);
            }
            let owner = OwnerId(standing.campaign.owner_id);
            let rows: Vec<CandidateRow> = page!(owner, id, standing.expanded_to.clone(), pace.page).load(c)?;
            let rows = mark_sqlite(c, keyed, owner, rows)?;
            let made = rows.len();
            let Some((writes, cursor)) = expand(standing, rows, pace, now) else { return Ok(0) };
            writes.flush_sqlite(c, now)?;
            move_cursor!(id, cursor).execute(c)?;
            return Ok(made);
        }
    };
    let Some(campaign) = standing.after(action, now) else { return Ok(0) };
    write_campaign!(campaign).execute(c)
}

impl Store {
    /// The campaigns that there may be something to do for: their time has come, they run, are paused, or were
    /// cancelled and are not over.
    pub async fn campaigns_to_tend(&self) -> Result<Vec<ToTend>, Error> {
        use diesel_async::RunQueryDsl as _;
        let now = self.clock.now();
        let running = [CampaignState::Running as i16, CampaignState::Paused as i16, CampaignState::Cancelled as i16];
        let due = campaigns::scheduled_at.le(Instant(now)).assume_not_null();
        // Spelt out, so that the planner sees that the index of the living holds them all.
        let query = campaigns::table
            .filter(sql::<Bool>("state <> 1 AND ended_at IS NULL"))
            .filter(campaigns::state.eq_any(running).or(campaigns::state.eq(CampaignState::Scheduled as i16).and(due)))
            .order(campaigns::id);
        let rows: Vec<CampaignRow> = run!(&self.db, |c| query.select(CampaignRow::as_select()).load(c).await?);
        let of = |row: CampaignRow| {
            let campaign = Campaign::from(row);
            ToTend {
                campaign: campaign.id,
                owner: campaign.content.owner,
                cancelled: campaign.state == CampaignState::Cancelled,
                expired: campaign.expires_at().is_some_and(|at| at <= now),
            }
        };
        Ok(rows.into_iter().map(of).collect())
    }

    /// Takes one campaign one step further: begins it, makes messages of its next recipients, or finds that it is over.
    /// Answers how much was done; 0 also if another replica is at it.
    pub async fn tend(&self, campaign: CampaignId, pace: Pace) -> Result<usize, Error> {
        let (db, keyed, now) = (self.db.clone(), self.keyed.clone(), self.clock.now());
        let done = in_a_task(async move {
            let _alone = db.alone().await;
            Ok(run!(&db, |pg| in_postgres(pg, &keyed, campaign, pace, now).await?, |lite| {
                let step = move |c: &mut SqliteConnection| {
                    c.immediate_transaction(|c| in_sqlite(c, &keyed, campaign, &pace, now))
                };
                lite.spawn_blocking(step).await?
            }))
        })
        .await;
        self.written.ring();
        done
    }
}
