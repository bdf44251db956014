//! The RPCs of `messaging.v1.MessagingService`.

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use crate::auth::Caller;
use crate::contract::answers;
use crate::contract::convert::given_time;
use crate::domain::message::Status;
use crate::error::{Error, Violation};
use crate::proto::count_messages_response::StatusCount;
use crate::proto::{
    AddOptOutRequest, AddOptOutResponse, CancelMessageRequest, CancelMessageResponse, CountMessagesRequest,
    CountMessagesResponse, ExplainMessageRequest, ExplainMessageResponse, GetMessageRequest, GetMessageResponse,
    GetMessageStatusRequest, GetMessageStatusResponse, ListMessagesRequest, ListMessagesResponse, ListOptOutsRequest,
    ListOptOutsResponse, RefreshStatusBulkRequest, RefreshStatusBulkResponse, RefreshStatusRequest,
    RefreshStatusResponse, RemoveOptOutRequest, RemoveOptOutResponse, SendManyRequest, SendSingleRequest,
    SendSingleResponse, WatchMessagesRequest, WatchMessagesResponse,
};
use crate::service::{
    BulkEvent, BulkRequest, CancelMessage, GivenSend, ListMessages, ListOptOuts, MessageFilter, SendSingle, Service,
};

/// `SendSingle`; `deadline` is when the caller stops listening.
pub async fn send_single(
    service: &Service,
    caller: &Caller,
    request: SendSingleRequest,
    deadline: Option<Instant>,
) -> Result<SendSingleResponse, Error> {
    let (request, violations) = SendSingle::read(request);
    Ok(service.send_single(caller, request, violations, deadline).await?.into())
}

/// One message of a stream, by the caller's own name for it: the answer, or the error that `SendSingle` would end with.
pub type Told = (i64, Result<SendSingleResponse, Error>);

/// `SendMany`: what is told of its messages.
pub fn send_many(
    service: &Service,
    caller: &Caller,
    requests: impl Stream<Item = SendManyRequest> + Send + 'static,
) -> Result<BoxStream<'static, Result<Told, Error>>, Error> {
    let told = service.send_many(caller, requests.map(GivenSend::read))?;
    Ok(told.map(|told| told.map(|told| (told.sequence, told.sent.map(Into::into)))).boxed())
}

/// `GetMessageStatus`.
pub async fn get_message_status(
    service: &Service,
    caller: &Caller,
    request: GetMessageStatusRequest,
) -> Result<GetMessageStatusResponse, Error> {
    let snapshot = service.provider_status(caller, &request.message_id).await?;
    Ok(GetMessageStatusResponse::of(&request.message_id, snapshot))
}

/// `RefreshStatus`.
pub async fn refresh_status(
    service: &Service,
    caller: &Caller,
    request: RefreshStatusRequest,
) -> Result<RefreshStatusResponse, Error> {
    let id = &request.provider_message_id;
    Ok(RefreshStatusResponse::of(id, service.refresh(caller, id, request.owner_id).await?))
}

/// `RefreshStatusBulk`: its steps, once what is wrong with the request has been told.
pub async fn refresh_status_bulk(
    service: &Service,
    caller: &Caller,
    request: RefreshStatusBulkRequest,
) -> Result<BoxStream<'static, Result<RefreshStatusBulkResponse, Error>>, Error> {
    Ok(answers(service.refresh_bulk(caller, request.into()).await?))
}

/// One page of `RefreshStatusBulk`, for clients that read no stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RefreshedPage {
    /// How many ids there are in all.
    pub total: i64,
    /// Each id of the page, in the order in which they were done, and what its refresh came to, or why it failed.
    pub results: Vec<(String, Result<RefreshStatusResponse, String>)>,
    /// The `resume_token` of the next page, if there is one.
    pub next: Option<String>,
}

/// `RefreshStatusBulk` of at most `limit` ids, all at once.
pub async fn refresh_status_page(
    service: &Service,
    caller: &Caller,
    request: RefreshStatusBulkRequest,
    limit: usize,
) -> Result<RefreshedPage, Error> {
    let request = BulkRequest { limit: Some(limit), ..request.into() };
    let mut steps = service.refresh_bulk(caller, request).await?;
    let mut page = RefreshedPage::default();
    while let Some(step) = steps.try_next().await? {
        page.total = step.total;
        match step.event {
            BulkEvent::Result { id, refreshed, error, .. } => {
                let refreshed = refreshed.map(|found| RefreshStatusResponse::of(&id, *found));
                page.results.push((id, refreshed.ok_or_else(|| error.map(|error| error.words).unwrap_or_default())));
            }
            BulkEvent::Summary { more, .. } => page.next = more.then_some(step.resume_token),
        }
    }
    Ok(page)
}

