//! The sender IDs and route accounts on a user's page: what it was granted, each to be taken away, and granting another.

use maud::{Markup, html};

use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::field::Typed;
use crate::proto::{Names, User};

/// The part of the page.
pub(super) fn section(desk: &Desk, user: &User, typed: Typed<'_>) -> Result<Markup, Error> {
    let none = Names::default();
    let (senders, accounts) = (user.senders.as_ref().unwrap_or(&none), user.route_accounts.as_ref().unwrap_or(&none));
    let senders = granted(desk, user.id, ("sender", "Sender IDs", "sender ID"), senders, typed)?;
    let accounts = granted(desk, user.id, ("route_account", "Route accounts", "route account"), accounts, typed)?;
    Ok(html! {
        section aria-labelledby="may" {
            h2 #may { "What it may use" }
            @if !user.sender.is_empty() { p { "Its own sender ID is " (desk.sight().sender(&user.sender)) "." } }
            (senders)
            (accounts)
        }
    })
}

fn granted(
    desk: &Desk,
    id: i64,
    (kind, title, one): (&str, &str, &str),
    names: &Names,
    typed: Typed<'_>,
) -> Result<Markup, Error> {
    Ok(html! {
        h3 { (title) }
        @if !names.every && names.names.is_empty() { p { "Those of the configuration alone." } }
        ul.names {
            @if names.every { (granted_name(desk, id, kind, "*")?) }
            @for name in &names.names { (granted_name(desk, id, kind, name)?) }
        }
        form.answer method="post" action=(desk.to(&format!("/users/{id}/grant"))) {
            label for=(kind) { "Another " (one) }
            (typed.told(kind))
            input id=(kind) name=(kind) type="text" value=(typed.fields.get(kind)) required autocomplete="off" spellcheck="false"
                placeholder="* is every one" aria-invalid=[typed.invalid(kind)] aria-describedby=[typed.described(kind, &[])];
            button { "Grant" }
        }
    })
}

/// The name as a form carries it: a sender ID may be a number, and is covered.
fn covered(desk: &Desk, kind: &str, name: &str) -> Result<String, Error> {
    if kind == "sender" && name != "*" { desk.service().cover_number(&desk.caller, name) } else { Ok(name.to_owned()) }
}

/// A name that can be taken away.
fn granted_name(desk: &Desk, id: i64, kind: &str, name: &str) -> Result<Markup, Error> {
    Ok(html! {
        li {
            form.answer method="post" action=(desk.to(&format!("/users/{id}/ungrant"))) {
                @if name == "*" { "Every one" } @else { (desk.sight().sender(name)) }
                input type="hidden" name=(kind) value=(covered(desk, kind, name)?);
                button.plain { "Take away" }
            }
        }
    })
}
