//! Erasing one number at once, because somebody asked for it: whatever is at rest loses it, and what is not is counted.

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::bodies::replace_opt_outs;
use super::confirm_key;
use super::messages::{OldRow, empty};
use crate::domain::ids::OwnerId;
use crate::domain::phone::Msisdn;
use crate::domain::retention;
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::error::Failure;
use crate::store::owner_events;
use crate::store::pseudonyms::Keyed;
use crate::store::schema::{messages, opt_outs, reports};
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store, run};

/// How many rows one transaction takes at most.
const PAGE: i64 = 500;

/// The result of erasing a number.
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

/// A page of one owner's messages to the number, with the reports that name them. Returns from where to go on.
async fn messages_of(
    tx: &mut Tx,
    keyed: &Keyed,
    owner: OwnerId,
    number: &Msisdn,
    after: Guid,
    sum: &mut Requested,
) -> Result<Option<Guid>, Failure> {
    confirm_key(tx, keyed).await?;
    let theirs = messages::owner_id.eq(owner.0).and(messages::destination.eq(number.as_str()));
    let query = messages::table.filter(theirs.and(messages::id.gt(after))).order(messages::id).limit(PAGE);
    let rows: Vec<OldRow> = on!(tx, |c| query.select(columns_of::<OldRow>()).load(c).await?);
    let resting: Vec<&OldRow> = rows.iter().filter(|row| row.at_rest()).collect();
    let done = empty(tx, keyed.required()?, &resting).await?;
    sum.messages += done.len();
    sum.under_way += rows.len() - done.len();
    let ids: Vec<Guid> = done.iter().copied().collect();
    let gone = resting.iter().filter(|row| done.contains(&row.id));
    let names: Vec<String> = gone.filter_map(|row| row.provider_message_id.clone()).collect();
    let of_ids = reports::table.filter(reports::message_id.eq_any(ids)).filter(reports::due_at.is_null());
    let of_names = reports::table.filter(reports::provider_message_id.eq_any(names)).filter(reports::due_at.is_null());
    sum.bodies += on!(tx, |c| diesel::delete(of_ids).execute(c).await?);
    sum.bodies += on!(tx, |c| diesel::delete(of_names).execute(c).await?);
    let full = i64::try_from(rows.len()).is_ok_and(|seen| seen >= PAGE);
    Ok(rows.last().map(|row| row.id).filter(|_| full))
}

/// The owner's entry, and what its campaigns hold of the number.
async fn lists_of(
    tx: &mut Tx,
    keyed: &Keyed,
    owner: OwnerId,
    number: &Msisdn,
    sum: &mut Requested,
) -> Result<(), Failure> {
    confirm_key(tx, keyed).await?;
    let entry = opt_outs::table.find((owner.0, number.as_str())).select((opt_outs::owner_id, opt_outs::destination));
    let entries: Vec<(i64, String)> = on!(tx, |c| entry.load(c).await?);
    sum.opt_outs += entries.len();
    replace_opt_outs(tx, keyed.required()?, entries).await?;
    owner_events::erase(tx, owner, number.as_str()).await?;
    let forget = diesel::sql_query(FORGET_LAST).bind::<BigInt, _>(owner.0).bind::<Text, _>(number.as_str());
    on!(tx, |c| forget.execute(c).await?);
    let count = diesel::sql_query(CAMPAIGNS).bind::<Text, _>(number.as_str()).bind::<BigInt, _>(owner.0);
    let count: Count = on!(tx, |c| count.get_result(c).await?);
    sum.campaigns += usize::try_from(count.n).unwrap_or(0);
    Ok(())
}

/// A row of a table of bodies.
#[derive(QueryableByName)]
struct BodyRow {
    #[diesel(sql_type = GuidSql)]
    id: Guid,
    #[diesel(sql_type = Binary, column_name = body)]
    content: Vec<u8>,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = Nullable<InstantSql>)]
    due_at: Option<Instant>,
    /// Who wrote it, if that was read: the body may have it in another form.
    #[diesel(sql_type = Nullable<Text>)]
    number: Option<String>,
}

/// A table of bodies as they came, which is read as a whole, page by page; `$2` is the owner, or 0 for all.
struct Bodies {
    page: &'static str,
    delete: &'static str,
    /// The state in which a person has to look at one, if there is such.
    review: Option<i16>,
}

