//! The RPCs of `messaging.v1.CampaignService`.

use futures::stream::BoxStream;

use crate::auth::Caller;
use crate::contract::answers;
use crate::contract::convert::{given_duration, given_tags, given_time};
use crate::error::Error;
use crate::proto::{
    AddRecipientsRequest, AddRecipientsResponse, CancelCampaignRequest, CancelCampaignResponse, CreateCampaignRequest,
    CreateCampaignResponse, GetCampaignRequest, GetCampaignResponse, GetCampaignStatsRequest, GetCampaignStatsResponse,
    ListCampaignsRequest, ListCampaignsResponse, PauseCampaignRequest, PauseCampaignResponse, ResumeCampaignRequest,
    ResumeCampaignResponse, StartCampaignRequest, StartCampaignResponse, WatchCampaignRequest, WatchCampaignResponse,
};
use crate::service::{Adding, CreateCampaign, ListCampaigns, Service};

/// `CreateCampaign`.
pub async fn create_campaign(
    service: &Service,
    caller: &Caller,
    request: CreateCampaignRequest,
) -> Result<CreateCampaignResponse, Error> {
    let mut violations = Vec::new();
    let new = CreateCampaign {
        name: request.name,
        text: request.text,
        sender: request.sender,
        delivery_guarantee: request.delivery_guarantee,
        scheduled_at: given_time("scheduled_at", request.scheduled_at, &mut violations),
        validity: given_duration("validity", request.validity, &mut violations),
        tags: given_tags(request.reference, request.metadata),
        idempotency_key: request.idempotency_key,
    };
    let campaign = service.create_campaign(caller, new, violations).await?;
    Ok(CreateCampaignResponse { campaign: Some(campaign.into()) })
}

/// `AddRecipients`, message by message of its stream.
pub struct Recipients<'a> {
    service: &'a Service,
    caller: &'a Caller,
    adding: Option<Adding>,
}

impl<'a> Recipients<'a> {
    /// A stream of which nothing has come yet.
    #[must_use]
    pub fn new(service: &'a Service, caller: &'a Caller) -> Self {
        Self { service, caller, adding: None }
    }

    /// Takes one message; it is stored, or part of the next batch, when this answers.
    pub async fn take(&mut self, request: AddRecipientsRequest) -> Result<(), Error> {
        let adding = if let Some(adding) = &mut self.adding {
            adding.goes_on_with(request.campaign_id)?;
            adding
        } else {
            let id = named(request.campaign_id)?;
            self.adding.insert(self.service.add_recipients(self.caller, id).await?)
        };
        adding.push(request.recipients.into_iter().map(Into::into).collect()).await
    }

    /// The names of the variables that the campaign's text needs; none before the first message.
    pub fn names(&self) -> Vec<String> {
        self.adding.as_ref().map(Adding::names).unwrap_or_default()
    }

    /// The stream has ended.
    pub async fn finish(self) -> Result<AddRecipientsResponse, Error> {
        let empty = || Error::invalid("campaign_id", "is required in the first message of the stream");
        Ok(self.adding.ok_or_else(empty)?.finish().await?.into())
    }
}

/// `StartCampaign`.
pub async fn start_campaign(
    service: &Service,
    caller: &Caller,
    request: StartCampaignRequest,
) -> Result<StartCampaignResponse, Error> {
    let id = named(request.campaign_id)?;
    let (campaign, plan) = if request.dry_run {
        let (campaign, plan) = service.plan_campaign(caller, id).await?;
        (campaign, Some(plan.into()))
    } else {
        (service.start_campaign(caller, id, request.expected_recipients).await?, None)
    };
    Ok(StartCampaignResponse { campaign: Some(campaign.into()), plan })
}

/// `PauseCampaign`.
pub async fn pause_campaign(
    service: &Service,
    caller: &Caller,
    request: PauseCampaignRequest,
) -> Result<PauseCampaignResponse, Error> {
    let campaign = service.pause_campaign(caller, named(request.campaign_id)?).await?;
    Ok(PauseCampaignResponse { campaign: Some(campaign.into()) })
}

/// `ResumeCampaign`.
pub async fn resume_campaign(
    service: &Service,
    caller: &Caller,
    request: ResumeCampaignRequest,
) -> Result<ResumeCampaignResponse, Error> {
    let campaign = service.resume_campaign(caller, named(request.campaign_id)?).await?;
    Ok(ResumeCampaignResponse { campaign: Some(campaign.into()) })
}

/// `CancelCampaign`.
pub async fn cancel_campaign(
    service: &Service,
    caller: &Caller,
    request: CancelCampaignRequest,
) -> Result<CancelCampaignResponse, Error> {
    let campaign = service.cancel_campaign(caller, named(request.campaign_id)?).await?;
    Ok(CancelCampaignResponse { campaign: Some(campaign.into()) })
}

/// `GetCampaign`.
pub async fn get_campaign(
    service: &Service,
    caller: &Caller,
    request: GetCampaignRequest,
) -> Result<GetCampaignResponse, Error> {
    let campaign = service.campaign(caller, named(request.campaign_id)?).await?;
    Ok(GetCampaignResponse { campaign: Some(campaign.into()) })
}

/// `ListCampaigns`.
pub async fn list_campaigns(
    service: &Service,
    caller: &Caller,
    request: ListCampaignsRequest,
) -> Result<ListCampaignsResponse, Error> {
    let ListCampaignsRequest { page_size, page_token, owner_id } = request;
    let page = service.list_campaigns(caller, &ListCampaigns { page_size, page_token, owner_id }).await?;
    let campaigns = page.campaigns.into_iter().map(Into::into).collect();
    Ok(ListCampaignsResponse { campaigns, next_page_token: page.next_page_token })
}

/// `GetCampaignStats`.
pub async fn get_campaign_stats(
    service: &Service,
    caller: &Caller,
    request: GetCampaignStatsRequest,
) -> Result<GetCampaignStatsResponse, Error> {
    let stats = service.campaign_stats(caller, named(request.campaign_id)?).await?;
    Ok(GetCampaignStatsResponse { stats: Some(stats.into()) })
}

/// `WatchCampaign`: its steps, once what is wrong with the request has been told.
pub async fn watch_campaign(
    service: &Service,
    caller: &Caller,
    request: WatchCampaignRequest,
) -> Result<BoxStream<'static, Result<WatchCampaignResponse, Error>>, Error> {
    Ok(answers(service.watch_campaign(caller, named(request.campaign_id)?).await?))
}

/// The campaign that a request has to name.
fn named(campaign_id: i64) -> Result<i64, Error> {
    if campaign_id == 0 { Err(Error::invalid("campaign_id", "is required")) } else { Ok(campaign_id) }
}
