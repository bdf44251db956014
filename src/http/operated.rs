//! `/api/v1/dead-messages`, `/api/v1/queue` and `/api/v1/waiting-messages`: what was given up, and what waits, of all owners.

use axum::extract::State;
use axum::http::Method;
use axum::routing::{get, post};

use crate::contract::admin;
use crate::http::endpoint::Endpoint;
use crate::http::entry::HttpApi;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    CancelWaitingMessagesRequest, CancelWaitingMessagesResponse, GetQueueRequest, GetQueueResponse,
    InspectMessageRequest, InspectMessageResponse, ListDeadMessagesRequest, ListDeadMessagesResponse,
    ListWaitingMessagesRequest, ListWaitingMessagesResponse, RequeueDeadMessagesRequest, RequeueDeadMessagesResponse,
    RequeueMessageRequest, RequeueMessageResponse,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::admin(Method::GET, "/api/v1/dead-messages", "ListDeadMessages", get(list_dead_messages)),
        Endpoint::admin(Method::GET, "/api/v1/dead-messages/{id}", "InspectMessage", get(inspect_message)),
        Endpoint::admin(Method::POST, "/api/v1/dead-messages/{id}/requeue", "RequeueMessage", post(requeue_message)),
        Endpoint::admin(
            Method::POST,
            "/api/v1/dead-messages/requeue",
            "RequeueDeadMessages",
            post(requeue_dead_messages),
        ),
        Endpoint::admin(Method::GET, "/api/v1/queue", "GetQueue", get(get_queue)),
        Endpoint::admin(Method::GET, "/api/v1/waiting-messages", "ListWaitingMessages", get(list_waiting_messages)),
        Endpoint::admin(
            Method::POST,
            "/api/v1/waiting-messages/cancel",
            "CancelWaitingMessages",
            post(cancel_waiting_messages),
        ),
    ]
}

async fn list_dead_messages(
    State(api): State<HttpApi>,
    asked: Asked<ListDeadMessagesRequest>,
) -> Result<Answer<ListDeadMessagesResponse>, Problem> {
    Ok(Answer(admin::list_dead_messages(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn inspect_message(
    State(api): State<HttpApi>,
    asked: Asked<InspectMessageRequest>,
) -> Result<Answer<InspectMessageResponse>, Problem> {
    Ok(Answer(admin::inspect_message(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn requeue_message(
    State(api): State<HttpApi>,
    asked: Asked<RequeueMessageRequest>,
) -> Result<Answer<RequeueMessageResponse>, Problem> {
    Ok(Answer(admin::requeue_message(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn requeue_dead_messages(
    State(api): State<HttpApi>,
    asked: Asked<RequeueDeadMessagesRequest>,
) -> Result<Answer<RequeueDeadMessagesResponse>, Problem> {
    Ok(Answer(admin::requeue_dead_messages(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn get_queue(
    State(api): State<HttpApi>,
    asked: Asked<GetQueueRequest>,
) -> Result<Answer<GetQueueResponse>, Problem> {
    Ok(Answer(admin::get_queue(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn list_waiting_messages(
    State(api): State<HttpApi>,
    asked: Asked<ListWaitingMessagesRequest>,
) -> Result<Answer<ListWaitingMessagesResponse>, Problem> {
    Ok(Answer(admin::list_waiting_messages(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn cancel_waiting_messages(
    State(api): State<HttpApi>,
    asked: Asked<CancelWaitingMessagesRequest>,
) -> Result<Answer<CancelWaitingMessagesResponse>, Problem> {
    Ok(Answer(admin::cancel_waiting_messages(&api.service.operations(), &asked.caller, asked.message).await?))
}
