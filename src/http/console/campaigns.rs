//! Campaigns: the newest first.

use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use crate::contract::campaigns;
use crate::error::{Error, Resource};
use crate::http::console::desk::Desk;
use crate::http::console::form::Asked;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, times, words};
use crate::proto::{Campaign, CampaignState, GetCampaignRequest, ListCampaignsRequest};

/// How many a page has.
const PAGE: i32 = 50;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/campaigns", get(list))]
}

async fn list(asked: Asked) -> Result<Response, Refusal> {
    let Asked { desk, fields } = asked;
    let request = ListCampaignsRequest { page_size: PAGE, page_token: fields.get("page").to_owned(), owner_id: None };
    let found = campaigns::list_campaigns(desk.service(), &desk.caller, request).await?;
    let body = html! {
        h1 { "Campaigns" }
        p { a.button href=(desk.to("/campaigns/new")) { "New campaign" } }
        @if found.campaigns.is_empty() { p.empty { "There is no campaign yet." } }
        @else { (table(&desk, &found.campaigns)) }
        (layout::pager(&desk, "/campaigns", &fields, &found.next_page_token))
    };
    Ok(layout::page(&desk, Here::Campaigns, "Campaigns", &body))
}

/// Campaigns, one a row.
pub(super) fn table<'a>(desk: &Desk, campaigns: impl IntoIterator<Item = &'a Campaign>) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Campaigns" {
            table {
                thead { tr { th scope="col" { "Name" } th scope="col" { "State" } th scope="col" { "Recipients" } th scope="col" { "Made" } } }
                tbody {
                    @for campaign in campaigns {
                        @let (word, tone) = words::campaign(campaign.state);
                        tr {
                            th scope="row" { a href=(place(desk, campaign.id)) { (desk.sight().name(&campaign.name)) } }
                            td { span.state.(tone.class()) { (word) } @if waits(campaign) && campaign.scheduled_at.is_some() { " " span.why { "for " (times::when(campaign.scheduled_at)) } } }
                            td.count { (campaign.recipients) }
                            td { (times::when(campaign.created_at)) }
                        }
                    }
                }
            }
        }
    }
}

/// Whether it has a time before which nothing of it is sent, or had one when it was paused.
fn waits(campaign: &Campaign) -> bool {
    let state = CampaignState::try_from(campaign.state).unwrap_or_default();
    matches!(state, CampaignState::Draft | CampaignState::Scheduled | CampaignState::Paused)
}

/// A campaign's page.
pub(super) fn place(desk: &Desk, id: i64) -> String {
    desk.to(&format!("/campaigns/{id}"))
}

/// The campaign that a path names.
pub(super) async fn named(desk: &Desk, id: &str) -> Result<Campaign, Refusal> {
    let none = || Error::NotFound(Resource::Campaign, "no such id".to_owned());
    let campaign_id = id.parse().map_err(|_| none())?;
    let found = campaigns::get_campaign(desk.service(), &desk.caller, GetCampaignRequest { campaign_id }).await?;
    Ok(found.campaign.ok_or_else(none)?)
}
