//! Messages: the newest first, by filters that stand in the address.

use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::contract::{self, messages};
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::form::{Asked, Fields, taken};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, times, words};
use crate::proto::{CountMessagesRequest, ListMessagesRequest, ListMessagesResponse, Message, MessageStatus};

/// How many a page has: with all that stands around it less than 60 kB.
const PAGE: i32 = 50;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/messages", get(list))]
}

async fn list(asked: Asked) -> Result<Response, Refusal> {
    let Asked { desk, fields } = asked;
    let (found, counted, wrong) = match filter(&desk, &fields) {
        Ok(of) => {
            let (page_size, page_token) = (PAGE, fields.get("page").to_owned());
            let list = ListMessagesRequest { page_size, page_token, ..of.clone().into() };
            match taken(messages::list_messages(desk.service(), &desk.caller, list).await)? {
                Ok(found) => {
                    let counted = messages::count_messages(desk.service(), &desk.caller, of).await?;
                    (found, Some(counted), Vec::new())
                }
                Err(wrong) => (ListMessagesResponse::default(), None, wrong),
            }
        }
        Err(wrong) => (ListMessagesResponse::default(), None, vec![wrong]),
    };
    let body = html! {
        h1 { "Messages" }
        @if !desk.sight().whole { p.hint { (words::HIDDEN) } }
        (layout::mistakes(&wrong))
        (filters(&desk, &fields)?)
        @if found.messages.is_empty() {
            p.empty {
                @if !wrong.is_empty() { "Nothing is shown before this is mended." }
                @else if found.next_page_token.is_empty() { "No message is like this." }
                @else { "None of those that were looked through is like this. There are older ones." }
            }
        } @else {
            @if let Some(counted) = &counted { p { (words::counted(counted)) "." } }
            (table(&desk, &found.messages)?)
        }
        (layout::pager(&desk, "/messages", &fields, &found.next_page_token))
    };
    Ok(layout::page(&desk, Here::Messages, "Messages", &body))
}

/// The filters of an address as the RPCs take them.
fn filter(desk: &Desk, fields: &Fields) -> Result<CountMessagesRequest, (String, String)> {
    let wrong = |field: &str, why: &str| (field.to_owned(), why.to_owned());
    let covered = fields.get("number");
    let number = match covered {
        "" => String::new(),
        cover => {
            let found = desk.service().uncover_number(&desk.caller, cover);
            found.map_err(|_| wrong("number", "is not one that this console wrote into an address"))?
        }
    };
    let campaign = Some(fields.get("campaign")).filter(|id| !id.is_empty()).map(str::parse);
    Ok(CountMessagesRequest {
        campaign_id: campaign.transpose().map_err(|_| wrong("campaign", "must be a campaign's id, a whole number"))?,
        status: MessageStatus::from_str_name(fields.get("status")).map_or(0, Into::into),
        destination: number,
        owner_id: None,
        reference: fields.get("reference").to_owned(),
        provider_message_id: fields.get("provider_id").to_owned(),
        error_code: fields.get("code").to_owned(),
        created_after: time("after", fields.get("after"))?,
        created_before: time("before", fields.get("before"))?,
    })
}

/// A time as browsers write it, in UTC.
pub(super) fn time(field: &str, text: &str) -> Result<Option<pbjson_types::Timestamp>, (String, String)> {
    if text.is_empty() {
        return Ok(None);
    }
    let whole = if text.len() == "2026-11-29T22:03".len() {
        format!("{text}:00Z")
    } else {
        format!("{}Z", text.trim_end_matches('Z'))
    };
    let at: Timestamp =
        whole.parse().map_err(|_| (field.to_owned(), "must be a time such as 2026-11-29T22:03, in UTC".to_owned()))?;
    Ok(Some(contract::timestamp(at)))
}

