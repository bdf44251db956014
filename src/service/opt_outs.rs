//! Numbers that do not want an owner's messages: listing them, adding one, taking one off.

use crate::auth::{Caller, Scope};
use crate::domain::opt_out::OptOutSource;
use crate::domain::page;
use crate::domain::phone::Msisdn;
use crate::error::{Error, Violation};
use crate::service::Service;
use crate::store::OptOut;

/// Which numbers to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptOuts {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// Whose list, if not the caller's.
    pub owner_id: Option<i64>,
    /// Only this number; empty means any.
    pub destination: String,
}

/// One page of numbers.
#[derive(Debug, Clone)]
pub struct OptOutPage {
    /// The numbers, in ascending order.
    pub opt_outs: Vec<OptOut>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

impl Service {
    /// A page of an owner's list.
    pub async fn list_opt_outs(&self, caller: &Caller, request: &ListOptOuts) -> Result<OptOutPage, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let mut violations = Vec::new();
        let asked = (request.page_size, request.page_token.as_str());
        let (page, after) = self.page(format!("opt-outs/{owner}"), asked, page::text, &mut violations);
        let only = Some(request.destination.as_str()).filter(|number| !number.is_empty()).map(Msisdn::parse);
        let only = only.transpose().unwrap_or_else(|e| {
            violations.push(Violation::new("destination", e));
            None
        });
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        if let Some(number) = only {
            let opt_outs = self.inner.store.opt_out(owner, &number).await?.into_iter().collect();
            return Ok(OptOutPage { opt_outs, next_page_token: String::new() });
        }
        let after = after.map(Msisdn::from_stored);
        let _turn = self.inner.admission.list(caller.user).await;
        let mut opt_outs = self.inner.store.opt_outs(owner, after.as_ref(), page.limit()).await?;
        let next_page_token = page.cut(&mut opt_outs, |last| last.destination.as_str().as_bytes().to_vec());
        Ok(OptOutPage { opt_outs, next_page_token })
    }

    /// Puts a number on an owner's list. Returns the entry, and whether it is new.
    pub async fn add_opt_out(
        &self,
        caller: &Caller,
        destination: &str,
        owner_id: Option<i64>,
    ) -> Result<(OptOut, bool), Error> {
        caller.require(Scope::MessagesSend)?;
        let owner = self.owner_of(caller, owner_id).await?;
        let number = Msisdn::parse(destination).map_err(|e| Error::invalid("destination", e))?;
        self.inner.users.get(owner).await?;
        let added = self.inner.store.add_opt_out(owner, &number, OptOutSource::Owner).await?;
        let entry = self.inner.store.opt_out(owner, &number).await?;
        let created_at = self.inner.clock.now();
        // Taken off again in the meantime, it was there all the same.
        let entry = entry.unwrap_or(OptOut { destination: number, source: OptOutSource::Owner, created_at });
        Ok((entry, added))
    }

    /// Takes a number off an owner's list. True if it was there.
    pub async fn remove_opt_out(
        &self,
        caller: &Caller,
        destination: &str,
        owner_id: Option<i64>,
    ) -> Result<bool, Error> {
        caller.require(Scope::MessagesSend)?;
        let owner = self.owner_of(caller, owner_id).await?;
        let number = Msisdn::parse(destination).map_err(|e| Error::invalid("destination", e))?;
        Ok(self.store_of(caller).remove_opt_out(owner, &number).await?)
    }
}
