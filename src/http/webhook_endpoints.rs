//! `/api/v1/webhook-endpoints`: an owner's webhook endpoints. A secret is in the answers that make one, and in no other.

use axum::extract::State;
use axum::http::Method;
use axum::routing::{delete, get, patch, post};

use crate::contract::webhooks;
use crate::http::endpoint::Endpoint;
use crate::http::entry::HttpApi;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    CreateEndpointRequest, CreateEndpointResponse, DeleteEndpointRequest, DeleteEndpointResponse,
    DisableEndpointRequest, DisableEndpointResponse, EnableEndpointRequest, EnableEndpointResponse, GetEndpointRequest,
    GetEndpointResponse, ListDeliveriesRequest, ListDeliveriesResponse, ListEndpointsRequest, ListEndpointsResponse,
    ReplayEventsRequest, ReplayEventsResponse, RotateSecretRequest, RotateSecretResponse, SendTestEventRequest,
    SendTestEventResponse, UpdateEndpointRequest, UpdateEndpointResponse,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::webhook(Method::POST, "/api/v1/webhook-endpoints", "CreateEndpoint", post(create)),
        Endpoint::webhook(Method::GET, "/api/v1/webhook-endpoints", "ListEndpoints", get(list)),
        Endpoint::webhook(Method::GET, "/api/v1/webhook-endpoints/{id}", "GetEndpoint", get(one)),
        Endpoint::webhook(Method::PATCH, "/api/v1/webhook-endpoints/{id}", "UpdateEndpoint", patch(update)),
        Endpoint::webhook(Method::DELETE, "/api/v1/webhook-endpoints/{id}", "DeleteEndpoint", delete(remove)),
        Endpoint::webhook(Method::POST, "/api/v1/webhook-endpoints/{id}/enable", "EnableEndpoint", post(enable)),
        Endpoint::webhook(Method::POST, "/api/v1/webhook-endpoints/{id}/disable", "DisableEndpoint", post(disable)),
        Endpoint::webhook(Method::POST, "/api/v1/webhook-endpoints/{id}/rotate-secret", "RotateSecret", post(rotate)),
        Endpoint::webhook(Method::POST, "/api/v1/webhook-endpoints/{id}/test", "SendTestEvent", post(test)),
        Endpoint::webhook(Method::GET, "/api/v1/webhook-endpoints/{id}/deliveries", "ListDeliveries", get(deliveries)),
        Endpoint::webhook(Method::POST, "/api/v1/webhook-endpoints/{id}/replay", "ReplayEvents", post(replay)),
    ]
}

async fn create(
    State(api): State<HttpApi>,
    asked: Asked<CreateEndpointRequest>,
) -> Result<Answer<CreateEndpointResponse>, Problem> {
    Ok(Answer(webhooks::create_endpoint(&api.service, &asked.caller, asked.message).await?))
}

async fn list(
    State(api): State<HttpApi>,
    asked: Asked<ListEndpointsRequest>,
) -> Result<Answer<ListEndpointsResponse>, Problem> {
    Ok(Answer(webhooks::list_endpoints(&api.service, &asked.caller, asked.message).await?))
}

async fn one(
    State(api): State<HttpApi>,
    asked: Asked<GetEndpointRequest>,
) -> Result<Answer<GetEndpointResponse>, Problem> {
    Ok(Answer(webhooks::get_endpoint(&api.service, &asked.caller, asked.message).await?))
}

async fn update(
    State(api): State<HttpApi>,
    asked: Asked<UpdateEndpointRequest>,
) -> Result<Answer<UpdateEndpointResponse>, Problem> {
    Ok(Answer(webhooks::update_endpoint(&api.service, &asked.caller, asked.message).await?))
}

async fn remove(
    State(api): State<HttpApi>,
    asked: Asked<DeleteEndpointRequest>,
) -> Result<Answer<DeleteEndpointResponse>, Problem> {
    Ok(Answer(webhooks::delete_endpoint(&api.service, &asked.caller, asked.message).await?))
}

async fn enable(
    State(api): State<HttpApi>,
    asked: Asked<EnableEndpointRequest>,
) -> Result<Answer<EnableEndpointResponse>, Problem> {
    Ok(Answer(webhooks::enable_endpoint(&api.service, &asked.caller, asked.message).await?))
}

async fn disable(
    State(api): State<HttpApi>,
    asked: Asked<DisableEndpointRequest>,
) -> Result<Answer<DisableEndpointResponse>, Problem> {
    Ok(Answer(webhooks::disable_endpoint(&api.service, &asked.caller, asked.message).await?))
}

async fn rotate(
    State(api): State<HttpApi>,
    asked: Asked<RotateSecretRequest>,
) -> Result<Answer<RotateSecretResponse>, Problem> {
    Ok(Answer(webhooks::rotate_secret(&api.service, &asked.caller, asked.message).await?))
}

async fn test(
    State(api): State<HttpApi>,
    asked: Asked<SendTestEventRequest>,
) -> Result<Answer<SendTestEventResponse>, Problem> {
    Ok(Answer(webhooks::send_test_event(&api.service, &asked.caller, asked.message).await?))
}

async fn deliveries(
    State(api): State<HttpApi>,
    asked: Asked<ListDeliveriesRequest>,
) -> Result<Answer<ListDeliveriesResponse>, Problem> {
    Ok(Answer(webhooks::list_deliveries(&api.service, &asked.caller, asked.message).await?))
}

async fn replay(
    State(api): State<HttpApi>,
    asked: Asked<ReplayEventsRequest>,
) -> Result<Answer<ReplayEventsResponse>, Problem> {
    Ok(Answer(webhooks::replay_events(&api.service, &asked.caller, asked.message).await?))
}
