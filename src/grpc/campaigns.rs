//! `messaging.v1.CampaignService`: thin methods over the service.

use std::pin::Pin;

use futures::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::error::Error;
use crate::grpc::convert::{given_duration, given_time};
use crate::grpc::{Door, status};
use crate::proto::campaign_service_server::CampaignService;
use crate::proto::{
    AddRecipientsRequest, AddRecipientsResponse, CancelCampaignRequest, CancelCampaignResponse, CreateCampaignRequest,
    CreateCampaignResponse, GetCampaignRequest, GetCampaignResponse, GetCampaignStatsRequest, GetCampaignStatsResponse,
    ListCampaignsRequest, ListCampaignsResponse, PauseCampaignRequest, PauseCampaignResponse, ResumeCampaignRequest,
    ResumeCampaignResponse, StartCampaignRequest, StartCampaignResponse, WatchCampaignRequest, WatchCampaignResponse,
};
use crate::service::{CreateCampaign, ListCampaigns};

const RECIPIENTS: &str = "AddRecipients is not built yet: name the campaign in SendSingle's campaign_id";
const SENDING: &str = "Campaigns cannot be started yet: name the campaign in SendSingle's campaign_id";
const WATCHING: &str = "WatchCampaign is not built yet: read GetCampaignStats";

impl Door {
    /// Refuses a method that is not built yet, to callers who show who they are.
    async fn not_yet<T, A>(&self, request: Request<T>, sentence: &'static str) -> Result<Response<A>, Status> {
        self.enter(request).await?;
        Err(status::render(&Error::Unimplemented(sentence)))
    }
}

#[tonic::async_trait]
impl CampaignService for Door {
    async fn create_campaign(
        &self,
        request: Request<CreateCampaignRequest>,
    ) -> Result<Response<CreateCampaignResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let new = CreateCampaign {
            name: request.name,
            text: request.text,
            sender: request.sender,
            delivery_guarantee: request.delivery_guarantee,
            scheduled_at: given_time(request.scheduled_at),
            validity: given_duration(request.validity),
            idempotency_key: request.idempotency_key,
        };
        let campaign = self.service.create_campaign(&caller, new).await.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(CreateCampaignResponse { campaign: Some(campaign.into()) }))
    }

    async fn add_recipients(
        &self,
        request: Request<Streaming<AddRecipientsRequest>>,
    ) -> Result<Response<AddRecipientsResponse>, Status> {
        self.not_yet(request, RECIPIENTS).await
    }

    async fn start_campaign(
        &self,
        request: Request<StartCampaignRequest>,
    ) -> Result<Response<StartCampaignResponse>, Status> {
        self.not_yet(request, SENDING).await
    }

    async fn pause_campaign(
        &self,
        request: Request<PauseCampaignRequest>,
    ) -> Result<Response<PauseCampaignResponse>, Status> {
        self.not_yet(request, SENDING).await
    }

    async fn resume_campaign(
        &self,
        request: Request<ResumeCampaignRequest>,
    ) -> Result<Response<ResumeCampaignResponse>, Status> {
        self.not_yet(request, SENDING).await
    }

    async fn cancel_campaign(
        &self,
        request: Request<CancelCampaignRequest>,
    ) -> Result<Response<CancelCampaignResponse>, Status> {
        self.not_yet(request, SENDING).await
    }

    async fn get_campaign(
        &self,
        request: Request<GetCampaignRequest>,
    ) -> Result<Response<GetCampaignResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let campaign = self.service.campaign(&caller, request.id).await.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(GetCampaignResponse { campaign: Some(campaign.into()) }))
    }

    async fn list_campaigns(
        &self,
        request: Request<ListCampaignsRequest>,
    ) -> Result<Response<ListCampaignsResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let ListCampaignsRequest { page_size, page_token, owner_id } = request;
        let request = ListCampaigns { page_size, page_token, owner_id };
        let page = self.service.list_campaigns(&caller, &request).await.map_err(|e| call.refuse(&e))?;
        let campaigns = page.campaigns.into_iter().map(Into::into).collect();
        Ok(Response::new(ListCampaignsResponse { campaigns, next_page_token: page.next_page_token }))
    }

    async fn get_campaign_stats(
        &self,
        request: Request<GetCampaignStatsRequest>,
    ) -> Result<Response<GetCampaignStatsResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let stats = self.service.campaign_stats(&caller, request.campaign_id).await.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(GetCampaignStatsResponse { stats: Some(stats.into()) }))
    }

    type WatchCampaignStream = Pin<Box<dyn Stream<Item = Result<WatchCampaignResponse, Status>> + Send>>;

    async fn watch_campaign(
        &self,
        request: Request<WatchCampaignRequest>,
    ) -> Result<Response<Self::WatchCampaignStream>, Status> {
        self.not_yet(request, WATCHING).await
    }
}
