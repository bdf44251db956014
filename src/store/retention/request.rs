//! Erasing one number at once, because somebody asked for it: whatever is at rest loses it, and what is not is counted.

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::{AsyncConnection as _, RunQueryDsl};
use uuid::Uuid;

use super::bodies::replace_opt_outs;
use super::messages::{OldRow, empty};
use super::{Conn, confirm_key, on, transact};
use crate::domain::ids::OwnerId;
use crate::domain::phone::Msisdn;
use crate::domain::retention;
use crate::store::columns::{Guid, Instant};
use crate::store::lane::in_a_task;
use crate::store::pseudonyms::Keyed;
use crate::store::schema::{inbound, messages, opt_outs, reports};
use crate::store::{Error, Store, run};

/// How many rows one transaction takes at most.
const PAGE: i64 = 500;
/// An inbound message that a person has to look at.
const REVIEW: i16 = 5;

/// What erasing a number came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requested {
    /// Messages that lost their text and the number.
    pub messages: usize,
    /// Messages that are still under way, and keep both until they are not.
    pub under_way: usize,
    /// How many campaigns that are not over have the number among their recipients.
    pub campaigns: usize,
    /// Opt-outs in which a pseudonym stands for the number now.
    pub opt_outs: usize,
    /// Reports and recipients' messages that were deleted because they held the number.
    pub bodies: usize,
    /// Those of them that are not applied, or that a person has to look at: they are left.
    pub waiting: usize,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

const CAMPAIGNS: &str = "SELECT count(*) AS n FROM campaigns AS c JOIN recipients AS r ON r.campaign_id = c.id \
    AND r.destination = $1 WHERE c.owner_id = $2 AND c.ended_at IS NULL";

/// A campaign remembers the last number that it came to, long after it is over.
const FORGET_LAST: &str = "UPDATE campaigns SET expanded_to = '' WHERE owner_id = $1 AND expanded_to = $2 \
    AND ended_at IS NOT NULL";

/// A page of one owner's messages to the number, with the reports that name them. Answers from where to go on.
async fn messages_of(
    conn: &mut Conn<'_>,
    keyed: &Keyed,
    (owner, number): (OwnerId, &Msisdn),
    after: Guid,
    sum: &mut Requested,
) -> Result<Option<Guid>, Error> {
    confirm_key(conn, keyed).await?;
    let his = messages::owner_id.eq(owner.0).and(messages::destination.eq(number.as_str()));
    let query = messages::table.filter(his.and(messages::id.gt(after))).order(messages::id).limit(PAGE);
    let rows: Vec<OldRow> = on!(conn, |c| query.select(OldRow::as_select()).load(c).await?);
    let resting: Vec<&OldRow> = rows.iter().filter(|row| row.at_rest()).collect();
    let done = empty(conn, keyed.required()?, &resting).await?;
    sum.messages += done.len();
    sum.under_way += rows.len() - done.len();
    let ids: Vec<Guid> = done.iter().copied().collect();
    let gone = resting.iter().filter(|row| done.contains(&row.id));
    let names: Vec<String> = gone.filter_map(|row| row.provider_message_id.clone()).collect();
    let of_ids = reports::table.filter(reports::message_id.eq_any(ids)).filter(reports::due_at.is_null());
    let of_names = reports::table.filter(reports::provider_message_id.eq_any(names)).filter(reports::due_at.is_null());
    sum.bodies += on!(conn, |c| diesel::delete(of_ids).execute(c).await?);
    sum.bodies += on!(conn, |c| diesel::delete(of_names).execute(c).await?);
    let full = i64::try_from(rows.len()).is_ok_and(|seen| seen >= PAGE);
    Ok(rows.last().map(|row| row.id).filter(|_| full))
}

