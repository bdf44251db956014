//! One user, for operators: what it may, how much of it, and its keys.

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::auth::Scope;
use crate::contract::users;
use crate::error::{Error, Violation};
use crate::http::console::desk::Desk;
use crate::http::console::form::{Fields, Form, taken};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::users::state;
use crate::http::console::{Routes, messages, times, user_keys, words};
use crate::http::entry::Named;
use crate::proto::{
    CreateKeyRequest, DisableUserRequest, EnableUserRequest, EndUserTokensRequest, GetUserRequest, GetUserResponse,
    GrantUserRequest, LimitUserRequest, ListKeysRequest, Names, NumberLimit, RevokeKeyRequest, UngrantUserRequest,
    User, UserLimits,
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
    name.parse().map_err(|_| Error::NotFound(crate::error::Resource::User, name.to_owned()))
}

async fn page(desk: Desk, Named(name): Named) -> Result<Response, Refusal> {
    let body = body(&desk, &name, &html! {}, &[]).await?;
    Ok(layout::page(&desk, Here::System, "User", &body))
}

async fn body(desk: &Desk, name: &str, told: &Markup, wrong: &[(String, String)]) -> Result<Markup, Error> {
    let (operations, caller, id) = (desk.service().operations(), &desk.caller, id_of(name)?);
    let found = users::get_user(&operations, caller, GetUserRequest { id }).await?;
    let request = ListKeysRequest { page_size: KEYS, page_token: String::new(), user_id: Some(id) };
    let keys = users::list_keys(&operations, caller, request).await?;
    let newest = user_keys::newest(desk, id).await?;
    let user = found.user.clone().unwrap_or_default();
    let none = Names::default();
    Ok(html! {
        h1 { "User " bdi dir="auto" { (user.name) } }
        (layout::mistakes(wrong))
        (told)
        p.lead { (state(&user)) }
        div.acts {
            @if user.disabled_at.is_some() { (layout::act(desk, &format!("/users/{id}/enable"), "Enable it")) }
            @else { (layout::act(desk, &format!("/users/{id}/disable"), "Disable it")) }
            (layout::act(desk, &format!("/users/{id}/end-tokens"), "End its tokens and sessions"))
        }
        section aria-labelledby="may" {
            h2 #may { "What it may use" }
            @if !user.sender.is_empty() { p { "Its own sender ID is " (desk.sight().sender(&user.sender)) "." } }
            (granted(desk, id, ("sender", "Sender IDs", "sender ID"), user.senders.as_ref().unwrap_or(&none)))
            (granted(desk, id, ("route_account", "Route accounts", "route account"), user.route_accounts.as_ref().unwrap_or(&none)))
        }
        (limits(desk, &found, &user))
        section aria-labelledby="keys" {
            h2 #keys { "Keys" }
            @if keys.keys.is_empty() { p.empty { "It has no key." } } @else { (user_keys::table(desk, id, &keys.keys)) }
            @if !keys.next_page_token.is_empty() { p.hint { "It has more: messaging key list shows all." } }
            @if desk.may(Scope::ActAs) { (user_keys::form(desk, id, newest)) } @else { p.hint { "Making a key takes the right to act as others." } }
        }
    })
}

fn granted(desk: &Desk, id: i64, (kind, title, one): (&str, &str, &str), names: &Names) -> Markup {
    html! {
        h3 { (title) }
        @if !names.every && names.names.is_empty() { p { "Those of the configuration alone." } }
        ul.names {
            @if names.every { (granted_name(desk, id, kind, "*")) }
            @for name in &names.names { (granted_name(desk, id, kind, name)) }
        }
        form.answer method="post" action=(desk.to(&format!("/users/{id}/grant"))) {
            label for={ "grant-" (kind) } { "Another " (one) }
            input id={ "grant-" (kind) } name=(kind) type="text" required autocomplete="off" placeholder="* is every one";
            button { "Grant" }
        }
    }
}

/// The name as a form carries it: a number is covered.
fn covered(desk: &Desk, name: &str) -> String {
    let number = name.starts_with('+').then(|| desk.service().cover_number(&desk.caller, name).ok()).flatten();
    number.unwrap_or_else(|| name.to_owned())
}

