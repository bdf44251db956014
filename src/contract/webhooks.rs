//! The RPCs of `messaging.v1.WebhookService`.

use secrecy::ExposeSecret as _;

use crate::auth::Caller;
use crate::contract::convert::{given_duration, given_fraction, given_time, timestamp};
use crate::error::{Error, Violation};
use crate::proto::{
    CreateEndpointRequest, CreateEndpointResponse, DeleteEndpointRequest, DeleteEndpointResponse,
    DisableEndpointRequest, DisableEndpointResponse, EnableEndpointRequest, EnableEndpointResponse, GetEndpointRequest,
    GetEndpointResponse, ListDeliveriesRequest, ListDeliveriesResponse, ListEndpointsRequest, ListEndpointsResponse,
    ReplayEventsRequest, ReplayEventsResponse, RotateSecretRequest, RotateSecretResponse, SendTestEventRequest,
    SendTestEventResponse, UpdateEndpointRequest, UpdateEndpointResponse, enable_endpoint_request,
};
use crate::service::{
    CreateEndpoint, GivenCalling, GivenStart, ListDeliveries, ListEndpoints, ReplayEvents, Service, UpdateEndpoint,
};

/// `CreateEndpoint`.
pub async fn create_endpoint(
    service: &Service,
    caller: &Caller,
    request: CreateEndpointRequest,
) -> Result<CreateEndpointResponse, Error> {
    let mut violations = Vec::new();
    let request = CreateEndpoint {
        calling: GivenCalling {
            max_batch: Some(request.max_batch),
            max_wait: given_fraction("max_wait", request.max_wait, &mut violations),
            max_rate: Some(request.max_rate),
            max_age: given_duration("max_age", request.max_age, &mut violations),
            include_destination: Some(request.include_destination),
            include_text: Some(request.include_text),
        },
        url: request.url,
        types: request.types,
        campaign_id: request.campaign_id,
        metadata: request.metadata,
        description: request.description,
        disabled: request.disabled,
        owner_id: request.owner_id,
    };
    let (endpoint, secret) = service.create_endpoint(caller, request, violations).await?;
    Ok(CreateEndpointResponse { endpoint: Some(endpoint.into()), secret: secret.expose_secret().to_owned() })
}

/// `GetEndpoint`.
pub async fn get_endpoint(
    service: &Service,
    caller: &Caller,
    request: GetEndpointRequest,
) -> Result<GetEndpointResponse, Error> {
    let (endpoint, stands) = service.endpoint(caller, &request.id, request.owner_id).await?;
    Ok(GetEndpointResponse { endpoint: Some(endpoint.into()), standing: Some(stands.into()) })
}

/// `ListEndpoints`.
pub async fn list_endpoints(
    service: &Service,
    caller: &Caller,
    request: ListEndpointsRequest,
) -> Result<ListEndpointsResponse, Error> {
    let ListEndpointsRequest { page_size, page_token, owner_id } = request;
    let page = service.list_endpoints(caller, &ListEndpoints { page_size, page_token, owner_id }).await?;
    let endpoints = page.endpoints.into_iter().map(Into::into).collect();
    Ok(ListEndpointsResponse { endpoints, next_page_token: page.next_page_token })
}

/// `UpdateEndpoint`.
pub async fn update_endpoint(
    service: &Service,
    caller: &Caller,
    request: UpdateEndpointRequest,
) -> Result<UpdateEndpointResponse, Error> {
    let mut violations = Vec::new();
    let request = UpdateEndpoint {
        calling: GivenCalling {
            max_batch: request.max_batch,
            max_wait: given_fraction("max_wait", request.max_wait, &mut violations),
            max_rate: request.max_rate,
            max_age: given_duration("max_age", request.max_age, &mut violations),
            include_destination: request.include_destination,
            include_text: request.include_text,
        },
        id: request.id,
        url: request.url,
        types: request.types.map(|given| given.types),
        campaign_id: request.campaign_id,
        metadata: request.metadata.map(|given| given.metadata),
        description: request.description,
        owner_id: request.owner_id,
    };
    let endpoint = service.update_endpoint(caller, request, violations).await?;
    Ok(UpdateEndpointResponse { endpoint: Some(endpoint.into()) })
}

