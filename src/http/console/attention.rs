//! Attention, for operators and of all owners: messages that were given up, what waits for too long, and replies that a person has to
//! read. An act on all that match states their number first, and does nothing if it has changed.

use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::{admin, numbers};
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::form::{Asked, Fields, Form, Wrong, taken};
use crate::http::console::layout::{self, Here};
use crate::http::console::messages::{field, time};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, times, words};
use crate::http::entry::Named;
use crate::proto::{
    CancelWaitingMessagesRequest, CancelWaitingMessagesResponse, DeadMessageFilter, ListDeadMessagesRequest,
    ListDeadMessagesResponse, ListInboundReviewRequest, OperatedMessage, RequeueDeadMessagesRequest,
    ResolveInboundRequest, ReviewedInbound,
};

/// How many messages, and how many replies, a page has.
const PAGE: i32 = 50;
/// The names of the filters of messages that were given up.
const FILTERS: [&str; 6] = ["code", "account", "owner", "campaign", "after", "before"];

/// The pages.
pub(super) fn pages() -> Routes {
    vec![
        ("/console/attention", get(page)),
        ("/console/attention/dead", get(stated)),
        ("/console/attention/waiting", get(waiting)),
    ]
}

/// The acts.
pub(super) fn acts() -> Routes {
    vec![
        ("/console/attention/requeue", post(requeue)),
        ("/console/attention/cancel", post(cancel)),
        ("/console/attention/replies/{id}/done", post(resolve)),
    ]
}

/// A whole number that may be left out.
fn id(name: &str, fields: &Fields) -> Result<Option<i64>, Wrong> {
    let given = Some(fields.get(name)).filter(|text| !text.is_empty()).map(str::parse);
    given.transpose().map_err(|_| (name.to_owned(), "must be an id, a whole number".to_owned()))
}

/// Which of the messages that were given up.
fn filter(fields: &Fields) -> Result<DeadMessageFilter, Wrong> {
    Ok(DeadMessageFilter {
        owner_id: id("owner", fields)?,
        campaign_id: id("campaign", fields)?,
        error_code: fields.get("code").to_owned(),
        traffic_account_id: fields.get("account").to_owned(),
        accepted_after: time("after", fields.get("after"))?,
        accepted_before: time("before", fields.get("before"))?,
    })
}

/// A page of what was given up, and the filters that cannot be one.
async fn dead(desk: &Desk, fields: &Fields) -> Result<(ListDeadMessagesResponse, Vec<Wrong>), Error> {
    let of = match filter(fields) {
        Ok(of) => of,
        Err(wrong) => return Ok((ListDeadMessagesResponse::default(), vec![wrong])),
    };
    let request = ListDeadMessagesRequest {
        page_size: PAGE,
        page_token: fields.get("page").to_owned(),
        owner_id: of.owner_id,
        campaign_id: of.campaign_id,
        error_code: of.error_code,
        traffic_account_id: of.traffic_account_id,
        accepted_after: of.accepted_after,
        accepted_before: of.accepted_before,
        after_id: String::new(),
    };
    match taken(admin::list_dead_messages(&desk.service().operations(), &desk.caller, request).await)? {
        Ok(found) => Ok((found, Vec::new())),
        Err(mut wrong) => {
            for (field, _) in &mut wrong {
                match field.as_str() {
                    "error_code" => "code".clone_into(field),
                    "traffic_account_id" => "account".clone_into(field),
                    _ => {}
                }
            }
            Ok((ListDeadMessagesResponse::default(), wrong))
        }
    }
}

async fn page(asked: Asked) -> Result<Response, Refusal> {
    let Asked { desk, fields } = asked;
    let (dead, wrong) = dead(&desk, &fields).await?;
    let body = html! {
        h1 { "Attention" }
        p.hint { "Of all owners. The numbers of what was given up are hidden, whoever asks." }
        (layout::mistakes(&wrong))
        @if desk.may(Scope::ActAs) { (replies(&desk).await?) }
        section aria-labelledby="dead" {
            h2 #dead { "Given up" }
            (filters(&desk, &fields))
            @if dead.messages.is_empty() { p.empty { "No message like this was given up." } }
            @else {
                (reasons(&desk, &fields, &dead.messages))
                (table(&desk, &dead.messages))
            }
            (layout::pager(&desk, "/attention", &fields, &dead.next_page_token))
        }
        (ask_waiting(&desk))
    };
    Ok(layout::page(&desk, Here::Attention, "Attention", &body))
}

