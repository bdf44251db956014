//! The audit: in whose name a caller acts, and who acted how.

use std::time::Duration;

use moka::future::Cache;

use crate::auth::{Caller, Proof, Scope};
use crate::domain::audit::{Act, Actor};
use crate::domain::ids::OwnerId;
use crate::domain::page;
use crate::error::{Error, Violation};
use crate::service::Service;
use crate::store::{AuditFilter, Audited, Store};

/// How often it is told of a caller that it acts as another owner.
const TELL_EVERY: Duration = Duration::from_hours(1);
/// How many pairs of a caller and an owner are remembered.
const REMEMBERED: u64 = 10_000;

/// The pairs of a caller and an owner of which it was told lately.
pub(super) struct ToldOf(Cache<(OwnerId, OwnerId), ()>);

impl Default for ToldOf {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_live(TELL_EVERY).build())
    }
}

/// Which acts to list.
#[derive(Debug, Clone, Default)]
pub struct ListAuditEvents {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// About whose things, if about one owner's.
    pub owner_id: Option<i64>,
    /// The number of their kind; 0 for every kind.
    pub act: i32,
}

/// One page of acts.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// The acts, newest first.
    pub acts: Vec<Audited>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

fn actor(caller: &Caller) -> Actor {
    match caller.proof() {
        Proof::Key(id) => Actor::key(*id),
        Proof::Token { .. } | Proof::None => Actor::user(caller.user.0),
    }
}

impl Service {
    /// The store, where this caller acts.
    pub(super) fn store_of(&self, caller: &Caller) -> Store {
        self.inner.store.acting(actor(caller))
    }

    /// Whose things a request is about, as [`Caller::owner`] has it. That a caller acts as another is written down beside the call:
    /// a database that takes no write is no reason not to read.
    pub(super) async fn owner_of(&self, caller: &Caller, named: Option<i64>) -> Result<OwnerId, Error> {
        let owner = caller.owner(named)?;
        let pair = (caller.user, owner);
        if owner != caller.user && self.inner.told_of.0.get(&pair).await.is_none() {
            self.inner.told_of.0.insert(pair, ()).await;
            let (service, store) = (self.clone(), self.store_of(caller));
            self.inner.lifecycle.spawn(async move {
                let told = match service.inner.users.get(owner).await {
                    Ok(_) => store.note_act(Act::ActedAs, Some(owner), "").await.map_err(Error::from),
                    // Nobody to act as; the call finds that out itself.
                    Err(Error::NotFound(..)) => Ok(()),
                    Err(e) => Err(e),
                };
                if let Err(e) = told {
                    service.inner.told_of.0.invalidate(&pair).await;
                    tracing::warn!(cause = e.cause(), "it was not written down that a caller acts as another");
                }
            });
        }
        Ok(owner)
    }

    /// A page of the acts of all owners, or about one owner's things.
    pub async fn list_audit_events(&self, caller: &Caller, request: &ListAuditEvents) -> Result<AuditPage, Error> {
        caller.require(Scope::Ops)?;
        let mut violations = Vec::new();
        let act = (request.act != 0).then(|| i16::try_from(request.act).ok().and_then(Act::from_number));
        if act == Some(None) {
            violations.push(Violation::new("act", "is not an act that this service knows"));
        }
        let filters = format!("audit/{:?}/{}", request.owner_id, request.act);
        let asked = (request.page_size, request.page_token.as_str());
        let (page, before) = self.page(filters, asked, page::number, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let _turn = self.inner.admission.list(caller.user).await;
        let filter = AuditFilter { owner: request.owner_id.map(OwnerId), act: act.flatten(), before };
        let mut acts = self.inner.store.audit(filter, page.limit()).await?;
        let next_page_token = page.cut(&mut acts, |done| done.id.to_be_bytes().to_vec());
        Ok(AuditPage { acts, next_page_token })
    }
}
