//! Who is at the console: the session that a browser brings back, and its end.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;

use crate::admission::{Peer, Quota, Who};
use crate::auth::Caller;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::layout;
use crate::http::console::refusal::Refusal;
use crate::http::console::{Console, Routes, Site, words};
use crate::http::entry::Call;
use crate::service::BegunSession;

/// The cookie's name where browsers come by TLS: they take it from this host alone, for all of it, and send it by TLS alone.
const SECURE: &str = "__Host-messaging";
/// Its name on this machine's own address without TLS, where not every browser takes the other one.
const PLAIN: &str = "messaging-console";

/// The act that ends a session.
pub(super) fn acts() -> Routes {
    vec![("/console/sign-out", post(sign_out))]
}

/// Lets in whoever brings a session back that counts; others are led to the sign-in.
pub(super) async fn entered(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let call = request.extensions().get::<Call>().cloned().unwrap_or_default();
    match admit(&site, &call, request.headers()).await {
        Ok(caller) => {
            Peer::vouch(request.extensions(), Some(caller.user));
            let done = words::done(request.uri().query().unwrap_or_default());
            let desk = Desk { site, caller, call, done };
            request.extensions_mut().insert(Arc::new(desk.clone()));
            layout::told(Some(&desk), &desk.site, next.run(request).await)
        }
        Err(Error::Unauthenticated(_)) => {
            let asked = request.uri().path_and_query().map_or("/console", |asked| asked.as_str());
            let back = url::form_urlencoded::byte_serialize(asked.as_bytes()).collect::<String>();
            let left = if request.method() == Method::GET { format!("?to={back}") } else { "?over=1".to_owned() };
            Redirect::to(&site.console.to(&format!("/console/sign-in{left}"))).into_response()
        }
        Err(e) => layout::told(None, &site, Refusal::from(e).into_response()),
    }
}

async fn admit(site: &Site, call: &Call, headers: &HeaderMap) -> Result<Caller, Error> {
    let service = &site.api.service;
    let sealed = shown(headers, &site.console).ok_or(Error::Unauthenticated("There is no session"))?;
    let caller = service.session(sealed).await?;
    let _ = call.owner.set(caller.user.0);
    call.permit.take(service.admission(), Quota::Calls, caller.share())?;
    Ok(caller)
}

/// Gives whoever has no session a place among strangers.
pub(super) async fn unsigned(State(site): State<Site>, request: Request, next: Next) -> Response {
    let call = request.extensions().get::<Call>().cloned().unwrap_or_default();
    let who = Peer::address(request.extensions()).map_or(Who::Unknown, Who::Address);
    let answer = match call.permit.take_as(site.api.service.admission(), Quota::Open, who) {
        Ok(()) => next.run(request).await,
        Err(e) => Refusal::from(e).into_response(),
    };
    layout::told(None, &site, answer)
}

/// The session in the cookies, if there is one.
fn shown<'a>(headers: &'a HeaderMap, console: &Console) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == cookie(console)).then_some(value))
}

fn cookie(console: &Console) -> &'static str {
    if console.secure { SECURE } else { PLAIN }
}

/// The header that gives a browser its session.
pub(super) fn given(console: &Console, begun: &BegunSession) -> Result<HeaderValue, Error> {
    set(console, &begun.sealed, begun.life.as_secs())
}

fn set(console: &Console, value: &str, seconds: i64) -> Result<HeaderValue, Error> {
    let secure = if console.secure { "; Secure" } else { "" };
    let name = cookie(console);
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).map_err(|e| Error::Internal { cause: e.to_string() })
}

/// Takes the session out of the browser. What it was begun with still counts: revoking that ends every session of it.
async fn sign_out(desk: Desk) -> Result<Response, Refusal> {
    let gone = set(&desk.site.console, "", 0)?;
    let there = Redirect::to(&desk.to("/sign-in?out=1"));
    Ok(([(SET_COOKIE, gone)], there).into_response())
}
