//! Webhook endpoints: all of an owner's, with how far each is.

use axum::response::Response;
use axum::routing::get;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use maud::{Markup, html};

use crate::contract::webhooks;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::form::Asked;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, times, words};
use crate::proto::{
    Endpoint, EndpointStanding, EndpointState, GetEndpointRequest, GetEndpointResponse, ListEndpointsRequest,
};

/// How many a page has: each is asked about by itself.
const PAGE: i32 = 25;
/// How many are asked about at once.
const AT_ONCE: usize = 4;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/endpoints", get(list))]
}

/// A page of endpoints with their standing, and where the next one begins.
pub(super) async fn standing(desk: &Desk, page_token: &str) -> Result<(Vec<GetEndpointResponse>, String), Error> {
    let request = ListEndpointsRequest { page_size: PAGE, page_token: page_token.to_owned(), owner_id: None };
    let found = webhooks::list_endpoints(desk.service(), &desk.caller, request).await?;
    let asked = found.endpoints.into_iter().map(|endpoint| async move {
        webhooks::get_endpoint(
            desk.service(),
            &desk.caller,
            GetEndpointRequest { id: endpoint.id, ..Default::default() },
        )
        .await
    });
    let all = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    Ok((all, found.next_page_token))
}

async fn list(asked: Asked) -> Result<Response, Refusal> {
    let Asked { desk, fields } = asked;
    let (all, next) = standing(&desk, fields.get("page")).await?;
    let body = html! {
        h1 { "Endpoints" }
        p.hint { "Addresses of yours that are told what happens to messages. They are made by the API." }
        @if all.is_empty() { p.empty { "There is no endpoint." } }
        @else {
            div.wide tabindex="0" role="region" aria-label="Endpoints" {
                table {
                    thead { tr { th scope="col" { "Address" } th scope="col" { "State" } th scope="col" { "Behind by" } th scope="col" { "Last call" } } }
                    tbody {
                        @for one in &all {
                            @let (endpoint, standing) = parts(one);
                            tr {
                                th scope="row" { a href=(desk.to(&format!("/endpoints/{}", endpoint.id))) { bdi { (desk.sight().address(&endpoint.url)) } } }
                                td { (state(&endpoint)) }
                                td { (behind(&standing)) }
                                td { (words::call(standing.last_outcome)) }
                            }
                        }
                    }
                }
            }
        }
        (layout::pager(&desk, "/endpoints", &fields, &next))
    };
    Ok(layout::page(&desk, Here::Endpoints, "Endpoints", &body))
}

/// Both halves of an answer.
pub(super) fn parts(one: &GetEndpointResponse) -> (Endpoint, EndpointStanding) {
    (one.endpoint.clone().unwrap_or_default(), one.standing.clone().unwrap_or_default())
}

/// Whether it gets events.
pub(super) fn state(endpoint: &Endpoint) -> Markup {
    let (word, tone) = words::endpoint(endpoint.state);
    html! { span.state.(tone.class()) { (word) } }
}

/// The age of the oldest event that waits for it.
pub(super) fn behind(standing: &EndpointStanding) -> String {
    let lag = standing.lag.as_ref().map(|lag| jiff::SignedDuration::new(lag.seconds, lag.nanos));
    lag.map_or_else(|| "nothing".to_owned(), times::span)
}

/// Whether a person has to look at it: it takes nothing, or was disabled by itself.
pub(super) fn fails(endpoint: &Endpoint, standing: &EndpointStanding) -> bool {
    let state = EndpointState::try_from(endpoint.state).unwrap_or_default();
    let ended = matches!(state, EndpointState::Gone | EndpointState::Failing);
    ended || (state == EndpointState::Enabled && standing.failing_since.is_some())
}
