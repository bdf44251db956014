//! A draft's second and third step: its recipients, by a file or as lines, and the plan with the start.

use axum::body::Body;
use axum::extract::{FromRequest as _, FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::admission::Quota;
use crate::auth::Scope;
use crate::contract::campaigns;
use crate::csv;
use crate::domain::template::Template;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::form::Form;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, Site, campaigns as list, times, words};
use crate::http::entry::{self, Named};
use crate::http::problem::Problem;
use crate::http::recipients::{self, FORM};
use crate::proto::{AddRecipientsResponse, Campaign, CampaignPlan, CampaignState, StartCampaignRequest};

/// How many rows with mistakes are shown; all are counted.
const ROWS: usize = 200;

/// The pages.
pub(super) fn pages() -> Routes {
    vec![("/console/campaigns/{id}/recipients", get(recipients)), ("/console/campaigns/{id}/check", get(check))]
}

/// The start.
pub(super) fn acts() -> Routes {
    vec![("/console/campaigns/{id}/start", post(start))]
}

/// The act that takes as long as its file comes.
pub(super) fn uploads() -> Routes {
    vec![("/console/campaigns/{id}/recipients", post(add))]
}

async fn recipients(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let campaign = list::named(&desk, &id).await?;
    Ok(layout::page(&desk, Here::Campaigns, &title(&desk, &campaign), &form(&desk, &campaign, "", &html! {})))
}

fn title(desk: &Desk, campaign: &Campaign) -> String {
    format!("Recipients of {}", desk.sight().title(&campaign.name))
}

fn form(desk: &Desk, campaign: &Campaign, lines: &str, result: &Markup) -> Markup {
    let template = Template::from_stored(&campaign.text);
    let names: Vec<&str> = template.names().collect();
    let columns = if names.is_empty() { "number".to_owned() } else { format!("number,{}", names.join(",")) };
    let place = desk.to(&format!("/campaigns/{}/recipients", campaign.id));
    html! {
        h1 { "Recipients of " (desk.sight().name(&campaign.name)) }
        p.hint { "Step 2 of 3: who gets it. A number that is given twice counts once." }
        (result)
        p.lead { (words::many(campaign.recipients, "recipient")) " so far." }
        @if campaign.state == i32::from(CampaignState::Draft) {
            form.stack method="post" action=(place) enctype="multipart/form-data" {
                label for="file" { "A CSV file" }
                p.hint #file-hint { "The first line names the columns; the first column is the number, with its country code. Columns: " code { (columns) } }
                input #file name="file" type="file" accept=".csv,text/csv" required aria-describedby="file-hint";
                button { "Add the file" }
            }
            form.stack method="post" action=(place) {
                label for="lines" { "Or lines" }
                p.hint #lines-hint {
                    @if names.is_empty() { "One number a line." } @else { "As in a file: first the line " code { (columns) } "." }
                }
                textarea #lines name="lines" rows="5" required spellcheck="false" aria-describedby="lines-hint" { "\n" (lines) }
                button { "Add the lines" }
            }
            @if campaign.recipients > 0 {
                p { a.button.main href=(desk.to(&format!("/campaigns/{}/check", campaign.id))) { "On to the check" } }
            }
        } @else { p { "It was started: its recipients stay as they are. " a href=(list::place(desk, campaign.id)) { "To the campaign" } } }
    }
}

async fn add(State(site): State<Site>, Named(id): Named, request: Request) -> Result<Response, Refusal> {
    let (mut head, body) = request.into_parts();
    let desk = Desk::from_request_parts(&mut head, &site).await?;
    desk.call.permit.take(desk.service().admission(), Quota::Uploads, desk.caller.share())?;
    let campaign = list::named(&desk, &id).await?;
    let mut typed = String::new();
    let (boundary, body, moved) = if entry::media_type(&head.headers) == FORM {
        (Some(recipients::boundary(&head.headers)?), body, 0)
    } else {
        let form = Form::from_request(Request::from_parts(head, body), &site).await?;
        form.fields.raw("lines").clone_into(&mut typed);
        let (lines, moved) = headed(&typed);
        (None, Body::from(lines), moved)
    };
    let added = recipients::csv(&site.api, &desk.caller, campaign.id, body, boundary).await;
    let result = match added {
        Ok(added) => {
            desk.note(&format!("added {} recipients to campaign {}", added.added, campaign.id)).await;
            if added.invalid_count == 0 {
                typed.clear();
            }
            told(&added, moved)
        }
        Err(Problem::Service(Error::Invalid(wrong))) => {
            desk.note(&format!("added what could be read of a file to campaign {}", campaign.id)).await;
            html! {
                div.mistakes role="alert" { h2 { "The file could not be read to its end" } ul { @for v in &wrong { li { (v.description) } } } }
            }
        }
        Err(e) => return Err(e.into()),
    };
    let campaign = list::named(&desk, &id).await?;
    Ok(layout::page(&desk, Here::Campaigns, &title(&desk, &campaign), &form(&desk, &campaign, &typed, &result)))
}

