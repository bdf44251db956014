//! The RPCs of `messaging.v1.MessagingService`.

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use tokio::time::Instant;

use crate::auth::Caller;
use crate::error::Error;
use crate::proto::{
    AddOptOutRequest, AddOptOutResponse, ExplainMessageRequest, ExplainMessageResponse, GetMessageRequest,
    GetMessageResponse, GetMessageStatusRequest, GetMessageStatusResponse, ListMessagesRequest, ListMessagesResponse,
    ListOptOutsRequest, ListOptOutsResponse, RefreshStatusBulkRequest, RefreshStatusBulkResponse, RefreshStatusRequest,
    RefreshStatusResponse, RemoveOptOutRequest, RemoveOptOutResponse, SendSingleRequest, SendSingleResponse,
    WatchMessagesRequest, WatchMessagesResponse,
};
use crate::service::{ListMessages, ListOptOuts, Service};

/// `SendSingle`; `deadline` is when the caller stops listening.
pub async fn send_single(
    service: &Service,
    caller: &Caller,
    request: SendSingleRequest,
    deadline: Option<Instant>,
) -> Result<SendSingleResponse, Error> {
    Ok(service.send_single(caller, request.into(), deadline).await?.into())
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

/// `GetMessage`.
pub async fn get_message(
    service: &Service,
    caller: &Caller,
    request: GetMessageRequest,
) -> Result<GetMessageResponse, Error> {
    let message = service.message(caller, &request.id).await?;
    Ok(GetMessageResponse { message: Some(message.into()) })
}

/// `ListMessages`.
pub async fn list_messages(
    service: &Service,
    caller: &Caller,
    request: ListMessagesRequest,
) -> Result<ListMessagesResponse, Error> {
    let ListMessagesRequest { page_size, page_token, campaign_id, status, destination, owner_id } = request;
    let request = ListMessages { page_size, page_token, campaign_id, status, destination, owner_id };
    let page = service.list_messages(caller, &request).await?;
    let messages = page.messages.into_iter().map(Into::into).collect();
    Ok(ListMessagesResponse { messages, next_page_token: page.next_page_token })
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
    Ok(service.explain(caller, &request.id).await?.into())
}

/// `ListOptOuts`.
pub async fn list_opt_outs(
    service: &Service,
    caller: &Caller,
    request: ListOptOutsRequest,
) -> Result<ListOptOutsResponse, Error> {
    let ListOptOutsRequest { page_size, page_token, owner_id } = request;
    let page = service.list_opt_outs(caller, &ListOptOuts { page_size, page_token, owner_id }).await?;
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

/// Each step of a stream as the contract has it.
pub(super) fn answers<T, A>(
    steps: impl Stream<Item = Result<T, Error>> + Send + 'static,
) -> BoxStream<'static, Result<A, Error>>
where
    T: Into<A>,
{
    steps.map(|step| step.map(Into::into)).boxed()
}
