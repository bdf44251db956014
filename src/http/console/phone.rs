//! The phone, with the sandbox inside alone: what arrived at handsets, a field to answer, and how the sandbox behaves.

use axum::response::Response;
use axum::routing::{get, post};
use futures::future::BoxFuture;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::auth::Scope;
use crate::http::console::desk::Desk;
use crate::http::console::form::Form;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, times};
use crate::http::problem::Problem;

/// The handsets of the sandbox, as the console uses them: a port, because the sandbox is a program of its own.
pub trait Handsets: Send + Sync + std::fmt::Debug {
    /// The messages that arrived last, the newest first.
    fn arrived(&self, most: usize) -> Vec<Arrived>;
    /// A handset writes; true once the text was taken in.
    fn write<'a>(&'a self, from: &'a str, to: &'a str, text: &'a str) -> BoxFuture<'a, bool>;
    /// The outage that every call to the provider meets now, such as `none`.
    fn outage(&self) -> String;
    /// The outages that there are.
    fn outages(&self) -> Vec<&'static str>;
    /// Lets every call meet this outage; false if there is none of this name.
    fn set_outage(&self, name: &str) -> bool;
}

/// A message that arrived at a handset.
#[derive(Clone)]
pub struct Arrived {
    /// The handset's number.
    pub to: String,
    /// The sender ID.
    pub from: String,
    /// The text.
    pub text: String,
    /// When the sandbox took it.
    pub at: Timestamp,
    /// The name that the sandbox gave it.
    pub id: String,
}

/// How many are shown.
const SHOWN: usize = 40;
/// The behaviours that the last four digits of a number choose.
const BEHAVIOURS: [(&str, &str); 9] = [
    ("0001", "delivered"),
    ("0002", "fails"),
    ("0003", "no report comes"),
    ("0009", "busy first, then taken"),
    ("0010", "taken, and the answer is lost"),
    ("0012", "the provider fails first"),
    ("0013", "taken, and the answer cannot be read"),
    ("0015", "reported failed, then delivered"),
    ("0016", "refused"),
];

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/phone", get(page))]
}

/// The acts.
pub(super) fn acts() -> Routes {
    vec![("/console/phone/answer", post(answer)), ("/console/phone/outage", post(outage))]
}

fn handsets(desk: &Desk) -> Result<&dyn Handsets, Refusal> {
    Ok(desk.site.console.handsets.as_deref().ok_or(Problem::NoRoute)?)
}

async fn page(desk: Desk) -> Result<Response, Refusal> {
    let phone = handsets(&desk)?;
    desk.caller.require(Scope::MessagesRead)?;
    let arrived = phone.arrived(SHOWN);
    let now = phone.outage();
    let body = html! {
        h1 { "Phone" }
        p.hint { "The sandbox plays the provider and the handsets: nothing leaves this machine. What everybody's users sent is here." }
        section aria-labelledby="behaviour" {
            h2 #behaviour { "How the provider behaves" }
            @if desk.may(Scope::MessagesSend) { form.filters method="post" action=(desk.to("/phone/outage")) {
                div { label for="outage" { "Every call meets" }
                    select #outage name="outage" { @for name in phone.outages() { option value=(name) selected[name == now] { (name) } } }
                }
                div.buttons { button { "So be it" } }
            } } @else { p { "Every call meets: " (now) "." } }
            details {
                summary { "Numbers that behave" }
                dl { @for (digits, what) in BEHAVIOURS { dt { "…" (digits) } dd { (what) } } }
            }
        }
        section aria-labelledby="arrived" {
            h2 #arrived { "What arrived" }
            @if arrived.is_empty() { p.empty { "Nothing arrived yet." } }
            ol.timeline { @for (place, message) in arrived.iter().enumerate() { (handset(&desk, place, message)) } }
        }
    };
    Ok(layout::page(&desk, Here::Phone, "Phone", &body))
}

fn handset(desk: &Desk, place: usize, message: &Arrived) -> Markup {
    let field = format!("answer-{place}");
    html! {
        li {
            span.at { (times::shown(message.at)) }
            p { "From " (desk.sight().sender(&message.from)) " to " (desk.sight().number(&message.to)) }
            blockquote { (desk.sight().text(&message.text)) }
            @if desk.may(Scope::MessagesSend) { form.answer method="post" action=(desk.to("/phone/answer")) {
                input type="hidden" name="id" value=(message.id);
                label for=(field) { "Answer" }
                input id=(field) name="text" required maxlength="500" autocomplete="off" dir="auto";
                button { "Send" }
            } }
        }
    }
}

async fn answer(form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let phone = handsets(&desk)?;
    desk.caller.require(Scope::MessagesSend)?;
    let all = phone.arrived(SHOWN * 5);
    // By its name: others may have arrived since the page was made.
    let found = all.iter().find(|message| message.id == fields.get("id"));
    let message = found.ok_or_else(|| Problem::invalid("handset", "has this message no more; load the page again"))?;
    if !phone.write(&message.to, &message.from, fields.get("text")).await {
        return Err(Problem::invalid("text", "was not taken in: are WEBHOOK_SECRET and SANDBOX_REPORTS set?").into());
    }
    desk.note("answered from a handset of the sandbox").await;
    Ok(desk.done("/phone", "answered"))
}

async fn outage(form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let phone = handsets(&desk)?;
    desk.caller.require(Scope::MessagesSend)?;
    if !phone.set_outage(fields.get("outage")) {
        return Err(Problem::invalid("outage", "is none that the sandbox knows").into());
    }
    desk.note(&format!("set the sandbox's outage to {}", fields.get("outage"))).await;
    Ok(desk.done("/phone", "outage"))
}
