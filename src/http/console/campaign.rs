//! One campaign: its counters as they move, what can be done to it, and who did not get it.

use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::admission::Quota;
use crate::auth::Scope;
use crate::contract::campaigns::{self, Recipients};
use crate::domain::template::Template;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::sight::Sight;
use crate::http::console::{Routes, campaigns as list, reasons, times, words};
use crate::http::entry::Named;
use crate::proto::add_recipients_request::Recipient;
use crate::proto::{
    AddRecipientsRequest, Campaign, CampaignState, CampaignStats, CancelCampaignRequest, CreateCampaignRequest,
    GetCampaignStatsRequest, Message, MessageStatus, PauseCampaignRequest, ResumeCampaignRequest,
};

/// How many of those that failed one new draft takes.
const AGAIN: usize = 20_000;
/// How many pages of messages are read for it: each looks through 5,000 of the campaign's.
const AGAIN_PAGES: usize = 400;
/// How many recipients are handed on at once.
const BATCH: usize = 500;

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
        ("/console/campaigns/{id}/again", post(again)),
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
    let draft = state(&campaign) == CampaignState::Draft;
    let over = matches!(state(&campaign), CampaignState::Completed | CampaignState::Cancelled);
    let stream = (!draft && campaign.ended_at.is_none()).then(|| desk.to(&format!("{place}/events")));
    let reasons = if draft || !desk.may(Scope::MessagesRead) {
        html! {}
    } else {
        reasons::table(&desk, campaign.id, &stats).await?
    };
    let body = html! {
        h1 { (desk.sight().name(&campaign.name)) }
        div #live data-stream=[stream] { (moving(&desk, &campaign, &stats)) }
        (reasons)
        @if stats.failed > 0 && over && desk.may(Scope::MessagesRead) {
            section aria-labelledby="again" {
                h2 #again { "Try those that failed again" }
                p { "Makes a new draft with the recipients whose message failed or expired, and their texts. Nothing is sent before you start it." }
                (layout::act(&desk, &format!("{place}/again"), "Make a draft of them"))
            }
        }
        section aria-labelledby="text" {
            h2 #text { "Text" }
            @if campaign.text.is_empty() { p.hint { "It was erased." } } @else { blockquote { (desk.sight().text(&campaign.text)) } }
        }
        (facts(&campaign, desk.sight()))
    };
    Ok(layout::page(&desk, Here::Campaigns, &desk.sight().title(&campaign.name), &body))
}

/// The part that moves: a sentence, the counters, and what can be done as it stands.
pub(super) fn moving(desk: &Desk, campaign: &Campaign, stats: &CampaignStats) -> Markup {
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
        (acts_of(desk, campaign))
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
                @if let Some(reference) = &campaign.reference { dt { "Reference" } dd { bdi dir="auto" { (reference) } } }
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

/// A new draft for those whose message failed or expired: each with the text that it would have had.
async fn again(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let old = list::named(&desk, &id).await?;
    // It is as much as a file of recipients.
    desk.call.permit.take(desk.service().admission(), Quota::Uploads, desk.caller.share())?;
    let mut failed = Vec::new();
    for state in [MessageStatus::Failed, MessageStatus::Expired] {
        let room = AGAIN.saturating_sub(failed.len());
        failed.extend(reasons::of(&desk, (old.id, state), room, AGAIN_PAGES).await?);
    }
    let (all, known) = (failed.len(), failed.iter().filter(|message| !message.text.is_empty()).count());
    failed.retain(|message| !message.text.is_empty());
    failed.truncate(AGAIN);
    if failed.is_empty() {
        return Err(Error::invalid("campaign", "has nobody left who failed and whose text is still there").into());
    }
    let plain = Template::from_stored(&old.text).is_plain();
    let name: String = old.name.chars().take(190).collect();
    let request = CreateCampaignRequest {
        name: format!("{name} (again)"),
        // Filled in already, each recipient's text is a variable of its own.
        text: if plain { old.text.clone() } else { "{{text}}".to_owned() },
        sender: Some(old.sender.clone()).filter(|sender| !sender.is_empty()),
        delivery_guarantee: old.delivery_guarantee,
        validity: old.validity,
        reference: old.reference.clone(),
        metadata: old.metadata.clone(),
        // A press that comes twice makes one draft, until others have failed as well.
        idempotency_key: format!("console-again-{}-{all}", old.id),
        ..Default::default()
    };
    let made = draft(&desk, request).await?;
    if state(&made) != CampaignState::Draft {
        return Ok(desk.done(&format!("/campaigns/{}", made.id), "again-started"));
    }
    let mut adding = Recipients::new(desk.service(), &desk.caller);
    for batch in failed.chunks(BATCH) {
        let recipients = batch.iter().map(|message| recipient(message, plain)).collect();
        adding.take(AddRecipientsRequest { campaign_id: made.id, recipients }).await?;
    }
    let added = adding.finish().await?;
    // A press that came twice finds them all there.
    if added.added > 0 {
        desk.note(&format!("made campaign {} of {} that failed in campaign {}", made.id, added.added, old.id)).await;
    }
    let left = [
        (all - known, "because their texts were erased"),
        (known - failed.len(), "because a draft has no room for more at once"),
        (
            usize::try_from(added.invalid_count).unwrap_or(0),
            "because their texts, filled in, are too long to be a variable",
        ),
    ];
    if left.iter().all(|(count, _)| *count == 0) {
        return Ok(desk.done(&format!("/campaigns/{}/recipients", made.id), "created"));
    }
    let body = html! {
        h1 { "A draft of those that failed" }
        p.lead { (words::many(added.added, "recipient")) " of " (all) " are in it." }
        ul { @for (count, why) in left.iter().filter(|(count, _)| *count > 0) { li { (count) " are not, " (why) "." } } }
        p { a.button.main href=(desk.to(&format!("/campaigns/{}/recipients", made.id))) { "On to the draft" } }
    };
    Ok(layout::page(&desk, Here::Campaigns, "Draft", &body))
}

/// The draft of this request, which may have been made before. One that was given up since is none: this press means another one.
async fn draft(desk: &Desk, mut request: CreateCampaignRequest) -> Result<Campaign, Error> {
    let key = request.idempotency_key.clone();
    loop {
        let made = campaigns::create_campaign(desk.service(), &desk.caller, request.clone()).await?;
        let made = made.campaign.unwrap_or_default();
        if state(&made) != CampaignState::Cancelled {
            return Ok(made);
        }
        request.idempotency_key = format!("{key}-{}", made.id);
    }
}

fn recipient(message: &Message, plain: bool) -> Recipient {
    let text = (!plain).then(|| ("text".to_owned(), message.text.clone()));
    Recipient {
        destination: message.destination.clone(),
        variables: text.into_iter().collect(),
        reference: message.reference.clone(),
        metadata: message.metadata.clone(),
        line: None,
    }
}
