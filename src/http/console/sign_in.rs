//! The way in: by an API key or a token, or by a link that an operator made. A link is opened by a press: what looks at it before the
//! person does, a preview for example, does not use it up.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use futures::TryStreamExt as _;
use maud::html;
use secrecy::SecretString;

use crate::admission::Peer;
use crate::auth::{Caller, Credentials, keys};
use crate::error::Error;
use crate::http::console::form::Fields;
use crate::http::console::layout;
use crate::http::console::refusal::Refusal;
use crate::http::console::sight::Sight;
use crate::http::console::{Routes, Site, session};
use crate::http::entry::{self, Named};
use crate::http::problem::Problem;

/// The longest form, in bytes: a token is a few hundred.
const MOST: usize = 16 << 10;
/// How long it may take to come: whoever sends it byte by byte keeps a place from others.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The pages.
pub(super) fn pages() -> Routes {
    vec![("/console/sign-in", get(asked)), ("/console/link/{link}", get(link))]
}

/// The acts that begin a session.
pub(super) fn acts() -> Routes {
    vec![("/console/sign-in", post(shown)), ("/console/link/{link}", post(opened))]
}

async fn asked(State(site): State<Site>, request: Request) -> Response {
    let fields = Fields::read(request.uri().query().unwrap_or_default().as_bytes());
    let why = match () {
        () if !fields.get("over").is_empty() => Some("Your session has ended. Nothing was done."),
        () if !fields.get("out").is_empty() => Some("You are signed out."),
        () => None,
    };
    form(&site, StatusCode::OK, &fields, why)
}

fn form(site: &Site, status: StatusCode, fields: &Fields, why: Option<&str>) -> Response {
    let body = html! {
        h1 { "Sign in" }
        @if let Some(why) = why {
            @if status.is_success() && fields.get("over").is_empty() { p.notice role="status" { (why) } } @else { p.warning role="alert" { (why) } }
        }
        form.stack method="post" action=(site.console.to("/console/sign-in")) {
            input type="hidden" name="to" value=(fields.get("to"));
            label for="key" { "API key or token" }
            p.hint #key-hint { "It begins with msk_ or eyJ. " code { "messaging key create --user ID" } " makes one." }
            input #key name="key" type="password" required autocomplete="current-password" aria-describedby="key-hint"
                spellcheck="false" autocapitalize="off";
            button { "Sign in" }
        }
        p.hint { "Or open the link that " code { "messaging console-link --user ID" } " prints. It can be opened once, for a minute." }
    };
    layout::outside(site, status, "Sign in", &body)
}

async fn shown(State(site): State<Site>, request: Request) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let bytes = entry::chunks(body, MOST).try_fold(Vec::new(), |mut all, chunk| async move {
        all.extend_from_slice(&chunk);
        Ok(all)
    });
    let read = tokio::time::timeout(PATIENCE, bytes).await.map_err(|_| Problem::TimedOut)?;
    let fields = Fields::read(&read?);
    let key = SecretString::from(fields.get("key"));
    let key =
        if fields.get("key").starts_with(keys::PREFIX) { Credentials::ApiKey(key) } else { Credentials::Bearer(key) };
    match site.api.service.authenticate(Some(key), Peer::address(&head.extensions)).await {
        Ok(caller) => begin(&site, &caller, fields.get("to")).await,
        Err(Error::Unauthenticated(_) | Error::TokenExpired) => {
            let why = "This key or token does not count: it is mistyped, revoked or over.";
            Ok(form(&site, StatusCode::FORBIDDEN, &fields, Some(why)))
        }
        Err(e) => Err(e.into()),
    }
}

async fn link(State(site): State<Site>, Named(link): Named) -> Result<Response, Refusal> {
    let user = match site.api.service.link_user(&link).await {
        Ok(user) => user,
        Err(Error::Unauthenticated(why)) => return Ok(over(&site, why)),
        Err(e) => return Err(e.into()),
    };
    let body = html! {
        h1 { "Sign in" }
        form.stack method="post" action=(site.console.to(&format!("/console/link/{link}"))) {
            p { "This link signs you in as " strong { (Sight { whole: false }.name(&user)) } "." }
            button autofocus { "Sign in" }
        }
    };
    Ok(layout::outside(&site, StatusCode::OK, "Sign in", &body))
}

async fn opened(State(site): State<Site>, Named(link): Named) -> Result<Response, Refusal> {
    match site.api.service.open_link(&link).await {
        Ok(caller) => begin(&site, &caller, "").await,
        Err(Error::Unauthenticated(why)) => Ok(over(&site, why)),
        Err(e) => Err(e.into()),
    }
}

fn over(site: &Site, why: &str) -> Response {
    let again = "Have another one made: messaging console-link --user ID.";
    layout::bare(site, StatusCode::FORBIDDEN, "This link is over", &format!("{why}. {again}"))
}

async fn begin(site: &Site, caller: &Caller, to: &str) -> Result<Response, Refusal> {
    let begun = site.api.service.begin_session(caller).await?;
    let cookie = session::given(&site.console, &begun)?;
    let there = Redirect::to(&site.console.to(inside(to)));
    Ok(([(SET_COOKIE, cookie)], there).into_response())
}

/// Where the sign-in leads: to a place of the console, whatever an address says.
fn inside(to: &str) -> &str {
    let plain = to.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    let here = to == "/console" || to.starts_with("/console/") || to.starts_with("/console?");
    let page = !to.contains("/events") && !to.starts_with("/console/sign");
    if plain && here && page { to } else { "/console" }
}
