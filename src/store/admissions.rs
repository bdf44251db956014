//! How much a transaction may send on accounts with a rate, booked on their gates' rows.

use std::collections::BTreeMap;

use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use jiff::Timestamp;

use crate::domain::gate::Gate;
use crate::domain::rate::Rate;
use crate::store::columns::Instant;
use crate::store::error::Failure;
use crate::store::gates::{lock, lock_if_free};
use crate::store::prepared::Prepare as _;
use crate::store::schema::gates;
use crate::store::transaction::{Tx, on};

/// The allowance of a limited account in one transaction.
pub(super) struct Admission {
    account: String,
    rate: Rate,
    booked: Option<Timestamp>,
    allowance: u32,
    /// Nothing is booked: a message of more segments than the burst passes now or never.
    idle: bool,
    used: u32,
}

impl Admission {
    fn of(account: &str, gate: &Gate, rate: Rate, now: Timestamp) -> Self {
        let allowance = rate.allowance(gate.booked, now);
        let idle = allowance == rate.allowance(None, now);
        Self { account: account.to_owned(), rate, booked: gate.booked, allowance, idle, used: 0 }
    }

    /// Of a gate that another transaction has: nothing passes.
    fn none(account: &str, rate: Rate) -> Self {
        Self { account: account.to_owned(), rate, booked: None, allowance: 0, idle: false, used: 0 }
    }

    fn admit(&mut self, segments: u32) -> bool {
        let passes = self.used + segments <= self.allowance || (self.idle && self.used == 0);
        if passes {
            self.used += segments;
        }
        passes
    }
}

/// The admissions of all limited accounts that a transaction sends on. Accounts without a limit are not in it.
#[derive(Default)]
pub(super) struct Admissions(Vec<Admission>);

impl Admissions {
    /// Locks the accounts' gates, in the order of their names, so that two transactions never wait crosswise. In a hurry nothing
    /// passes a gate that another transaction has: whoever stands still with one keeps its account alone waiting.
    pub(super) async fn lock(tx: &mut Tx, rates: &BTreeMap<String, Rate>) -> Result<Self, Failure> {
        let mut all = Vec::with_capacity(rates.len());
        for (account, rate) in rates {
            let gate = if tx.hurried { lock_if_free(tx, account).await? } else { Some(lock(tx, account).await?) };
            let none = || Admission::none(account, *rate);
            all.push(gate.map_or_else(none, |gate| Admission::of(account, &gate, *rate, tx.now)));
        }
        Ok(Self(all))
    }

    /// Lets a message of so many segments through, if there is room.
    pub(super) fn admit(&mut self, account: &str, segments: i16) -> bool {
        let segments = u32::try_from(segments).unwrap_or(1).max(1);
        self.0.iter_mut().find(|a| a.account == account).is_none_or(|a| a.admit(segments))
    }

    /// Writes down what was let through.
    pub(super) async fn book(&self, tx: &mut Tx) -> Result<(), Failure> {
        for used in self.0.iter().filter(|a| a.used > 0) {
            let until = gates::admitted_to.eq(Instant(used.rate.book(used.booked, tx.now, used.used)));
            on!(tx, |c| diesel::update(gates::table.find(&used.account)).set(until).prepared().execute(c).await?);
        }
        Ok(())
    }
}
