//! One message: what became of it in a sentence, everything that happened, and what can be done.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::{campaigns, messages};
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::form::Form;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, message_facts, timeline, times, words};
use crate::http::entry::Named;
use crate::proto::explain_message_response::Entry;
use crate::proto::{
    CampaignState, CancelMessageRequest, ExplainMessageRequest, GetCampaignRequest, GetMessageRequest, Message,
    MessageStatus, RefreshStatusRequest, SendSingleRequest,
};

/// A message and its history.
pub(super) struct Read {
    pub(super) message: Message,
    entries: Vec<Entry>,
    /// It waits for its campaign to go on.
    paused: bool,
}

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/messages/{id}", get(page))]
}

/// The acts.
pub(super) fn acts() -> Routes {
    vec![
        ("/console/messages/{id}/refresh", post(refresh)),
        ("/console/messages/{id}/cancel", post(cancel)),
        ("/console/messages/{id}/again", post(again)),
    ]
}

/// A message of the person's, and its history.
pub(super) async fn read(desk: &Desk, id: &str) -> Result<Read, Error> {
    let (service, caller, id) = (desk.service(), &desk.caller, id.to_owned());
    let message = messages::get_message(service, caller, GetMessageRequest { id: id.clone(), ..Default::default() })
        .await?
        .message;
    let entries =
        messages::explain_message(service, caller, ExplainMessageRequest { id, ..Default::default() }).await?.entries;
    let message = message.unwrap_or_default();
    let waits = message.status == i32::from(MessageStatus::Queued);
    let paused = match message.campaign_id.filter(|_| waits) {
        Some(campaign_id) => {
            let asked = campaigns::get_campaign(service, caller, GetCampaignRequest { campaign_id }).await;
            let paused = i32::from(CampaignState::Paused);
            // Whoever may not see campaigns sees the message without this.
            asked.is_ok_and(|told| told.campaign.is_some_and(|campaign| campaign.state == paused))
        }
        None => false,
    };
    Ok(Read { message, entries, paused })
}

async fn page(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let read = read(&desk, &id).await?;
    Ok(layout::page(&desk, Here::Messages, &title(&desk, &read.message), &body(&desk, &read, &[])?))
}

/// Its title: there may be many to one number.
fn title(desk: &Desk, m: &Message) -> String {
    let accepted = times::read(m.created_at).unwrap_or_default();
    format!("Message to {} of {}", desk.sight().plain(&m.destination), times::plain(accepted))
}