const REPORTS: Bodies = Bodies {
    page: "SELECT id, body, state, due_at, CAST(NULL AS text) AS number FROM reports WHERE id > $1 AND $2 = 0 ORDER BY id LIMIT $3",
    delete: "DELETE FROM reports WHERE id = $1",
    review: None,
};
const INBOUND: Bodies = Bodies {
    page: "SELECT id, body, state, due_at, number FROM inbound WHERE id > $1 AND ($2 = 0 OR owner_id = $2) \
        ORDER BY id LIMIT $3",
    delete: "DELETE FROM inbound WHERE id = $1",
    review: Some(5),
};

impl Bodies {
    /// Of a page, how many bodies hold the number and are not done with, and which do and are.
    fn holding(&self, page: &[BodyRow], number: &Msisdn) -> (usize, Vec<Guid>) {
        let digits = number.as_str().trim_start_matches('+').as_bytes();
        let is_author = |row: &BodyRow| row.number.as_deref() == Some(number.as_str());
        let found = page.iter().filter(|row| is_author(row) || retention::mentions(&row.content, digits));
        let open = |row: &&BodyRow| row.due_at.is_some() || self.review == Some(row.state);
        let (open, done): (Vec<&BodyRow>, Vec<&BodyRow>) = found.partition(open);
        (open.len(), done.into_iter().map(|row| row.id).collect())
    }
}

impl Requested {
    fn add(&mut self, more: Self) {
        self.messages += more.messages;
        self.under_way += more.under_way;
        self.campaigns += more.campaigns;
        self.opt_outs += more.opt_outs;
        self.bodies += more.bodies;
        self.waiting += more.waiting;
    }
}

impl Store {
    /// Erases a number from everything at rest, of all owners or of one. Reads all reports and all messages from
    /// recipients once, those of all owners only if all are meant. May be done again.
    pub async fn erase_number(&self, number: &Msisdn, owner: Option<OwnerId>) -> Result<Requested, Error> {
        self.keyed.required()?;
        let owners = match owner {
            Some(owner) => vec![owner],
            None => self.users(None, i64::MAX).await?.into_iter().map(|user| user.id).collect(),
        };
        let mut sum = Requested::default();
        for owner in owners {
            self.erase_of_owner(owner, number, &mut sum).await?;
        }
        self.erase_bodies(&INBOUND, owner, number, &mut sum).await?;
        if owner.is_none() {
            self.erase_bodies(&REPORTS, None, number, &mut sum).await?;
        }
        Ok(sum)
    }

    async fn erase_of_owner(&self, owner: OwnerId, number: &Msisdn, sum: &mut Requested) -> Result<(), Error> {
        let mut after = Some(Guid(Uuid::nil()));
        while let Some(from) = after {
            let (keyed, number) = (self.keyed.clone(), number.clone());
            let (next, page) = transact!(&self.transactions, |tx| {
                let mut page = Requested::default();
                let next = messages_of(tx, &keyed, owner, &number, from, &mut page).await?;
                Ok((next, page))
            })?;
            after = next;
            sum.add(page);
        }
        let (keyed, number) = (self.keyed.clone(), number.clone());
        sum.add(transact!(&self.transactions, |tx| {
            let mut lists = Requested::default();
            lists_of(tx, &keyed, owner, &number, &mut lists).await?;
            Ok(lists)
        })?);
        Ok(())
    }

    /// Goes through a table of bodies, of all owners or of one, and deletes those that hold the number and are done with.
    async fn erase_bodies(
        &self,
        table: &'static Bodies,
        owner: Option<OwnerId>,
        number: &Msisdn,
        sum: &mut Requested,
    ) -> Result<(), Error> {
        let mut after = Guid(Uuid::nil());
        loop {
            let query = diesel::sql_query(table.page).bind::<GuidSql, _>(after);
            let query = query.bind::<BigInt, _>(owner.map_or(0, |owner| owner.0)).bind::<BigInt, _>(PAGE);
            let page: Vec<BodyRow> = run!(&self.db, |c| query.load(c).await?);
            let Some(last) = page.last().map(|row| row.id) else { return Ok(()) };
            after = last;
            let (open, ids) = table.holding(&page, number);
            sum.waiting += open;
            if ids.is_empty() {
                continue;
            }
            sum.bodies += transact!(&self.transactions, |tx| {
                let mut gone = 0;
                for id in &ids {
                    let delete = diesel::sql_query(table.delete).bind::<GuidSql, _>(*id);
                    gone += on!(tx, |c| delete.execute(c).await?);
                }
                Ok(gone)
            })?;
        }
    }
}
