//! One message of whichever owner, as operators see it: what happened to it, and putting it back.

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::contract::admin;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::form::Form;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::sight::Sight;
use crate::http::console::{Routes, timeline, times, words};
use crate::http::entry::Named;
use crate::proto::{InspectMessageRequest, MessageStatus, OperatedMessage, RequeueMessageRequest};

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/operated/{id}", get(page))]
}

/// The act.
pub(super) fn acts() -> Routes {
    vec![("/console/operated/{id}/requeue", post(requeue))]
}

async fn page(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let (title, body) = body(&desk, &id, &[]).await?;
    Ok(layout::page(&desk, Here::Attention, &title, &body))
}

/// The title and the page.
async fn body(desk: &Desk, id: &str, wrong: &[(String, String)]) -> Result<(String, Markup), Error> {
    let request = InspectMessageRequest { id: id.to_owned() };
    let found = admin::inspect_message(&desk.service().operations(), &desk.caller, request).await?;
    let m = found.message.unwrap_or_default();
    let (word, tone) = words::status(m.status);
    let accepted = times::plain(times::read(m.created_at).unwrap_or_default());
    let body = html! {
        h1 { "Message of owner " (m.owner_id) }
        (layout::mistakes(wrong))
        p.lead.(tone.class()) { (word) @if !m.error_code.is_empty() { ": " (words::reason(&m.error_code)) } "." }
        @if m.status == i32::from(MessageStatus::Failed) { (put_back(desk, &m)) }
        section aria-labelledby="history" {
            h2 #history { "What happened" }
            // Operators see no codes and no numbers, whatever else they may see of their own.
            (timeline::list(&found.entries, Sight { whole: false }))
        }
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            dl {
                dt { "Accepted" } dd { (times::when(m.created_at)) }
                dt { "Last changed" } dd { (times::when(m.changed_at)) }
                dt { "To" } dd { bdi.number { (m.destination) } }
                dt { "Tries" } dd { (m.attempts) }
                @if let Some(campaign) = m.campaign_id { dt { "Campaign" } dd { (campaign) } }
                dt { "Route account" } dd { code { (m.traffic_account_id) } }
                dt { "Id" } dd { code { (m.id) } }
            }
        }
    };
    Ok((format!("Message of owner {} of {accepted}", m.owner_id), body))
}

fn put_back(desk: &Desk, m: &OperatedMessage) -> Markup {
    html! {
        form.stack method="post" action=(desk.to(&format!("/operated/{}/requeue", m.id))) {
            p { "If it was given up, it can be put back into the queue." }
            div.check { input #may_duplicate type="checkbox" name="may_duplicate" value="yes"; label for="may_duplicate" { (words::TWICE) } }
            button { "Put it back" }
        }
    }
}

async fn requeue(Named(id): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let request = RequeueMessageRequest { id: id.clone(), may_duplicate: fields.get("may_duplicate") == "yes" };
    match admin::requeue_message(&desk.service().operations(), &desk.caller, request).await {
        Ok(_) => Ok(desk.done(&format!("/operated/{id}"), "put-back-one")),
        Err(Error::Precondition { message, .. }) => {
            let wrong = [("may_duplicate".to_owned(), format!("cannot be left so: {message}."))];
            let (title, body) = body(&desk, &id, &wrong).await?;
            Ok(layout::of_status(StatusCode::CONFLICT, &desk, Here::Attention, &title, &body))
        }
        Err(e) => Err(e.into()),
    }
}
