//! One campaign: its counters as they move, what can be done to it, and who did not get it.

use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::campaigns;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::sight::Sight;
use crate::http::console::{Routes, again, campaigns as list, reasons, times, words};
use crate::http::entry::Named;
use crate::proto::{
    Campaign, CampaignState, CampaignStats, CancelCampaignRequest, GetCampaignStatsRequest, MessageStatus,
    PauseCampaignRequest, ResumeCampaignRequest,
};

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/campaigns/{id}", get(page))]
}

/// The acts.
pub(super) fn acts() -> Routes {
    vec![
        ("/console/campaigns/{id}/pause", post(pause)),
        ("/console/campaigns/{id}/resume", post(resume)),
        ("/console/campaigns/{id}/cancel", post(cancel)),
    ]
}

fn state(campaign: &Campaign) -> CampaignState {
    CampaignState::try_from(campaign.state).unwrap_or_default()
}

async fn page(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let campaign = list::named(&desk, &id).await?;
    let place = format!("/campaigns/{}", campaign.id);
    let request = GetCampaignStatsRequest { campaign_id: campaign.id };
    let stats = campaigns::get_campaign_stats(desk.service(), &desk.caller, request).await?.stats.unwrap_or_default();
    let moves = state(&campaign) != CampaignState::Draft && campaign.ended_at.is_none();
    let stream = moves.then(|| desk.to(&format!("{place}/events")));
    let moving = moving(&desk, &campaign, &stats).await?;
    let body = html! {
        h1 { (desk.sight().name(&campaign.name)) }
        div #live data-stream=[stream] { (moving) }
        section aria-labelledby="text" {
            h2 #text { "Text" }
            @if campaign.text.is_empty() { p.hint { "It was erased." } } @else { blockquote { (desk.sight().text(&campaign.text)) } }
        }
        (facts(&campaign, desk.sight()))
    };
    Ok(layout::page(&desk, Here::Campaigns, &desk.sight().title(&campaign.name), &body))
}

/// The part that moves: how it stands, what can be done about that, and who did not get it.
pub(super) async fn moving(desk: &Desk, campaign: &Campaign, stats: &CampaignStats) -> Result<Markup, Error> {
    // Those for whom there is nothing to see of messages see the counters.
    let seen = state(campaign) != CampaignState::Draft && desk.may(Scope::MessagesRead);
    let reasons = if seen {
        reasons::table(desk, campaign.id, stats).await?
    } else {
        html! {}
    };
    let over = matches!(state(campaign), CampaignState::Completed | CampaignState::Cancelled);
    Ok(html! {
        (standing(desk, campaign, stats))
        (acts_of(desk, campaign))
        (reasons)
        @if seen && over && stats.failed > 0 { (again::offered(desk, campaign.id)) }
    })
}

/// A sentence, and the counters.
fn standing(desk: &Desk, campaign: &Campaign, stats: &CampaignStats) -> Markup {
    let (word, tone) = words::campaign(campaign.state);
    let of =
        |status: MessageStatus| desk.to(&format!("/messages?campaign={}&status={}", campaign.id, status.as_str_name()));
    let row = |name: &str, count: i64, status: Option<MessageStatus>| {
        html! {
            div {
                dt { @if let (Some(status), true) = (status, count > 0 && desk.may(Scope::MessagesRead)) { a href=(of(status)) { (name) } } @else { (name) } }
                dd { (count) }
            }
        }
    };
    html! {
        p.lead { span.state.(tone.class()) { (word) } " " (sentence(campaign, stats, desk.service().clock().now())) }
        @if stats.total > 0 {
            progress max=(stats.total) value=(stats.total - stats.queued) aria-label="Handed to the provider or over" {}
            dl.counters {
                (row("Wait", stats.queued, None))
                (row("Sent, no report yet", stats.sent, Some(MessageStatus::Sent)))
                (row("Delivered", stats.delivered, Some(MessageStatus::Delivered)))
                // Two states, of which a list has one: the table of reasons leads to each.
                (row("Failed or expired", stats.failed, None))
                (row("Not known whether sent", stats.unknown, Some(MessageStatus::Unknown)))
                (row("Cancelled or opted out", stats.cancelled, Some(MessageStatus::Cancelled)))
            }
        }
    }
}