/// Lines as a CSV: numbers alone get the line that names their column. Says how many lines further down what was typed stands in the field.
fn headed(lines: &str) -> (String, i64) {
    let begun = lines.trim_start();
    let above = lines.len() - begun.len();
    let empty = lines.bytes().take(above).filter(|byte| *byte == b'\n').count();
    let empty = i64::try_from(empty).unwrap_or_default();
    let first = begun.chars().next().unwrap_or_default();
    let line = begun.lines().next().unwrap_or_default();
    let cell = line.split([',', ';', '\t']).next().unwrap_or_default();
    let number = first.is_numeric() || "+\"(".contains(first) || first == '\u{FF0B}' || csv::holds_a_number(cell);
    if number { (format!("number\n{begun}"), empty - 1) } else { (begun.to_owned(), empty) }
}

/// The count of what was added, and the rows that could not be, by their lines in what was given, which is `moved` lines further down.
fn told(added: &AddRecipientsResponse, moved: i64) -> Markup {
    html! {
        div.notice role="status" {
            p { (added.added) " added, " (added.duplicates) " were there already, " (added.invalid_count) " cannot be used." }
        }
        @if !added.invalid.is_empty() {
            h2 { "Rows to mend" }
            div.wide tabindex="0" role="region" aria-label="Rows to mend" {
                table {
                    thead { tr { th scope="col" { "Line" } th scope="col" { "Why" } } }
                    tbody { @for row in added.invalid.iter().take(ROWS) { tr { th scope="row" { (row.line.unwrap_or_default() + moved) } td { (row.reason) } } } }
                }
            }
            @if added.invalid_count > i64::try_from(ROWS).unwrap_or(i64::MAX) {
                p.hint { "The first " (ROWS) " of " (added.invalid_count) "." }
            }
            p.hint { "Mend them in the file and add it again: what is there already stays." }
        }
    }
}

async fn check(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let campaign = list::named(&desk, &id).await?;
    // Whoever goes back to it finds what became of it.
    if campaign.state != i32::from(CampaignState::Draft) {
        return Ok(Redirect::to(&desk.to(&format!("/campaigns/{}", campaign.id))).into_response());
    }
    let request = StartCampaignRequest { campaign_id: campaign.id, dry_run: true, ..Default::default() };
    let plan = campaigns::start_campaign(desk.service(), &desk.caller, request).await?.plan.unwrap_or_default();
    let start = desk.to(&format!("/campaigns/{}/start", campaign.id));
    let body = html! {
        h1 { "Check " (desk.sight().name(&campaign.name)) }
        p.hint { "Step 3 of 3: nothing was sent yet." }
        blockquote { (desk.sight().text(&campaign.text)) }
        (planned(&plan))
        @if !desk.may(Scope::Campaigns) { p.warning { "It is ready. Somebody who may send campaigns has to start it." } }
        @else { form.stack method="post" action=(start) {
            input type="hidden" name="recipients" value=(campaign.recipients);
            @if times::read(campaign.scheduled_at).is_some_and(|at| at > desk.service().clock().now()) {
                p { "It starts by itself at " (times::when(campaign.scheduled_at)) "." }
                button.main { "Schedule " (words::many(plan.messages, "message")) }
            } @else { button.main { "Send " (words::many(plan.messages, "message")) " now" } }
        } }
        p { a href=(desk.to(&format!("/campaigns/{}/recipients", campaign.id))) { "Back to the recipients" } }
    };
    let title = format!("Check {}", desk.sight().title(&campaign.name));
    Ok(layout::page(&desk, Here::Campaigns, &title, &body))
}

/// The plan of a start.
fn planned(plan: &CampaignPlan) -> Markup {
    let row = |name: &str, count: i64| html! { dt { (name) } dd { (count) } };
    html! {
        dl {
            (row("Messages", plan.messages))
            (row("Segments", plan.segments))
            (row("Dropped, because they opted out", plan.opted_out))
            (row("Dropped, because their text cannot be sent", plan.unsendable))
            (row("Rows that could not be used", plan.invalid))
            (row("Rows given twice", plan.duplicates))
            (row("In GSM-7", plan.gsm7_messages))
            (row("In UCS-2", plan.ucs2_messages))
            @if let Some(takes) = plan.estimated_duration {
                dt { "Takes about" } dd { (times::span(jiff::SignedDuration::from_secs(takes.seconds))) }
            }
        }
        @if !plan.forcing_characters.is_empty() {
            p.warning { "These characters cost: with them a segment holds 70 characters instead of 160. " @for c in &plan.forcing_characters { bdi.char { (c) } " " } }
        }
    }
}

/// Starts what was shown: recipients that were added since are checked first.
async fn start(Named(id): Named, form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let campaign_id = list::named(&desk, &id).await?.id;
    let shown = Some(fields.get("recipients")).filter(|shown| !shown.is_empty());
    let shown =
        shown.map(str::parse).transpose().map_err(|_| Error::invalid("recipients", "must be a whole number"))?;
    let request = StartCampaignRequest { campaign_id, dry_run: false, expected_recipients: shown };
    let started = campaigns::start_campaign(desk.service(), &desk.caller, request).await?.campaign.unwrap_or_default();
    desk.note(&format!("started campaign {campaign_id} of {} recipients", started.recipients)).await;
    let waits = started.state == i32::from(CampaignState::Scheduled);
    Ok(desk.done(&format!("/campaigns/{campaign_id}"), if waits { "scheduled" } else { "started" }))
}
