//! The facts of one message besides its fate, and how a terminal is asked the same.

use maud::{Markup, html};

use crate::http::console::desk::Desk;
use crate::http::console::{times, words};
use crate::proto::{Encoding, Message};

/// The facts.
pub(super) fn facts(desk: &Desk, m: &Message) -> Markup {
    let encoding = if m.encoding == i32::from(Encoding::Ucs2) { "UCS-2" } else { "GSM-7" };
    let row = |name: &str, value: Markup| html! { dt { (name) } dd { (value) } };
    html! {
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            dl {
                (row("Accepted", times::when(m.created_at)))
                (row("Sender", desk.sight().sender(&m.sender)))
                (row("Segments", html! { (m.segments) " of " (encoding) }))
                @if let Some(id) = m.campaign_id {
                    (row("Campaign", html! { a href=(desk.to(&format!("/campaigns/{id}"))) { (id) } }))
                }
                @if let Some(reference) = &m.reference { (row("Reference", desk.sight().name(reference))) }
                @for (key, value) in &m.metadata { (row(&desk.sight().title(key), desk.sight().name(value))) }
                @if let Some(older) = &m.superseded_message_id {
                    (row("Took the place of", html! { a href=(desk.to(&format!("/messages/{older}"))) { (older) } ", " (words::superseded(m.superseded)) }))
                }
                @if let Some(why) = &m.error { (row("In the provider's words", desk.sight().text(why))) }
                (row("Id", html! { code { (m.id) } }))
                @if let Some(id) = &m.provider_message_id { (row("The provider's id", html! { code { (id) } })) }
                (row("Route account", html! { code { (m.traffic_account_id) } }))
            }
        }
    }
}

/// The same question for whoever has a terminal.
pub(super) fn command(m: &Message) -> Markup {
    let body = format!("{{\"id\":\"{}\"}}", m.id);
    let command = format!(
        "grpcurl -H \"authorization: Bearer $MESSAGING_TOKEN\" -d '{body}' \"$MESSAGING_ADDR\" messaging.v1.MessagingService/ExplainMessage"
    );
    html! { details { summary { "The same with grpcurl" } pre.copy tabindex="0" { code { (command) } } } }
}
