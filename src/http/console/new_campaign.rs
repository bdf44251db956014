//! A new campaign's first step: its name and its text, with what the text costs. Recipients come with the second.

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::contract::campaigns;
use crate::domain::template::Template;
use crate::domain::text::{Encoding, MAX_SEGMENTS, MessageText};
use crate::http::console::desk::Desk;
use crate::http::console::field::{Field, Typed};
use crate::http::console::form::{Form, taken};
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, messages, times};
use crate::proto::CreateCampaignRequest;

/// The page.
pub(super) fn pages() -> Routes {
    vec![("/console/campaigns/new", get(empty))]
}

/// Counting the text, which changes nothing, and making the draft.
pub(super) fn acts() -> Routes {
    vec![("/console/campaigns/new", post(count)), ("/console/campaigns", post(create))]
}

async fn empty(desk: Desk) -> Response {
    layout::page(&desk, Here::Campaigns, "New campaign", &form(&desk, Typed::NOTHING))
}

async fn count(form: Form) -> Response {
    let Form { desk, fields } = form;
    layout::page(&desk, Here::Campaigns, "New campaign", &self::form(&desk, Typed { fields: &fields, wrong: &[] }))
}

fn form(desk: &Desk, typed: Typed<'_>) -> Markup {
    // The begin of a text area's content is read without its first line feed.
    let text = &typed.fields.raw("text").replace("\r\n", "\n");
    html! {
        h1 { "New campaign" }
        p.hint { "Step 1 of 3: the text. Nothing is sent before you start it in step 3." }
        (layout::mistakes(typed.wrong))
        form.stack method="post" action=(desk.to("/campaigns")) data-count=(desk.to("/campaigns/new")) {
            (Field::text("name", "Name").hint("For you; recipients do not see it.").required().most(200).shown(typed))
            label for="text" { "Text" }
            p.hint #text-hint { "A placeholder such as {{first_name}} is filled from the column of that name." }
            (typed.told("text"))
            textarea #text name="text" required rows="6" dir="auto" aria-invalid=[typed.invalid("text")]
                aria-describedby=[typed.described("text", &["text-hint", "count"])] { "\n" (text) }
            div #count { (counted(text)) }
            p { button formaction=(desk.to("/campaigns/new")) formnovalidate { "Count" } }
            (Field::text("sender", "Sender").hint("3 to 11 letters and digits, or a number. Empty: your own.").most(20).shown(typed))
            (Field::time("scheduled_at", "When, in UTC").hint("Empty: at once when you start it.").shown(typed))
            button.main { "On to the recipients" }
        }
    }
}

/// The cost of a text, and the characters because of which it costs more.
fn counted(text: &str) -> Markup {
    if text.trim().is_empty() {
        return html! { p.hint { "The text's segments are counted here." } };
    }
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(e) => return html! { p.warning { "The text " (e) "." } },
    };
    let shown = match MessageText::parse(text) {
        Ok(shown) => shown,
        Err(e) => return html! { p.warning { "The text " (e) "." } },
    };
    let size = shown.segmentation();
    let forcing = shown.forcing_characters();
    html! {
        p.lead {
            (size.segments) @if size.segments == 1 { " segment" } @else { " segments" } " of "
            @if size.encoding == Encoding::Gsm7 { "GSM-7" } @else { "UCS-2" }
            ", room for " (size.remaining) " more."
        }
        @if !template.is_plain() {
            p.hint { "With placeholders as they stand here; what they are filled with counts. " (MAX_SEGMENTS) " segments at most." }
        }
        @if !forcing.is_empty() {
            p.warning {
                "These characters cost: with them a segment holds 70 characters instead of 160. "
                @for c in &forcing { bdi.char { (c) } " " }
            }
            p.preview dir="auto" { @for c in text.chars() { @if forcing.contains(&c) { mark { (c) } } @else { (c) } } }
        }
    }
}

async fn create(form: Form) -> Result<Response, Refusal> {
    let Form { desk, fields } = form;
    let again = |wrong: &[(String, String)]| {
        let body = self::form(&desk, Typed { fields: &fields, wrong });
        Ok(layout::of_status(StatusCode::UNPROCESSABLE_ENTITY, &desk, Here::Campaigns, "New campaign", &body))
    };
    let scheduled_at = match messages::time("scheduled_at", fields.get("scheduled_at")) {
        Ok(at) if times::read(at).is_some_and(|at| at <= desk.service().clock().now()) => {
            return again(&[("scheduled_at".to_owned(), "is over: leave it empty to start at once".to_owned())]);
        }
        Ok(at) => at,
        Err(wrong) => return again(&[wrong]),
    };
    let request = CreateCampaignRequest {
        name: fields.get("name").to_owned(),
        // Forms send line ends as two characters, of which one would cost.
        text: fields.raw("text").replace("\r\n", "\n"),
        sender: Some(fields.get("sender").to_owned()).filter(|sender| !sender.is_empty()),
        scheduled_at,
        ..Default::default()
    };
    match taken(campaigns::create_campaign(desk.service(), &desk.caller, request).await)? {
        Ok(made) => {
            let id = made.campaign.unwrap_or_default().id;
            desk.note(&format!("made campaign {id}")).await;
            Ok(desk.done(&format!("/campaigns/{id}/recipients"), "created"))
        }
        Err(wrong) => again(&wrong),
    }
}