/// `GetMessage`.
pub async fn get_message(
    service: &Service,
    caller: &Caller,
    request: GetMessageRequest,
) -> Result<GetMessageResponse, Error> {
    let message = service.message(caller, &request.id, request.owner_id).await?;
    Ok(GetMessageResponse { message: Some(message.into()) })
}

/// `CancelMessage`.
pub async fn cancel_message(
    service: &Service,
    caller: &Caller,
    request: CancelMessageRequest,
) -> Result<CancelMessageResponse, Error> {
    let CancelMessageRequest { id, sent_idempotency_key, owner_id } = request;
    let message = service.cancel_message(caller, &CancelMessage { id, sent_idempotency_key, owner_id }).await?;
    Ok(CancelMessageResponse { message: Some(message.into()) })
}

/// Which messages to list, and what cannot be read of it.
fn list(request: ListMessagesRequest) -> (ListMessages, Vec<Violation>) {
    let mut violations = Vec::new();
    let of = MessageFilter {
        created_after: given_time("created_after", request.created_after, &mut violations),
        created_before: given_time("created_before", request.created_before, &mut violations),
        campaign_id: request.campaign_id,
        status: request.status,
        destination: request.destination,
        reference: request.reference,
        provider_message_id: request.provider_message_id,
        error_code: request.error_code,
        owner_id: request.owner_id,
    };
    (ListMessages { page_size: request.page_size, page_token: request.page_token, of }, violations)
}

/// `ListMessages`.
pub async fn list_messages(
    service: &Service,
    caller: &Caller,
    request: ListMessagesRequest,
) -> Result<ListMessagesResponse, Error> {
    let (request, violations) = list(request);
    let page = service.list_messages(caller, &request, violations).await?;
    let messages = page.messages.into_iter().map(Into::into).collect();
    Ok(ListMessagesResponse { messages, next_page_token: page.next_page_token })
}

/// `CountMessages`.
pub async fn count_messages(
    service: &Service,
    caller: &Caller,
    request: CountMessagesRequest,
) -> Result<CountMessagesResponse, Error> {
    let (request, violations) = list(request.into());
    let counted = service.count_messages(caller, &request.of, violations).await?;
    // No more than 10,000 are counted.
    let of = |(status, n): (Status, usize)| StatusCount {
        status: status as i32,
        count: i32::try_from(n).unwrap_or(i32::MAX),
    };
    let statuses: Vec<StatusCount> = counted.statuses.into_iter().map(of).collect();
    let count = statuses.iter().map(|of| of.count).sum();
    Ok(CountMessagesResponse { count, exact: counted.exact, statuses })
}

/// `WatchMessages`: the changes, once what is wrong with the request has been told.
pub async fn watch_messages(
    service: &Service,
    caller: &Caller,
    request: WatchMessagesRequest,
) -> Result<BoxStream<'static, Result<WatchMessagesResponse, Error>>, Error> {
    Ok(answers(service.watch_messages(caller, request.into()).await?))
}

/// `ExplainMessage`.
pub async fn explain_message(
    service: &Service,
    caller: &Caller,
    request: ExplainMessageRequest,
) -> Result<ExplainMessageResponse, Error> {
    Ok(service.explain(caller, &request.id, request.owner_id).await?.into())
}

/// `ListOptOuts`.
pub async fn list_opt_outs(
    service: &Service,
    caller: &Caller,
    request: ListOptOutsRequest,
) -> Result<ListOptOutsResponse, Error> {
    let ListOptOutsRequest { page_size, page_token, owner_id, destination } = request;
    let page = service.list_opt_outs(caller, &ListOptOuts { page_size, page_token, owner_id, destination }).await?;
    let opt_outs = page.opt_outs.into_iter().map(Into::into).collect();
    Ok(ListOptOutsResponse { opt_outs, next_page_token: page.next_page_token })
}

/// `AddOptOut`.
pub async fn add_opt_out(
    service: &Service,
    caller: &Caller,
    request: AddOptOutRequest,
) -> Result<AddOptOutResponse, Error> {
    let (entry, added) = service.add_opt_out(caller, &request.destination, request.owner_id).await?;
    Ok(AddOptOutResponse { opt_out: Some(entry.into()), added })
}

/// `RemoveOptOut`.
pub async fn remove_opt_out(
    service: &Service,
    caller: &Caller,
    request: RemoveOptOutRequest,
) -> Result<RemoveOptOutResponse, Error> {
    let removed = service.remove_opt_out(caller, &request.destination, request.owner_id).await?;
    Ok(RemoveOptOutResponse { removed })
}