fn filters(desk: &Desk, fields: &Fields) -> Result<Markup, Error> {
    let states = (1..=9).filter_map(|number| MessageStatus::try_from(number).ok());
    let cover = fields.get("number");
    let number = desk.service().uncover_number(&desk.caller, cover).ok();
    Ok(html! {
        form.filters method="get" action=(desk.to("/messages")) role="search" aria-label="Filters" {
            @if let Some(number) = &number {
                p { "To " (desk.number(number)?) ", " a href={ (desk.to("/messages")) "?" (fields.with("number", "")) } { "to any number" } }
                input type="hidden" name="number" value=(cover);
            }
            div { label for="status" { "State" }
                select #status name="status" {
                    option value="" { "Any" }
                    @for state in states {
                        option value=(state.as_str_name()) selected[state.as_str_name() == fields.get("status")] { (words::status(state.into()).0) }
                    }
                }
            }
            (field("campaign", "Campaign", "text", fields))
            (field("reference", "Reference", "text", fields))
            (field("code", "Reason", "text", fields))
            (field("after", "Accepted from, UTC", "datetime-local", fields))
            (field("before", "and before, UTC", "datetime-local", fields))
            div.buttons { button { "Show" } a href=(desk.to("/messages")) { "All" } }
        }
    })
}

/// A field of a list's filters, with what it is set to.
pub(super) fn field(name: &str, label: &str, kind: &str, fields: &Fields) -> Markup {
    html! { div { label for=(name) { (label) } input id=(name) name=(name) type=(kind) value=(fields.get(name)) autocomplete="off"; } }
}

/// The messages, one a row.
pub(super) fn table(desk: &Desk, messages: &[Message]) -> Result<Markup, Error> {
    Ok(html! {
        div.wide tabindex="0" role="region" aria-label="Messages" {
            table {
                thead { tr { th scope="col" { "Accepted" } th scope="col" { "State" } th scope="col" { "To" } th scope="col" { "Text" } th scope="col" { "Reference" } } }
                tbody {
                    @for m in messages {
                        tr {
                            th scope="row" { a href=(desk.to(&format!("/messages/{}", m.id))) { (times::when(m.created_at)) } }
                            td { (state(desk, m)) }
                            td { (desk.number(&m.destination)?) }
                            td.text { bdi dir="auto" { (short(&desk.sight().words(&m.text))) } }
                            td { @if let Some(reference) = &m.reference { bdi { (short(&desk.sight().title(reference))) } } }
                        }
                    }
                }
            }
        }
    })
}

/// A message's state in words, with its reason.
pub(super) fn state(desk: &Desk, m: &Message) -> Markup {
    let (word, tone) = words::status(m.status);
    let now = desk.service().clock().now();
    html! {
        span.state.(tone.class()) { (word) }
        @if let Some(code) = &m.error_code { " " span.why { (words::reason(code)) } }
        @if m.status == i32::from(MessageStatus::Queued) && m.attempts > 0 { " " span.why { "tried " (if m.attempts == 1 { "once".to_owned() } else { format!("{} times", m.attempts) }) } }
        @if let Some(held) = desk.held(m) { " " span.why { (held) } }
        @if let Some(at) = times::read(m.next_attempt_at).filter(|at| *at > now && waits(m)) { " " span.why { "again at " (times::shown(at)) } }
        @if m.possible_duplicate { " " span.why { "may have come twice" } }
        @if m.status == i32::from(MessageStatus::Scheduled) { " " span.why { "for " (times::when(m.scheduled_at)) } }
    }
}

/// Whether it was tried and is to be tried again.
fn waits(m: &Message) -> bool {
    let statuses = [MessageStatus::Queued, MessageStatus::Unknown];
    m.attempts > 0 && statuses.into_iter().any(|status| m.status == i32::from(status))
}

/// The begin of a text that is long.
pub(super) fn short(text: &str) -> String {
    let mut chars = text.chars();
    let begin: String = chars.by_ref().take(70).collect();
    if chars.next().is_some() { format!("{}…", begin.trim_end()) } else { begin }
}