fn body(desk: &Desk, read: &Read, wrong: &[(String, String)]) -> Result<Markup, Error> {
    let m = &read.message;
    let place = format!("/messages/{}", m.id);
    Ok(html! {
        h1 { "Message to " (desk.number(&m.destination)?) }
        (layout::mistakes(wrong))
        div #live data-stream=(desk.to(&format!("{place}/events"))) { (moving(desk, read)) }
        section aria-labelledby="acts" {
            h2 #acts { "What can be done" }
            div.acts {
                @if m.provider_message_id.is_some() { (layout::act(desk, &format!("{place}/refresh"), "Ask the provider")) }
                @if waits(m) && desk.may(Scope::MessagesSend) { (layout::act(desk, &format!("{place}/cancel"), "Cancel it")) }
            }
            @if !m.text.is_empty() && !waits(m) && desk.may(Scope::MessagesSend) {
                details open[!wrong.is_empty()] {
                    summary { "Send it again" }
                    form.stack method="post" action=(desk.to(&format!("{place}/again"))) {
                        p { "The same text goes to the same number as a new message." }
                        input type="hidden" name="page" value=(desk.service().clock().now().as_microsecond());
                        @if may_be_twice(m) {
                            p.warning { "This one may have arrived: the recipient may get it twice." }
                            div.check { input #sure name="sure" type="checkbox" value="yes" required; label for="sure" { (words::TWICE) } }
                        }
                        button { "Send again" }
                    }
                }
            }
        }
        section aria-labelledby="text" {
            h2 #text { "Text" }
            @if m.text.is_empty() { p.hint { "It was erased." } }
            @else { blockquote { (desk.sight().text(&m.text)) } }
            @if !desk.sight().whole { p.hint { (words::HIDDEN) } }
        }
        (message_facts::facts(desk, m))
        (message_facts::command(m))
    })
}

/// The part that changes: the sentence and the timeline.
pub(super) fn moving(desk: &Desk, read: &Read) -> Markup {
    let (_, tone) = words::status(read.message.status);
    html! {
        p.lead.(tone.class()) { (sentence(&read.message)) }
        @if read.paused { p { "Its campaign is paused: it waits until that goes on." } }
        @else if let Some(held) = desk.held(&read.message) { p { "It waits because " (held) ". It goes on by itself." } }
        @else if let Some(next) = timeline::next(&read.entries) { p { (next) } }
        section aria-labelledby="history" {
            h2 #history { "What happened" }
            (timeline::list(&read.entries, desk.sight()))
        }
    }
}

/// Its fate so far, in a sentence.
fn sentence(m: &Message) -> Markup {
    let (accepted, sent) = (times::read(m.created_at), times::read(m.sent_at));
    let (word, _) = words::status(m.status);
    let why = m.error_code.as_deref().map_or_else(String::new, |code| format!(": {}", words::reason(code)));
    html! {
        @match MessageStatus::try_from(m.status).unwrap_or_default() {
            MessageStatus::Delivered => {
                "Delivered"
                @if let Some(after) = times::between(sent, times::read(m.delivered_at)) { " " (after) " after the provider took it" }
                ", at " (times::when(m.delivered_at)) "."
            }
            MessageStatus::Sent => {
                "The provider took it"
                @if let Some(after) = times::between(accepted, sent) { " " (after) " after it was accepted" }
                ". Nothing final was reported yet."
            }
            MessageStatus::Scheduled => { "It waits for its time: " (times::when(m.scheduled_at)) "." }
            MessageStatus::Queued if m.attempts == 0 => { "It waits in the queue, and was not tried yet." }
            MessageStatus::Queued => { "It waits for its next try, after " (m.attempts) @if m.attempts == 1 { " try" } @else { " tries" } (why) "." }
            MessageStatus::Sending => { "It is being handed to the provider." }
            MessageStatus::Unknown => { "Nobody knows whether the provider took it" (why) ". A report may still settle it." }
            _ => { (word) (why) "." @if let Some(at) = times::read(m.failed_at) { " At " (times::shown(at)) "." } }
        }
        @if m.possible_duplicate { " The recipient may have it twice." }
    }
}

/// Whether it can be cancelled.
fn waits(m: &Message) -> bool {
    let status = MessageStatus::try_from(m.status).unwrap_or_default();
    matches!(status, MessageStatus::Scheduled | MessageStatus::Queued)
}

/// Whether the recipient may have it.
fn may_be_twice(m: &Message) -> bool {
    let status = MessageStatus::try_from(m.status).unwrap_or_default();
    let never = matches!(status, MessageStatus::Cancelled | MessageStatus::Expired | MessageStatus::Failed);
    !never || m.possible_duplicate || m.sent_at.is_some()
}

async fn refresh(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let read = read(&desk, &id).await?;
    let provider_message_id = read.message.provider_message_id.unwrap_or_default();
    let request = RefreshStatusRequest { provider_message_id, owner_id: None };
    messages::refresh_status(desk.service(), &desk.caller, request).await?;
    desk.note(&format!("asked the provider about message {id}")).await;
    Ok(desk.done(&format!("/messages/{id}"), "refreshed"))
}

async fn cancel(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let request = CancelMessageRequest { id: id.clone(), ..Default::default() };
    let message = messages::cancel_message(desk.service(), &desk.caller, request).await?.message.unwrap_or_default();
    desk.note(&format!("cancelled message {}", message.id)).await;
    let sure = message.status == i32::from(MessageStatus::Cancelled);
    Ok(desk.done(&format!("/messages/{}", message.id), if sure { "cancelled" } else { "cancelled-unsure" }))
}

async fn again(Named(id): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let read = read(&desk, &id).await?;
    let wrong = |field: &str, why: String| {
        let wrong = [(field.to_owned(), why)];
        let body = body(&desk, &read, &wrong)?;
        Ok(layout::of_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            &desk,
            Here::Messages,
            &title(&desk, &read.message),
            &body,
        ))
    };
    if may_be_twice(&read.message) && fields.get("sure") != "yes" {
        return wrong("sure", "has to be ticked before it is sent again".to_owned());
    }
    let m = &read.message;
    let request = SendSingleRequest {
        destination: m.destination.clone(),
        text: m.text.clone(),
        sender: Some(m.sender.clone()),
        traffic_account_id: Some(m.traffic_account_id.clone()),
        campaign_id: m.campaign_id,
        // A press that comes twice is one; whoever loads the page again means another one.
        idempotency_key: format!("console-again-{}-{}", m.id, fields.get("page").parse::<i64>().unwrap_or(stamp(m))),
        delivery_guarantee: m.delivery_guarantee,
        reference: m.reference.clone(),
        metadata: m.metadata.clone(),
        ..Default::default()
    };
    match messages::send_single(desk.service(), &desk.caller, request, None).await {
        Ok(sent) => {
            let new = sent.message.unwrap_or_default().id;
            desk.note(&format!("sent message {} again, as {new}", m.id)).await;
            Ok(Redirect::to(&desk.to(&format!("/messages/{new}?done=again"))).into_response())
        }
        Err(Error::Invalid(violations)) => {
            let all: Vec<String> = violations.iter().map(|v| format!("{} {}", v.field, v.description)).collect();
            wrong("sure", all.join("; "))
        }
        Err(e) => Err(e.into()),
    }
}

/// The name of the state that the message is in now.
fn stamp(m: &Message) -> i64 {
    times::read(m.updated_at).map_or(0, jiff::Timestamp::as_microsecond)
}
