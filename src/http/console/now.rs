//! Now: what needs a person, each with the place where it is dealt with; and what is under way.

use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::{self, admin, campaigns, inbound, messages};
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::words::Tone;
use crate::http::console::{Routes, campaigns as list, endpoints, inbox, system, times, today, words};
use crate::proto::{
    Campaign, CampaignState, CountMessagesRequest, InboundMessage, InboundVerdict, ListCampaignsRequest,
    ListInboundRequest, MessageStatus, RequeueDeadMessagesRequest,
};

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console", get(page))]
}

/// How many are read at once, and how many times, to find those that are not over among all.
const PAGE: i32 = 1000;
const PAGES: usize = 5;
/// How many of them are shown.
const SHOWN: usize = 50;

/// One thing that needs a person.
struct Need {
    what: String,
    place: String,
    act: &'static str,
}

async fn page(desk: Desk) -> Result<Response, Refusal> {
    let moving = moving(&desk).await?;
    // Whoever may read no messages has no stream of them to follow.
    let stream = desk.may(Scope::MessagesRead).then(|| desk.to("/events"));
    let running = if desk.may(Scope::CampaignsDraft) { Some(under_way(&desk).await?) } else { None };
    let body = html! {
        h1 { "Now" }
        div #live data-stream=[stream] { (moving) }
        @if let Some(running) = &running { (campaigns_now(&desk, running)) }
    };
    Ok(layout::page(&desk, Here::Now, "Now", &body))
}

/// The part that moves: what needs a person, and the numbers.
pub(super) async fn moving(desk: &Desk) -> Result<Markup, Error> {
    let reads = desk.may(Scope::MessagesRead);
    let needs = needed(desk).await?;
    let replies = if reads { to_review(desk).await? } else { Vec::new() };
    let numbers = today::numbers(desk).await?;
    Ok(html! {
        section aria-labelledby="needs" {
            h2 #needs { "What needs you" }
            @if needs.is_empty() && replies.is_empty() { p.empty { @if reads { "Nothing needs you." } @else { "Nothing that you may see needs you." } } }
            ul.needs { @for need in &needs { li { p { (need.what) } a.button href=(need.place) { (need.act) } } } }
            @if !replies.is_empty() { h3 { "Replies that may mean STOP" } (inbox::rows(desk, &replies)?) }
        }
        section aria-labelledby="numbers" {
            h2 #numbers { "Numbers" }
            (numbers)
        }
    })
}

/// Everything that needs a person, but for replies.
async fn needed(desk: &Desk) -> Result<Vec<Need>, Error> {
    let mut needs = Vec::new();
    if !desk.service().provider_available() {
        let what =
            "The provider takes nothing from any route account now. Messages wait and are tried again.".to_owned();
        needs.push(Need { what, place: desk.to("/messages?status=MESSAGE_STATUS_QUEUED"), act: "See what waits" });
    }
    if desk.may(Scope::MessagesRead) {
        of_messages(desk, &mut needs).await?;
        of_endpoints(desk, &mut needs).await?;
    }
    if desk.may(Scope::Ops) {
        of_operators(desk, &mut needs).await?;
    }
    Ok(needs)
}

/// Messages in doubt, and those that were given up, of the last day.
async fn of_messages(desk: &Desk, needs: &mut Vec<Need>) -> Result<(), Error> {
    let since = today::since(desk);
    let since_shown = today::shown(since);
    let request = |status: MessageStatus, code: &str| CountMessagesRequest {
        status: status.into(),
        error_code: code.to_owned(),
        created_after: Some(contract::timestamp(since)),
        ..Default::default()
    };
    let kinds = [
        (MessageStatus::Unknown, "", "of the last day: nobody knows whether the provider took them"),
        (MessageStatus::Unspecified, "RETRIES_EXHAUSTED", "of the last day were given up after twelve tries"),
        (
            MessageStatus::Unspecified,
            "PROCESS_CRASHED",
            "of the last day were given up: three processes ended with them",
        ),
    ];
    for (status, code, what) in kinds {
        let found = messages::count_messages(desk.service(), &desk.caller, request(status, code)).await?;
        if found.count == 0 {
            continue;
        }
        let status = if status == MessageStatus::Unspecified { "" } else { status.as_str_name() };
        let place = desk.to(&format!("/messages?status={status}&code={code}&after={since_shown}"));
        needs.push(Need { what: format!("{} {what}.", words::counted(&found)), place, act: "See them" });
    }
    Ok(())
}

