//! One webhook endpoint: how far it is, what it did not take, and what can be done.

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::webhooks;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::field::{Field, Typed};
use crate::http::console::form::{Asked, Form, Wrong, taken};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, endpoint_facts, endpoints, messages, times, words};
use crate::http::entry::Named;
use crate::proto::{
    CallOutcome, DisableEndpointRequest, EnableEndpointRequest, Endpoint, EndpointState, GetEndpointRequest,
    ListDeliveriesRequest, ReplayEventsRequest, RotateSecretRequest, SendTestEventRequest, enable_endpoint_request,
};

/// How many events a page has.
const PAGE: i32 = 50;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/endpoints/{id}", get(page))]
}

/// The acts.
pub(super) fn acts() -> Routes {
    vec![
        ("/console/endpoints/{id}/test", post(test)),
        ("/console/endpoints/{id}/rotate", post(rotate)),
        ("/console/endpoints/{id}/enable", post(enable)),
        ("/console/endpoints/{id}/disable", post(disable)),
        ("/console/endpoints/{id}/replay", post(replay)),
    ]
}

async fn page(Named(id): Named, asked: Asked) -> Result<Response, Refusal> {
    let (title, body) = body(&asked, &id, &html! {}, &[]).await?;
    Ok(layout::page(&asked.desk, Here::Endpoints, &title, &body))
}

/// The title and the page.
async fn body(asked: &Asked, id: &str, told: &Markup, wrong: &[Wrong]) -> Result<(String, Markup), Error> {
    let Asked { desk, fields } = asked;
    let (service, caller) = (desk.service(), &desk.caller);
    let one =
        webhooks::get_endpoint(service, caller, GetEndpointRequest { id: id.to_owned(), ..Default::default() }).await?;
    let (endpoint, standing) = endpoints::parts(&one);
    let request = ListDeliveriesRequest {
        id: id.to_owned(),
        page_size: PAGE,
        page_token: fields.get("page").to_owned(),
        ..Default::default()
    };
    let waiting = webhooks::list_deliveries(service, caller, request).await?;
    let place = format!("/endpoints/{}", endpoint.id);
    let address = desk.sight().address(&endpoint.url);
    let typed = Typed { fields, wrong };
    let body = html! {
        h1 { "Endpoint " bdi { (address) } }
        (layout::mistakes(wrong))
        (told)
        p.lead { (endpoints::state(&endpoint)) " Behind by " (endpoints::behind(&standing)) "." }
        @if desk.may(Scope::MessagesSend) { (acts_of(desk, &endpoint, typed)) }
        (endpoint_facts::facts(&endpoint, &standing, desk.sight()))
        section aria-labelledby="waiting" {
            h2 #waiting { "Events that it did not take" }
            @if waiting.deliveries.is_empty() { p.empty { "None: what comes before its place was taken." } }
            @else { (endpoint_facts::deliveries(desk, &waiting.deliveries)) }
            (layout::pager(desk, &place, fields, &waiting.next_page_token))
        }
    };
    Ok((format!("Endpoint {address}"), body))
}