/// `DeleteEndpoint`.
pub async fn delete_endpoint(
    service: &Service,
    caller: &Caller,
    request: DeleteEndpointRequest,
) -> Result<DeleteEndpointResponse, Error> {
    service.delete_endpoint(caller, &request.id, request.owner_id).await?;
    Ok(DeleteEndpointResponse {})
}

/// `EnableEndpoint`.
pub async fn enable_endpoint(
    service: &Service,
    caller: &Caller,
    request: EnableEndpointRequest,
) -> Result<EnableEndpointResponse, Error> {
    let mut violations = Vec::new();
    let start = start(request.start, &mut violations);
    let endpoint = service.enable_endpoint(caller, &request.id, request.owner_id, start, violations).await?;
    Ok(EnableEndpointResponse { endpoint: Some(endpoint.into()) })
}

fn start(given: Option<enable_endpoint_request::Start>, violations: &mut Vec<Violation>) -> GivenStart {
    use enable_endpoint_request::Start;
    match given {
        None | Some(Start::FromNow(false)) => GivenStart::Resume,
        Some(Start::FromNow(true)) => GivenStart::Now,
        // One that cannot be read is a violation, and is not gone on from.
        Some(Start::FromTime(at)) => {
            given_time("from_time", Some(at), violations).map_or(GivenStart::Resume, GivenStart::Time)
        }
        Some(Start::ResumeToken(token)) => GivenStart::Token(token),
    }
}

/// `DisableEndpoint`.
pub async fn disable_endpoint(
    service: &Service,
    caller: &Caller,
    request: DisableEndpointRequest,
) -> Result<DisableEndpointResponse, Error> {
    let endpoint = service.disable_endpoint(caller, &request.id, request.owner_id).await?;
    Ok(DisableEndpointResponse { endpoint: Some(endpoint.into()) })
}

/// `RotateSecret`.
pub async fn rotate_secret(
    service: &Service,
    caller: &Caller,
    request: RotateSecretRequest,
) -> Result<RotateSecretResponse, Error> {
    let rotated = service.rotate_secret(caller, &request.id, request.owner_id, request.at_once).await?;
    Ok(RotateSecretResponse {
        endpoint: Some(rotated.endpoint.into()),
        secret: rotated.secret.expose_secret().to_owned(),
        old_until: Some(timestamp(rotated.old_until)),
    })
}

/// `SendTestEvent`.
pub async fn send_test_event(
    service: &Service,
    caller: &Caller,
    request: SendTestEventRequest,
) -> Result<SendTestEventResponse, Error> {
    Ok(service.test_endpoint(caller, &request.id, request.owner_id).await?.into())
}

/// `ListDeliveries`.
pub async fn list_deliveries(
    service: &Service,
    caller: &Caller,
    request: ListDeliveriesRequest,
) -> Result<ListDeliveriesResponse, Error> {
    let ListDeliveriesRequest { id, page_size, page_token, owner_id } = request;
    let page = service.list_deliveries(caller, &ListDeliveries { id, page_size, page_token, owner_id }).await?;
    let deliveries = page.deliveries.into_iter().map(Into::into).collect();
    Ok(ListDeliveriesResponse { deliveries, next_page_token: page.next_page_token })
}

/// `ReplayEvents`.
pub async fn replay_events(
    service: &Service,
    caller: &Caller,
    request: ReplayEventsRequest,
) -> Result<ReplayEventsResponse, Error> {
    let mut violations = Vec::new();
    let request = ReplayEvents {
        from: given_time("from", request.from, &mut violations),
        to: given_time("to", request.to, &mut violations),
        id: request.id,
        types: request.types,
        owner_id: request.owner_id,
    };
    let replay = service.replay_events(caller, request, violations).await?;
    Ok(ReplayEventsResponse { replay_id: replay.to_string() })
}