/// How it stands, with everybody accounted for.
fn sentence(campaign: &Campaign, stats: &CampaignStats, now: Timestamp) -> Markup {
    let left = stats.sent + stats.unknown;
    html! {
        @match state(campaign) {
            CampaignState::Draft => { (campaign.recipients) " recipients, not started." }
            CampaignState::Scheduled => { "It starts by itself at " (times::when(campaign.scheduled_at)) "." }
            CampaignState::Paused => {
                (stats.queued) " of " (stats.total) " wait until it goes on."
                @if times::read(campaign.scheduled_at).is_some_and(|at| at > now) { " Its time is " (times::when(campaign.scheduled_at)) "." }
            }
            CampaignState::Running => { (stats.total - stats.queued) " of " (stats.total) " were handed over." }
            _ => {
                (stats.delivered) " of " (stats.total) " delivered, " (stats.failed) " failed or expired, " (stats.cancelled) " cancelled or opted out"
                @if stats.queued > 0 { ", " (stats.queued) " are still to be taken back" }
                @if left > 0 { ", and of " (left) " nothing final is known yet" }
                "."
            }
        }
    }
}

fn acts_of(desk: &Desk, campaign: &Campaign) -> Markup {
    let place = |name: &str| format!("/campaigns/{}/{name}", campaign.id);
    html! {
        div.acts {
            @match state(campaign) {
                CampaignState::Draft => {
                    a.button href=(desk.to(&place("recipients"))) { "Recipients" }
                    @if campaign.recipients > 0 { a.button.main href=(desk.to(&place("check"))) { "Check and start" } }
                }
                CampaignState::Running | CampaignState::Scheduled => { (layout::act(desk, &place("pause"), "Pause")) }
                CampaignState::Paused if desk.may(Scope::Campaigns) => { (layout::act(desk, &place("resume"), "Go on")) }
                _ => {}
            }
        }
        @if matches!(state(campaign), CampaignState::Draft | CampaignState::Scheduled | CampaignState::Running | CampaignState::Paused) {
            details {
                summary { "Cancel the campaign" }
                form.stack method="post" action=(desk.to(&place("cancel"))) {
                    p { "What waits will never be sent; what is in flight finishes. This cannot be taken back." }
                    button { "Cancel it" }
                }
            }
        }
    }
}

fn facts(campaign: &Campaign, sight: Sight) -> Markup {
    html! {
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            dl {
                dt { "Recipients" } dd { (campaign.recipients) }
                dt { "Sender" } dd { @if campaign.sender.is_empty() { "your own" } @else { (sight.sender(&campaign.sender)) } }
                dt { "Made" } dd { (times::when(campaign.created_at)) }
                dt { "Scheduled for" } dd { (times::when(campaign.scheduled_at)) }
                dt { "Start was pressed" } dd { (times::when(campaign.started_at)) }
                dt { "Over" } dd { (times::when(campaign.ended_at)) }
                @if let Some(reference) = &campaign.reference { dt { "Reference" } dd { (sight.name(reference)) } }
                dt { "Id" } dd { code { (campaign.id) } }
            }
        }
    }
}

async fn pause(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let campaign_id = list::named(&desk, &id).await?.id;
    campaigns::pause_campaign(desk.service(), &desk.caller, PauseCampaignRequest { campaign_id }).await?;
    desk.note(&format!("paused campaign {campaign_id}")).await;
    Ok(desk.done(&format!("/campaigns/{campaign_id}"), "paused"))
}

async fn resume(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let campaign_id = list::named(&desk, &id).await?.id;
    campaigns::resume_campaign(desk.service(), &desk.caller, ResumeCampaignRequest { campaign_id }).await?;
    desk.note(&format!("resumed campaign {campaign_id}")).await;
    Ok(desk.done(&format!("/campaigns/{campaign_id}"), "resumed"))
}

async fn cancel(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let campaign_id = list::named(&desk, &id).await?.id;
    campaigns::cancel_campaign(desk.service(), &desk.caller, CancelCampaignRequest { campaign_id }).await?;
    desk.note(&format!("cancelled campaign {campaign_id}")).await;
    Ok(desk.done(&format!("/campaigns/{campaign_id}"), "ended"))
}
