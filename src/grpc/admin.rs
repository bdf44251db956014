//! `messaging.v1.AdminService`: thin methods over what the contract asks of the service.

use tonic::{Request, Response, Status};

use crate::contract::admin;
use crate::grpc::GrpcApi;
use crate::proto::admin_service_server::AdminService;
use crate::proto::{ListAuditEventsRequest, ListAuditEventsResponse};

#[tonic::async_trait]
impl AdminService for GrpcApi {
    async fn list_audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Result<Response<ListAuditEventsResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(admin::list_audit_events(&self.service, &caller, request).await)
    }
}