/// The replies that nobody but a person can understand.
async fn replies(desk: &Desk) -> Result<Markup, Error> {
    let request = ListInboundReviewRequest { page_size: PAGE, page_token: String::new() };
    let found = numbers::list_inbound_review(&desk.service().operations(), &desk.caller, request).await?;
    let more = !found.next_page_token.is_empty();
    Ok(html! {
        section aria-labelledby="replies" {
            h2 #replies { "Replies that may mean STOP" }
            @if found.messages.is_empty() { p.empty { "No reply waits for a person." } }
            ol.timeline { @for m in &found.messages { (reply(desk, m)) } }
            @if more { p.hint { "There are more. They follow when these are done." } }
        }
    })
}

fn reply(desk: &Desk, m: &ReviewedInbound) -> Markup {
    html! {
        li {
            span.at { (times::when(m.received_at)) }
            p { (desk.sight().number(&m.number)) @if let Some(owner) = m.owner_id { " wrote to owner " (owner) } @else { " wrote to nobody that is known" } }
            blockquote.theirs { (desk.sight().text(&m.text)) }
            (layout::act(desk, &format!("/attention/replies/{}/done", m.id), "It is dealt with"))
        }
    }
}

fn filters(desk: &Desk, fields: &Fields) -> Markup {
    html! {
        form.filters method="get" action=(desk.to("/attention")) role="search" aria-label="Filters of what was given up" {
            (field("code", "Reason", "text", fields))
            (field("account", "Route account", "text", fields))
            (field("owner", "Owner", "text", fields))
            (field("campaign", "Campaign", "text", fields))
            (field("after", "Accepted from, UTC", "datetime-local", fields))
            (field("before", "and before, UTC", "datetime-local", fields))
            div.buttons { button { "Show" } a href=(desk.to("/attention")) { "All" } }
        }
    }
}

/// The filters that are set, as an address has them, with one of them changed.
fn narrowed(fields: &Fields, name: &str, value: &str) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    for of in FILTERS.into_iter().filter(|of| *of != name && !fields.get(of).is_empty()) {
        text.append_pair(of, fields.get(of));
    }
    if !value.is_empty() {
        text.append_pair(name, value);
    }
    text.finish()
}

/// The reasons on this page, each with the way to all messages that have it.
fn reasons(desk: &Desk, fields: &Fields, messages: &[OperatedMessage]) -> Markup {
    let codes: std::collections::BTreeSet<&str> = messages.iter().map(|m| m.error_code.as_str()).collect();
    html! {
        h3 { "The reasons on this page" }
        ul.needs {
            @for code in codes {
                li {
                    p { strong { (code) } ": " (words::reason(code)) "." }
                    a.button href={ (desk.to("/attention/dead")) "?" (narrowed(fields, "code", code)) } { "Put all of these back" }
                }
            }
        }
    }
}

fn table(desk: &Desk, messages: &[OperatedMessage]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Messages that were given up" {
            table {
                thead { tr { th scope="col" { "Accepted" } th scope="col" { "Reason" } th scope="col" { "To" } th scope="col" { "Owner" } th scope="col" { "Campaign" } th scope="col" { "Route account" } } }
                tbody {
                    @for m in messages {
                        tr {
                            th scope="row" { a href=(desk.to(&format!("/operated/{}", m.id))) { (times::when(m.created_at)) } }
                            td { span.state.bad { "Given up" } " " span.why { (words::reason(&m.error_code)) } }
                            td { bdi.number { (m.destination) } }
                            td { (m.owner_id) }
                            td { @if let Some(campaign) = m.campaign_id { (campaign) } }
                            td { code { (m.traffic_account_id) } }
                        }
                    }
                }
            }
        }
    }
}

/// How many match, before they are put back.
async fn stated(asked: Asked) -> Result<Response, Refusal> {
    let Asked { desk, fields } = asked;
    let of = filter(&fields).map_err(mistake)?;
    let request = RequeueDeadMessagesRequest { filter: Some(of), dry_run: true, expected_count: None };
    let count = admin::requeue_dead_messages(&desk.service().operations(), &desk.caller, request).await?.count;
    let body = html! {
        h1 { "Put back what was given up" }
        p.lead { (words::many(count, "message")) " " @if count == 1 { "matches" } @else { "match" } ": " (chosen(&fields)) "." }
        @if count > 0 {
            p { "They are tried again from the begin, at the pace of their route accounts. Those of which an earlier try may have reached the provider stay as they are." }
            form method="post" action=(desk.to("/attention/requeue")) {
                @for name in FILTERS { @if !fields.get(name).is_empty() { input type="hidden" name=(name) value=(fields.get(name)); } }
                input type="hidden" name="count" value=(count);
                button.main { "Put " (words::many(count, "message")) " back" }
            }
        }
        p { a href={ (desk.to("/attention")) "?" (narrowed(&fields, "", "")) } { "Back to the list" } }
    };
    Ok(layout::page(&desk, Here::Attention, "Put back what was given up", &body))
}

