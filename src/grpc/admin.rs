//! `messaging.v1.AdminService`: thin methods over what the contract asks of the service. The command line beside a database has them
//! in its own process.

use std::convert::Infallible;
use std::task::{Context, Poll};

use http::{Request as HttpRequest, Response as HttpResponse};
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::{Request, Response, Status};

use crate::auth::Caller;
use crate::contract::{admin, fleet, numbers, users};
use crate::grpc::GrpcApi;
use crate::proto::admin_service_server::{AdminService, AdminServiceServer};
use crate::proto::{
    CancelWaitingMessagesRequest, CancelWaitingMessagesResponse, CreateKeyRequest, CreateKeyResponse,
    CreateUserRequest, CreateUserResponse, DisableUserRequest, DisableUserResponse, EnableUserRequest,
    EnableUserResponse, EndUserTokensRequest, EndUserTokensResponse, EraseNumberRequest, EraseNumberResponse,
    ExpireKeyRequest, ExpireKeyResponse, ExportOptOutsRequest, ExportOptOutsResponse, GetQueueRequest,
    GetQueueResponse, GetRetentionRequest, GetRetentionResponse, GetUserRequest, GetUserResponse, GrantUserRequest,
    GrantUserResponse, ImportOptOutsRequest, ImportOptOutsResponse, InspectMessageRequest, InspectMessageResponse,
    LimitUserRequest, LimitUserResponse, ListAuditEventsRequest, ListAuditEventsResponse, ListDeadMessagesRequest,
    ListDeadMessagesResponse, ListInboundReviewRequest, ListInboundReviewResponse, ListKeysRequest, ListKeysResponse,
    ListReplicasRequest, ListReplicasResponse, ListRouteAccountsRequest, ListRouteAccountsResponse, ListUsersRequest,
    ListUsersResponse, ListWaitingMessagesRequest, ListWaitingMessagesResponse, ReplayReportsRequest,
    ReplayReportsResponse, RequeueDeadMessagesRequest, RequeueDeadMessagesResponse, RequeueMessageRequest,
    RequeueMessageResponse, ResolveInboundRequest, ResolveInboundResponse, RetractOptOutRequest, RetractOptOutResponse,
    RevokeKeyRequest, RevokeKeyResponse, SetRouteAccountLimitRequest, SetRouteAccountLimitResponse,
    UnblockRouteAccountRequest, UnblockRouteAccountResponse, UngrantUserRequest, UngrantUserResponse,
};
use crate::service::Operations;

/// The service for operators.
#[derive(Debug, Clone)]
pub(super) struct AdminApi {
    pub(super) operations: Operations,
}

