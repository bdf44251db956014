//! The frame of every page: who is here, where one can go, the field that finds anything; and what is shown instead of a page.

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use crate::auth::Scope;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::form::Fields;
use crate::http::console::refusal::Refusal;
use crate::http::console::{Site, statics, words};
use crate::http::problem::Problem;

/// The places that can be gone to from everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    Now,
    Messages,
    Campaigns,
    Inbox,
    Endpoints,
    Attention,
    System,
    Phone,
    /// None of them.
    Elsewhere,
}

impl Here {
    const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::Now, "", "Now"),
        (Self::Messages, "/messages", "Messages"),
        (Self::Campaigns, "/campaigns", "Campaigns"),
        (Self::Inbox, "/inbox", "Inbox"),
        (Self::Endpoints, "/endpoints", "Endpoints"),
        (Self::Attention, "/attention", "Attention"),
        (Self::System, "/system", "System"),
        (Self::Phone, "/phone", "Phone"),
    ];
}

/// A page for whoever is signed in.
pub(super) fn page(desk: &Desk, here: Here, title: &str, body: &Markup) -> Response {
    of_status(StatusCode::OK, desk, here, title, body)
}

/// The same with another status, for a form that cannot be taken as it is.
pub(super) fn of_status(status: StatusCode, desk: &Desk, here: Here, title: &str, body: &Markup) -> Response {
    let is_there = |place: Here| match place {
        Here::Phone => desk.site.console.handsets.is_some() && desk.may(Scope::MessagesRead),
        Here::Messages | Here::Inbox | Here::Endpoints => desk.may(Scope::MessagesRead),
        Here::Campaigns => desk.may(Scope::CampaignsDraft),
        Here::Attention | Here::System => desk.may(Scope::Ops),
        _ => true,
    };
    let places = Here::ALL.into_iter().filter(|(place, ..)| is_there(*place));
    let frame = html! {
        header.top {
            a.brand href=(desk.to("")) { "messaging" }
            form.find role="search" method="post" action=(desk.to("/find")) {
                label for="find" { (words::FIND) }
                input #find name="q" type="search" placeholder=(words::FIND) required autocomplete="off" spellcheck="false" maxlength="200";
                button { "Find" }
            }
            form.out method="post" action=(desk.to("/sign-out")) {
                span { "User " (desk.caller.user) }
                button.plain { "Sign out" }
            }
        }
        nav.places aria-label="Places" {
            ul {
                @for (place, path, name) in places {
                    li { a href=(desk.to(path)) aria-current=[(place == here).then_some("page")] { (name) } }
                }
            }
        }
        main #main tabindex="-1" {
            @if let Some(done) = desk.done { p.notice role="status" { (done) } }
            (body)
        }
    };
    document(status, &desk.site, title, &frame)
}

/// A page for whoever is not signed in.
pub(super) fn outside(site: &Site, status: StatusCode, title: &str, body: &Markup) -> Response {
    document(status, site, title, &html! { main #main.outside tabindex="-1" { p.brand { "messaging" } (body) } })
}

/// A page that says why there is no other.
pub(super) fn bare(site: &Site, status: StatusCode, title: &str, why: &str) -> Response {
    let home = site.console.to("/console");
    outside(site, status, title, &html! { h1 { (title) } p { (why) } p { a href=(home) { "To the console" } } })
}

fn document(status: StatusCode, site: &Site, title: &str, frame: &Markup) -> Response {
    let file = |name: &str| format!("{}?{}", site.console.to(&format!("/console/{name}")), *statics::RELEASE);
    let text = html! {
        (DOCTYPE)
        html lang="en" dir="ltr" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " – messaging" }
                link rel="stylesheet" href=(file("console.css"));
                script src=(file("console.js")) defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                (frame)
            }
        }
    };
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text.into_string()).into_response()
}

/// The answer as people read it: a refusal becomes a page, with the frame of whoever is signed in.
pub(super) fn told(desk: Option<&Desk>, site: &Site, mut answer: Response) -> Response {
    let Some(Refusal(problem)) = answer.extensions_mut().remove::<Refusal>() else { return answer };
    let status = problem.status();
    let body = html! {
        h1 { (words::refused(&problem)) }
        @match &problem {
            Problem::Service(Error::Invalid(violations)) => {
                ul { @for v in violations { li { (v.field) " " (v.description) } } }
            }
            problem => p { (problem.message()) }
        }
    };
    let page = match desk {
        Some(desk) => of_status(status, desk, Here::Elsewhere, words::refused(&problem), &body),
        None => outside(site, status, words::refused(&problem), &body),
    };
    let (mut head, _) = answer.into_parts();
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, page.into_body())
}

/// The mistakes of a form, above it; each leads to its field.
pub(super) fn mistakes(wrong: &[(String, String)]) -> Markup {
    html! {
        @if !wrong.is_empty() {
            div.mistakes role="alert" {
                h2 { "There is something to mend" }
                ul { @for (field, why) in wrong { li { a href={ "#" (field) } { (field.replace('_', " ")) " " (why) } } } }
            }
        }
    }
}

/// The way to the next page of a list, and back to its begin.
pub(super) fn pager(desk: &Desk, place: &str, asked: &Fields, next: &str) -> Markup {
    html! {
        @if !next.is_empty() || !asked.get("page").is_empty() {
            nav.pager aria-label="Pages" {
                @if !asked.get("page").is_empty() { a href=(desk.to(&format!("{place}?{}", asked.with("page", "")))) { "First page" } }
                @if !next.is_empty() { a rel="next" href=(desk.to(&format!("{place}?{}", asked.with("page", next)))) { "Next page" } }
            }
        }
    }
}

/// A button that posts, alone in its form.
pub(super) fn act(desk: &Desk, place: &str, name: &str) -> Markup {
    html! { form.act method="post" action=(desk.to(place)) { button { (name) } } }
}
