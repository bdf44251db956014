//! Numbers that do not want an owner's messages: the list, and which of some messages are on it.

use std::collections::{HashMap, HashSet};

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult,
    SqliteConnection,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use jiff::Timestamp;

use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::message::Message;
use crate::domain::opt_out::OptOutSource;
use crate::domain::phone::Msisdn;
use crate::store::columns::Instant;
use crate::store::error::Failure;
use crate::store::owner_events::{self, OwnerEvent};
use crate::store::pseudonyms::Keyed;
use crate::store::schema::opt_outs;
use crate::store::sqlite_threads::Lite;
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store, audit, run};

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

/// A number to put on an owner's list. It holds a number, so it has no `Debug`.
#[derive(Clone)]
pub struct NewOptOut {
    /// Whose list.
    pub owner: OwnerId,
    /// The number.
    pub number: Msisdn,
    /// Who puts it there.
    pub source: OptOutSource,
    /// When it was put there first; `None` is now.
    pub created_at: Option<Timestamp>,
}

/// Puts numbers on lists. Returns how many of them were not there.
async fn put_all(tx: &mut Tx, keyed: &Keyed, entries: &[NewOptOut]) -> Result<usize, Failure> {
    let mut added = 0;
    for entry in entries {
        added += usize::from(entry.put(tx, keyed).await?);
    }
    Ok(added)
}

impl NewOptOut {
    /// Puts it on the list. True if it was not there, under the number or under its pseudonym.
    pub(super) async fn put(&self, tx: &mut Tx, keyed: &Keyed) -> Result<bool, Failure> {
        if let Some(erased) = keyed.other_form(self.number.as_str()) {
            let there = diesel::select(diesel::dsl::exists(opt_outs::table.find((self.owner.0, erased))));
            if on!(tx, |c| there.get_result::<bool>(c).await?) {
                return Ok(false);
            }
        }
        let row = (
            opt_outs::owner_id.eq(self.owner.0),
            opt_outs::destination.eq(self.number.as_str()),
            opt_outs::source.eq(self.source as i16),
            // Nothing was put there in the future: no START could take it off.
            opt_outs::created_at.eq(Instant(self.created_at.unwrap_or(tx.now).min(tx.now))),
        );
        let insert = diesel::insert_into(opt_outs::table).values(row).on_conflict_do_nothing();
        let new = on!(tx, |c| insert.execute(c).await?) == 1;
        if new {
            let event = OwnerEvent::OptedOut(self.number.as_str(), self.source);
            owner_events::note(tx, self.owner, event).await?;
        }
        Ok(new)
    }
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

/// Owners and numbers to ask about, in all the forms in which they may be on the list.
struct Asked {
    names: Vec<(i64, String)>,
    /// The numbers of the pseudonyms among the names: whoever was erased is on the list under one.
    erased: HashMap<(i64, String), String>,
}

impl Asked {
    fn of<'a>(keyed: &Keyed, asked: impl Iterator<Item = (i64, &'a str)>) -> Self {
        let mut names: Vec<(i64, String)> = asked.map(|(owner, number)| (owner, number.to_owned())).collect();
        let form = |(owner, number): &(i64, String)| Some(((*owner, keyed.other_form(number)?), number.clone()));
        let erased: HashMap<(i64, String), String> = names.iter().filter_map(form).collect();
        names.extend(erased.keys().cloned());
        Self { names, erased }
    }

    fn take_names(&mut self) -> Vec<(i64, String)> {
        std::mem::take(&mut self.names)
    }

    fn opted_out(self, found: Vec<(i64, String)>) -> OptedOut {
        let plain = |found: (i64, String)| match self.erased.get(&found) {
            Some(number) => (found.0, number.clone()),
            None => found,
        };
        OptedOut(found.into_iter().map(plain).collect())
    }
}

/// Those of the owners and numbers that are on the list.
async fn on_postgres(c: &mut AsyncPgConnection, names: Vec<(i64, String)>) -> QueryResult<Vec<(i64, String)>> {
    let (owners, numbers): (Vec<i64>, Vec<String>) = names.into_iter().unzip();
    let listed = opt_outs::owner_id.eq_any(owners).and(opt_outs::destination.eq_any(numbers));
    opt_outs::table.filter(listed).select((opt_outs::owner_id, opt_outs::destination)).load(c).await
}

/// As [`on_postgres`], by one probe of the index each: a list of names would be another statement for each length.
async fn on_sqlite(c: &mut Lite, names: Vec<(i64, String)>) -> QueryResult<Vec<(i64, String)>> {
    let probe = move |c: &mut SqliteConnection| {
        let mut found = Vec::new();
        for (owner, number) in names {
            let query = opt_outs::table.find((owner, &number)).select(opt_outs::owner_id);
            if diesel::RunQueryDsl::get_result::<i64>(query, c).optional()?.is_some() {
                found.push((owner, number));
            }
        }
        Ok(found)
    };
    c.spawn_blocking(probe).await
}

