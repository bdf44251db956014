//! The keys on a user's page: what they are, and the form of a new one.

use maud::{Markup, html};

use crate::contract::users;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::{times, words};
use crate::proto::{ApiKey, KeyState, ListKeysRequest};

pub(super) fn table(desk: &Desk, id: i64, keys: &[ApiKey]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Its keys" {
            table {
                thead { tr { th scope="col" { "Key" } th scope="col" { "Name" } th scope="col" { "Scopes" } th scope="col" { "State" } th scope="col" { "Last used" } th scope="col" { "Act" } } }
                tbody {
                    @for key in keys {
                        @let (word, tone) = words::key(key.state);
                        tr {
                            th scope="row" { code { (key.hint) "…" } }
                            td { bdi dir="auto" { (key.name) } }
                            td { (key.scope) }
                            td { span.state.(tone.class()) { (word) } @if key.expires_at.is_some() { " " span.why { "until " (times::when(key.expires_at)) } } }
                            td { (times::when(key.used_at)) }
                            td {
                                @if key.state == i32::from(KeyState::Live) {
                                    form.act method="post" action=(desk.to(&format!("/users/{id}/revoke"))) {
                                        input type="hidden" name="key" value=(key.id);
                                        button { "Revoke" span.aside { " " (key.hint) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The id of the key that was made last, by which a form that is posted twice is found out.
pub(super) async fn newest(desk: &Desk, id: i64) -> Result<i64, Error> {
    let (mut newest, mut page_token) = (0, String::new());
    loop {
        let request = ListKeysRequest { page_size: 1000, page_token, user_id: Some(id) };
        let page = users::list_keys(&desk.service().operations(), &desk.caller, request).await?;
        newest = page.keys.iter().map(|key| key.id).fold(newest, i64::max);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(newest);
        }
    }
}

/// The form of a new key. `newest` is the key that was made last when the page was.
pub(super) fn form(desk: &Desk, id: i64, newest: i64) -> Markup {
    html! {
        details {
            summary { "Make a key" }
            form.stack method="post" action=(desk.to(&format!("/users/{id}/keys"))) {
                input type="hidden" name="seen" value=(newest);
                label for="name" { "Name" }
                p.hint #name-hint { "Who or what uses it." }
                input #name name="name" type="text" autocomplete="off" aria-describedby="name-hint";
                label for="scope" { "Scopes" }
                p.hint #scope-hint { "Empty: messages:send messages:read campaigns." }
                input #scope name="scope" type="text" autocomplete="off" spellcheck="false" aria-describedby="scope-hint";
                label for="until" { "Until, UTC" }
                p.hint #until-hint { "Empty: for good." }
                input #until name="until" type="datetime-local" aria-describedby="until-hint";
                button { "Make it" }
            }
        }
    }
}