#[tonic::async_trait]
impl AdminService for AdminApi {
    async fn list_audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Result<Response<ListAuditEventsResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::list_audit_events(&self.operations, &caller, request).await)
    }

    async fn list_route_accounts(
        &self,
        request: Request<ListRouteAccountsRequest>,
    ) -> Result<Response<ListRouteAccountsResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::list_route_accounts(&self.operations, &caller, request).await)
    }

    async fn set_route_account_limit(
        &self,
        request: Request<SetRouteAccountLimitRequest>,
    ) -> Result<Response<SetRouteAccountLimitResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::set_route_account_limit(&self.operations, &caller, request).await)
    }

    async fn unblock_route_account(
        &self,
        request: Request<UnblockRouteAccountRequest>,
    ) -> Result<Response<UnblockRouteAccountResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::unblock_route_account(&self.operations, &caller, request).await)
    }

    async fn list_dead_messages(
        &self,
        request: Request<ListDeadMessagesRequest>,
    ) -> Result<Response<ListDeadMessagesResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::list_dead_messages(&self.operations, &caller, request).await)
    }

    async fn inspect_message(
        &self,
        request: Request<InspectMessageRequest>,
    ) -> Result<Response<InspectMessageResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::inspect_message(&self.operations, &caller, request).await)
    }

    async fn requeue_message(
        &self,
        request: Request<RequeueMessageRequest>,
    ) -> Result<Response<RequeueMessageResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::requeue_message(&self.operations, &caller, request).await)
    }

    async fn requeue_dead_messages(
        &self,
        request: Request<RequeueDeadMessagesRequest>,
    ) -> Result<Response<RequeueDeadMessagesResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::requeue_dead_messages(&self.operations, &caller, request).await)
    }

    async fn get_queue(&self, request: Request<GetQueueRequest>) -> Result<Response<GetQueueResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::get_queue(&self.operations, &caller, request).await)
    }

    async fn list_waiting_messages(
        &self,
        request: Request<ListWaitingMessagesRequest>,
    ) -> Result<Response<ListWaitingMessagesResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::list_waiting_messages(&self.operations, &caller, request).await)
    }

    async fn cancel_waiting_messages(
        &self,
        request: Request<CancelWaitingMessagesRequest>,
    ) -> Result<Response<CancelWaitingMessagesResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(admin::cancel_waiting_messages(&self.operations, &caller, request).await)
    }

    async fn create_user(&self, request: Request<CreateUserRequest>) -> Result<Response<CreateUserResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::create_user(&self.operations, &caller, request).await)
    }

    async fn list_users(&self, request: Request<ListUsersRequest>) -> Result<Response<ListUsersResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::list_users(&self.operations, &caller, request).await)
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::get_user(&self.operations, &caller, request).await)
    }

    async fn limit_user(&self, request: Request<LimitUserRequest>) -> Result<Response<LimitUserResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::limit_user(&self.operations, &caller, request).await)
    }

    async fn grant_user(&self, request: Request<GrantUserRequest>) -> Result<Response<GrantUserResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::grant_user(&self.operations, &caller, request).await)
    }

    async fn ungrant_user(
        &self,
        request: Request<UngrantUserRequest>,
    ) -> Result<Response<UngrantUserResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::ungrant_user(&self.operations, &caller, request).await)
    }

    async fn disable_user(
        &self,
        request: Request<DisableUserRequest>,
    ) -> Result<Response<DisableUserResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::disable_user(&self.operations, &caller, request).await)
    }

    async fn enable_user(&self, request: Request<EnableUserRequest>) -> Result<Response<EnableUserResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::enable_user(&self.operations, &caller, request).await)
    }

    async fn end_user_tokens(
        &self,
        request: Request<EndUserTokensRequest>,
    ) -> Result<Response<EndUserTokensResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::end_user_tokens(&self.operations, &caller, request).await)
    }

    async fn create_key(&self, request: Request<CreateKeyRequest>) -> Result<Response<CreateKeyResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::create_key(&self.operations, &caller, request).await)
    }

    async fn list_keys(&self, request: Request<ListKeysRequest>) -> Result<Response<ListKeysResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::list_keys(&self.operations, &caller, request).await)
    }

    async fn revoke_key(&self, request: Request<RevokeKeyRequest>) -> Result<Response<RevokeKeyResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::revoke_key(&self.operations, &caller, request).await)
    }

    async fn expire_key(&self, request: Request<ExpireKeyRequest>) -> Result<Response<ExpireKeyResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(users::expire_key(&self.operations, &caller, request).await)
    }

    async fn import_opt_outs(
        &self,
        request: Request<ImportOptOutsRequest>,
    ) -> Result<Response<ImportOptOutsResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(numbers::import_opt_outs(&self.operations, &caller, request).await)
    }

    async fn export_opt_outs(
        &self,
        request: Request<ExportOptOutsRequest>,
    ) -> Result<Response<ExportOptOutsResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(numbers::export_opt_outs(&self.operations, &caller, request).await)
    }

    async fn retract_opt_out(
        &self,
        request: Request<RetractOptOutRequest>,
    ) -> Result<Response<RetractOptOutResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(numbers::retract_opt_out(&self.operations, &caller, request).await)
    }

    async fn erase_number(
        &self,
        request: Request<EraseNumberRequest>,
    ) -> Result<Response<EraseNumberResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(numbers::erase_number(&self.operations, &caller, request).await)
    }

    async fn list_inbound_review(
        &self,
        request: Request<ListInboundReviewRequest>,
    ) -> Result<Response<ListInboundReviewResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(numbers::list_inbound_review(&self.operations, &caller, request).await)
    }

    async fn resolve_inbound(
        &self,
        request: Request<ResolveInboundRequest>,
    ) -> Result<Response<ResolveInboundResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(numbers::resolve_inbound(&self.operations, &caller, request).await)
    }

    async fn list_replicas(
        &self,
        request: Request<ListReplicasRequest>,
    ) -> Result<Response<ListReplicasResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(fleet::list_replicas(&self.operations, &caller, request).await)
    }

    async fn get_retention(
        &self,
        request: Request<GetRetentionRequest>,
    ) -> Result<Response<GetRetentionResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(fleet::get_retention(&self.operations, &caller, request).await)
    }

    async fn replay_reports(
        &self,
        request: Request<ReplayReportsRequest>,
    ) -> Result<Response<ReplayReportsResponse>, Status> {
        let (caller, call, request) = GrpcApi::enter(request)?;
        call.answer(fleet::replay_reports(&self.operations, &caller, request).await)
    }
}

/// The service for operators in this process, without a listener: every call is this caller's.
#[derive(Debug, Clone)]
pub struct InProcess {
    service: AdminServiceServer<AdminApi>,
    caller: Caller,
}

impl InProcess {
    /// Over these acts, in the name of this caller.
    #[must_use]
    pub fn new(operations: Operations, caller: Caller) -> Self {
        Self { service: AdminServiceServer::new(AdminApi { operations }), caller }
    }
}

impl tower::Service<HttpRequest<Body>> for InProcess {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = BoxFuture<HttpResponse<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: HttpRequest<Body>) -> Self::Future {
        request.extensions_mut().insert(self.caller.clone());
        tower::Service::call(&mut self.service, request)
    }
}