impl OptedOut {
    /// Asks about some owners and numbers.
    pub(super) async fn among(
        tx: &mut Tx,
        keyed: &Keyed,
        asked: impl Iterator<Item = (i64, &str)>,
    ) -> Result<Self, Failure> {
        let mut asked = Asked::of(keyed, asked);
        let names = asked.take_names();
        if names.is_empty() {
            return Ok(Self(HashSet::new()));
        }
        let found = on!(tx, |pg| on_postgres(pg, names).await?, |lite| on_sqlite(lite, names).await?);
        Ok(asked.opted_out(found))
    }
}

impl Store {
    /// Which of these numbers are on the owner's list.
    pub(super) async fn opted_out(
        &self,
        owner: OwnerId,
        numbers: impl Iterator<Item = &str>,
    ) -> Result<OptedOut, Error> {
        let mut asked = Asked::of(&self.keyed, numbers.map(|number| (owner.0, number)));
        let names = asked.take_names();
        let found = run!(&self.db, |pg| on_postgres(pg, names).await?, |lite| on_sqlite(lite, names).await?);
        Ok(asked.opted_out(found))
    }

    /// Puts a number on the owner's list. True if it was not there.
    pub async fn add_opt_out(&self, owner: OwnerId, number: &Msisdn, source: OptOutSource) -> Result<bool, Error> {
        let entry = NewOptOut { owner, number: number.clone(), source, created_at: None };
        Ok(self.add_opt_outs(vec![entry]).await? == 1)
    }

    /// Puts numbers on one owner's list for an operator, in one transaction, in which that is written down. Returns how many of them
    /// were not there.
    pub async fn put_on_list(&self, owner: OwnerId, entries: Vec<NewOptOut>) -> Result<usize, Error> {
        let (keyed, actor) = (self.keyed.clone(), self.actor.clone());
        transact!(&self.transactions, |tx| {
            let added = put_all(tx, &keyed, &entries).await?;
            let subject = format!("{added} of {}", entries.len());
            audit::note(tx, &actor, Act::OptOutsImported, Some(owner), &subject).await?;
            Ok(added)
        })
    }

    /// Puts numbers on lists, in one transaction. Returns how many of them were not there.
    pub async fn add_opt_outs(&self, entries: Vec<NewOptOut>) -> Result<usize, Error> {
        let keyed = self.keyed.clone();
        transact!(&self.transactions, |tx| put_all(tx, &keyed, &entries).await)
    }

    /// Takes a number off the owner's list. True if it was there.
    pub async fn remove_opt_out(&self, owner: OwnerId, number: &Msisdn) -> Result<bool, Error> {
        let (forms, actor, number) = (self.keyed.forms(number.as_str()), self.actor.clone(), number.clone());
        transact!(&self.transactions, |tx| {
            let mut gone = 0;
            // One after the other: the number's row may be turning into the pseudonym's at this moment.
            for form in &forms {
                let delete = diesel::delete(opt_outs::table.find((owner.0, form)));
                gone += on!(tx, |c| delete.execute(c).await?);
            }
            if gone > 0 {
                audit::note(tx, &actor, Act::OptOutRemoved, Some(owner), &number.masked()).await?;
                let event = OwnerEvent::OptedIn(number.as_str(), OptOutSource::Owner);
                owner_events::note(tx, owner, event).await?;
            }
            Ok(gone > 0)
        })
    }

    /// The owner's entry for this number, with the number also if it was erased.
    pub async fn opt_out(&self, owner: OwnerId, number: &Msisdn) -> Result<Option<OptOut>, Error> {
        for form in self.keyed.forms(number.as_str()) {
            let query = opt_outs::table.find((owner.0, form));
            let query = query.select((opt_outs::destination, opt_outs::source, opt_outs::created_at));
            let row: Option<(String, i16, Instant)> = run!(&self.db, |c| query.get_result(c).await.optional()?);
            if let Some(row) = row {
                return Ok(Some(OptOut { destination: number.clone(), ..entry(row) }));
            }
        }
        Ok(None)
    }

    /// Up to `limit` numbers on the owner's list, in their order, from right after `after` on.
    pub async fn opt_outs(&self, owner: OwnerId, after: Option<&Msisdn>, limit: i64) -> Result<Vec<OptOut>, Error> {
        let after = after.map_or("", Msisdn::as_str).to_owned();
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
    OptOut { destination: Msisdn::from_stored(number), source: OptOutSource::from_stored(source), created_at: at.0 }
}
