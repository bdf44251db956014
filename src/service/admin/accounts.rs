//! Route accounts and the provider as a whole: what holds sends back, rates, and letting go.

use jiff::Timestamp;

use super::Operations;
use crate::auth::{Caller, Scope};
use crate::domain::audit::Act;
use crate::domain::gate::{Gate, Holding, PROVIDER};
use crate::domain::page;
use crate::error::{Error, Violation};
use crate::service::account_id;

/// The greatest rate and burst.
const FASTEST: i32 = 1_000_000;

/// Which accounts to list.
#[derive(Debug, Clone, Default)]
pub struct ListRouteAccounts {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
}

/// One page of accounts.
#[derive(Debug, Clone)]
pub struct RouteAccountPage {
    /// The accounts, by their ids.
    pub accounts: Vec<RouteAccount>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

/// A route account, or the provider as a whole, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteAccount {
    /// The account's id, or [`PROVIDER`].
    pub id: String,
    /// Whether it is held, and why.
    pub holding: Holding,
    /// The reason, if it is held.
    pub code: Option<String>,
    /// Since when, if it is held.
    pub since: Option<Timestamp>,
    /// Until when, if it is held.
    pub until: Option<Timestamp>,
    /// Its own rate, 0 for no limit.
    pub rate: Option<u32>,
    /// Its own burst.
    pub burst: Option<u32>,
}

/// The rate that an account is to have.
#[derive(Debug, Clone, Default)]
pub struct SetLimit {
    /// The account.
    pub id: String,
    /// Segments a second; `None` for the configured default.
    pub rate: Option<i32>,
    /// Segments at once.
    pub burst: Option<i32>,
}

impl RouteAccount {
    fn of(gate: Gate, now: Timestamp) -> Self {
        let held = gate.is_held(now);
        Self {
            holding: if held { gate.holding } else { Holding::Free },
            code: gate.code.filter(|_| held),
            since: gate.since.filter(|_| held),
            until: gate.until.filter(|_| held),
            id: gate.name,
            rate: gate.rate,
            burst: gate.burst,
        }
    }
}

impl Operations {
    /// A page of what is known of route accounts.
    pub async fn route_accounts(
        &self,
        caller: &Caller,
        request: &ListRouteAccounts,
    ) -> Result<RouteAccountPage, Error> {
        caller.require(Scope::Ops)?;
        let mut violations = Vec::new();
        let asked = (request.page_size, request.page_token.as_str());
        let (page, after) = self.page("route-accounts".to_owned(), asked, page::text, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let _turn = self.admission.list(caller.user).await;
        // All of them are in every replica's memory anyway.
        let mut gates = self.store.gates().await?;
        gates.retain(|gate| after.as_ref().is_none_or(|after| gate.name > *after));
        gates.truncate(usize::try_from(page.limit()).unwrap_or(0));
        let next_page_token = page.cut(&mut gates, |last| last.name.as_bytes().to_vec());
        let now = self.clock.now();
        let accounts = gates.into_iter().map(|gate| RouteAccount::of(gate, now)).collect();
        Ok(RouteAccountPage { accounts, next_page_token })
    }

    /// Sets an account's rate, over all replicas. Returns it as it is then.
    pub async fn limit_route_account(&self, caller: &Caller, request: &SetLimit) -> Result<RouteAccount, Error> {
        let store = self.acting(caller)?;
        let mut violations = Vec::new();
        let id = account_id(&request.id).unwrap_or_else(|| {
            violations.push(Violation::new("id", NO_ACCOUNT));
            String::new()
        });
        let rate = within("rate", request.rate, 0, &mut violations);
        let burst = within("burst", request.burst, 1, &mut violations);
        if request.burst.is_some() && request.rate.is_none() {
            violations.push(Violation::new("burst", "is nothing without a rate"));
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let set = move |gate: &mut Gate| {
            (gate.rate, gate.burst) = (rate, burst);
            let told = |n: Option<u32>| n.map_or_else(|| "default".to_owned(), |n| n.to_string());
            Some(format!("{}: rate {}, burst {}", gate.name, told(rate), told(burst)))
        };
        let (gate, _) = store.act_on_gate(&id, Act::AccountLimited, set).await?;
        Ok(RouteAccount::of(gate, self.clock.now()))
    }

    /// Lets sends pass again by an account that is held, or by the provider as a whole. Returns it as it is then.
    pub async fn unblock_route_account(&self, caller: &Caller, id: &str) -> Result<RouteAccount, Error> {
        let store = self.acting(caller)?;
        let account = if id == PROVIDER { Some(id.to_owned()) } else { account_id(id) };
        let Some(id) = account else { return Err(Error::invalid("id", format_args!("{NO_ACCOUNT}, or {PROVIDER}"))) };
        let release = |gate: &mut Gate| {
            let held = gate.holding != Holding::Free;
            held.then(|| {
                gate.reset();
                gate.name.clone()
            })
        };
        match store.act_on_gate(&id, Act::AccountUnblocked, release).await? {
            (gate, true) => Ok(RouteAccount::of(gate, self.clock.now())),
            (_, false) => Err(Error::Precondition {
                reason: "ACCOUNT_NOT_HELD",
                message: format!("{id} is not held"),
                metadata: Vec::new(),
            }),
        }
    }
}

const NO_ACCOUNT: &str = "must be a route account's id, a UUID";

/// A number from `least` to the greatest one, if one was given.
fn within(field: &str, given: Option<i32>, least: i32, violations: &mut Vec<Violation>) -> Option<u32> {
    let given = given?;
    if !(least..=FASTEST).contains(&given) {
        violations.push(Violation::new(field, format_args!("must be from {least} to {FASTEST}")));
    }
    u32::try_from(given).ok()
}
