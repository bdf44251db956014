//! Users, for operators: all of them, and making one.

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::contract::users;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::field::{Field, Typed};
use crate::http::console::form::{Asked, Form, taken};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, times};
use crate::proto::{CreateUserRequest, ListUsersRequest, User};

/// How many a page has.
const PAGE: i32 = 50;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/users", get(page))]
}

/// The act.
pub(super) fn acts() -> Routes {
    vec![("/console/users", post(create))]
}

async fn page(asked: Asked) -> Result<Response, Refusal> {
    let body = body(&asked, Typed::NOTHING).await?;
    Ok(layout::page(&asked.desk, Here::System, "Users", &body))
}

async fn body(asked: &Asked, typed: Typed<'_>) -> Result<Markup, Error> {
    let Asked { desk, fields } = asked;
    let request = ListUsersRequest { page_size: PAGE, page_token: fields.get("page").to_owned() };
    let found = users::list_users(&desk.service().operations(), &desk.caller, request).await?;
    Ok(html! {
        h1 { "Users" }
        p.hint { "Whoever owns messages and campaigns: a team, a shop, an application." }
        (layout::mistakes(typed.wrong))
        details open[!typed.wrong.is_empty()] {
            summary { "Make a user" }
            form.stack method="post" action=(desk.to("/users")) {
                (Field::text("name", "Name").required().shown(typed))
                (Field::text("sender", "Its own sender ID").hint("3 to 11 letters and digits, or a number. Empty: it has none.").shown(typed))
                button { "Make it" }
            }
        }
        (table(desk, &found.users))
        (layout::pager(desk, "/users", fields, &found.next_page_token))
    })
}

fn table(desk: &Desk, all: &[User]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Users" {
            table {
                thead { tr { th scope="col" { "Id" } th scope="col" { "Name" } th scope="col" { "Sender ID" } th scope="col" { "State" } } }
                tbody {
                    @for user in all {
                        tr {
                            td.count { (user.id) }
                            th scope="row" { a href=(desk.to(&format!("/users/{}", user.id))) { (desk.sight().name(&user.name)) } }
                            td { @if user.sender.is_empty() { "–" } @else { (desk.sight().sender(&user.sender)) } }
                            td { (state(user)) }
                        }
                    }
                }
            }
        }
    }
}

/// Whether the user may do anything.
pub(super) fn state(user: &User) -> Markup {
    html! {
        @if user.disabled_at.is_some() { span.state.bad { "Disabled" } " " span.why { "since " (times::when(user.disabled_at)) } }
        @else { span.state.good { "Enabled" } }
    }
}

async fn create(form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let request = CreateUserRequest { name: fields.get("name").to_owned(), sender: fields.get("sender").to_owned() };
    match taken(users::create_user(&desk.service().operations(), &desk.caller, request).await)? {
        Ok(made) => {
            let id = made.user.unwrap_or_default().id;
            Ok(desk.done(&format!("/users/{id}"), "user-made"))
        }
        Err(wrong) => {
            let asked = Asked { desk, fields };
            let body = body(&asked, Typed { fields: &asked.fields, wrong: &wrong }).await?;
            Ok(layout::of_status(StatusCode::UNPROCESSABLE_ENTITY, &asked.desk, Here::System, "Users", &body))
        }
    }
}
