//! One number: what went to it, what it wrote and whether it is on the list of opt-outs, in one column of time.

use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::{inbound, messages};
use crate::http::console::desk::Desk;
use crate::http::console::form::Fields;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, messages as list, times, words};
use crate::http::entry::Named;
use crate::proto::{
    AddOptOutRequest, InboundMessage, ListInboundRequest, ListMessagesRequest, ListOptOutsRequest, Message, OptOut,
    OptOutSource, RemoveOptOutRequest,
};

/// How many of each kind are shown; the list of messages has all.
const PAGE: i32 = 40;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/numbers/{cover}", get(page))]
}

/// The acts.
pub(super) fn acts() -> Routes {
    vec![("/console/numbers/{cover}/opt-out", post(opt_out)), ("/console/numbers/{cover}/opt-in", post(opt_in))]
}

/// One thing that happened between us and the number.
enum Item {
    Sent(Box<Message>),
    Wrote(InboundMessage),
    OptedOut(OptOut),
}

impl Item {
    fn at(&self) -> Option<Timestamp> {
        times::read(match self {
            Self::Sent(message) => message.created_at,
            Self::Wrote(message) => message.received_at,
            Self::OptedOut(entry) => entry.created_at,
        })
    }
}

async fn page(desk: Desk, Named(cover): Named) -> Result<Response, Refusal> {
    let number = desk.service().uncover_number(&desk.caller, &cover)?;
    let (service, caller) = (desk.service(), &desk.caller);
    let sent = ListMessagesRequest { page_size: PAGE, destination: number.clone(), ..Default::default() };
    let sent = messages::list_messages(service, caller, sent).await?;
    let wrote = ListInboundRequest { page_size: PAGE, number: number.clone(), ..Default::default() };
    let wrote = inbound::list_inbound(service, caller, wrote).await?;
    let entry = ListOptOutsRequest { destination: number.clone(), ..Default::default() };
    let entry = messages::list_opt_outs(service, caller, entry).await?.opt_outs.into_iter().next();
    let (more_sent, more_wrote) = (!sent.next_page_token.is_empty(), !wrote.next_page_token.is_empty());
    let opted_out = entry.is_some();
    let mut items: Vec<Item> = sent.messages.into_iter().map(Box::new).map(Item::Sent).collect();
    items.extend(wrote.messages.into_iter().map(Item::Wrote));
    items.extend(entry.map(Item::OptedOut));
    items.sort_by_key(|item| std::cmp::Reverse(item.at()));
    let of = Fields::default().with("number", &cover);
    let (all, all_wrote) = (format!("/messages?{of}"), format!("/inbox?{of}"));
    let title = format!("Number {}", desk.sight().plain(&number));
    let body = html! {
        h1 { "Number " (desk.sight().number(&number)) }
        @if !desk.sight().whole { p.hint { (words::HIDDEN) } }
        (standing(&desk, &cover, opted_out))
        h2 { "What happened" }
        @if items.is_empty() { p.empty { "Nothing went to it or came from it." } }
        ol.timeline { @for item in &items { (row(&desk, item)) } }
        @if more_sent { p { "There is more: " a href=(desk.to(&all)) { "all messages to it" } "." } }
        @if more_wrote { p { "There is more: " a href=(desk.to(&all_wrote)) { "all that it wrote" } "." } }
    };
    Ok(layout::page(&desk, Here::Messages, &title, &body))
}

fn standing(desk: &Desk, cover: &str, opted_out: bool) -> Markup {
    let act = |name: &str| desk.to(&format!("/numbers/{cover}/{name}"));
    html! {
        p.lead { @if opted_out { "It gets no messages of yours: it is on the list of opt-outs." } @else { "It is not on the list of opt-outs." } }
        @if desk.may(Scope::MessagesSend) {
            @if opted_out {
                form.stack method="post" action=(act("opt-in")) {
                    p.hint { "Whoever wrote STOP does not expect another message." }
                    button { "Take it off the list" }
                }
            } @else {
                form method="post" action=(act("opt-out")) { button { "Put it on the list" } }
            }
        }
    }
}

fn row(desk: &Desk, item: &Item) -> Markup {
    html! {
        li {
            span.at { @if let Some(at) = item.at() { (times::shown(at)) } }
            @match item {
                Item::Sent(m) => {
                    p { a href=(desk.to(&format!("/messages/{}", m.id))) { "We sent" } " " (list::state(m, desk.service().clock().now())) }
                    blockquote { @if m.text.is_empty() { "The text was erased." } @else { (desk.sight().text(&m.text)) } }
                }
                Item::Wrote(m) => {
                    @let (word, tone) = words::verdict(m.verdict);
                    p { "It wrote" @if !m.to.is_empty() { " to " (desk.sight().sender(&m.to)) } " " span.state.(tone.class()) { (word) } " " (words::effect(m.effect)) }
                    blockquote.theirs { (desk.sight().text(&m.text)) }
                }
                Item::OptedOut(entry) => {
                    p { @if entry.source == i32::from(OptOutSource::Recipient) { "It was put on the list of opt-outs by its own STOP." } @else { "It was put on the list of opt-outs by hand." } }
                }
            }
        }
    }
}

async fn opt_out(desk: Desk, Named(cover): Named) -> Result<Response, Refusal> {
    let number = desk.service().uncover_number(&desk.caller, &cover)?;
    let request = AddOptOutRequest { destination: number.clone(), owner_id: None };
    messages::add_opt_out(desk.service(), &desk.caller, request).await?;
    desk.note(&format!("put {} on the list of opt-outs", masked(&number))).await;
    Ok(desk.done(&format!("/numbers/{cover}"), "opted-out"))
}

async fn opt_in(desk: Desk, Named(cover): Named) -> Result<Response, Refusal> {
    let number = desk.service().uncover_number(&desk.caller, &cover)?;
    let request = RemoveOptOutRequest { destination: number, owner_id: None };
    messages::remove_opt_out(desk.service(), &desk.caller, request).await?;
    Ok(desk.done(&format!("/numbers/{cover}"), "opted-in"))
}

/// The number as the audit has it.
fn masked(number: &str) -> String {
    crate::domain::phone::Msisdn::from_stored(number.to_owned()).masked()
}
