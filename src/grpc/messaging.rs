//! `messaging.v1.MessagingService`: thin methods over the service.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use crate::grpc::Door;
use crate::grpc::convert::{raw, timestamp};
use crate::proto::messaging_service_server::MessagingService;
use crate::proto::{
    AddOptOutRequest, AddOptOutResponse, ExplainMessageRequest, ExplainMessageResponse, GetMessageRequest,
    GetMessageResponse, GetMessageStatusRequest, GetMessageStatusResponse, ListMessagesRequest, ListMessagesResponse,
    ListOptOutsRequest, ListOptOutsResponse, RefreshStatusBulkRequest, RefreshStatusBulkResponse, RefreshStatusRequest,
    RefreshStatusResponse, RemoveOptOutRequest, RemoveOptOutResponse, SendSingleRequest, SendSingleResponse,
    WatchMessagesRequest, WatchMessagesResponse, explain_message_response,
};
use crate::service::{Explained, ListMessages, ListOptOuts, OptOut, OptOutSource};

/// A stream of answers.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl MessagingService for Door {
    async fn send_single(&self, request: Request<SendSingleRequest>) -> Result<Response<SendSingleResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let sent = self.service.send_single(&caller, request.into(), call.deadline).await;
        Ok(Response::new(sent.map_err(|e| call.refuse(&e))?.into()))
    }

    async fn get_message_status(
        &self,
        request: Request<GetMessageStatusRequest>,
    ) -> Result<Response<GetMessageStatusResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let snapshot = self.service.provider_status(&caller, &request.message_id).await;
        let snapshot = snapshot.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(GetMessageStatusResponse::of(&request.message_id, snapshot)))
    }

    async fn refresh_status(
        &self,
        request: Request<RefreshStatusRequest>,
    ) -> Result<Response<RefreshStatusResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let id = &request.provider_message_id;
        let refreshed = self.service.refresh(&caller, id, request.owner_id).await.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(RefreshStatusResponse::of(id, refreshed)))
    }

    type RefreshStatusBulkStream = Answers<RefreshStatusBulkResponse>;

    async fn refresh_status_bulk(
        &self,
        request: Request<RefreshStatusBulkRequest>,
    ) -> Result<Response<Self::RefreshStatusBulkStream>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let steps = self.service.refresh_bulk(&caller, request.into()).await.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(Box::pin(steps.map(move |step| step.map(Into::into).map_err(|e| call.refuse(&e))))))
    }

    async fn get_message(&self, request: Request<GetMessageRequest>) -> Result<Response<GetMessageResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let message = self.service.message(&caller, &request.id).await.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(GetMessageResponse { message: Some(message.into()) }))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let request = ListMessages {
            page_size: request.page_size,
            page_token: request.page_token,
            campaign_id: request.campaign_id,
            status: request.status,
            destination: request.destination,
            owner_id: request.owner_id,
        };
        let page = self.service.list_messages(&caller, &request).await.map_err(|e| call.refuse(&e))?;
        let messages = page.messages.into_iter().map(Into::into).collect();
        Ok(Response::new(ListMessagesResponse { messages, next_page_token: page.next_page_token }))
    }

    type WatchMessagesStream = Answers<WatchMessagesResponse>;

    async fn watch_messages(
        &self,
        request: Request<WatchMessagesRequest>,
    ) -> Result<Response<Self::WatchMessagesStream>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let changes = self.service.watch_messages(&caller, request.into()).await.map_err(|e| call.refuse(&e))?;
        // It may stay for days, and is bounded in number by the service.
        call.leave();
        let deadline = call.deadline;
        let told = changes.map(move |watched| watched.map(Into::into).map_err(|e| call.refuse(&e)));
        let Some(deadline) = deadline else { return Ok(Response::new(Box::pin(told))) };
        let over = || Status::deadline_exceeded("The deadline passed; watch again with the last resume_token");
        let over = futures::stream::once(async move { Err(over()) });
        Ok(Response::new(Box::pin(told.take_until(tokio::time::sleep_until(deadline)).chain(over))))
    }

    async fn explain_message(
        &self,
        request: Request<ExplainMessageRequest>,
    ) -> Result<Response<ExplainMessageResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let explained = self.service.explain(&caller, &request.id).await.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(explained.into()))
    }

    async fn list_opt_outs(
        &self,
        request: Request<ListOptOutsRequest>,
    ) -> Result<Response<ListOptOutsResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let ListOptOutsRequest { page_size, page_token, owner_id } = request;
        let request = ListOptOuts { page_size, page_token, owner_id };
        let page = self.service.list_opt_outs(&caller, &request).await.map_err(|e| call.refuse(&e))?;
        let opt_outs = page.opt_outs.into_iter().map(Into::into).collect();
        Ok(Response::new(ListOptOutsResponse { opt_outs, next_page_token: page.next_page_token }))
    }

    async fn add_opt_out(&self, request: Request<AddOptOutRequest>) -> Result<Response<AddOptOutResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let added = self.service.add_opt_out(&caller, &request.destination, request.owner_id).await;
        let (entry, added) = added.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(AddOptOutResponse { opt_out: Some(entry.into()), added }))
    }

    async fn remove_opt_out(
        &self,
        request: Request<RemoveOptOutRequest>,
    ) -> Result<Response<RemoveOptOutResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let removed = self.service.remove_opt_out(&caller, &request.destination, request.owner_id).await;
        Ok(Response::new(RemoveOptOutResponse { removed: removed.map_err(|e| call.refuse(&e))? }))
    }
}

impl From<OptOut> for crate::proto::OptOut {
    fn from(entry: OptOut) -> Self {
        Self {
            destination: entry.destination.as_str().to_owned(),
            source: match entry.source {
                OptOutSource::Owner => crate::proto::OptOutSource::Owner,
                OptOutSource::Recipient => crate::proto::OptOutSource::Recipient,
            }
            .into(),
            created_at: Some(timestamp(entry.created_at)),
        }
    }
}

impl From<Explained> for ExplainMessageResponse {
    fn from(explained: Explained) -> Self {
        let masked = explained.message.destination.masked();
        let mut message = crate::proto::Message::from(explained.message);
        message.text.clear();
        message.destination = masked;
        let entries = explained.entries.into_iter().map(|entry| explain_message_response::Entry {
            at: Some(timestamp(entry.at)),
            kind: entry.kind.to_owned(),
            from: i32::from(entry.from),
            to: i32::from(entry.to),
            attempt: entry.attempt,
            evidence: entry.evidence.is_object().then(|| raw(entry.evidence)),
        });
        Self { message: Some(message), entries: entries.collect() }
    }
}
