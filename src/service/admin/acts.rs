//! Reading who acted how.

use super::{Operations, not_negative};
use crate::auth::{Caller, Scope};
use crate::domain::audit::Act;
use crate::domain::page;
use crate::error::{Error, Violation};
use crate::store::{AuditFilter, Audited};

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
    /// Only those with smaller numbers, without a token.
    pub before_id: Option<i64>,
}

/// One page of acts.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// The acts, newest first.
    pub acts: Vec<Audited>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

impl Operations {
    /// A page of the acts of all owners, or about one owner's things.
    pub async fn list_audit_events(&self, caller: &Caller, request: &ListAuditEvents) -> Result<AuditPage, Error> {
        caller.require(Scope::Ops)?;
        let mut violations = Vec::new();
        let act = (request.act != 0).then(|| i16::try_from(request.act).ok().and_then(Act::from_number));
        if act == Some(None) {
            violations.push(Violation::new("act", "is not an act that this service knows"));
        }
        not_negative("before_id", request.before_id, &mut violations);
        let filters = format!("audit/{:?}/{}", request.owner_id, request.act);
        let asked = (request.page_size, request.page_token.as_str());
        let (page, before) = self.page(filters, asked, page::number, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let _turn = self.admission.list(caller.user).await;
        let filter = AuditFilter {
            owner: self.existing(request.owner_id).await?,
            act: act.flatten(),
            before: before.or(request.before_id),
        };
        let mut acts = self.store.audit(filter, page.limit()).await?;
        let bytes = |done: &Audited| done.subject.len() + 200;
        let next_page_token = page.cut_by(&mut acts, bytes, |done| done.id.to_be_bytes().to_vec());
        Ok(AuditPage { acts, next_page_token })
    }
}
