//! The inbox: what recipients wrote, what it asked for and what it did.

use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use crate::contract::inbound;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::form::Asked;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, times, words};
use crate::proto::{InboundMessage, InboundVerdict, ListInboundRequest};

/// How many a page has.
const PAGE: i32 = 50;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/inbox", get(list))]
}

async fn list(asked: Asked) -> Result<Response, Refusal> {
    let Asked { desk, fields } = asked;
    let verdict = InboundVerdict::from_str_name(fields.get("verdict")).map_or(0, Into::into);
    let request = ListInboundRequest {
        page_size: PAGE,
        page_token: fields.get("page").to_owned(),
        verdict,
        number: match fields.get("number") {
            "" => String::new(),
            cover => desk.service().uncover_number(&desk.caller, cover)?,
        },
        ..Default::default()
    };
    let found = inbound::list_inbound(desk.service(), &desk.caller, request).await?;
    let verdicts = (1..=4).filter_map(|number| InboundVerdict::try_from(number).ok());
    let body = html! {
        h1 { "Inbox" }
        @if !desk.sight().whole { p.hint { (words::HIDDEN) } }
        form.filters method="get" action=(desk.to("/inbox")) role="search" aria-label="Filters" {
            div { label for="verdict" { "Asks for" }
                select #verdict name="verdict" {
                    option value="" { "Anything" }
                    @for one in verdicts {
                        option value=(one.as_str_name()) selected[i32::from(one) == verdict] { (words::verdict(one.into()).0) }
                    }
                }
            }
            @if !fields.get("number").is_empty() { input type="hidden" name="number" value=(fields.get("number")); }
            div.buttons { button { "Show" } }
        }
        @if !fields.get("number").is_empty() { p.hint { "Only what one number wrote. " a href=(desk.to("/inbox")) { "What all wrote" } } }
        @if found.messages.is_empty() { p.empty { "Nobody wrote this." } } @else { (rows(&desk, &found.messages)?) }
        (layout::pager(&desk, "/inbox", &fields, &found.next_page_token))
    };
    Ok(layout::page(&desk, Here::Inbox, "Inbox", &body))
}

/// Messages from recipients, one after the other.
pub(super) fn rows(desk: &Desk, messages: &[InboundMessage]) -> Result<Markup, Error> {
    Ok(html! {
        ol.timeline {
            @for m in messages {
                @let (word, tone) = words::verdict(m.verdict);
                li {
                    span.at { (times::when(m.received_at)) }
                    p {
                        (desk.number(&m.number)?) " "
                        span.state.(tone.class()) { (word) } " " (words::effect(m.effect))
                        @if m.in_review { " " strong { "A person has to read it." } }
                    }
                    blockquote.theirs { (desk.sight().text(&m.text)) }
                }
            }
        }
    })
}