/// Endpoints that take nothing, of all that an owner may have.
async fn of_endpoints(desk: &Desk, needs: &mut Vec<Need>) -> Result<(), Error> {
    let mut from = String::new();
    loop {
        let (page, next) = endpoints::standing(desk, &from).await?;
        for one in &page {
            let (endpoint, standing) = endpoints::parts(one);
            if endpoints::fails(&endpoint, &standing) {
                let behind = endpoints::behind(&standing);
                let address = desk.sight().address(&endpoint.url);
                let what = format!("The endpoint {address} does not take its events: behind by {behind}.");
                needs.push(Need { what, place: desk.to(&format!("/endpoints/{}", endpoint.id)), act: "See why" });
            }
        }
        if next.is_empty() {
            return Ok(());
        }
        from = next;
    }
}

/// Accounts that take nothing, and what was given up: of all owners, and for operators.
async fn of_operators(desk: &Desk, needs: &mut Vec<Need>) -> Result<(), Error> {
    let mut from = String::new();
    for _ in 0..PAGES {
        let (accounts, next) = system::accounts(desk, &from).await?;
        for account in &accounts {
            let (word, tone) = words::holding(account.holding);
            if tone == Tone::Bad {
                let what = format!("{}: {}.", system::named(account), word.to_lowercase());
                needs.push(Need { what, place: desk.to("/system"), act: "See why" });
            }
        }
        from = next;
        if from.is_empty() {
            break;
        }
    }
    if let Some(late) = today::late(desk, &today::queue(desk).await?) {
        let what = format!("A single message has been due for {} and is not sent.", times::span(late));
        needs.push(Need { what, place: desk.to("/system"), act: "See the accounts" });
    }
    let request = RequeueDeadMessagesRequest { filter: None, dry_run: true, expected_count: None };
    let dead = admin::requeue_dead_messages(&desk.service().operations(), &desk.caller, request).await?.count;
    if dead > 0 {
        let were = if dead == 1 { "was" } else { "were" };
        let what = format!("{} of all owners {were} given up.", words::many(dead, "message"));
        needs.push(Need { what, place: desk.to("/attention"), act: "See them" });
    }
    Ok(())
}

async fn to_review(desk: &Desk) -> Result<Vec<InboundMessage>, Error> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    for _ in 0..PAGES {
        let verdict = InboundVerdict::PerhapsStop.into();
        let request = ListInboundRequest { page_size: PAGE, page_token, verdict, ..Default::default() };
        let page = inbound::list_inbound(desk.service(), &desk.caller, request).await?;
        found.extend(page.messages.into_iter().filter(|message| message.in_review));
        page_token = page.next_page_token;
        if page_token.is_empty() || found.len() >= SHOWN {
            break;
        }
    }
    found.truncate(SHOWN);
    Ok(found)
}

async fn under_way(desk: &Desk) -> Result<Vec<Campaign>, Error> {
    let goes_on = |campaign: &Campaign| {
        let state = CampaignState::try_from(campaign.state).unwrap_or_default();
        matches!(state, CampaignState::Running | CampaignState::Scheduled | CampaignState::Paused)
    };
    let (mut found, mut page_token) = (Vec::new(), String::new());
    for _ in 0..PAGES {
        let request = ListCampaignsRequest { page_size: PAGE, page_token, ..Default::default() };
        let page = campaigns::list_campaigns(desk.service(), &desk.caller, request).await?;
        found.extend(page.campaigns.into_iter().filter(|campaign| goes_on(campaign)));
        page_token = page.next_page_token;
        if page_token.is_empty() || found.len() >= SHOWN {
            break;
        }
    }
    found.truncate(SHOWN);
    Ok(found)
}

fn campaigns_now(desk: &Desk, running: &[Campaign]) -> Markup {
    html! {
        section aria-labelledby="running" {
            h2 #running { "Campaigns under way" }
            @if running.is_empty() { p.empty { "No campaign is being sent, scheduled or paused." } }
            @else { (list::table(desk, running)) }
        }
    }
}
