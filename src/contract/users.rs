//! The RPCs of `messaging.v1.AdminService` on users and their API keys.

use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use crate::auth::Caller;
use crate::contract::convert::{given_duration, given_time, timestamp};
use crate::domain::allowed::Allowed;
use crate::error::Error;
use crate::proto::{
    ApiKey, CreateKeyRequest, CreateKeyResponse, CreateUserRequest, CreateUserResponse, DisableUserRequest,
    DisableUserResponse, EnableUserRequest, EnableUserResponse, EndUserTokensRequest, EndUserTokensResponse,
    ExpireKeyRequest, ExpireKeyResponse, GetUserRequest, GetUserResponse, GrantUserRequest, GrantUserResponse,
    KeyState, LimitUserRequest, LimitUserResponse, ListKeysRequest, ListKeysResponse, ListUsersRequest,
    ListUsersResponse, Names, NumberLimit, RevokeKeyRequest, RevokeKeyResponse, UngrantUserRequest,
    UngrantUserResponse, User, UserLimits,
};
use crate::service::{
    self, CreateKey, GivenCountries, GivenLimits, GivenName, GivenPerNumber, ListKeys, ListUsers, Operations,
};

/// `CreateUser`.
pub async fn create_user(
    operations: &Operations,
    caller: &Caller,
    request: CreateUserRequest,
) -> Result<CreateUserResponse, Error> {
    let user = operations.create_user(caller, &request.name, &request.sender).await?;
    Ok(CreateUserResponse { user: Some(user.into()) })
}

/// `ListUsers`.
pub async fn list_users(
    operations: &Operations,
    caller: &Caller,
    request: ListUsersRequest,
) -> Result<ListUsersResponse, Error> {
    let ListUsersRequest { page_size, page_token } = request;
    let page = operations.list_users(caller, &ListUsers { page_size, page_token }).await?;
    let users = page.users.into_iter().map(Into::into).collect();
    Ok(ListUsersResponse { users, next_page_token: page.next_page_token })
}

/// `GetUser`.
pub async fn get_user(
    operations: &Operations,
    caller: &Caller,
    request: GetUserRequest,
) -> Result<GetUserResponse, Error> {
    let shown = operations.show_user(caller, request.id).await?;
    Ok(GetUserResponse {
        user: Some(shown.user.into()),
        segments_left_today: shown.left.today,
        segments_left_this_month: shown.left.this_month,
    })
}

/// `LimitUser`.
pub async fn limit_user(
    operations: &Operations,
    caller: &Caller,
    request: LimitUserRequest,
) -> Result<LimitUserResponse, Error> {
    let mut violations = Vec::new();
    let per_number = request.per_number.map(|limit| GivenPerNumber {
        messages: limit.messages,
        window: given_duration("per_number.window", limit.window, &mut violations),
    });
    let limits = GivenLimits {
        in_flight: request.in_flight,
        calls: request.calls,
        streams: request.streams,
        uploads: request.uploads,
        refreshes: request.refreshes,
        segments_per_day: request.segments_per_day,
        segments_per_month: request.segments_per_month,
        countries: request.countries.map(|given| GivenCountries { every: given.every, names: given.names }),
        per_number,
    };
    let user = operations.limit_user(caller, request.id, limits, violations).await?;
    Ok(LimitUserResponse { user: Some(user.into()) })
}

/// `GrantUser`.
pub async fn grant_user(
    operations: &Operations,
    caller: &Caller,
    request: GrantUserRequest,
) -> Result<GrantUserResponse, Error> {
    let name = GivenName { sender: request.sender, route_account: request.route_account };
    let user = operations.grant(caller, request.id, name, true).await?;
    Ok(GrantUserResponse { user: Some(user.into()) })
}

/// `UngrantUser`.
pub async fn ungrant_user(
    operations: &Operations,
    caller: &Caller,
    request: UngrantUserRequest,
) -> Result<UngrantUserResponse, Error> {
    let name = GivenName { sender: request.sender, route_account: request.route_account };
    let user = operations.grant(caller, request.id, name, false).await?;
    Ok(UngrantUserResponse { user: Some(user.into()) })
}

/// `DisableUser`.
pub async fn disable_user(
    operations: &Operations,
    caller: &Caller,
    request: DisableUserRequest,
) -> Result<DisableUserResponse, Error> {
    let user = operations.disable_user(caller, request.id, true).await?;
    Ok(DisableUserResponse { user: Some(user.into()) })
}

/// `EnableUser`.
pub async fn enable_user(
    operations: &Operations,
    caller: &Caller,
    request: EnableUserRequest,
) -> Result<EnableUserResponse, Error> {
    let user = operations.disable_user(caller, request.id, false).await?;
    Ok(EnableUserResponse { user: Some(user.into()) })
}

