//! `/api/v1/messages`: sending and reading messages, in the contract's own JSON.

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::{get, post};

use crate::contract::messages;
use crate::http::endpoint::{About, Endpoint};
use crate::http::entry::HttpApi;
use crate::http::events;
use crate::http::openapi::{operations, streams};
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    CancelMessageRequest, CancelMessageResponse, CountMessagesRequest, CountMessagesResponse, ExplainMessageRequest,
    ExplainMessageResponse, GetMessageRequest, GetMessageResponse, ListMessagesRequest, ListMessagesResponse,
    SendSingleRequest, SendSingleResponse, WatchMessagesRequest,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::message(Method::POST, "/api/v1/messages", "SendSingle", post(send)),
        Endpoint::message(Method::GET, "/api/v1/messages", "ListMessages", get(list)),
        Endpoint::message(Method::GET, "/api/v1/messages/count", "CountMessages", get(count)),
        Endpoint::message(Method::GET, "/api/v1/messages/{id}", "GetMessage", get(one)),
        Endpoint::message(Method::POST, "/api/v1/messages/{id}/cancel", "CancelMessage", post(cancel)),
        Endpoint::new(Method::POST, "/api/v1/messages/cancel", About::Operation(operations::cancel), post(cancel)),
        Endpoint::message(Method::GET, "/api/v1/messages/{id}/explain", "ExplainMessage", get(explain)),
        Endpoint::new(Method::GET, "/api/v1/messages/watch", About::Operation(streams::watch_messages), get(watch)),
    ]
}

async fn send(
    State(api): State<HttpApi>,
    asked: Asked<SendSingleRequest>,
) -> Result<Answer<SendSingleResponse>, Problem> {
    Ok(Answer(messages::send_single(&api.service, &asked.caller, asked.message, None).await?))
}

async fn cancel(
    State(api): State<HttpApi>,
    asked: Asked<CancelMessageRequest>,
) -> Result<Answer<CancelMessageResponse>, Problem> {
    Ok(Answer(messages::cancel_message(&api.service, &asked.caller, asked.message).await?))
}

async fn list(
    State(api): State<HttpApi>,
    asked: Asked<ListMessagesRequest>,
) -> Result<Answer<ListMessagesResponse>, Problem> {
    Ok(Answer(messages::list_messages(&api.service, &asked.caller, asked.message).await?))
}

async fn count(
    State(api): State<HttpApi>,
    asked: Asked<CountMessagesRequest>,
) -> Result<Answer<CountMessagesResponse>, Problem> {
    Ok(Answer(messages::count_messages(&api.service, &asked.caller, asked.message).await?))
}

async fn one(
    State(api): State<HttpApi>,
    asked: Asked<GetMessageRequest>,
) -> Result<Answer<GetMessageResponse>, Problem> {
    Ok(Answer(messages::get_message(&api.service, &asked.caller, asked.message).await?))
}

async fn explain(
    State(api): State<HttpApi>,
    asked: Asked<ExplainMessageRequest>,
) -> Result<Answer<ExplainMessageResponse>, Problem> {
    Ok(Answer(messages::explain_message(&api.service, &asked.caller, asked.message).await?))
}

async fn watch(
    State(api): State<HttpApi>,
    headers: HeaderMap,
    asked: Asked<WatchMessagesRequest>,
) -> Result<Response, Problem> {
    let resume = events::last_id(&headers)?.unwrap_or_default();
    if events::over(resume) {
        return Ok(events::nothing_more());
    }
    let steps = events::messages(&api, (&asked.caller, &asked.call), asked.message, resume).await?;
    Ok(events::answer(&api, steps, str::to_owned))
}
