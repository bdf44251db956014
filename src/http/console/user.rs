//! One user, for operators: what it may use, its limits and its keys, and the acts on them.

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::users;
use crate::error::{Error, Resource};
use crate::http::console::desk::Desk;
use crate::http::console::field::Typed;
use crate::http::console::form::{Form, Wrong, taken};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::users::state;
use crate::http::console::{Routes, user_grants, user_keys, user_limits};
use crate::http::entry::Named;
use crate::proto::{
    DisableUserRequest, EnableUserRequest, EndUserTokensRequest, GetUserRequest, GrantUserRequest, ListKeysRequest,
    RevokeKeyRequest, UngrantUserRequest,
};

/// How many keys are shown; the command line has all.
const KEYS: i32 = 100;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/users/{id}", get(page))]
}

/// The acts.
pub(super) fn acts() -> Routes {
    vec![
        ("/console/users/{id}/disable", post(disable)),
        ("/console/users/{id}/enable", post(enable)),
        ("/console/users/{id}/end-tokens", post(end_tokens)),
        ("/console/users/{id}/grant", post(grant)),
        ("/console/users/{id}/ungrant", post(ungrant)),
        ("/console/users/{id}/limit", post(limit)),
        ("/console/users/{id}/keys", post(create_key)),
        ("/console/users/{id}/revoke", post(revoke)),
    ]
}

/// The user that a path names.
fn id_of(name: &str) -> Result<i64, Error> {
    name.parse().map_err(|_| Error::NotFound(Resource::User, name.to_owned()))
}

async fn page(desk: Desk, Named(name): Named) -> Result<Response, Refusal> {
    let (title, body) = Box::pin(body(&desk, &name, &html! {}, Typed::NOTHING)).await?;
    Ok(layout::page(&desk, Here::System, &title, &body))
}

/// The title and the page.
async fn body(desk: &Desk, name: &str, told: &Markup, typed: Typed<'_>) -> Result<(String, Markup), Error> {
    let (operations, caller, id) = (desk.service().operations(), &desk.caller, id_of(name)?);
    let found = users::get_user(&operations, caller, GetUserRequest { id }).await?;
    let request = ListKeysRequest { page_size: KEYS, page_token: String::new(), user_id: Some(id) };
    let keys = users::list_keys(&operations, caller, request).await?;
    let newest = user_keys::newest(desk, id).await?;
    let user = found.user.clone().unwrap_or_default();
    let body = html! {
        h1 { "User " (desk.sight().name(&user.name)) }
        (layout::mistakes(typed.wrong))
        (told)
        p.lead { (state(&user)) }
        div.acts {
            @if user.disabled_at.is_some() { (layout::act(desk, &format!("/users/{id}/enable"), "Enable it")) }
            @else { (layout::act(desk, &format!("/users/{id}/disable"), "Disable it")) }
            (layout::act(desk, &format!("/users/{id}/end-tokens"), "End its tokens and sessions"))
        }
        (user_grants::section(desk, &user, typed)?)
        (user_limits::section(desk, &found, typed))
        section aria-labelledby="keys" {
            h2 #keys { "Keys" }
            @if keys.keys.is_empty() { p.empty { "It has no key." } } @else { (user_keys::table(desk, id, &keys.keys)) }
            @if !keys.next_page_token.is_empty() { p.hint { "It has more: messaging key list shows all." } }
            @if desk.may(Scope::ActAs) { (user_keys::form(desk, id, newest, typed)) } @else { p.hint { "Making a key takes the right to act as others." } }
        }
    };
    Ok((format!("User {}", desk.sight().title(&user.name)), body))
}

/// The field of a form in which what an RPC calls so was typed.
fn field_of(name: &str) -> &str {
    match name {
        "per_number.messages" => "per_number",
        "per_number.window" => "window",
        "countries.names" => "countries",
        "expires_at" => "until",
        other => other,
    }
}