/// A name that can be taken away.
fn granted_name(desk: &Desk, id: i64, kind: &str, name: &str) -> Markup {
    html! {
        li {
            form.answer method="post" action=(desk.to(&format!("/users/{id}/ungrant"))) {
                @if name == "*" { "Every one" } @else { (desk.sight().sender(name)) }
                input type="hidden" name=(kind) value=(covered(desk, name));
                button.plain { "Take away" }
            }
        }
    }
}

fn limits(desk: &Desk, found: &GetUserResponse, user: &User) -> Markup {
    let now = user.limits.clone().unwrap_or_default();
    html! {
        section aria-labelledby="limits" {
            h2 #limits { "Limits" }
            dl {
                @if let Some(left) = found.segments_left_today { dt { "Segments left today" } dd { (left) } }
                @if let Some(left) = found.segments_left_this_month { dt { "Segments left this month" } dd { (left) } }
                @for (_, name, value) in numbers(&now) { dt { (name) } dd { @if let Some(n) = value { (n) } @else { "no limit of its own" } } }
                dt { "Countries" } dd { (countries(now.countries.as_ref())) }
                dt { "To one number" } dd { (per_number(now.per_number.as_ref())) }
            }
            details {
                summary { "Change a limit" }
                form.stack method="post" action=(desk.to(&format!("/users/{}/limit", user.id))) {
                    p.hint { "What is left empty stays as it is; 0 is no limit." }
                    @for (field, name, _) in numbers(&now) {
                        label for=(field) { (name) }
                        input id=(field) name=(field) type="text" inputmode="numeric" autocomplete="off";
                    }
                    label for="countries" { "Countries" }
                    p.hint #countries-hint { "Such as GR CY; * is every one." }
                    input #countries name="countries" type="text" autocomplete="off" aria-describedby="countries-hint";
                    label for="per_number" { "Messages to one number" }
                    input #per_number name="per_number" type="text" inputmode="numeric" autocomplete="off";
                    label for="window" { "in so many minutes" }
                    p.hint #window-hint { "Empty: in a day." }
                    input #window name="window" type="text" inputmode="numeric" autocomplete="off" aria-describedby="window-hint";
                    button { "Change" }
                }
            }
        }
    }
}

/// The limits that are numbers: field, name and what each is.
fn numbers(now: &UserLimits) -> [(&'static str, &'static str, Option<i32>); 7] {
    [
        ("segments_per_day", "Segments a day", now.segments_per_day),
        ("segments_per_month", "Segments a month", now.segments_per_month),
        ("in_flight", "Messages in flight", now.in_flight),
        ("calls", "Calls at once", now.calls),
        ("streams", "Streams at once", now.streams),
        ("uploads", "Uploads at once", now.uploads),
        ("refreshes", "Refreshes at once", now.refreshes),
    ]
}

fn countries(names: Option<&Names>) -> String {
    match names {
        Some(names) if !names.every => names.names.join(", "),
        _ => "every one".to_owned(),
    }
}

fn per_number(limit: Option<&NumberLimit>) -> String {
    let Some(limit) = limit else { return "no limit".to_owned() };
    let window = limit.window.as_ref().map_or(0, |window| window.seconds);
    format!(
        "{} in {}",
        words::many(limit.messages.into(), "message"),
        times::span(jiff::SignedDuration::from_secs(window))
    )
}

