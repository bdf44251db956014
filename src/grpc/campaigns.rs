//! `messaging.v1.CampaignService`: thin methods over the service.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::auth::Caller;
use crate::error::Error;
use crate::grpc::Door;
use crate::grpc::convert::{given_duration, given_time};
use crate::grpc::entry::Call;
use crate::proto::campaign_service_server::CampaignService;
use crate::proto::{
    AddRecipientsRequest, AddRecipientsResponse, CancelCampaignRequest, CancelCampaignResponse, CreateCampaignRequest,
    CreateCampaignResponse, GetCampaignRequest, GetCampaignResponse, GetCampaignStatsRequest, GetCampaignStatsResponse,
    ListCampaignsRequest, ListCampaignsResponse, PauseCampaignRequest, PauseCampaignResponse, ResumeCampaignRequest,
    ResumeCampaignResponse, StartCampaignRequest, StartCampaignResponse, WatchCampaignRequest, WatchCampaignResponse,
};
use crate::service::{AddedRecipients, Adding, CreateCampaign, ListCampaigns};

impl Door {
    /// Reads the stream to its end; each message is stored, or part of the next batch, before the next one is read.
    async fn take_recipients(
        &self,
        caller: &Caller,
        call: &Call,
        mut requests: Streaming<AddRecipientsRequest>,
    ) -> Result<AddedRecipients, Status> {
        let mut adding: Option<Adding> = None;
        while let Some(request) = requests.message().await? {
            let id = request.campaign_id;
            let under_way = match &mut adding {
                Some(under_way) => {
                    under_way.goes_on_with(id).map_err(|e| call.refuse(&e))?;
                    under_way
                }
                None => adding.insert(self.service.add_recipients(caller, id).await.map_err(|e| call.refuse(&e))?),
            };
            let recipients = request.recipients.into_iter().map(Into::into).collect();
            under_way.push(recipients).await.map_err(|e| call.refuse(&e))?;
        }
        let empty = || Error::invalid("campaign_id", "is required in the first message of the stream");
        let adding = adding.ok_or_else(|| call.refuse(&empty()))?;
        adding.finish().await.map_err(|e| call.refuse(&e))
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
        let (caller, call, requests) = self.enter(request).await?;
        Ok(Response::new(self.take_recipients(&caller, &call, requests).await?.into()))
    }

    async fn start_campaign(
        &self,
        request: Request<StartCampaignRequest>,
    ) -> Result<Response<StartCampaignResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let id = request.campaign_id;
        let (campaign, plan) = if request.dry_run {
            let (campaign, plan) = self.service.plan_campaign(&caller, id).await.map_err(|e| call.refuse(&e))?;
            (campaign, Some(plan.into()))
        } else {
            (self.service.start_campaign(&caller, id).await.map_err(|e| call.refuse(&e))?, None)
        };
        Ok(Response::new(StartCampaignResponse { campaign: Some(campaign.into()), plan }))
    }

    async fn pause_campaign(
        &self,
        request: Request<PauseCampaignRequest>,
    ) -> Result<Response<PauseCampaignResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let campaign = self.service.pause_campaign(&caller, request.campaign_id).await;
        let campaign = campaign.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(PauseCampaignResponse { campaign: Some(campaign.into()) }))
    }

    async fn resume_campaign(
        &self,
        request: Request<ResumeCampaignRequest>,
    ) -> Result<Response<ResumeCampaignResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let campaign = self.service.resume_campaign(&caller, request.campaign_id).await;
        let campaign = campaign.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(ResumeCampaignResponse { campaign: Some(campaign.into()) }))
    }

    async fn cancel_campaign(
        &self,
        request: Request<CancelCampaignRequest>,
    ) -> Result<Response<CancelCampaignResponse>, Status> {
        let (caller, call, request) = self.enter(request).await?;
        let campaign = self.service.cancel_campaign(&caller, request.campaign_id).await;
        let campaign = campaign.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(CancelCampaignResponse { campaign: Some(campaign.into()) }))
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
        let (caller, call, request) = self.enter(request).await?;
        let stats = self.service.watch_campaign(&caller, request.campaign_id).await.map_err(|e| call.refuse(&e))?;
        Ok(Response::new(Box::pin(stats.map(move |stats| stats.map(Into::into).map_err(|e| call.refuse(&e))))))
    }
}
