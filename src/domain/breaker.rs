//! When one process calls an account or the provider unhealthy: most recent calls failed for the provider's health, and not
//! one owner's alone. Who can have answers lost at will must not keep the others from sending.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::domain::gate::Signal;
use crate::domain::ids::OwnerId;

/// How much the newest call weighs.
const WEIGHT: f64 = 0.1;
/// The share of failures above which a breaker trips: twelve in a row, or most of many.
const TRIP: f64 = 0.7;
/// An owner whose last call is older says nothing of now.
const ACTIVE: SignedDuration = SignedDuration::from_mins(1);
/// Past so many accounts, or owners of one, those that did not call lately are forgotten.
const REMEMBERED: usize = 256;

/// A moving share of failures.
#[derive(Debug, Clone, Copy, Default)]
struct Share(f64);

impl Share {
    fn take(&mut self, failed: bool) {
        self.0 += WEIGHT * (f64::from(u8::from(failed)) - self.0);
    }

    fn is_over(self) -> bool {
        self.0 > TRIP
    }
}

/// The last call of one owner on an account.
#[derive(Debug, Clone, Copy)]
struct Last {
    failed: bool,
    at: Timestamp,
}

/// The recent calls on one account.
#[derive(Debug, Clone, Default)]
struct Calls {
    share: Share,
    owners: HashMap<OwnerId, Last>,
    /// Past so many it is looked for those that did not call lately.
    most: usize,
    /// When it tripped last, and by whose calls.
    tripped: Option<(Timestamp, BTreeSet<OwnerId>)>,
}

impl Calls {
    /// Takes in one call. Most look at nobody else's.
    fn take(&mut self, owner: OwnerId, failed: bool, now: Timestamp) {
        self.share.take(failed);
        self.owners.insert(owner, Last { failed, at: now });
        if self.share.is_over() || self.owners.len() > self.most {
            self.owners.retain(|_, last| is_recent(last.at, now));
            // Twice as many as are left, so that many owners are not gone through for each call.
            self.most = REMEMBERED.max(2 * self.owners.len());
        }
    }

    /// Those whose last call failed, if together they say that the account is unhealthy: nobody's goes well, or several
    /// owners' fail.
    fn failing(&self) -> Option<BTreeSet<OwnerId>> {
        if !self.share.is_over() {
            return None;
        }
        let failing: BTreeSet<_> =
            self.owners.iter().filter(|(_, last)| last.failed).map(|(owner, _)| *owner).collect();
        let says = failing.len() >= 2 || failing.len() == self.owners.len();
        says.then_some(failing)
    }
}

fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < ACTIVE
}

/// The gate that a call trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trip {
    /// None.
    None,
    /// The account's.
    Account,
    /// The provider's.
    Provider,
}

/// The breakers of one process. Which calls count as failures is [`Signal::of`]'s to say.
#[derive(Debug, Clone, Default)]
pub struct Breakers {
    /// The calls that did not even reach the provider: they say it of all accounts.
    reach: Share,
    accounts: HashMap<String, Calls>,
}

impl Breakers {
    /// Takes in one call of an owner's on an account. What it trips starts afresh.
    pub fn record(&mut self, account: &str, owner: OwnerId, signal: Signal, now: Timestamp) -> Trip {
        self.reach.take(matches!(signal, Signal::Unreachable(_)));
        if self.reach.is_over() {
            *self = Self::default();
            return Trip::Provider;
        }
        let failed = matches!(signal, Signal::Unhealthy(_) | Signal::Unreachable(_));
        if self.accounts.len() >= REMEMBERED && !self.accounts.contains_key(account) {
            self.accounts.retain(|_, calls| calls.owners.values().any(|last| is_recent(last.at, now)));
        }
        let calls = self.accounts.entry(account.to_owned()).or_default();
        calls.take(owner, failed, now);
        let Some(failing) = calls.failing() else { return Trip::None };
        *calls = Calls { tripped: Some((now, failing)), ..Calls::default() };
        let tripped =
            self.accounts.values().filter_map(|calls| calls.tripped.as_ref()).filter(|(at, _)| is_recent(*at, now));
        let accounts = tripped.clone().count();
        let owners: BTreeSet<_> = tripped.flat_map(|(_, owners)| owners).collect();
        if accounts >= 2 && owners.len() >= 2 {
            *self = Self::default();
            return Trip::Provider;
        }
        Trip::Account
    }
}
