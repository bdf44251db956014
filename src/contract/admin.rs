//! The RPCs of `messaging.v1.AdminService` on acts, route accounts and messages; those on users are in `users`.

use jiff::Timestamp;

use crate::auth::Caller;
use crate::contract::convert::{given_time, timestamp};
use crate::domain::gate;
use crate::domain::message::{Dispatch, Message};
use crate::error::{Error, Violation};
use crate::proto::get_queue_response::Lane;
use crate::proto::{
    AuditAct, AuditEvent, CancelWaitingMessagesRequest, CancelWaitingMessagesResponse, DeadMessageFilter,
    ExplainMessageResponse, GetQueueRequest, GetQueueResponse, Holding, InspectMessageRequest, InspectMessageResponse,
    ListAuditEventsRequest, ListAuditEventsResponse, ListDeadMessagesRequest, ListDeadMessagesResponse,
    ListRouteAccountsRequest, ListRouteAccountsResponse, ListWaitingMessagesRequest, ListWaitingMessagesResponse,
    OperatedMessage, RequeueDeadMessagesRequest, RequeueDeadMessagesResponse, RequeueMessageRequest,
    RequeueMessageResponse, RouteAccount, SetRouteAccountLimitRequest, SetRouteAccountLimitResponse,
    UnblockRouteAccountRequest, UnblockRouteAccountResponse,
};
use crate::service::{self, Audited, GivenDead, GivenWaiting, ListAuditEvents, ListDead, Operations, RequeueDead};

/// `ListAuditEvents`.
pub async fn list_audit_events(
    operations: &Operations,
    caller: &Caller,
    request: ListAuditEventsRequest,
) -> Result<ListAuditEventsResponse, Error> {
    let ListAuditEventsRequest { page_size, page_token, owner_id, act, before_id } = request;
    let request = ListAuditEvents { page_size, page_token, owner_id, act, before_id };
    let page = operations.list_audit_events(caller, &request).await?;
    let audit_events = page.acts.into_iter().map(Into::into).collect();
    Ok(ListAuditEventsResponse { audit_events, next_page_token: page.next_page_token })
}

/// `ListRouteAccounts`.
pub async fn list_route_accounts(
    operations: &Operations,
    caller: &Caller,
    request: ListRouteAccountsRequest,
) -> Result<ListRouteAccountsResponse, Error> {
    let ListRouteAccountsRequest { page_size, page_token } = request;
    let page = operations.route_accounts(caller, &service::ListRouteAccounts { page_size, page_token }).await?;
    let route_accounts = page.accounts.into_iter().map(Into::into).collect();
    Ok(ListRouteAccountsResponse { route_accounts, next_page_token: page.next_page_token })
}

/// `SetRouteAccountLimit`.
pub async fn set_route_account_limit(
    operations: &Operations,
    caller: &Caller,
    request: SetRouteAccountLimitRequest,
) -> Result<SetRouteAccountLimitResponse, Error> {
    let SetRouteAccountLimitRequest { id, rate, burst } = request;
    let account = operations.limit_route_account(caller, &service::SetLimit { id, rate, burst }).await?;
    Ok(SetRouteAccountLimitResponse { route_account: Some(account.into()) })
}

/// `UnblockRouteAccount`.
pub async fn unblock_route_account(
    operations: &Operations,
    caller: &Caller,
    request: UnblockRouteAccountRequest,
) -> Result<UnblockRouteAccountResponse, Error> {
    let account = operations.unblock_route_account(caller, &request.id).await?;
    Ok(UnblockRouteAccountResponse { route_account: Some(account.into()) })
}

/// `ListDeadMessages`.
pub async fn list_dead_messages(
    operations: &Operations,
    caller: &Caller,
    request: ListDeadMessagesRequest,
) -> Result<ListDeadMessagesResponse, Error> {
    let filter = DeadMessageFilter {
        owner_id: request.owner_id,
        campaign_id: request.campaign_id,
        error_code: request.error_code,
        traffic_account_id: request.traffic_account_id,
        accepted_after: request.accepted_after,
        accepted_before: request.accepted_before,
    };
    let mut violations = Vec::new();
    let of = GivenDead::read(filter, "", &mut violations);
    let ListDeadMessagesRequest { page_size, page_token, after_id, .. } = request;
    let page = operations.list_dead(caller, &ListDead { page_size, page_token, after_id, of }, violations).await?;
    let messages = page.messages.into_iter().map(Into::into).collect();
    Ok(ListDeadMessagesResponse { messages, next_page_token: page.next_page_token })
}

/// `InspectMessage`.
pub async fn inspect_message(
    operations: &Operations,
    caller: &Caller,
    request: InspectMessageRequest,
) -> Result<InspectMessageResponse, Error> {
    let explained = operations.inspect(caller, &request.id).await?;
    let message = Some(explained.message.clone().into());
    Ok(InspectMessageResponse { message, entries: ExplainMessageResponse::from(explained).entries })
}

/// `RequeueMessage`.
pub async fn requeue_message(
    operations: &Operations,
    caller: &Caller,
    request: RequeueMessageRequest,
) -> Result<RequeueMessageResponse, Error> {
    let message = operations.requeue(caller, &request.id, request.may_duplicate).await?;
    Ok(RequeueMessageResponse { message: Some(message.into()) })
}