/// Leads on, or shows the page again with what was typed and what is wrong with it.
async fn answered(form: &Form, name: &str, done: Result<&'static str, Error>) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    match taken(done)? {
        Ok(word) => Ok(desk.done(&format!("/users/{name}"), word)),
        Err(wrong) => {
            let wrong: Vec<Wrong> = wrong.into_iter().map(|(of, why)| (field_of(&of).to_owned(), why)).collect();
            let (title, body) = Box::pin(body(desk, name, &html! {}, Typed { fields, wrong: &wrong })).await?;
            Ok(layout::of_status(StatusCode::UNPROCESSABLE_ENTITY, desk, Here::System, &title, &body))
        }
    }
}

async fn disable(desk: Desk, Named(name): Named) -> Result<Response, Refusal> {
    users::disable_user(&desk.service().operations(), &desk.caller, DisableUserRequest { id: id_of(&name)? }).await?;
    Ok(desk.done(&format!("/users/{name}"), "user-disabled"))
}

async fn enable(desk: Desk, Named(name): Named) -> Result<Response, Refusal> {
    users::enable_user(&desk.service().operations(), &desk.caller, EnableUserRequest { id: id_of(&name)? }).await?;
    Ok(desk.done(&format!("/users/{name}"), "user-enabled"))
}

async fn end_tokens(desk: Desk, Named(name): Named) -> Result<Response, Refusal> {
    let request = EndUserTokensRequest { id: id_of(&name)? };
    users::end_user_tokens(&desk.service().operations(), &desk.caller, request).await?;
    Ok(desk.done(&format!("/users/{name}"), "tokens-ended"))
}

async fn grant(Named(name): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = &form;
    let (sender, route_account) = (fields.get("sender").to_owned(), fields.get("route_account").to_owned());
    let kind = if sender.is_empty() { "route_account" } else { "sender" };
    let request = GrantUserRequest { id: id_of(&name)?, sender, route_account };
    let done = match users::grant_user(&desk.service().operations(), &desk.caller, request).await {
        // One too many.
        Err(Error::Precondition { message, .. }) => {
            Err(Error::invalid(kind, format_args!("was not granted. {message}")))
        }
        done => done.map(|_| "granted"),
    };
    answered(&form, &name, done).await
}

async fn ungrant(Named(name): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let (sender, route_account) = (fields.get("sender"), fields.get("route_account").to_owned());
    let sender = desk.service().uncover_number(&desk.caller, sender).unwrap_or_else(|_| sender.to_owned());
    let request = UngrantUserRequest { id: id_of(&name)?, sender, route_account };
    users::ungrant_user(&desk.service().operations(), &desk.caller, request).await?;
    Ok(desk.done(&format!("/users/{name}"), "ungranted"))
}

async fn limit(Named(name): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = &form;
    let done = match user_limits::read(id_of(&name)?, fields) {
        Ok(request) => {
            users::limit_user(&desk.service().operations(), &desk.caller, request).await.map(|_| "user-limited")
        }
        Err(e) => Err(e),
    };
    answered(&form, &name, done).await
}

/// The new key is on the answer's page and nowhere else.
async fn create_key(Named(name): Named, form: Form) -> Result<Response, Refusal> {
    let (desk, id) = (&form.desk, id_of(&name)?);
    let seen = form.fields.get("seen");
    // The key of a page that is loaded again would be one that nobody has seen.
    let made = if !seen.is_empty() && seen != user_keys::newest(desk, id).await?.to_string() {
        Err(Error::invalid("name", "was not done: a key was made since this page was loaded"))
    } else {
        user_keys::made(desk, id, &form.fields).await
    };
    match made {
        Ok(secret) => {
            let (title, body) = Box::pin(body(desk, &name, &user_keys::told(&secret), Typed::NOTHING)).await?;
            Ok(layout::page(desk, Here::System, &title, &body))
        }
        Err(e) => answered(&form, &name, Err(e)).await,
    }
}

async fn revoke(Named(name): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let key = fields.get("key");
    let id = key.parse().map_err(|_| Error::NotFound(Resource::Key, key.to_owned()))?;
    users::revoke_key(&desk.service().operations(), &desk.caller, RevokeKeyRequest { id }).await?;
    Ok(desk.done(&format!("/users/{name}"), "key-revoked"))
}