/// Shows the page with what was wrong, if it was the form.
async fn answered(desk: Desk, name: &str, done: Result<&'static str, Error>) -> Result<Response, Refusal> {
    match taken(done)? {
        Ok(word) => Ok(desk.done(&format!("/users/{name}"), word)),
        Err(wrong) => {
            let body = Box::pin(body(&desk, name, &html! {}, &wrong)).await?;
            Ok(layout::of_status(StatusCode::UNPROCESSABLE_ENTITY, &desk, Here::System, "User", &body))
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
    let Form { desk, fields } = form;
    let (sender, route_account) = (fields.get("sender").to_owned(), fields.get("route_account").to_owned());
    let request = GrantUserRequest { id: id_of(&name)?, sender, route_account };
    let done = users::grant_user(&desk.service().operations(), &desk.caller, request).await;
    answered(desk, &name, done.map(|_| "granted")).await
}

async fn ungrant(Named(name): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let (sender, route_account) = (fields.get("sender"), fields.get("route_account").to_owned());
    let sender = desk.service().uncover_number(&desk.caller, sender).unwrap_or_else(|_| sender.to_owned());
    let request = UngrantUserRequest { id: id_of(&name)?, sender, route_account };
    let done = users::ungrant_user(&desk.service().operations(), &desk.caller, request).await;
    answered(desk, &name, done.map(|_| "ungranted")).await
}

/// The request of a form of limits.
fn limiting(id: i64, fields: &Fields) -> Result<LimitUserRequest, Error> {
    let mut violations = Vec::new();
    let mut number = |name: &str| {
        let given = Some(fields.get(name)).filter(|text| !text.is_empty())?;
        let read = given.parse::<i32>();
        if read.is_err() {
            violations.push(Violation::new(name, "must be a whole number"));
        }
        read.ok()
    };
    let [segments_per_day, segments_per_month, in_flight, calls, streams, uploads, refreshes] =
        numbers(&UserLimits::default()).map(|(field, ..)| number(field));
    let minutes = number("window");
    let per_number = number("per_number").map(|messages| NumberLimit {
        messages,
        window: minutes.map(|n| pbjson_types::Duration { seconds: i64::from(n) * 60, nanos: 0 }),
    });
    let given = fields.get("countries");
    let split = given.split([' ', ',', ';']).filter(|name| !name.is_empty());
    let named =
        || Names { every: given == "*", names: split.filter(|name| *name != "*").map(str::to_uppercase).collect() };
    let countries = (!given.is_empty()).then(named);
    if minutes.is_some() && per_number.is_none() {
        violations.push(Violation::new("per_number", "is required with a window"));
    }
    if countries.as_ref().is_some_and(|countries| given.contains('*') && !countries.every) {
        violations.push(Violation::new("countries", "must be * alone, or countries"));
    }
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    Ok(LimitUserRequest {
        id,
        in_flight,
        calls,
        streams,
        uploads,
        refreshes,
        segments_per_day,
        segments_per_month,
        countries,
        per_number,
    })
}

async fn limit(Named(name): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let done = match limiting(id_of(&name)?, &fields) {
        Ok(request) => {
            users::limit_user(&desk.service().operations(), &desk.caller, request).await.map(|_| "user-limited")
        }
        Err(e) => Err(e),
    };
    answered(desk, &name, done).await
}

/// The new key is on the answer's page and nowhere else.
async fn create_key(Named(name): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let until = messages::time("until", fields.get("until"));
    let seen = fields.get("seen");
    let made = match until {
        // The key of a page that is loaded again would be one that nobody has seen.
        Ok(_) if !seen.is_empty() && seen != user_keys::newest(&desk, id_of(&name)?).await?.to_string() => {
            Err(Error::invalid("name", "was not done: a key was made since this page was loaded"))
        }
        Ok(expires_at) => {
            let request = CreateKeyRequest {
                user_id: id_of(&name)?,
                scope: fields.get("scope").to_owned(),
                name: fields.get("name").to_owned(),
                expires_at,
            };
            users::create_key(&desk.service().operations(), &desk.caller, request).await
        }
        Err((field, why)) => Err(Error::Invalid(vec![Violation::new(field, why)])),
    };
    match made {
        Ok(made) => {
            let told = html! {
                div.notice role="status" {
                    h2 { "The new key" }
                    p { "It is shown this once. Take it now." }
                    pre.copy tabindex="0" { code { (made.secret) } }
                }
            };
            let body = body(&desk, &name, &told, &[]).await?;
            Ok(layout::page(&desk, Here::System, "User", &body))
        }
        Err(e) => answered(desk, &name, Err(e)).await,
    }
}

async fn revoke(Named(name): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let key = fields.get("key");
    let id = key.parse().map_err(|_| Error::NotFound(crate::error::Resource::Key, key.to_owned()))?;
    users::revoke_key(&desk.service().operations(), &desk.caller, RevokeKeyRequest { id }).await?;
    Ok(desk.done(&format!("/users/{name}"), "key-revoked"))
}
