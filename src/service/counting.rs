//! Counting an owner's messages: exactly where they are few, and never for long.

use crate::auth::{Caller, Scope};
use crate::domain::message::Status;
use crate::error::{Error, Violation};
use crate::service::Service;
use crate::service::lookup::MessageFilter;
use crate::store;

/// How many are counted at most: some milliseconds.
const COUNTED: usize = 10_000;
/// How many are looked through at most for what no index leads to.
const LOOKED_THROUGH: i64 = 20_000;

/// How many messages there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageCount {
    /// How many were counted of each status that any has, in the order of the statuses' numbers.
    pub statuses: Vec<(Status, usize)>,
    /// Whether these are all.
    pub exact: bool,
}

impl Service {
    /// Counts our records, the newest first. `violations` are what could not be read of the request: they are told with all others.
    pub async fn count_messages(
        &self,
        caller: &Caller,
        of: &MessageFilter,
        mut violations: Vec<Violation>,
    ) -> Result<MessageCount, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, of.owner_id).await?;
        let filter = of.read(&mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let store = &self.inner.store;
        let _turn = self.inner.admission.list(caller.user).await;
        let down_to = store.search_end(owner, &filter, None, LOOKED_THROUGH).await?;
        let filter = store::Filter { down_to, ..filter };
        let one_more = i64::try_from(COUNTED + 1).unwrap_or(i64::MAX);
        let found = store.statuses(owner, &filter, one_more).await?;
        let counted = found.get(..COUNTED).unwrap_or(&found);
        let of_status = |status: Status| counted.iter().filter(|number| **number == status as i16).count();
        let statuses = Status::ALL.map(|status| (status, of_status(status))).into_iter().filter(|(_, n)| *n > 0);
        Ok(MessageCount { statuses: statuses.collect(), exact: down_to.is_none() && found.len() == counted.len() })
    }
}
