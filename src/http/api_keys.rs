//! `/api/v1/api-keys`: API keys. A secret is in the answer that makes one, and in no other.

use axum::extract::State;
use axum::http::Method;
use axum::routing::{get, post};

use crate::contract::users;
use crate::http::endpoint::Endpoint;
use crate::http::entry::HttpApi;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    CreateKeyRequest, CreateKeyResponse, ExpireKeyRequest, ExpireKeyResponse, ListKeysRequest, ListKeysResponse,
    RevokeKeyRequest, RevokeKeyResponse,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::admin(Method::POST, "/api/v1/api-keys", "CreateKey", post(create_key)),
        Endpoint::admin(Method::GET, "/api/v1/api-keys", "ListKeys", get(list_keys)),
        Endpoint::admin(Method::POST, "/api/v1/api-keys/{id}/revoke", "RevokeKey", post(revoke_key)),
        Endpoint::admin(Method::POST, "/api/v1/api-keys/{id}/expire", "ExpireKey", post(expire_key)),
    ]
}

async fn create_key(
    State(api): State<HttpApi>,
    asked: Asked<CreateKeyRequest>,
) -> Result<Answer<CreateKeyResponse>, Problem> {
    Ok(Answer(users::create_key(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn list_keys(
    State(api): State<HttpApi>,
    asked: Asked<ListKeysRequest>,
) -> Result<Answer<ListKeysResponse>, Problem> {
    Ok(Answer(users::list_keys(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn revoke_key(
    State(api): State<HttpApi>,
    asked: Asked<RevokeKeyRequest>,
) -> Result<Answer<RevokeKeyResponse>, Problem> {
    Ok(Answer(users::revoke_key(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn expire_key(
    State(api): State<HttpApi>,
    asked: Asked<ExpireKeyRequest>,
) -> Result<Answer<ExpireKeyResponse>, Problem> {
    Ok(Answer(users::expire_key(&api.service.operations(), &asked.caller, asked.message).await?))
}
