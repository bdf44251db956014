//! `/api/v1/users`: who may call, and how much one may have.

use axum::extract::State;
use axum::http::Method;
use axum::routing::{delete, get, patch, post};

use crate::contract::users;
use crate::http::endpoint::Endpoint;
use crate::http::entry::HttpApi;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    CreateUserRequest, CreateUserResponse, DisableUserRequest, DisableUserResponse, EnableUserRequest,
    EnableUserResponse, EndUserTokensRequest, EndUserTokensResponse, GetUserRequest, GetUserResponse, GrantUserRequest,
    GrantUserResponse, LimitUserRequest, LimitUserResponse, ListUsersRequest, ListUsersResponse, UngrantUserRequest,
    UngrantUserResponse,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::admin(Method::POST, "/api/v1/users", "CreateUser", post(create_user)),
        Endpoint::admin(Method::GET, "/api/v1/users", "ListUsers", get(list_users)),
        Endpoint::admin(Method::GET, "/api/v1/users/{id}", "GetUser", get(get_user)),
        Endpoint::admin(Method::PATCH, "/api/v1/users/{id}/limits", "LimitUser", patch(limit_user)),
        Endpoint::admin(Method::POST, "/api/v1/users/{id}/grants", "GrantUser", post(grant_user)),
        Endpoint::admin(Method::DELETE, "/api/v1/users/{id}/grants", "UngrantUser", delete(ungrant_user)),
        Endpoint::admin(Method::POST, "/api/v1/users/{id}/disable", "DisableUser", post(disable_user)),
        Endpoint::admin(Method::POST, "/api/v1/users/{id}/enable", "EnableUser", post(enable_user)),
        Endpoint::admin(Method::POST, "/api/v1/users/{id}/end-tokens", "EndUserTokens", post(end_user_tokens)),
    ]
}

async fn create_user(
    State(api): State<HttpApi>,
    asked: Asked<CreateUserRequest>,
) -> Result<Answer<CreateUserResponse>, Problem> {
    Ok(Answer(users::create_user(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn list_users(
    State(api): State<HttpApi>,
    asked: Asked<ListUsersRequest>,
) -> Result<Answer<ListUsersResponse>, Problem> {
    Ok(Answer(users::list_users(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn get_user(
    State(api): State<HttpApi>,
    asked: Asked<GetUserRequest>,
) -> Result<Answer<GetUserResponse>, Problem> {
    Ok(Answer(users::get_user(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn limit_user(
    State(api): State<HttpApi>,
    asked: Asked<LimitUserRequest>,
) -> Result<Answer<LimitUserResponse>, Problem> {
    Ok(Answer(users::limit_user(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn grant_user(
    State(api): State<HttpApi>,
    asked: Asked<GrantUserRequest>,
) -> Result<Answer<GrantUserResponse>, Problem> {
    Ok(Answer(users::grant_user(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn ungrant_user(
    State(api): State<HttpApi>,
    asked: Asked<UngrantUserRequest>,
) -> Result<Answer<UngrantUserResponse>, Problem> {
    Ok(Answer(users::ungrant_user(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn disable_user(
    State(api): State<HttpApi>,
    asked: Asked<DisableUserRequest>,
) -> Result<Answer<DisableUserResponse>, Problem> {
    Ok(Answer(users::disable_user(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn enable_user(
    State(api): State<HttpApi>,
    asked: Asked<EnableUserRequest>,
) -> Result<Answer<EnableUserResponse>, Problem> {
    Ok(Answer(users::enable_user(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn end_user_tokens(
    State(api): State<HttpApi>,
    asked: Asked<EndUserTokensRequest>,
) -> Result<Answer<EndUserTokensResponse>, Problem> {
    Ok(Answer(users::end_user_tokens(&api.service.operations(), &asked.caller, asked.message).await?))
}
