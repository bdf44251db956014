//! The RPCs of `messaging.v1.AdminService` on numbers: lists of opt-outs, erasing, and what a person has to read.

use crate::auth::Caller;
use crate::contract::convert::{given_time, timestamp};
use crate::error::{Error, Violation};
use crate::proto::import_opt_outs_response::Invalid;
use crate::proto::{
    self, EraseNumberRequest, EraseNumberResponse, ExportOptOutsRequest, ExportOptOutsResponse, ImportOptOutsRequest,
    ImportOptOutsResponse, ListInboundReviewRequest, ListInboundReviewResponse, ResolveInboundRequest,
    ResolveInboundResponse, RetractOptOutRequest, RetractOptOutResponse, ReviewedInbound,
};
use crate::service::{ExportOptOuts, GivenOptOut, ListReview, Operations, OptOutSource, ToReview};

/// A number of things as the contract has it.
fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// `ImportOptOuts`.
pub async fn import_opt_outs(
    operations: &Operations,
    caller: &Caller,
    request: ImportOptOutsRequest,
) -> Result<ImportOptOutsResponse, Error> {
    let mut violations = Vec::new();
    let entries = request.opt_outs.into_iter().enumerate();
    let entries = entries.map(|(index, entry)| read(index, entry, &mut violations)).collect();
    let done = operations.import_opt_outs(caller, request.owner_id, entries, violations).await?;
    let invalid = done.invalid.into_iter().map(|(index, reason)| Invalid { index: count(index), reason }).collect();
    Ok(ImportOptOutsResponse { added: count(done.added), already: count(done.already), invalid })
}

fn read(index: usize, entry: proto::GivenOptOut, violations: &mut Vec<Violation>) -> GivenOptOut {
    let source = match proto::OptOutSource::try_from(entry.source) {
        Ok(proto::OptOutSource::Recipient) => OptOutSource::Recipient,
        Ok(proto::OptOutSource::Unspecified | proto::OptOutSource::Owner) => OptOutSource::Owner,
        Err(_) => {
            violations
                .push(Violation::new(format!("opt_outs[{index}].source"), "must be one of the contract's sources"));
            OptOutSource::Owner
        }
    };
    let created_at = given_time(&format!("opt_outs[{index}].created_at"), entry.created_at, violations);
    GivenOptOut { destination: entry.destination, source, created_at }
}

/// `ExportOptOuts`.
pub async fn export_opt_outs(
    operations: &Operations,
    caller: &Caller,
    request: ExportOptOutsRequest,
) -> Result<ExportOptOutsResponse, Error> {
    let ExportOptOutsRequest { owner_id, page_size, page_token } = request;
    let page = operations.export_opt_outs(caller, &ExportOptOuts { owner_id, page_size, page_token }).await?;
    let opt_outs = page.opt_outs.into_iter().map(Into::into).collect();
    Ok(ExportOptOutsResponse { opt_outs, next_page_token: page.next_page_token })
}

/// `RetractOptOut`.
pub async fn retract_opt_out(
    operations: &Operations,
    caller: &Caller,
    request: RetractOptOutRequest,
) -> Result<RetractOptOutResponse, Error> {
    let removed = operations.retract_opt_out(caller, request.owner_id, &request.destination).await?;
    Ok(RetractOptOutResponse { removed })
}

/// `EraseNumber`.
pub async fn erase_number(
    operations: &Operations,
    caller: &Caller,
    request: EraseNumberRequest,
) -> Result<EraseNumberResponse, Error> {
    let done = operations.erase_number(caller, &request.destination, request.owner_id).await?;
    Ok(EraseNumberResponse {
        messages: count(done.messages),
        opt_outs: count(done.opt_outs),
        bodies: count(done.bodies),
        under_way: count(done.under_way),
        campaigns: count(done.campaigns),
        waiting: count(done.waiting),
    })
}

/// `ListInboundReview`.
pub async fn list_inbound_review(
    operations: &Operations,
    caller: &Caller,
    request: ListInboundReviewRequest,
) -> Result<ListInboundReviewResponse, Error> {
    let ListInboundReviewRequest { page_size, page_token } = request;
    let page = operations.list_review(caller, &ListReview { page_size, page_token }).await?;
    let messages = page.messages.into_iter().map(Into::into).collect();
    Ok(ListInboundReviewResponse { messages, next_page_token: page.next_page_token })
}

/// `ResolveInbound`.
pub async fn resolve_inbound(
    operations: &Operations,
    caller: &Caller,
    request: ResolveInboundRequest,
) -> Result<ResolveInboundResponse, Error> {
    operations.resolve_inbound(caller, &request.id).await?;
    Ok(ResolveInboundResponse {})
}

impl From<ToReview> for ReviewedInbound {
    fn from(message: ToReview) -> Self {
        let (number, text) = message.message.map(|message| (message.from, message.text)).unwrap_or_default();
        Self {
            id: message.id.to_string(),
            received_at: Some(timestamp(message.received_at)),
            owner_id: message.owner.map(|owner| owner.0),
            number,
            text,
        }
    }
}