fn acts_of(desk: &Desk, endpoint: &Endpoint, typed: Typed<'_>) -> Markup {
    let place = |name: &str| format!("/endpoints/{}/{name}", endpoint.id);
    let enabled = endpoint.state == i32::from(EndpointState::Enabled);
    html! {
        section aria-labelledby="acts" {
            h2 #acts { "What can be done" }
            div.acts {
                (layout::act(desk, &place("test"), "Send a test event"))
                @if enabled { (layout::act(desk, &place("disable"), "Disable it")) }
            }
            details {
                summary { @if enabled { "Go on from elsewhere" } @else { "Enable it" } }
                form.stack method="post" action=(desk.to(&place("enable"))) {
                    fieldset {
                        legend { "It goes on" }
                        div.check { input #start-resume type="radio" name="start" value="resume" checked; label for="start-resume" { "where it stood" } }
                        div.check { input #start-now type="radio" name="start" value="now"; label for="start-now" { "with what happens from now on; what it had not taken is forgotten" } }
                    }
                    button { @if enabled { "Go on" } @else { "Enable" } }
                }
            }
            @if enabled {
                details open {
                    summary { "Tell it the past again" }
                    form.stack method="post" action=(desk.to(&place("replay"))) {
                        (Field::time("from", "From, UTC").required().shown(typed))
                        (Field::time("to", "to, UTC").hint("Empty: until now. The last seven days can be told.").shown(typed))
                        button { "Tell it again" }
                    }
                }
            }
            details {
                summary { "Give it another secret" }
                form.stack method="post" action=(desk.to(&place("rotate"))) {
                    input type="hidden" name="seen" value=(seen(endpoint));
                    p { "The new secret is shown once. Calls are signed by both for 24 hours." }
                    div.check { input #at_once type="checkbox" name="at_once" value="yes"; label for="at_once" { "The old one ends now: somebody else has it" } }
                    button { "Rotate" }
                }
            }
        }
    }
}

async fn test(Named(id): Named, asked: Asked) -> Result<Response, Refusal> {
    let desk = &asked.desk;
    let request = SendTestEventRequest { id: id.clone(), ..Default::default() };
    let result = webhooks::send_test_event(desk.service(), &desk.caller, request).await?;
    desk.note(&format!("sent a test event to endpoint {id}")).await;
    if result.outcome == i32::from(CallOutcome::Taken) {
        return Ok(desk.done(&format!("/endpoints/{id}"), "test-taken"));
    }
    let told = html! {
        div.mistakes role="alert" {
            p { "The test event: " (words::call(result.outcome)) @if result.http_status > 0 { ", HTTP " (result.http_status) } "." }
        }
    };
    let (title, body) = body(&asked, &id, &told, &[]).await?;
    Ok(layout::page(desk, Here::Endpoints, &title, &body))
}

/// The version of an endpoint that a page shows.
fn seen(endpoint: &Endpoint) -> i64 {
    times::read(endpoint.updated_at).map_or(0, jiff::Timestamp::as_microsecond)
}

/// The new secret is on the answer's page and nowhere else.
async fn rotate(Named(id): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let at_once = fields.get("at_once") == "yes";
    let now = webhooks::get_endpoint(
        desk.service(),
        &desk.caller,
        GetEndpointRequest { id: id.clone(), ..Default::default() },
    )
    .await?;
    if fields.get("seen") != seen(&endpoints::parts(&now).0).to_string() {
        // Such as the same form, sent again by a reload: another secret would end the one that the receiver was just given.
        let wrong =
            [("at_once".to_owned(), "was not done: the endpoint has changed since this page was loaded".to_owned())];
        let asked = Asked { desk, fields };
        let (title, body) = body(&asked, &id, &html! {}, &wrong).await?;
        return Ok(layout::of_status(StatusCode::CONFLICT, &asked.desk, Here::Endpoints, &title, &body));
    }
    let request = RotateSecretRequest { id: id.clone(), at_once, ..Default::default() };
    let rotated = webhooks::rotate_secret(desk.service(), &desk.caller, request).await?;
    let told = html! {
        div.notice role="status" {
            h2 { "The new secret" }
            p { "It is shown this once. Take it now." }
            pre.copy tabindex="0" { code { (rotated.secret) } }
            @if !at_once { p { "Calls are signed by the old one, too, until " (times::when(rotated.old_until)) "." } }
        }
    };
    let asked = Asked { desk, fields };
    let (title, body) = body(&asked, &id, &told, &[]).await?;
    Ok(layout::page(&asked.desk, Here::Endpoints, &title, &body))
}

async fn enable(Named(id): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let start = (fields.get("start") == "now").then_some(enable_endpoint_request::Start::FromNow(true));
    webhooks::enable_endpoint(
        desk.service(),
        &desk.caller,
        EnableEndpointRequest { id: id.clone(), start, ..Default::default() },
    )
    .await?;
    Ok(desk.done(&format!("/endpoints/{id}"), "enabled"))
}

async fn disable(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    webhooks::disable_endpoint(
        desk.service(),
        &desk.caller,
        DisableEndpointRequest { id: id.clone(), ..Default::default() },
    )
    .await?;
    Ok(desk.done(&format!("/endpoints/{id}"), "disabled"))
}

async fn replay(Named(id): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let times = messages::time("from", fields.get("from"))
        .and_then(|from| messages::time("to", fields.get("to")).map(|to| (from, to)));
    let done = match times {
        Ok((from, to)) => {
            let request = ReplayEventsRequest { id: id.clone(), from, to, types: Vec::new(), ..Default::default() };
            taken(webhooks::replay_events(desk.service(), &desk.caller, request).await)?
        }
        Err(wrong) => Err(vec![wrong]),
    };
    match done {
        Ok(_) => Ok(desk.done(&format!("/endpoints/{id}"), "replayed")),
        Err(wrong) => {
            let asked = Asked { desk, fields };
            let (title, body) = body(&asked, &id, &html! {}, &wrong).await?;
            Ok(layout::of_status(StatusCode::UNPROCESSABLE_ENTITY, &asked.desk, Here::Endpoints, &title, &body))
        }
    }
}
