//! The part of the stand-in that is about webhook endpoints.

use std::collections::VecDeque;

use messaging::proto::webhook_service_server::WebhookService;
use messaging::proto::*;
use tonic::{Request, Response};

use super::{Answer, Service};

/// The next answers.
#[derive(Default)]
pub(in super::super) struct Script {
    pub(in super::super) created: Option<CreateEndpointResponse>,
    pub(in super::super) got: Option<GetEndpointResponse>,
    pub(in super::super) pages: VecDeque<ListEndpointsResponse>,
    /// Answered by what changes an endpoint.
    pub(in super::super) changed: Option<Endpoint>,
    pub(in super::super) rotated: Option<RotateSecretResponse>,
    pub(in super::super) tested: Option<SendTestEventResponse>,
    pub(in super::super) deliveries: VecDeque<ListDeliveriesResponse>,
    pub(in super::super) replayed: Option<ReplayEventsResponse>,
}

/// The requests.
#[derive(Default)]
pub(in super::super) struct Heard {
    pub(in super::super) created: Vec<CreateEndpointRequest>,
    pub(in super::super) got: Vec<GetEndpointRequest>,
    pub(in super::super) lists: Vec<ListEndpointsRequest>,
    pub(in super::super) updates: Vec<UpdateEndpointRequest>,
    pub(in super::super) deleted: Vec<DeleteEndpointRequest>,
    pub(in super::super) enabled: Vec<EnableEndpointRequest>,
    pub(in super::super) disabled: Vec<DisableEndpointRequest>,
    pub(in super::super) rotated: Vec<RotateSecretRequest>,
    pub(in super::super) tested: Vec<SendTestEventRequest>,
    pub(in super::super) deliveries: Vec<ListDeliveriesRequest>,
    pub(in super::super) replays: Vec<ReplayEventsRequest>,
}

#[tonic::async_trait]
impl WebhookService for Service {
    async fn create_endpoint(&self, request: Request<CreateEndpointRequest>) -> Answer<CreateEndpointResponse> {
        let answer = self.next(&request, |script| script.hooks.created.take())?;
        self.heard.lock().unwrap().hooks.created.push(request.into_inner());
        Ok(Response::new(answer))
    }

    async fn get_endpoint(&self, request: Request<GetEndpointRequest>) -> Answer<GetEndpointResponse> {
        let answer = self.next(&request, |script| script.hooks.got.take())?;
        self.heard.lock().unwrap().hooks.got.push(request.into_inner());
        Ok(Response::new(answer))
    }

    async fn list_endpoints(&self, request: Request<ListEndpointsRequest>) -> Answer<ListEndpointsResponse> {
        let answer = self.next(&request, |script| script.hooks.pages.pop_front())?;
        self.heard.lock().unwrap().hooks.lists.push(request.into_inner());
        Ok(Response::new(answer))
    }

    async fn update_endpoint(&self, request: Request<UpdateEndpointRequest>) -> Answer<UpdateEndpointResponse> {
        let answer = self.next(&request, |script| script.hooks.changed.clone())?;
        self.heard.lock().unwrap().hooks.updates.push(request.into_inner());
        Ok(Response::new(UpdateEndpointResponse { endpoint: Some(answer) }))
    }

    async fn delete_endpoint(&self, request: Request<DeleteEndpointRequest>) -> Answer<DeleteEndpointResponse> {
        self.heard.lock().unwrap().hooks.deleted.push(request.into_inner());
        Ok(Response::new(DeleteEndpointResponse {}))
    }

    async fn enable_endpoint(&self, request: Request<EnableEndpointRequest>) -> Answer<EnableEndpointResponse> {
        let answer = self.next(&request, |script| script.hooks.changed.clone())?;
        self.heard.lock().unwrap().hooks.enabled.push(request.into_inner());
        Ok(Response::new(EnableEndpointResponse { endpoint: Some(answer) }))
    }

    async fn disable_endpoint(&self, request: Request<DisableEndpointRequest>) -> Answer<DisableEndpointResponse> {
        let answer = self.next(&request, |script| script.hooks.changed.clone())?;
        self.heard.lock().unwrap().hooks.disabled.push(request.into_inner());
        Ok(Response::new(DisableEndpointResponse { endpoint: Some(answer) }))
    }

    async fn rotate_secret(&self, request: Request<RotateSecretRequest>) -> Answer<RotateSecretResponse> {
        let answer = self.next(&request, |script| script.hooks.rotated.take())?;
        self.heard.lock().unwrap().hooks.rotated.push(request.into_inner());
        Ok(Response::new(answer))
    }

    async fn send_test_event(&self, request: Request<SendTestEventRequest>) -> Answer<SendTestEventResponse> {
        let answer = self.next(&request, |script| script.hooks.tested.take())?;
        self.heard.lock().unwrap().hooks.tested.push(request.into_inner());
        Ok(Response::new(answer))
    }

    async fn list_deliveries(&self, request: Request<ListDeliveriesRequest>) -> Answer<ListDeliveriesResponse> {
        let answer = self.next(&request, |script| script.hooks.deliveries.pop_front())?;
        self.heard.lock().unwrap().hooks.deliveries.push(request.into_inner());
        Ok(Response::new(answer))
    }

    async fn replay_events(&self, request: Request<ReplayEventsRequest>) -> Answer<ReplayEventsResponse> {
        let answer = self.next(&request, |script| script.hooks.replayed.take())?;
        self.heard.lock().unwrap().hooks.replays.push(request.into_inner());
        Ok(Response::new(answer))
    }
}
