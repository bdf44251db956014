//! One number: what went to it, what it wrote and whether it is on the list of opt-outs, in one column of time.

use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::{inbound, messages};
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::form::{Asked, Fields};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, messages as list, times, words};
use crate::http::entry::Named;
use crate::proto::{
    AddOptOutRequest, InboundMessage, ListInboundRequest, ListMessagesRequest, ListOptOutsRequest, Message, OptOut,
    OptOutSource, RemoveOptOutRequest,
};

/// How many of each kind are read for a page,
const PAGE: i32 = 40;
/// and how many bytes of what happened it has: with all that stands around it less than 60 kB.
const MOST: usize = 45_000;

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
    fn at(&self) -> Timestamp {
        let at = match self {
            Self::Sent(message) => message.created_at,
            Self::Wrote(message) => message.received_at,
            Self::OptedOut(entry) => entry.created_at,
        };
        times::read(at).unwrap_or_default()
    }
}

/// Everything that happened, the newest first, and whether there is more before it.
struct Column {
    items: Vec<Item>,
    more: bool,
    opted_out: bool,
}

/// Everything that happened before a time, or all of it until now.
async fn column(desk: &Desk, number: &str, before: Option<pbjson_types::Timestamp>) -> Result<Column, Error> {
    let (service, caller) = (desk.service(), &desk.caller);
    let destination = number.to_owned();
    let sent = ListMessagesRequest { page_size: PAGE, destination, created_before: before, ..Default::default() };
    let sent = messages::list_messages(service, caller, sent).await?;
    let number = number.to_owned();
    let entry = ListOptOutsRequest { destination: number.clone(), ..Default::default() };
    let wrote = ListInboundRequest { page_size: PAGE, number, received_before: before, ..Default::default() };
    let wrote = inbound::list_inbound(service, caller, wrote).await?;
    let entry = messages::list_opt_outs(service, caller, entry).await?.opt_outs.into_iter().next();
    let opted_out = entry.is_some();
    let goes_on = [!sent.next_page_token.is_empty(), !wrote.next_page_token.is_empty()];
    let sent: Vec<Item> = sent.messages.into_iter().map(Box::new).map(Item::Sent).collect();
    let wrote: Vec<Item> = wrote.messages.into_iter().map(Item::Wrote).collect();
    // Of a list that goes on nobody knows what stands beside its last item, or before: that is the next page's.
    let ends = [&sent, &wrote].into_iter().zip(goes_on).filter(|(_, goes_on)| *goes_on);
    let end = ends.filter_map(|(items, _)| items.last()).map(Item::at).max();
    let mut items: Vec<Item> = sent.into_iter().chain(wrote).chain(entry.map(Item::OptedOut)).collect();
    items.sort_by_key(|item| std::cmp::Reverse(item.at()));
    let before = times::read(before);
    items.retain(|item| before.is_none_or(|before| item.at() < before));
    if let Some(end) = end {
        // A page that would be empty has those of the one moment.
        let all_at_once = items.first().is_none_or(|first| first.at() <= end);
        items.retain(|item| item.at() > end || (all_at_once && item.at() == end));
    }
    Ok(Column { items, more: end.is_some(), opted_out })
}

/// The rows of a column, as many as a page has, and where the next one begins. What happened at one moment is not torn apart.
fn rows(desk: &Desk, column: &Column) -> (Vec<Markup>, String) {
    let (mut rows, mut size, mut last) = (Vec::new(), 0, None);
    for item in &column.items {
        let row = row(desk, item);
        size += row.0.len();
        if let Some(last) = last.filter(|last| size > MOST && item.at() < *last) {
            return (rows, last.to_string());
        }
        last = Some(item.at());
        rows.push(row);
    }
    let next = last.filter(|_| column.more).map_or_else(String::new, |last| last.to_string());
    (rows, next)
}

async fn page(Named(cover): Named, asked: Asked) -> Result<Response, Refusal> {
    let Asked { desk, fields } = asked;
    let number = desk.service().uncover_number(&desk.caller, &cover)?;
    let before = list::time("page", fields.get("page")).map_err(|(field, why)| Error::invalid(field, why))?;
    let column = column(&desk, &number, before).await?;
    let (rows, next) = rows(&desk, &column);
    let of = Fields::default().with("number", &cover);
    let (all, all_wrote) = (format!("/messages?{of}"), format!("/inbox?{of}"));
    let title = format!("Number {}", desk.sight().plain(&number));
    let body = html! {
        h1 { "Number " (desk.sight().number(&number)) }
        @if !desk.sight().whole { p.hint { (words::HIDDEN) } }
        (standing(&desk, &cover, column.opted_out))
        h2 { "What happened" }
        @if rows.is_empty() { p.empty { @if before.is_some() { "Nothing older went to it or came from it." } @else { "Nothing went to it or came from it." } } }
        @else { p.hint { "The newest first. By themselves: " a href=(desk.to(&all)) { "all messages to it" } ", " a href=(desk.to(&all_wrote)) { "all that it wrote" } "." } }
        ol.timeline { @for row in &rows { (row) } }
        (layout::pager(&desk, &format!("/numbers/{cover}"), &fields, &next))
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
            span.at { (times::shown(item.at())) }
            @match item {
                Item::Sent(m) => {
                    p { a href=(desk.to(&format!("/messages/{}", m.id))) { "We sent" } " " (list::state(desk, m)) }
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