/// `EndUserTokens`.
pub async fn end_user_tokens(
    operations: &Operations,
    caller: &Caller,
    request: EndUserTokensRequest,
) -> Result<EndUserTokensResponse, Error> {
    let user = operations.end_tokens(caller, request.id).await?;
    Ok(EndUserTokensResponse { user: Some(user.into()) })
}

/// `CreateKey`.
pub async fn create_key(
    operations: &Operations,
    caller: &Caller,
    request: CreateKeyRequest,
) -> Result<CreateKeyResponse, Error> {
    let mut violations = Vec::new();
    let expires_at = given_time("expires_at", request.expires_at, &mut violations);
    let CreateKeyRequest { user_id, scope, name, .. } = request;
    let made = operations.create_key(caller, CreateKey { user_id, scope, name, expires_at }, violations).await?;
    let secret = made.secret.expose_secret().to_owned();
    Ok(CreateKeyResponse { key: Some(ApiKey::of(made.key, operations.now())), secret })
}

/// `ListKeys`.
pub async fn list_keys(
    operations: &Operations,
    caller: &Caller,
    request: ListKeysRequest,
) -> Result<ListKeysResponse, Error> {
    let ListKeysRequest { page_size, page_token, user_id } = request;
    let page = operations.list_keys(caller, &ListKeys { page_size, page_token, user_id }).await?;
    let now = operations.now();
    let keys = page.keys.into_iter().map(|key| ApiKey::of(key, now)).collect();
    Ok(ListKeysResponse { keys, next_page_token: page.next_page_token })
}

/// `RevokeKey`.
pub async fn revoke_key(
    operations: &Operations,
    caller: &Caller,
    request: RevokeKeyRequest,
) -> Result<RevokeKeyResponse, Error> {
    let key = operations.revoke_key(caller, request.id).await?;
    Ok(RevokeKeyResponse { key: Some(ApiKey::of(key, operations.now())) })
}

/// `ExpireKey`.
pub async fn expire_key(
    operations: &Operations,
    caller: &Caller,
    request: ExpireKeyRequest,
) -> Result<ExpireKeyResponse, Error> {
    let mut violations = Vec::new();
    let at = given_time("expires_at", request.expires_at, &mut violations);
    let key = operations.expire_key(caller, request.id, at, violations).await?;
    Ok(ExpireKeyResponse { key: Some(ApiKey::of(key, operations.now())) })
}

impl ApiKey {
    /// A key as it stands at `now`.
    fn of(key: service::ApiKey, now: Timestamp) -> Self {
        let state = match service::KeyState::of(&key, now) {
            service::KeyState::Live => KeyState::Live,
            service::KeyState::Expired => KeyState::Expired,
            service::KeyState::Revoked => KeyState::Revoked,
        };
        Self {
            id: key.id,
            user_id: key.user.0,
            hint: key.hint,
            scope: key.scopes,
            state: state.into(),
            created_at: Some(timestamp(key.created_at)),
            expires_at: key.expires_at.map(timestamp),
            revoked_at: key.revoked_at.map(timestamp),
            used_at: key.last_used_at.map(timestamp),
            name: key.name.unwrap_or_default(),
        }
    }
}

impl From<Allowed> for Names {
    fn from(allowed: Allowed) -> Self {
        match allowed {
            Allowed::Any => Self { every: true, names: Vec::new() },
            Allowed::Only(names) => Self { every: false, names: names.into_iter().collect() },
        }
    }
}

impl From<service::User> for User {
    fn from(user: service::User) -> Self {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let per_number = user.limits.per_number.map(|limit| NumberLimit {
            messages: number(limit.messages),
            window: Some(pbjson_types::Duration { seconds: limit.window.as_secs(), nanos: 0 }),
        });
        let limits = UserLimits {
            in_flight: user.max_in_flight.map(|n| i32::try_from(n).unwrap_or(i32::MAX)),
            calls: user.at_once.calls.map(number),
            streams: user.at_once.streams.map(number),
            uploads: user.at_once.uploads.map(number),
            refreshes: user.at_once.refreshes.map(number),
            segments_per_day: user.limits.per_day.map(number),
            segments_per_month: user.limits.per_month.map(number),
            countries: Some(user.limits.countries.into()),
            per_number,
        };
        Self {
            id: user.id.0,
            name: user.name,
            sender: user.sender.map(|sender| sender.as_str().to_owned()).unwrap_or_default(),
            disabled_at: user.disabled_at.map(timestamp),
            tokens_since: user.tokens_since.map(timestamp),
            senders: Some(user.senders.into()),
            route_accounts: Some(user.accounts.into()),
            limits: Some(limits),
        }
    }
}
