//! The field that takes a number, any id or a reference, and goes there. It looks in what the person may see, and says where it did not.
//! The words that are looked for are posted: a number stands in no address.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;
use maud::html;

use crate::auth::Scope;
use crate::contract::{admin, campaigns, inbound, messages, users, webhooks};
use crate::domain::phone::Msisdn;
use crate::error::Error;
use crate::http::console::Routes;
use crate::http::console::desk::Desk;
use crate::http::console::form::{Fields, Form};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::proto::{
    GetCampaignRequest, GetEndpointRequest, GetInboundRequest, GetMessageRequest, GetUserRequest,
    InspectMessageRequest, ListInboundRequest, ListMessagesRequest,
};

/// The shortest run of digits that is taken for a number without its plus; shorter ones are campaigns or, for operators, users.
const DIGITS: usize = 8;

/// Where it is looked, and the scope that it takes.
const PLACES: [(&str, Scope); 3] = [
    ("your messages, their numbers, replies and endpoints", Scope::MessagesRead),
    ("your campaigns", Scope::CampaignsDraft),
    ("the messages of all owners and the users, by their ids alone", Scope::Ops),
];

/// The act. It changes nothing.
pub(super) fn acts() -> Routes {
    vec![("/console/find", post(find))]
}

async fn find(form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let asked = fields.get("q");
    if let Some(place) = place(&desk, asked).await? {
        return Ok(Redirect::to(&desk.to(&place)).into_response());
    }
    let (seen, unseen): (Vec<_>, Vec<_>) = PLACES.into_iter().partition(|(_, scope)| desk.may(*scope));
    let body = html! {
        h1 { "Nothing found" }
        @if !seen.is_empty() { p { "It was looked for in " (seen.iter().map(|(what, _)| *what).collect::<Vec<_>>().join(", and in ")) "." } }
        // What is everybody's is not told to those who are no operators.
        @for (what, scope) in unseen.iter().filter(|(_, scope)| *scope != Scope::Ops) {
            p.warning { "It was not looked for in " (what) ": your key has no scope " (scope.name()) "." }
        }
        p.hint { "A number has its country code, such as +30 690 000 0001. An id and a reference are looked for as a whole." }
    };
    Ok(layout::of_status(StatusCode::NOT_FOUND, &desk, Here::Elsewhere, "Nothing found", &body))
}

/// Where the thing is that somebody looks for.
async fn place(desk: &Desk, asked: &str) -> Result<Option<String>, Error> {
    let reads = desk.may(Scope::MessagesRead);
    if asked.is_empty() {
        return Ok(Some(if reads { "/messages" } else { "" }.to_owned()));
    }
    if uuid::Uuid::try_parse(asked).is_ok()
        && let Some(place) = by_id(desk, asked).await?
    {
        return Ok(Some(place));
    }
    let digits = is_digits(asked);
    if let (true, Ok(number)) = (reads, Msisdn::parse(asked)) {
        return desk.number_place(number.as_str()).map(Some);
    }
    if let (true, false, Ok(id)) = (digits, asked.len() >= DIGITS, asked.parse::<i64>()) {
        let campaign_id = id;
        let found = campaigns::get_campaign(desk.service(), &desk.caller, GetCampaignRequest { campaign_id }).await;
        if missing(found)?.is_some() {
            return Ok(Some(format!("/campaigns/{id}")));
        }
        let operations = desk.service().operations();
        if missing(users::get_user(&operations, &desk.caller, GetUserRequest { id }).await)?.is_some() {
            return Ok(Some(format!("/users/{id}")));
        }
    }
    if reads { by_words(desk, asked).await } else { Ok(None) }
}

/// Where the messages are that have this reference or id of the provider's, or that went to this number.
async fn by_words(desk: &Desk, asked: &str) -> Result<Option<String>, Error> {
    let by = |name: &str| ListMessagesRequest {
        page_size: 2,
        reference: if name == "reference" { asked.to_owned() } else { String::new() },
        provider_message_id: if name == "provider_id" { asked.to_owned() } else { String::new() },
        ..Default::default()
    };
    for name in ["provider_id", "reference"] {
        let found = match messages::list_messages(desk.service(), &desk.caller, by(name)).await {
            Ok(found) => found.messages,
            // It cannot be one of these.
            Err(Error::Invalid(_)) => continue,
            Err(e) => return Err(e),
        };
        match found.as_slice() {
            [] => {}
            [one] => return Ok(Some(format!("/messages/{}", one.id))),
            _ => return Ok(Some(format!("/messages?{}", Fields::default().with(name, asked)))),
        }
    }
    match Msisdn::parse(&format!("+{asked}")) {
        // Without its country code it would be read as another country's number.
        Ok(number) if is_digits(asked) && asked.len() >= DIGITS && is_known(desk, number.as_str()).await? => {
            desk.number_place(number.as_str()).map(Some)
        }
        _ => Ok(None),
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether something went to this number or came from it.
async fn is_known(desk: &Desk, number: &str) -> Result<bool, Error> {
    let sent = ListMessagesRequest { page_size: 1, destination: number.to_owned(), ..Default::default() };
    if !messages::list_messages(desk.service(), &desk.caller, sent).await?.messages.is_empty() {
        return Ok(true);
    }
    let wrote = ListInboundRequest { page_size: 1, number: number.to_owned(), ..Default::default() };
    Ok(missing(inbound::list_inbound(desk.service(), &desk.caller, wrote).await)?
        .is_some_and(|found| !found.messages.is_empty()))
}

/// Where the thing with this id of ours is.
async fn by_id(desk: &Desk, id: &str) -> Result<Option<String>, Error> {
    let (service, caller) = (desk.service(), &desk.caller);
    let id = id.to_owned();
    if missing(
        messages::get_message(service, caller, GetMessageRequest { id: id.clone(), ..Default::default() }).await,
    )?
    .is_some()
    {
        return Ok(Some(format!("/messages/{id}")));
    }
    if missing(
        webhooks::get_endpoint(service, caller, GetEndpointRequest { id: id.clone(), ..Default::default() }).await,
    )?
    .is_some()
    {
        return Ok(Some(format!("/endpoints/{id}")));
    }
    let reply = missing(inbound::get_inbound(service, caller, GetInboundRequest { id: id.clone() }).await)?;
    if let Some(reply) = reply.and_then(|reply| reply.message) {
        return desk.number_place(&reply.number).map(Some);
    }
    let operated = InspectMessageRequest { id: id.clone() };
    let operated = missing(admin::inspect_message(&service.operations(), caller, operated).await)?;
    Ok(operated.map(|_| format!("/operated/{id}")))
}

/// The answer, if there is such a thing and the person may see it.
fn missing<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound(..) | Error::Denied(_) | Error::Invalid(_)) => Ok(None),
        Err(e) => Err(e),
    }
}
