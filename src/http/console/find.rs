//! The field that takes a number, any id or a reference, and goes there. What is looked for is posted: a number stands in no address.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;
use maud::html;

use crate::contract::{campaigns, inbound, messages, webhooks};
use crate::domain::phone::Msisdn;
use crate::error::Error;
use crate::http::console::Routes;
use crate::http::console::desk::Desk;
use crate::http::console::form::{Fields, Form};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::proto::{
    GetCampaignRequest, GetEndpointRequest, GetInboundRequest, GetMessageRequest, ListInboundRequest,
    ListMessagesRequest,
};

/// The shortest run of digits that is taken for a number without its plus; shorter ones are campaigns.
const DIGITS: usize = 8;

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
    let body = html! {
        h1 { "Nothing found" }
        p { "Neither a message, a campaign, a reply nor an endpoint of yours has this number, id or reference." }
        p.hint { "A number has its country code, such as +30 690 000 0001. An id and a reference are looked for as a whole." }
    };
    Ok(layout::of_status(StatusCode::NOT_FOUND, &desk, Here::Elsewhere, "Nothing found", &body))
}

/// Where the thing is that somebody looks for.
async fn place(desk: &Desk, asked: &str) -> Result<Option<String>, Error> {
    if asked.is_empty() {
        return Ok(Some("/messages".to_owned()));
    }
    if uuid::Uuid::try_parse(asked).is_ok()
        && let Some(place) = by_id(desk, asked).await?
    {
        return Ok(Some(place));
    }
    let digits = asked.bytes().all(|b| b.is_ascii_digit());
    if let Ok(number) = Msisdn::parse(asked) {
        return desk.number_place(number.as_str()).map(Some);
    }
    if let (true, false, Ok(id)) = (digits, asked.len() >= DIGITS, asked.parse::<i64>()) {
        let campaign_id = id;
        let found = campaigns::get_campaign(desk.service(), &desk.caller, GetCampaignRequest { campaign_id }).await;
        if missing(found)?.is_some() {
            return Ok(Some(format!("/campaigns/{id}")));
        }
    }
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
        Ok(number) if digits && asked.len() >= DIGITS && is_known(desk, number.as_str()).await? => {
            desk.number_place(number.as_str()).map(Some)
        }
        _ => Ok(None),
    }
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
    if missing(messages::get_message(service, caller, GetMessageRequest { id: id.clone() }).await)?.is_some() {
        return Ok(Some(format!("/messages/{id}")));
    }
    if missing(webhooks::get_endpoint(service, caller, GetEndpointRequest { id: id.clone() }).await)?.is_some() {
        return Ok(Some(format!("/endpoints/{id}")));
    }
    let reply = missing(inbound::get_inbound(service, caller, GetInboundRequest { id }).await)?;
    let number = reply.and_then(|reply| reply.message).map(|message| message.number);
    number.map(|number| desk.number_place(&number)).transpose()
}

/// The answer, if there is such a thing and the person may see it.
fn missing<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound(..) | Error::Denied(_) | Error::Invalid(_)) => Ok(None),
        Err(e) => Err(e),
    }
}
