//! Numbers that operators look after for an owner: lists of opt-outs, many at once, and erasing one from everything.

use jiff::Timestamp;

use super::Operations;
use crate::auth::{Caller, Scope};
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::opt_out::OptOutSource;
use crate::domain::page;
use crate::domain::phone::Msisdn;
use crate::error::{Error, Violation};
use crate::service::opt_outs::OptOutPage;
use crate::store::{self, NewOptOut, Requested};

/// How many numbers one call puts on a list.
const IMPORTED: usize = 1000;

/// A number to put on a list. It holds a number, so it has no `Debug`.
#[derive(Clone)]
pub struct GivenOptOut {
    /// The number.
    pub destination: String,
    /// Who put it there first.
    pub source: OptOutSource,
    /// When; `None` is now.
    pub created_at: Option<Timestamp>,
}

/// The outcome of putting numbers on a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// How many are new.
    pub added: usize,
    /// How many were there.
    pub already: usize,
    /// The places of those that are no numbers, and why.
    pub invalid: Vec<(usize, String)>,
}

/// Whose list to read.
#[derive(Debug, Clone, Default)]
pub struct ExportOptOuts {
    /// Whose.
    pub owner_id: i64,
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
}

/// The owner that a request has to name.
fn given_owner(id: i64, violations: &mut Vec<Violation>) {
    if id == 0 {
        violations.push(Violation::new("owner_id", "is required"));
    }
}

impl Operations {
    /// Puts numbers on an owner's list. One that is none keeps no other from it.
    pub async fn import_opt_outs(
        &self,
        caller: &Caller,
        owner_id: i64,
        entries: Vec<GivenOptOut>,
        mut violations: Vec<Violation>,
    ) -> Result<Imported, Error> {
        let store = self.acting(caller)?;
        given_owner(owner_id, &mut violations);
        if !(1..=IMPORTED).contains(&entries.len()) {
            violations.push(Violation::new("opt_outs", format_args!("is required: 1 to {IMPORTED} numbers")));
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let owner = self.user(owner_id).await?.id;
        let (mut new, mut invalid) = (Vec::with_capacity(entries.len()), Vec::new());
        for (index, entry) in entries.into_iter().enumerate() {
            match Msisdn::parse(&entry.destination) {
                Ok(number) => {
                    new.push(NewOptOut { owner, number, source: entry.source, created_at: entry.created_at });
                }
                Err(e) => invalid.push((index, e.to_string())),
            }
        }
        let all = new.len();
        let added = if all == 0 { 0 } else { store.put_on_list(owner, new).await? };
        Ok(Imported { added, already: all - added, invalid })
    }

    /// A page of an owner's list, with its numbers.
    pub async fn export_opt_outs(&self, caller: &Caller, request: &ExportOptOuts) -> Result<OptOutPage, Error> {
        caller.require(Scope::Ops)?;
        caller.require(Scope::ActAs)?;
        let mut violations = Vec::new();
        given_owner(request.owner_id, &mut violations);
        let asked = (request.page_size, request.page_token.as_str());
        let (page, after) = self.page(format!("export/{}", request.owner_id), asked, page::text, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let owner = self.user(request.owner_id).await?.id;
        if after.is_none() {
            self.told_of.tell(&self.store, caller, Some(owner), "read the opt-outs").await?;
        }
        let after = after.map(Msisdn::from_stored);
        let _turn = self.admission.list(caller.user).await;
        let mut opt_outs = self.store.opt_outs(owner, after.as_ref(), page.limit()).await?;
        let next_page_token = page.cut(&mut opt_outs, |last| last.destination.as_str().as_bytes().to_vec());
        Ok(OptOutPage { opt_outs, next_page_token })
    }

    /// Takes a number off an owner's list. True if it was there.
    pub async fn retract_opt_out(&self, caller: &Caller, owner_id: i64, destination: &str) -> Result<bool, Error> {
        let store = self.acting(caller)?;
        let mut violations = Vec::new();
        given_owner(owner_id, &mut violations);
        let number = given_number(destination, &mut violations);
        let Some(number) = number.filter(|_| violations.is_empty()) else { return Err(Error::Invalid(violations)) };
        let owner = self.user(owner_id).await?.id;
        Ok(store.remove_opt_out(owner, &number).await?)
    }

    /// Erases a number from everything that is at rest, of one owner or of all. It is written down before anything is erased, and with what
    /// was found when it is done.
    pub async fn erase_number(
        &self,
        caller: &Caller,
        destination: &str,
        owner_id: Option<i64>,
    ) -> Result<Requested, Error> {
        let store = self.acting(caller)?;
        let mut violations = Vec::new();
        let Some(number) = given_number(destination, &mut violations) else { return Err(Error::Invalid(violations)) };
        let owner = self.existing(owner_id).await?;
        // It reads everything: it has its turn until it is through, whether somebody waits for it or not.
        let turn = self.admission.list(caller.user).await;
        self.to_the_end(async move {
            let done = erase(store, number, owner).await;
            drop(turn);
            done
        })
        .await
    }
}

async fn erase(store: store::Store, number: Msisdn, owner: Option<OwnerId>) -> Result<Requested, Error> {
    store.note_act(Act::NumberErased, owner, "begun").await?;
    let done = store.erase_number(&number, owner).await.map_err(|e| match e {
        store::Error::Key(problem) => Error::Precondition {
            reason: "ERASING_OFF",
            message: format!("PSEUDONYM_KEY {problem}"),
            metadata: Vec::new(),
        },
        e => e.into(),
    })?;
    store.note_act(Act::NumberErased, owner, &format!("{} messages", done.messages)).await?;
    Ok(done)
}

fn given_number(destination: &str, violations: &mut Vec<Violation>) -> Option<Msisdn> {
    let number = Msisdn::parse(destination);
    number.map_err(|e| violations.push(Violation::new("destination", e))).ok()
}