/// `RequeueDeadMessages`.
pub async fn requeue_dead_messages(
    operations: &Operations,
    caller: &Caller,
    request: RequeueDeadMessagesRequest,
) -> Result<RequeueDeadMessagesResponse, Error> {
    let mut violations = Vec::new();
    let RequeueDeadMessagesRequest { filter, dry_run, expected_count } = request;
    let of = GivenDead::read(filter.unwrap_or_default(), "filter.", &mut violations);
    let done = operations.requeue_dead(caller, &RequeueDead { of, dry_run, expected_count }, violations).await?;
    Ok(RequeueDeadMessagesResponse { count: done.count, requeued: done.requeued, left: done.left })
}

/// `GetQueue`.
pub async fn get_queue(
    operations: &Operations,
    caller: &Caller,
    _: GetQueueRequest,
) -> Result<GetQueueResponse, Error> {
    let depths = operations.queue(caller).await?;
    let lane = |(waiting, oldest): (i64, Option<Timestamp>)| Lane { waiting, oldest_due_at: oldest.map(timestamp) };
    let of = |state: Dispatch| depths.states.iter().filter(|(of, _)| *of == state).map(|(_, n)| n).sum();
    Ok(GetQueueResponse {
        single: Some(lane(depths.single)),
        campaign: Some(lane(depths.campaign)),
        scheduled: of(Dispatch::Scheduled),
        claimed: of(Dispatch::Claimed),
        sending: of(Dispatch::Sending),
        unknown: of(Dispatch::Unknown),
        dead: of(Dispatch::Dead),
    })
}

/// `ListWaitingMessages`.
pub async fn list_waiting_messages(
    operations: &Operations,
    caller: &Caller,
    request: ListWaitingMessagesRequest,
) -> Result<ListWaitingMessagesResponse, Error> {
    let mut violations = Vec::new();
    let accepted_until = given_time("accepted_until", request.accepted_until, &mut violations);
    let of = GivenWaiting { accepted_until, owner_id: request.owner_id };
    let ListWaitingMessagesRequest { page_size, page_token, .. } = request;
    let request = service::ListWaiting { page_size, page_token, of };
    let page = operations.list_waiting(caller, &request, violations).await?;
    let messages = page.messages.into_iter().map(Into::into).collect();
    Ok(ListWaitingMessagesResponse { messages, next_page_token: page.next_page_token })
}

/// `CancelWaitingMessages`.
pub async fn cancel_waiting_messages(
    operations: &Operations,
    caller: &Caller,
    request: CancelWaitingMessagesRequest,
) -> Result<CancelWaitingMessagesResponse, Error> {
    let mut violations = Vec::new();
    let accepted_until = given_time("accepted_until", request.accepted_until, &mut violations);
    let of = GivenWaiting { accepted_until, owner_id: request.owner_id };
    let CancelWaitingMessagesRequest { dry_run, at_most, .. } = request;
    let done = operations.cancel_waiting(caller, &service::CancelWaiting { of, dry_run, at_most }, violations).await?;
    Ok(CancelWaitingMessagesResponse { count: done.count, cancelled: done.cancelled, unknown: done.unknown })
}

impl GivenDead {
    /// The filter, whose fields are told with `prefix` where they cannot be read.
    fn read(filter: DeadMessageFilter, prefix: &str, violations: &mut Vec<Violation>) -> Self {
        let mut time = |name: &str, at| given_time(&format!("{prefix}{name}"), at, violations);
        Self {
            accepted_after: time("accepted_after", filter.accepted_after),
            accepted_before: time("accepted_before", filter.accepted_before),
            owner_id: filter.owner_id,
            campaign_id: filter.campaign_id,
            error_code: filter.error_code,
            traffic_account_id: filter.traffic_account_id,
        }
    }
}

impl From<Audited> for AuditEvent {
    fn from(done: Audited) -> Self {
        // The contract's numbers are the database's; a test holds the two together.
        let act = done.act.and_then(|act| AuditAct::try_from(act as i32).ok()).unwrap_or_default();
        Self {
            id: done.id,
            at: Some(timestamp(done.at)),
            actor: done.actor.as_str().to_owned(),
            act: act.into(),
            owner_id: done.owner.map(|owner| owner.0),
            subject: done.subject,
        }
    }
}

impl From<gate::Holding> for Holding {
    fn from(holding: gate::Holding) -> Self {
        match holding {
            gate::Holding::Free => Self::Free,
            gate::Holding::Throttled => Self::Throttled,
            gate::Holding::Unhealthy => Self::Unhealthy,
            gate::Holding::Blocked => Self::Blocked,
        }
    }
}

impl From<service::RouteAccount> for RouteAccount {
    fn from(account: service::RouteAccount) -> Self {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        Self {
            id: account.id,
            holding: Holding::from(account.holding).into(),
            reason: account.code.unwrap_or_default(),
            held_since: account.since.map(timestamp),
            held_until: account.until.map(timestamp),
            rate: account.rate.map(number),
            burst: account.burst.map(number),
        }
    }
}

impl From<Message> for OperatedMessage {
    fn from(message: Message) -> Self {
        Self {
            id: message.id.to_string(),
            owner_id: message.owner.0,
            campaign_id: message.campaign.map(|campaign| campaign.0),
            destination: message.destination.masked(),
            status: message.status() as i32,
            attempts: message.state.attempts,
            created_at: Some(timestamp(message.created_at)),
            changed_at: Some(timestamp(message.state.failed_at.unwrap_or(message.state.updated_at))),
            error_code: message.state.error_code.unwrap_or_default(),
            traffic_account_id: message.traffic_account_id,
        }
    }
}
