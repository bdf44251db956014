//! `/api/v1/route-accounts`: what holds sends back, and rates.

use axum::extract::State;
use axum::http::Method;
use axum::routing::{get, post};

use crate::contract::admin;
use crate::http::endpoint::Endpoint;
use crate::http::entry::HttpApi;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, Asked};
use crate::proto::{
    ListRouteAccountsRequest, ListRouteAccountsResponse, SetRouteAccountLimitRequest, SetRouteAccountLimitResponse,
    UnblockRouteAccountRequest, UnblockRouteAccountResponse,
};

/// The routes.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::admin(Method::GET, "/api/v1/route-accounts", "ListRouteAccounts", get(list_route_accounts)),
        Endpoint::admin(
            Method::POST,
            "/api/v1/route-accounts/{id}/limit",
            "SetRouteAccountLimit",
            post(set_route_account_limit),
        ),
        Endpoint::admin(
            Method::POST,
            "/api/v1/route-accounts/{id}/unblock",
            "UnblockRouteAccount",
            post(unblock_route_account),
        ),
    ]
}

async fn list_route_accounts(
    State(api): State<HttpApi>,
    asked: Asked<ListRouteAccountsRequest>,
) -> Result<Answer<ListRouteAccountsResponse>, Problem> {
    Ok(Answer(admin::list_route_accounts(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn set_route_account_limit(
    State(api): State<HttpApi>,
    asked: Asked<SetRouteAccountLimitRequest>,
) -> Result<Answer<SetRouteAccountLimitResponse>, Problem> {
    Ok(Answer(admin::set_route_account_limit(&api.service.operations(), &asked.caller, asked.message).await?))
}

async fn unblock_route_account(
    State(api): State<HttpApi>,
    asked: Asked<UnblockRouteAccountRequest>,
) -> Result<Answer<UnblockRouteAccountResponse>, Problem> {
    Ok(Answer(admin::unblock_route_account(&api.service.operations(), &asked.caller, asked.message).await?))
}
