//! The system, for operators: the replicas, the route accounts and what holds them, and how far erasing has come.

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::contract::{admin, fleet};
use crate::domain::gate::PROVIDER;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::field::{Field, Typed};
use crate::http::console::form::{Asked, Form, taken};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, times, words};
use crate::proto::{
    GetRetentionRequest, Holding, ListReplicasRequest, ListRouteAccountsRequest, Replica, RetentionChore, RouteAccount,
    SetRouteAccountLimitRequest, UnblockRouteAccountRequest,
};

/// How many route accounts a page has.
const PAGE: i32 = 50;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/system", get(page))]
}

/// The acts. An account's id is a field: it may have any character.
pub(super) fn acts() -> Routes {
    vec![("/console/system/unblock", post(unblock)), ("/console/system/limit", post(limit))]
}

async fn page(asked: Asked) -> Result<Response, Refusal> {
    let body = body(&asked, Typed::NOTHING).await?;
    Ok(layout::page(&asked.desk, Here::System, "System", &body))
}

/// The route accounts that are known, and where the next page of them begins.
pub(super) async fn accounts(desk: &Desk, page_token: &str) -> Result<(Vec<RouteAccount>, String), Error> {
    let request = ListRouteAccountsRequest { page_size: PAGE, page_token: page_token.to_owned() };
    let found = admin::list_route_accounts(&desk.service().operations(), &desk.caller, request).await?;
    Ok((found.route_accounts, found.next_page_token))
}

/// The name of an account for people.
pub(super) fn named(account: &RouteAccount) -> &str {
    if account.id == PROVIDER { "The provider as a whole" } else { &account.id }
}

async fn body(asked: &Asked, typed: Typed<'_>) -> Result<Markup, Error> {
    let Asked { desk, fields } = asked;
    let (operations, caller) = (desk.service().operations(), &desk.caller);
    let (accounts, next) = accounts(desk, fields.get("page")).await?;
    let replicas = fleet::list_replicas(&operations, caller, ListReplicasRequest {}).await?.replicas;
    let chores = fleet::get_retention(&operations, caller, GetRetentionRequest {}).await?.chores;
    Ok(html! {
        h1 { "System" }
        (layout::mistakes(typed.wrong))
        p { a href=(desk.to("/users")) { "Users and keys" } " · " a href=(desk.to("/audit")) { "Who did what" } }
        section aria-labelledby="accounts" {
            h2 #accounts { "Route accounts" }
            @if accounts.is_empty() { p.empty { "No route account has been used yet, and none has a limit." } }
            @for account in &accounts { (one_account(desk, account)) }
            (layout::pager(desk, "/system", fields, &next))
            details open[!typed.wrong.is_empty()] {
                summary { "Set a limit" }
                (limits(desk, typed))
            }
        }
        section aria-labelledby="replicas" {
            h2 #replicas { "Replicas" }
            (table_of(&replicas))
        }
        section aria-labelledby="retention" {
            h2 #retention { "Erasing what is old" }
            (erasing(&chores))
        }
    })
}

fn one_account(desk: &Desk, account: &RouteAccount) -> Markup {
    let (word, tone) = words::holding(account.holding);
    let held = account.holding != i32::from(Holding::Free);
    html! {
        div.card {
            h3 { bdi { (named(account)) } " " span.state.(tone.class()) { (word) } }
            dl {
                @if held {
                    dt { "Why" } dd { (words::reason(&account.reason)) }
                    dt { "Since" } dd { (times::when(account.held_since)) }
                    dt { "Until" } dd { @if account.held_until.is_some() { (times::when(account.held_until)) } @else { "a message goes through" } }
                }
                dt { "Segments a second" } dd { @if let Some(rate) = account.rate { (rate) } @else { "as configured" } }
                @if let Some(burst) = account.burst { dt { "At once" } dd { (burst) } }
            }
            @if held {
                form.act method="post" action=(desk.to("/system/unblock")) {
                    input type="hidden" name="account" value=(account.id);
                    button { "Let it go" }
                }
            }
        }
    }
}

fn limits(desk: &Desk, typed: Typed<'_>) -> Markup {
    html! {
        form.stack method="post" action=(desk.to("/system/limit")) {
            (Field::text("id", "Route account").required().shown(typed))
            (Field::number("rate", "Segments a second").hint("Empty: as configured; 0: no limit. It holds for all replicas together.").shown(typed))
            (Field::number("burst", "At once").hint("Empty: as many as in one second.").shown(typed))
            button { "Set it" }
        }
    }
}

fn table_of(replicas: &[Replica]) -> Markup {
    html! {
        @if replicas.is_empty() { p.empty { "No process has noted that it serves." } }
        @else {
            div.wide tabindex="0" role="region" aria-label="All replicas" {
                table {
                    thead { tr { th scope="col" { "Id" } th scope="col" { "Release" } th scope="col" { "Since" } th scope="col" { "Last seen" } th scope="col" { "In flight" } } }
                    tbody {
                        @for replica in replicas {
                            tr {
                                th scope="row" { code { (replica.id) } }
                                td { @if replica.version.is_empty() { "–" } @else { (replica.version) } }
                                td { (times::when(replica.started_at)) }
                                td { (times::when(replica.seen_at)) }
                                td.count { @if let Some(n) = replica.in_flight { (n) } @else { "–" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn erasing(chores: &[RetentionChore]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="What is erased" {
            table {
                thead { tr { th scope="col" { "What" } th scope="col" { "Goes on" } } }
                tbody {
                    @for chore in chores {
                        tr {
                            th scope="row" { (words::chore(&chore.name)) }
                            td {
                                @if chore.due_at.is_none() { "is configured not to, or has not begun" }
                                @else if chore.due { "now: there is more to erase" }
                                @else { (times::when(chore.due_at)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

async fn unblock(form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let request = UnblockRouteAccountRequest { id: fields.get("account").to_owned() };
    admin::unblock_route_account(&desk.service().operations(), &desk.caller, request).await?;
    Ok(desk.done("/system", "unblocked"))
}

async fn limit(form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let number = |name: &str| {
        let given = Some(fields.get(name)).filter(|text| !text.is_empty()).map(str::parse::<i32>);
        given.transpose().map_err(|_| (name.to_owned(), "must be a whole number".to_owned()))
    };
    let done = match number("rate").and_then(|rate| number("burst").map(|burst| (rate, burst))) {
        Ok((rate, burst)) => {
            let request = SetRouteAccountLimitRequest { id: fields.get("id").to_owned(), rate, burst };
            admin::set_route_account_limit(&desk.service().operations(), &desk.caller, request).await
        }
        Err((field, why)) => Err(Error::Invalid(vec![crate::error::Violation::new(field, why)])),
    };
    match taken(done)? {
        Ok(_) => Ok(desk.done("/system", "limited")),
        Err(wrong) => {
            let asked = Asked { desk, fields };
            let body = body(&asked, Typed { fields: &asked.fields, wrong: &wrong }).await?;
            Ok(layout::of_status(StatusCode::UNPROCESSABLE_ENTITY, &asked.desk, Here::System, "System", &body))
        }
    }
}