/// The filter in words.
fn chosen(fields: &Fields) -> String {
    let names = ["reason", "route account", "owner", "campaign", "accepted from", "accepted before"];
    let set = names.into_iter().zip(FILTERS).filter(|(_, field)| !fields.get(field).is_empty());
    let told: Vec<String> = set.map(|(name, field)| format!("{name} {}", fields.get(field))).collect();
    if told.is_empty() { "all that were given up".to_owned() } else { told.join(", ") }
}

fn mistake((field, why): Wrong) -> Error {
    Error::Invalid(vec![crate::error::Violation::new(field, why)])
}

async fn requeue(form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let of = filter(&fields).map_err(mistake)?;
    let expected_count = id("count", &fields).map_err(mistake)?;
    let request = RequeueDeadMessagesRequest { filter: Some(of), dry_run: false, expected_count };
    let done = admin::requeue_dead_messages(&desk.service().operations(), &desk.caller, request).await?;
    Ok(desk.done("/attention", if done.left == 0 { "put-back" } else { "put-back-some" }))
}

/// The question after what waits since before a time.
fn ask_waiting(desk: &Desk) -> Markup {
    html! {
        section aria-labelledby="waits" {
            h2 #waits { "What waits" }
            p.hint { "Codes that come after an outage of an hour are of no use to anybody: what is not sent yet can be taken back." }
            form.filters method="get" action=(desk.to("/attention/waiting")) {
                div { label for="until" { "Accepted until, UTC" } input #until name="until" type="datetime-local" required; }
                div { label for="of" { "Only of owner" } input #of name="of" type="text" inputmode="numeric" autocomplete="off"; }
                div.buttons { button { "Count them" } }
            }
        }
    }
}

fn cancelling(fields: &Fields) -> Result<CancelWaitingMessagesRequest, Wrong> {
    let accepted_until = time("until", fields.get("until"))?;
    Ok(CancelWaitingMessagesRequest { accepted_until, owner_id: id("of", fields)?, dry_run: true, at_most: None })
}

async fn waiting(asked: Asked) -> Result<Response, Refusal> {
    let Asked { desk, fields } = asked;
    let request = cancelling(&fields).map_err(mistake)?;
    let count = admin::cancel_waiting_messages(&desk.service().operations(), &desk.caller, request).await?.count;
    let owner = fields.get("of");
    let body = html! {
        h1 { "Take back what waits" }
        p.lead {
            (words::many(count, "message")) " " @if count == 1 { "waits" } @else { "wait" } " that " @if count == 1 { "was" } @else { "were" }
            " accepted until " (fields.get("until").replace('T', " ")) " UTC" @if !owner.is_empty() { ", of owner " (owner) } "."
        }
        @if count > 0 {
            p { "They will not be sent. Those of which an earlier try may have reached the provider are not tried again, and count as not known." }
            form method="post" action=(desk.to("/attention/cancel")) {
                input type="hidden" name="until" value=(fields.get("until"));
                input type="hidden" name="of" value=(owner);
                input type="hidden" name="count" value=(count);
                button.main { "Cancel " (words::many(count, "message")) }
            }
        }
        p { a href=(desk.to("/attention")) { "Back" } }
    };
    Ok(layout::page(&desk, Here::Attention, "Take back what waits", &body))
}

async fn cancel(form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let at_most = id("count", &fields).map_err(mistake)?;
    let request = CancelWaitingMessagesRequest { dry_run: false, at_most, ..cancelling(&fields).map_err(mistake)? };
    let done = admin::cancel_waiting_messages(&desk.service().operations(), &desk.caller, request).await?;
    let CancelWaitingMessagesResponse { unknown, .. } = done;
    Ok(desk.done("/attention", if unknown == 0 { "taken-back" } else { "taken-back-unsure" }))
}

async fn resolve(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    numbers::resolve_inbound(&desk.service().operations(), &desk.caller, ResolveInboundRequest { id }).await?;
    Ok(desk.done("/attention", "resolved"))
}
