//! `messaging.v1.WebhookService`: thin methods over what the contract asks of the service.

use tonic::{Request, Response, Status};

use crate::contract::webhooks;
use crate::grpc::GrpcApi;
use crate::proto::webhook_service_server::WebhookService;
use crate::proto::{
    CreateEndpointRequest, CreateEndpointResponse, DeleteEndpointRequest, DeleteEndpointResponse,
    DisableEndpointRequest, DisableEndpointResponse, EnableEndpointRequest, EnableEndpointResponse, GetEndpointRequest,
    GetEndpointResponse, ListDeliveriesRequest, ListDeliveriesResponse, ListEndpointsRequest, ListEndpointsResponse,
    ReplayEventsRequest, ReplayEventsResponse, RotateSecretRequest, RotateSecretResponse, SendTestEventRequest,
    SendTestEventResponse, UpdateEndpointRequest, UpdateEndpointResponse,
};

#[tonic::async_trait]
impl WebhookService for GrpcApi {
    async fn create_endpoint(
        &self,
        request: Request<CreateEndpointRequest>,
    ) -> Result<Response<CreateEndpointResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::create_endpoint(&self.service, &caller, request).await)
    }

    async fn get_endpoint(
        &self,
        request: Request<GetEndpointRequest>,
    ) -> Result<Response<GetEndpointResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::get_endpoint(&self.service, &caller, request).await)
    }

    async fn list_endpoints(
        &self,
        request: Request<ListEndpointsRequest>,
    ) -> Result<Response<ListEndpointsResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::list_endpoints(&self.service, &caller, request).await)
    }

    async fn update_endpoint(
        &self,
        request: Request<UpdateEndpointRequest>,
    ) -> Result<Response<UpdateEndpointResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::update_endpoint(&self.service, &caller, request).await)
    }

    async fn delete_endpoint(
        &self,
        request: Request<DeleteEndpointRequest>,
    ) -> Result<Response<DeleteEndpointResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::delete_endpoint(&self.service, &caller, request).await)
    }

    async fn enable_endpoint(
        &self,
        request: Request<EnableEndpointRequest>,
    ) -> Result<Response<EnableEndpointResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::enable_endpoint(&self.service, &caller, request).await)
    }

    async fn disable_endpoint(
        &self,
        request: Request<DisableEndpointRequest>,
    ) -> Result<Response<DisableEndpointResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::disable_endpoint(&self.service, &caller, request).await)
    }

    async fn rotate_secret(
        &self,
        request: Request<RotateSecretRequest>,
    ) -> Result<Response<RotateSecretResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::rotate_secret(&self.service, &caller, request).await)
    }

    async fn send_test_event(
        &self,
        request: Request<SendTestEventRequest>,
    ) -> Result<Response<SendTestEventResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::send_test_event(&self.service, &caller, request).await)
    }

    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::list_deliveries(&self.service, &caller, request).await)
    }

    async fn replay_events(
        &self,
        request: Request<ReplayEventsRequest>,
    ) -> Result<Response<ReplayEventsResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(webhooks::replay_events(&self.service, &caller, request).await)
    }
}
