//! `messaging.v1.InboundService`: thin methods over what the contract asks of the service.

use tonic::{Request, Response, Status};

use crate::admission::Quota;
use crate::contract::inbound;
use crate::grpc::GrpcApi;
use crate::grpc::entry::Answers;
use crate::proto::inbound_service_server::InboundService;
use crate::proto::{
    GetInboundRequest, GetInboundResponse, ListInboundRequest, ListInboundResponse, WatchInboundRequest,
    WatchInboundResponse,
};

#[tonic::async_trait]
impl InboundService for GrpcApi {
    async fn list_inbound(
        &self,
        request: Request<ListInboundRequest>,
    ) -> Result<Response<ListInboundResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(inbound::list_inbound(&self.service, &caller, request).await)
    }

    async fn get_inbound(&self, request: Request<GetInboundRequest>) -> Result<Response<GetInboundResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(inbound::get_inbound(&self.service, &caller, request).await)
    }

    type WatchInboundStream = Answers<WatchInboundResponse>;

    async fn watch_inbound(
        &self,
        request: Request<WatchInboundRequest>,
    ) -> Result<Response<Self::WatchInboundStream>, Status> {
        let (caller, call, request) = self.enter_as(Quota::Streams, request)?;
        call.watch(inbound::watch_inbound(&self.service, &caller, request).await)
    }
}
