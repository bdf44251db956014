//! The RPCs of `messaging.v1.AdminService`.

use crate::auth::Caller;
use crate::contract::convert::timestamp;
use crate::error::Error;
use crate::proto::{AuditAct, AuditEvent, ListAuditEventsRequest, ListAuditEventsResponse};
use crate::service::{Audited, ListAuditEvents, Service};

/// `ListAuditEvents`.
pub async fn list_audit_events(
    service: &Service,
    caller: &Caller,
    request: ListAuditEventsRequest,
) -> Result<ListAuditEventsResponse, Error> {
    let ListAuditEventsRequest { page_size, page_token, owner_id, act } = request;
    let page = service.list_audit_events(caller, &ListAuditEvents { page_size, page_token, owner_id, act }).await?;
    let audit_events = page.acts.into_iter().map(Into::into).collect();
    Ok(ListAuditEventsResponse { audit_events, next_page_token: page.next_page_token })
}

impl From<Audited> for AuditEvent {
    fn from(done: Audited) -> Self {
        // The contract's numbers are the database's; a test holds the two together.
        let act = done.act.and_then(|act| AuditAct::try_from(act as i32).ok()).unwrap_or_default();
        Self {
            id: done.id,
            at: Some(timestamp(done.at)),
            actor: done.actor.as_str().to_owned(),
            act: act.into(),
            owner_id: done.owner.map(|owner| owner.0),
            subject: done.subject,
        }
    }
}
