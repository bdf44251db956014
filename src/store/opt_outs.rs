//! Numbers that do not want an owner's messages: the list, and which of some messages are on it.

use std::collections::{HashMap, HashSet};

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult,
    SqliteConnection,
};
use diesel_async::AsyncPgConnection;
use jiff::Timestamp;

use crate::domain::ids::OwnerId;
use crate::domain::message::Message;
use crate::domain::phone::Msisdn;
use crate::store::columns::Instant;
use crate::store::pseudonyms::Keyed;
use crate::store::schema::opt_outs;
use crate::store::{Error, Store, run};

/// Who put a number on the list. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum OptOutSource {
    /// The owner, or an operator for him.
    Owner = 1,
    /// The recipient, by a message.
    Recipient = 2,
}

/// One number on an owner's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOut {
    /// The number.
    pub destination: Msisdn,
    /// Who put it there.
    pub source: OptOutSource,
    /// When.
    pub created_at: Timestamp,
}

/// Which of the owners and numbers that were asked about are on the lists.
pub(super) struct OptedOut(HashSet<(i64, String)>);

impl OptedOut {
    pub(super) fn has(&self, message: &Message) -> bool {
        // Nobody has opted out most of the time: then no key is made.
        self.names(message.owner, message.destination.as_str())
    }

    pub(super) fn names(&self, owner: OwnerId, number: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&(owner.0, number.to_owned()))
    }
}

/// Asks about some owners and numbers on Postgres.
pub(super) async fn among_postgres(
    c: &mut AsyncPgConnection,
    keyed: &Keyed,
    asked: impl Iterator<Item = (i64, &str)>,
) -> QueryResult<OptedOut> {
    use diesel_async::RunQueryDsl as _;
    let (owners, mut numbers): (Vec<i64>, Vec<&str>) = asked.unzip();
    if owners.is_empty() {
        return Ok(OptedOut(HashSet::new()));
    }
    // Whoever was erased is on the list under a pseudonym.
    let erased: HashMap<String, &str> =
        numbers.iter().filter_map(|number| Some((keyed.other_form(number)?, *number))).collect();
    numbers.extend(erased.keys().map(String::as_str));
    let query = opt_outs::table
        .filter(opt_outs::owner_id.eq_any(owners).and(opt_outs::destination.eq_any(numbers)))
        .select((opt_outs::owner_id, opt_outs::destination));
    let found: Vec<(i64, String)> = query.load(c).await?;
    let plain = |(owner, form): (i64, String)| match erased.get(&form) {
        Some(number) => (owner, (*number).to_owned()),
        None => (owner, form),
    };
    Ok(OptedOut(found.into_iter().map(plain).collect()))
}

/// As [`among_postgres`].
pub(super) fn among_sqlite<'a>(
    c: &mut SqliteConnection,
    keyed: &Keyed,
    asked: impl Iterator<Item = (i64, &'a str)>,
) -> QueryResult<OptedOut> {
    use diesel::RunQueryDsl as _;
    let mut found = HashSet::new();
    for (owner, number) in asked {
        for form in std::iter::once(number).chain(keyed.other_form(number).as_deref()) {
            let query = opt_outs::table.find((owner, form)).select(opt_outs::owner_id);
            let on_the_list = query.first::<i64>(c).optional()?;
            found.extend(on_the_list.map(|owner| (owner, number.to_owned())));
        }
    }
    Ok(OptedOut(found))
}

impl Store {
    /// Puts a number on the owner's list. True if it was not there.
    pub async fn add_opt_out(&self, owner: OwnerId, number: &Msisdn, source: OptOutSource) -> Result<bool, Error> {
        use diesel_async::RunQueryDsl as _;
        let row = (
            opt_outs::owner_id.eq(owner.0),
            opt_outs::destination.eq(number.as_str()),
            opt_outs::source.eq(source as i16),
            opt_outs::created_at.eq(Instant(self.clock.now())),
        );
        if let Some(erased) = self.keyed.other_form(number.as_str()) {
            let there = diesel::select(diesel::dsl::exists(opt_outs::table.find((owner.0, erased))));
            if run!(&self.db, |c| there.get_result::<bool>(c).await?) {
                return Ok(false);
            }
        }
        let _alone = self.db.alone().await;
        let insert = diesel::insert_into(opt_outs::table).values(row).on_conflict_do_nothing();
        Ok(run!(&self.db, |c| insert.execute(c).await?) == 1)
    }

    /// Takes a number off the owner's list. True if it was there.
    pub async fn remove_opt_out(&self, owner: OwnerId, number: &Msisdn) -> Result<bool, Error> {
        use diesel_async::RunQueryDsl as _;
        let _alone = self.db.alone().await;
        let mut gone = 0;
        // One after the other: the number's row may be turning into the pseudonym's at this moment.
        for form in self.keyed.forms(number.as_str()) {
            let delete = diesel::delete(opt_outs::table.find((owner.0, form)));
            gone += run!(&self.db, |c| delete.execute(c).await?);
        }
        Ok(gone > 0)
    }

    /// The owner's entry for this number, with the number also if it was erased.
    pub async fn opt_out(&self, owner: OwnerId, number: &Msisdn) -> Result<Option<OptOut>, Error> {
        use diesel_async::RunQueryDsl as _;
        for form in self.keyed.forms(number.as_str()) {
            let query = opt_outs::table.find((owner.0, form));
            let query = query.select((opt_outs::destination, opt_outs::source, opt_outs::created_at));
            let row: Option<(String, i16, Instant)> = run!(&self.db, |c| query.first(c).await.optional()?);
            if let Some(row) = row {
                return Ok(Some(OptOut { destination: number.clone(), ..entry(row) }));
            }
        }
        Ok(None)
    }

    /// Up to `limit` numbers on the owner's list, in their order, from right after `after` on.
    pub async fn opt_outs(&self, owner: OwnerId, after: Option<&Msisdn>, limit: i64) -> Result<Vec<OptOut>, Error> {
        use diesel_async::RunQueryDsl as _;
        let after = after.map_or("", Msisdn::as_str);
        let query = opt_outs::table
            .filter(opt_outs::owner_id.eq(owner.0).and(opt_outs::destination.gt(after)))
            .order(opt_outs::destination)
            .limit(limit)
            .select((opt_outs::destination, opt_outs::source, opt_outs::created_at));
        let rows: Vec<(String, i16, Instant)> = run!(&self.db, |c| query.load(c).await?);
        Ok(rows.into_iter().map(entry).collect())
    }
}

fn entry((number, source, at): (String, i16, Instant)) -> OptOut {
    let by_recipient = source == OptOutSource::Recipient as i16;
    OptOut {
        destination: Msisdn::from_stored(number),
        source: if by_recipient { OptOutSource::Recipient } else { OptOutSource::Owner },
        created_at: at.0,
    }
}
