//! The background: who serves, how far erasing has come, and reading reports again.

use super::Operations;
use crate::auth::{Caller, Scope};
use crate::domain::audit::Act;
use crate::domain::ids::MessageId;
use crate::domain::page;
use crate::error::{Error, Violation};
use crate::service::paging::Paging;
use crate::store::{ChoreStanding, Replica, Standing};

/// How many messages one page of a replay has.
const REPLAYED: i32 = 500;

/// One page of a replay.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// How its messages stand; `None` behind the last one.
    pub standing: Option<Standing>,
    /// Where to go on; empty behind the last page.
    pub next_page_token: String,
}

impl Operations {
    /// The processes that serve the database.
    pub async fn replicas(&self, caller: &Caller) -> Result<Vec<Replica>, Error> {
        caller.require(Scope::Ops)?;
        Ok(self.store.replicas().await?)
    }

    /// How far erasing what is old has come.
    pub async fn retention(&self, caller: &Caller) -> Result<Vec<ChoreStanding>, Error> {
        caller.require(Scope::Ops)?;
        Ok(self.store.chores().await?)
    }

    /// Reads again what was reported of a page of messages, and mends those that lack something of it if `apply` is set.
    pub async fn replay_reports(&self, caller: &Caller, page_token: &str, apply: bool) -> Result<Replayed, Error> {
        let store = self.acting(caller)?;
        let mut violations: Vec<Violation> = Vec::new();
        let list = "replay".to_owned();
        let (page, after): (Paging, _) = self.page(list, (REPLAYED, page_token), page::id, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let turn = self.admission.list(caller.user).await;
        let Some(standing) = store.replay(after.map(MessageId), i64::from(REPLAYED)).await? else {
            return Ok(Replayed { standing: None, next_page_token: String::new() });
        };
        drop(turn);
        let next_page_token = page.token(standing.last.0.as_bytes());
        if apply && !standing.lacking.is_empty() {
            let lacking = standing.lacking.clone();
            let stats = self.stats.clone();
            let mending = async move {
                store.note_act(Act::ReportsReplayed, None, &format!("{} changes", lacking.len())).await?;
                for moved in store.apply_each(lacking).await? {
                    stats.forget_moved(&moved).await;
                }
                Ok(())
            };
            self.to_the_end(mending).await?;
        }
        Ok(Replayed { standing: Some(standing), next_page_token })
    }
}
