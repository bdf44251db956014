//! The numbers of Now: the messages of the last day by state and, for operators, how full the queue is.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::{self, admin, messages};
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::{times, words};
use crate::proto::get_queue_response::Lane;
use crate::proto::{CountMessagesRequest, GetQueueRequest, GetQueueResponse};

/// How far back it is looked.
const BACK: SignedDuration = SignedDuration::from_hours(24);
/// Single sends that have been due for so long need somebody; the alert of the operators' rules begins there, too.
const LATE: SignedDuration = SignedDuration::from_mins(2);

/// When the last day began.
pub(super) fn since(desk: &Desk) -> Timestamp {
    desk.service().clock().now().checked_sub(BACK).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The same as a list's filter takes it, to the minute before.
pub(super) fn shown(since: Timestamp) -> String {
    since.strftime("%Y-%m-%dT%H:%M").to_string()
}

/// How full the queue is.
pub(super) async fn queue(desk: &Desk) -> Result<GetQueueResponse, Error> {
    admin::get_queue(&desk.service().operations(), &desk.caller, GetQueueRequest {}).await
}

/// For how long the oldest single send has been due, if that is too long.
pub(super) fn late(desk: &Desk, queue: &GetQueueResponse) -> Option<SignedDuration> {
    let oldest = queue.single.as_ref().and_then(|lane| times::read(lane.oldest_due_at))?;
    Some(desk.service().clock().now().duration_since(oldest)).filter(|late| *late > LATE)
}

/// The numbers, as they are now.
pub(super) async fn numbers(desk: &Desk) -> Result<Markup, Error> {
    let day = if desk.may(Scope::MessagesRead) { Some(of_the_day(desk).await?) } else { None };
    let queue = if desk.may(Scope::Ops) { Some(queue(desk).await?) } else { None };
    Ok(html! {
        @if let Some(day) = day { (day) }
        @if let Some(queue) = queue { (of_the_queue(desk, &queue)) }
        p.hint { "As of " (times::shown(desk.service().clock().now())) "." }
    })
}

async fn of_the_day(desk: &Desk) -> Result<Markup, Error> {
    let since = since(desk);
    let request = CountMessagesRequest { created_after: Some(contract::timestamp(since)), ..Default::default() };
    let day = messages::count_messages(desk.service(), &desk.caller, request).await?;
    let place = |status: &str| desk.to(&format!("/messages?status={status}&after={}", shown(since)));
    Ok(html! {
        h3 { "Your messages of the last 24 hours" }
        @if day.count == 0 { p.empty { "None was accepted." } }
        @else {
            p { (words::counted(&day)) @if !day.exact { "; these are the newest" } ":" }
            dl.counters {
                @for one in &day.statuses {
                    div { dt { a href=(place(one.status().as_str_name())) { (words::status(one.status).0) } } dd { (one.count) } }
                }
            }
        }
    })
}

fn of_the_queue(desk: &Desk, queue: &GetQueueResponse) -> Markup {
    let now = desk.service().clock().now();
    let due = |lane: &Option<Lane>| {
        let oldest = lane.as_ref().and_then(|lane| times::read(lane.oldest_due_at)).filter(|at| *at <= now);
        oldest.map(|at| times::span(now.duration_since(at)))
    };
    let lane = |name: &str, lane: &Option<Lane>| {
        html! {
            div {
                dt { (name) @if let Some(due) = due(lane) { ", the oldest due for " (due) } }
                dd { (lane.as_ref().map_or(0, |lane| lane.waiting)) }
            }
        }
    };
    let row = |name: &str, n: i64| html! { @if n > 0 { div { dt { (name) } dd { (n) } } } };
    html! {
        h3 { "The queue, of all owners" }
        dl.counters {
            (lane("Single sends", &queue.single))
            (lane("Campaigns' messages", &queue.campaign))
            (row("Scheduled", queue.scheduled))
            (row("With a replica", queue.claimed + queue.sending))
            (row("Tried again later, as the answer was lost", queue.unknown))
            (row("Given up", queue.dead))
        }
    }
}
