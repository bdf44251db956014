//! `messaging.v1.MessagingService`: thin methods over what the contract asks of the service.

use futures::StreamExt as _;
use tonic::{Request, Response, Status, Streaming};

use crate::admission::Quota;
use crate::contract::messages;
use crate::grpc::entry::Answers;
use crate::grpc::{GrpcApi, repeats, send_many};
use crate::proto::messaging_service_server::MessagingService;
use crate::proto::{
    AddOptOutRequest, AddOptOutResponse, CancelMessageRequest, CancelMessageResponse, CountMessagesRequest,
    CountMessagesResponse, ExplainMessageRequest, ExplainMessageResponse, GetMessageRequest, GetMessageResponse,
    GetMessageStatusRequest, GetMessageStatusResponse, ListMessagesRequest, ListMessagesResponse, ListOptOutsRequest,
    ListOptOutsResponse, RefreshStatusBulkRequest, RefreshStatusBulkResponse, RefreshStatusRequest,
    RefreshStatusResponse, RemoveOptOutRequest, RemoveOptOutResponse, SendManyRequest, SendManyResponse,
    SendSingleRequest, SendSingleResponse, WatchMessagesRequest, WatchMessagesResponse,
};

#[tonic::async_trait]
impl MessagingService for GrpcApi {
    async fn send_single(&self, request: Request<SendSingleRequest>) -> Result<Response<SendSingleResponse>, Status> {
        let is_repeat = repeats::is_repeat(request.metadata());
        let (caller, call, request) = Self::enter(request)?;
        let only_once = repeats::could_send_twice(&request);
        if only_once && is_repeat {
            return Err(repeats::refuse(&call));
        }
        let answer = call.answer(messages::send_single(&self.service, &caller, request, call.deadline).await);
        if only_once { repeats::once(answer) } else { answer }
    }

    type SendManyStream = Answers<SendManyResponse>;

    async fn send_many(
        &self,
        request: Request<Streaming<SendManyRequest>>,
    ) -> Result<Response<Self::SendManyStream>, Status> {
        let (caller, call, requests) = self.enter_as(Quota::Sends, request)?;
        Ok(Response::new(Box::pin(send_many::answers(&self.service, &caller, &call, requests)?)))
    }

    async fn get_message_status(
        &self,
        request: Request<GetMessageStatusRequest>,
    ) -> Result<Response<GetMessageStatusResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(messages::get_message_status(&self.service, &caller, request).await)
    }

    async fn refresh_status(
        &self,
        request: Request<RefreshStatusRequest>,
    ) -> Result<Response<RefreshStatusResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(messages::refresh_status(&self.service, &caller, request).await)
    }

    type RefreshStatusBulkStream = Answers<RefreshStatusBulkResponse>;

    async fn refresh_status_bulk(
        &self,
        request: Request<RefreshStatusBulkRequest>,
    ) -> Result<Response<Self::RefreshStatusBulkStream>, Status> {
        let (caller, call, request) = self.enter_as(Quota::Refreshes, request)?;
        let steps = messages::refresh_status_bulk(&self.service, &caller, request).await;
        let steps = steps.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(Box::pin(steps.map(move |step| step.map_err(|e| call.refuse(&e))))))
    }

    async fn get_message(&self, request: Request<GetMessageRequest>) -> Result<Response<GetMessageResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(messages::get_message(&self.service, &caller, request).await)
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(messages::list_messages(&self.service, &caller, request).await)
    }

    async fn count_messages(
        &self,
        request: Request<CountMessagesRequest>,
    ) -> Result<Response<CountMessagesResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(messages::count_messages(&self.service, &caller, request).await)
    }

    type WatchMessagesStream = Answers<WatchMessagesResponse>;

    async fn watch_messages(
        &self,
        request: Request<WatchMessagesRequest>,
    ) -> Result<Response<Self::WatchMessagesStream>, Status> {
        let (caller, call, request) = self.enter_as(Quota::Streams, request)?;
        call.watch(messages::watch_messages(&self.service, &caller, request).await)
    }

    async fn explain_message(
        &self,
        request: Request<ExplainMessageRequest>,
    ) -> Result<Response<ExplainMessageResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(messages::explain_message(&self.service, &caller, request).await)
    }

    async fn cancel_message(
        &self,
        request: Request<CancelMessageRequest>,
    ) -> Result<Response<CancelMessageResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(messages::cancel_message(&self.service, &caller, request).await)
    }

    async fn list_opt_outs(
        &self,
        request: Request<ListOptOutsRequest>,
    ) -> Result<Response<ListOptOutsResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(messages::list_opt_outs(&self.service, &caller, request).await)
    }

    async fn add_opt_out(&self, request: Request<AddOptOutRequest>) -> Result<Response<AddOptOutResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(messages::add_opt_out(&self.service, &caller, request).await)
    }

    async fn remove_opt_out(
        &self,
        request: Request<RemoveOptOutRequest>,
    ) -> Result<Response<RemoveOptOutResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(messages::remove_opt_out(&self.service, &caller, request).await)
    }
}
