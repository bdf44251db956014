//! The facts of one endpoint, and the events that it did not take.

use maud::{Markup, html};

use crate::http::console::desk::Desk;
use crate::http::console::sight::Sight;
use crate::http::console::{times, words};
use crate::proto::{Delivery, Endpoint, EndpointStanding};

/// The facts.
pub(super) fn facts(endpoint: &Endpoint, standing: &EndpointStanding, sight: Sight) -> Markup {
    html! {
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            dl {
                @if !endpoint.description.is_empty() { dt { "Description" } dd { (sight.name(&endpoint.description)) } }
                dt { "Last call" } dd { (words::call(standing.last_outcome)) @if standing.last_http_status > 0 { ", " (standing.last_http_status) } }
                dt { "Last took something" } dd { (times::when(standing.taken_at)) }
                dt { "Takes nothing since" } dd { (times::when(standing.failing_since)) }
                dt { "Next call not before" } dd { (times::when(standing.next_try_at)) }
                dt { "Events set aside" } dd { (standing.waiting) }
                dt { "Times being told again" } dd { (standing.replays) }
                dt { "Gets" } dd { @if endpoint.types.is_empty() { "all events" } @else { (endpoint.types.join(", ")) } }
                dt { "Has numbers" } dd { @if endpoint.include_destination { "yes" } @else { "no" } }
                dt { "Has texts" } dd { @if endpoint.include_text { "yes" } @else { "no" } }
                dt { "Id" } dd { code { (endpoint.id) } }
            }
        }
    }
}

/// The events that it did not take.
pub(super) fn deliveries(desk: &Desk, deliveries: &[Delivery]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Events that it did not take" {
            table {
                thead { tr { th scope="col" { "Event" } th scope="col" { "State" } th scope="col" { "Tries" } th scope="col" { "Last try" } th scope="col" { "Next try" } } }
                tbody {
                    @for d in deliveries {
                        tr {
                            th scope="row" { @if d.message_id.is_empty() { (d.r#type) } @else { a href=(desk.to(&format!("/messages/{}", d.message_id))) { (d.r#type) } } }
                            td { (words::delivery(d.state)) }
                            td.count { (d.tries) }
                            td { (words::call(d.last_outcome)) @if d.last_http_status > 0 { ", " (d.last_http_status) } }
                            td { (times::when(d.next_try_at)) }
                        }
                    }
                }
            }
        }
    }
}
