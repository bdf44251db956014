//! Who did what, for operators: the acts, newest first.

use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use crate::contract::admin;
use crate::http::console::desk::Desk;
use crate::http::console::form::{Asked, Fields};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, times, words};
use crate::proto::{AuditAct, AuditEvent, ListAuditEventsRequest};

/// How many a page has.
const PAGE: i32 = 50;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/audit", get(page))]
}

async fn page(asked: Asked) -> Result<Response, Refusal> {
    let Asked { desk, fields } = asked;
    let owner = Some(fields.get("owner")).filter(|text| !text.is_empty()).map(str::parse);
    let mut wrong = Vec::new();
    let owner_id = owner.transpose().unwrap_or_else(|_| {
        wrong.push(("owner".to_owned(), "must be an id, a whole number".to_owned()));
        None
    });
    let request = ListAuditEventsRequest {
        page_size: PAGE,
        page_token: fields.get("page").to_owned(),
        owner_id,
        act: AuditAct::from_str_name(fields.get("act")).map_or(0, Into::into),
        ..Default::default()
    };
    let found = admin::list_audit_events(&desk.service().operations(), &desk.caller, request).await?;
    let body = html! {
        h1 { "Who did what" }
        (layout::mistakes(&wrong))
        (filters(&desk, &fields))
        @if found.audit_events.is_empty() { p.empty { "Nothing like this was done." } } @else { (table(&desk, &found.audit_events)) }
        (layout::pager(&desk, "/audit", &fields, &found.next_page_token))
    };
    Ok(layout::page(&desk, Here::System, "Who did what", &body))
}

fn filters(desk: &Desk, fields: &Fields) -> Markup {
    let acts = (1..).map_while(|number| (number <= 64).then(|| AuditAct::try_from(number).ok())).flatten();
    html! {
        form.filters method="get" action=(desk.to("/audit")) role="search" aria-label="Filters" {
            div { label for="act" { "Act" }
                select #act name="act" {
                    option value="" { "Any" }
                    @for act in acts { option value=(act.as_str_name()) selected[act.as_str_name() == fields.get("act")] { (words::act(act.into())) } }
                }
            }
            div { label for="owner" { "About owner" } input #owner name="owner" type="text" inputmode="numeric" value=(fields.get("owner")) autocomplete="off"; }
            div.buttons { button { "Show" } a href=(desk.to("/audit")) { "All" } }
        }
    }
}

fn table(desk: &Desk, events: &[AuditEvent]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Acts" {
            table {
                thead { tr { th scope="col" { "When" } th scope="col" { "Act" } th scope="col" { "By" } th scope="col" { "About owner" } th scope="col" { "About" } } }
                tbody {
                    @for event in events {
                        tr {
                            th scope="row" { (times::when(event.at)) }
                            td { (words::act(event.act)) }
                            td { (desk.sight().name(&event.actor)) }
                            td { @if let Some(owner) = event.owner_id { (owner) } }
                            td { (desk.sight().name(&event.subject)) }
                        }
                    }
                }
            }
        }
    }
}