/// The owner's entry, and what his campaigns hold of the number.
async fn lists_of(
    conn: &mut Conn<'_>,
    keyed: &Keyed,
    (owner, number): (OwnerId, &Msisdn),
    sum: &mut Requested,
) -> Result<(), Error> {
    confirm_key(conn, keyed).await?;
    let entry = opt_outs::table.find((owner.0, number.as_str())).select((opt_outs::owner_id, opt_outs::destination));
    let entries: Vec<(i64, String)> = on!(conn, |c| entry.load(c).await?);
    sum.opt_outs += entries.len();
    replace_opt_outs(conn, keyed.required()?, entries).await?;
    let forget = diesel::sql_query(FORGET_LAST).bind::<BigInt, _>(owner.0).bind::<Text, _>(number.as_str());
    on!(conn, |c| forget.execute(c).await?);
    let count = diesel::sql_query(CAMPAIGNS).bind::<Text, _>(number.as_str()).bind::<BigInt, _>(owner.0);
    let count: Count = on!(conn, |c| count.get_result(c).await?);
    sum.campaigns += usize::try_from(count.n).unwrap_or(0);
    Ok(())
}

/// Goes through those of a table of bodies that `$narrow` leaves, and deletes those that hold the number. `$open` says of a row's state and time whether
/// it is not done with.
macro_rules! search_bodies {
    ($db:expr, $table:ident, $narrow:expr, $digits:expr, $open:expr, $sum:expr) => {{
        let mut after = Guid(Uuid::nil());
        loop {
            let columns = ($table::id, $table::body, $table::state, $table::due_at);
            let query = $table::table.filter($table::id.gt(after)).filter($narrow).order($table::id).limit(PAGE);
            let rows: Vec<(Guid, Vec<u8>, i16, Option<Instant>)> = run!($db, |c| query.select(columns).load(c).await?);
            let Some(last) = rows.last().map(|row| row.0) else { break };
            after = last;
            let found = rows.iter().filter(|row| retention::mentions(&row.1, $digits));
            let (open, done): (Vec<_>, Vec<_>) = found.partition(|row| $open(row.2, row.3));
            $sum.waiting += open.len();
            let ids: Vec<Guid> = done.into_iter().map(|row| row.0).collect();
            if !ids.is_empty() {
                let _alone = $db.alone().await;
                let delete = diesel::delete($table::table.filter($table::id.eq_any(ids)));
                $sum.bodies += run!($db, |c| delete.execute(c).await?);
            }
        }
    }};
}

impl Store {
    /// Erases a number from everything at rest, of all owners or of one. Reads all reports and all messages from
    /// recipients once, those of all owners only if all are meant. May be done again.
    pub async fn erase_number(&self, number: &Msisdn, owner: Option<OwnerId>) -> Result<Requested, Error> {
        self.keyed.required()?;
        let owners = match owner {
            Some(owner) => vec![owner],
            None => self.users().await?.into_iter().map(|user| user.id).collect(),
        };
        let (db, keyed, number) = (self.db.clone(), self.keyed.clone(), number.clone());
        in_a_task(async move {
            let mut sum = Requested::default();
            for his in owners {
                let mut after = Some(Guid(Uuid::nil()));
                while let Some(from) = after {
                    let mut page = Requested::default();
                    after = transact!(&db, |conn| messages_of(conn, &keyed, (his, &number), from, &mut page).await)?;
                    sum.messages += page.messages;
                    sum.under_way += page.under_way;
                    sum.bodies += page.bodies;
                }
                transact!(&db, |conn| lists_of(conn, &keyed, (his, &number), &mut sum).await)?;
            }
            let digits = number.as_str().trim_start_matches('+').as_bytes();
            let all = || diesel::dsl::sql::<Bool>("true");
            let unread = |_: i16, due: Option<Instant>| due.is_some();
            let open = |state: i16, due: Option<Instant>| due.is_some() || state == REVIEW;
            if let Some(his) = owner {
                let of_his = || inbound::owner_id.eq(his.0).assume_not_null();
                search_bodies!(&db, inbound, of_his(), digits, open, sum);
            } else {
                search_bodies!(&db, reports, all(), digits, unread, sum);
                search_bodies!(&db, inbound, all(), digits, open, sum);
            }
            Ok(sum)
        })
        .await
    }
}
