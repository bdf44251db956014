//! `messaging.v1.CampaignService`: thin methods over what the contract asks of the service.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::admission::Quota;
use crate::contract::campaigns;
use crate::grpc::GrpcApi;
use crate::proto::campaign_service_server::CampaignService;
use crate::proto::{
    AddRecipientsRequest, AddRecipientsResponse, CancelCampaignRequest, CancelCampaignResponse, CreateCampaignRequest,
    CreateCampaignResponse, GetCampaignRequest, GetCampaignResponse, GetCampaignStatsRequest, GetCampaignStatsResponse,
    ListCampaignsRequest, ListCampaignsResponse, PauseCampaignRequest, PauseCampaignResponse, ResumeCampaignRequest,
    ResumeCampaignResponse, StartCampaignRequest, StartCampaignResponse, WatchCampaignRequest, WatchCampaignResponse,
};

#[tonic::async_trait]
impl CampaignService for GrpcApi {
    async fn create_campaign(
        &self,
        request: Request<CreateCampaignRequest>,
    ) -> Result<Response<CreateCampaignResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(campaigns::create_campaign(&self.service, &caller, request).await)
    }

    async fn add_recipients(
        &self,
        request: Request<Streaming<AddRecipientsRequest>>,
    ) -> Result<Response<AddRecipientsResponse>, Status> {
        let (caller, call, mut requests) = self.enter_as(Quota::Uploads, request)?;
        let mut recipients = campaigns::Recipients::new(&self.service, &caller);
        // Each message is stored, or part of the next batch, before the next one is read.
        while let Some(request) = requests.message().await? {
            recipients.take(request).await.map_err(|e| call.refuse(&e))?;
        }
        call.answer(recipients.finish().await)
    }

    async fn start_campaign(
        &self,
        request: Request<StartCampaignRequest>,
    ) -> Result<Response<StartCampaignResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(campaigns::start_campaign(&self.service, &caller, request).await)
    }

    async fn pause_campaign(
        &self,
        request: Request<PauseCampaignRequest>,
    ) -> Result<Response<PauseCampaignResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(campaigns::pause_campaign(&self.service, &caller, request).await)
    }

    async fn resume_campaign(
        &self,
        request: Request<ResumeCampaignRequest>,
    ) -> Result<Response<ResumeCampaignResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(campaigns::resume_campaign(&self.service, &caller, request).await)
    }

    async fn cancel_campaign(
        &self,
        request: Request<CancelCampaignRequest>,
    ) -> Result<Response<CancelCampaignResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(campaigns::cancel_campaign(&self.service, &caller, request).await)
    }

    async fn get_campaign(
        &self,
        request: Request<GetCampaignRequest>,
    ) -> Result<Response<GetCampaignResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(campaigns::get_campaign(&self.service, &caller, request).await)
    }

    async fn list_campaigns(
        &self,
        request: Request<ListCampaignsRequest>,
    ) -> Result<Response<ListCampaignsResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(campaigns::list_campaigns(&self.service, &caller, request).await)
    }

    async fn get_campaign_stats(
        &self,
        request: Request<GetCampaignStatsRequest>,
    ) -> Result<Response<GetCampaignStatsResponse>, Status> {
        let (caller, call, request) = Self::enter(request)?;
        call.answer(campaigns::get_campaign_stats(&self.service, &caller, request).await)
    }

    type WatchCampaignStream = Pin<Box<dyn Stream<Item = Result<WatchCampaignResponse, Status>> + Send>>;

    async fn watch_campaign(
        &self,
        request: Request<WatchCampaignRequest>,
    ) -> Result<Response<Self::WatchCampaignStream>, Status> {
        let (caller, call, request) = self.enter_as(Quota::Streams, request)?;
        let stats = campaigns::watch_campaign(&self.service, &caller, request).await;
        let stats = stats.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(Box::pin(stats.map(move |stats| stats.map_err(|e| call.refuse(&e))))))
    }
}
