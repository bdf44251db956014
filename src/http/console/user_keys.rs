//! The keys on a user's page: what they are, and making another.

use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::users;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::field::{Field, Typed};
use crate::http::console::form::Fields;
use crate::http::console::{messages, times, words};
use crate::proto::{ApiKey, CreateKeyRequest, KeyState, ListKeysRequest};

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
                            td { (desk.sight().name(&key.name)) }
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

/// Makes the key that a form asks for. Returns its secret.
pub(super) async fn made(desk: &Desk, user_id: i64, fields: &Fields) -> Result<String, Error> {
    let expires_at = messages::time("until", fields.get("until"));
    let expires_at = expires_at.map_err(|(field, why)| Error::invalid(field, why))?;
    let (scope, name) = (fields.get("scope").to_owned(), fields.get("name").to_owned());
    let request = CreateKeyRequest { user_id, scope, name, expires_at };
    match users::create_key(&desk.service().operations(), &desk.caller, request).await {
        Ok(made) => Ok(made.secret),
        Err(Error::Denied(scope)) if desk.may(Scope::Ops) && desk.may(Scope::ActAs) => {
            Err(Error::invalid("scope", format_args!("names {scope}, which your own key does not have")))
        }
        Err(e) => Err(e),
    }
}

/// The notice that has the new key.
pub(super) fn told(secret: &str) -> Markup {
    html! {
        div.notice role="status" {
            h2 { "The new key" }
            p { "It is shown this once. Take it now." }
            pre.copy tabindex="0" { code { (secret) } }
        }
    }
}

/// The form of a new key. `newest` is the key that was made last when the page was.
pub(super) fn form(desk: &Desk, id: i64, newest: i64, typed: Typed<'_>) -> Markup {
    let fields = [
        Field::text("name", "Name").hint("Who or what uses it."),
        Field::text("scope", "Scopes").hint("Empty: messages:send messages:read campaigns."),
        Field::time("until", "Until, UTC").hint("Empty: for good."),
    ];
    html! {
        details open[fields.iter().any(|field| typed.is_wrong(field.name()))] {
            summary { "Make a key" }
            form.stack method="post" action=(desk.to(&format!("/users/{id}/keys"))) {
                input type="hidden" name="seen" value=(newest);
                @for field in &fields { (field.shown(typed)) }
                button { "Make it" }
            }
        }
    }
}
