//! A new draft of those in a campaign whose message failed or expired, with the texts that they would have had.

use axum::response::Response;
use axum::routing::post;
use maud::{Markup, html};

use crate::admission::Quota;
use crate::contract::campaigns::{self, Recipients};
use crate::domain::template::Template;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::layout::{self, Here};
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, campaigns as list, reasons, words};
use crate::http::entry::Named;
use crate::proto::add_recipients_request::Recipient;
use crate::proto::{AddRecipientsRequest, Campaign, CampaignState, CreateCampaignRequest, Message, MessageStatus};

/// How many of those that failed one new draft takes.
const AGAIN: usize = 20_000;
/// How many pages of messages are read for it: each looks through 5,000 of the campaign's.
const AGAIN_PAGES: usize = 400;
/// How many recipients are handed on at once.
const BATCH: usize = 500;

/// The act.
pub(super) fn acts() -> Routes {
    vec![("/console/campaigns/{id}/again", post(again))]
}

/// The act on the campaign's page.
pub(super) fn offered(desk: &Desk, campaign: i64) -> Markup {
    html! {
        section aria-labelledby="again" {
            h2 #again { "Try those that failed again" }
            p { "Makes a new draft with the recipients whose message failed or expired, and their texts. Nothing is sent before you start it." }
            (layout::act(desk, &format!("/campaigns/{campaign}/again"), "Make a draft of them"))
        }
    }
}

fn is(state: CampaignState, campaign: &Campaign) -> bool {
    campaign.state == i32::from(state)
}

/// A new draft for those whose message failed or expired: each with the text that it would have had.
async fn again(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    let old = list::named(&desk, &id).await?;
    // It is as much as a file of recipients.
    desk.call.permit.take(desk.service().admission(), Quota::Uploads, desk.caller.share())?;
    let mut failed = Vec::new();
    for state in [MessageStatus::Failed, MessageStatus::Expired] {
        let room = AGAIN.saturating_sub(failed.len());
        failed.extend(reasons::of(&desk, (old.id, state), room, AGAIN_PAGES).await?);
    }
    let (all, known) = (failed.len(), failed.iter().filter(|message| !message.text.is_empty()).count());
    failed.retain(|message| !message.text.is_empty());
    failed.truncate(AGAIN);
    if failed.is_empty() {
        return Err(Error::invalid("campaign", "has nobody left who failed and whose text is still there").into());
    }
    let plain = Template::from_stored(&old.text).is_plain();
    let name: String = old.name.chars().take(190).collect();
    let request = CreateCampaignRequest {
        name: format!("{name} (again)"),
        // Filled in already, each recipient's text is a variable of its own.
        text: if plain { old.text.clone() } else { "{{text}}".to_owned() },
        sender: Some(old.sender.clone()).filter(|sender| !sender.is_empty()),
        delivery_guarantee: old.delivery_guarantee,
        validity: old.validity,
        reference: old.reference.clone(),
        metadata: old.metadata.clone(),
        // A press that comes twice makes one draft, until others have failed as well.
        idempotency_key: format!("console-again-{}-{all}", old.id),
        ..Default::default()
    };
    let made = draft(&desk, request).await?;
    if !is(CampaignState::Draft, &made) {
        return Ok(desk.done(&format!("/campaigns/{}", made.id), "again-started"));
    }
    let mut adding = Recipients::new(desk.service(), &desk.caller);
    for batch in failed.chunks(BATCH) {
        let recipients = batch.iter().map(|message| recipient(message, plain)).collect();
        adding.take(AddRecipientsRequest { campaign_id: made.id, recipients }).await?;
    }
    let added = adding.finish().await?;
    // A press that came twice finds them all there.
    if added.added > 0 {
        desk.note(&format!("made campaign {} of {} that failed in campaign {}", made.id, added.added, old.id)).await;
    }
    let left = [
        (all - known, "because their texts were erased"),
        (known - failed.len(), "because a draft has no room for more at once"),
        (
            usize::try_from(added.invalid_count).unwrap_or(0),
            "because their texts, filled in, are too long to be a variable",
        ),
    ];
    if left.iter().all(|(count, _)| *count == 0) {
        return Ok(desk.done(&format!("/campaigns/{}/recipients", made.id), "created"));
    }
    let body = html! {
        h1 { "A draft of those that failed" }
        p.lead { (words::many(added.added, "recipient")) " of " (all) " are in it." }
        ul { @for (count, why) in left.iter().filter(|(count, _)| *count > 0) { li { (count) " are not, " (why) "." } } }
        p { a.button.main href=(desk.to(&format!("/campaigns/{}/recipients", made.id))) { "On to the draft" } }
    };
    Ok(layout::page(&desk, Here::Campaigns, "A draft of those that failed", &body))
}

/// The draft of this request, which may have been made before. One that was given up since is none: this press means another one.
async fn draft(desk: &Desk, mut request: CreateCampaignRequest) -> Result<Campaign, Error> {
    let key = request.idempotency_key.clone();
    loop {
        let made = campaigns::create_campaign(desk.service(), &desk.caller, request.clone()).await?;
        let made = made.campaign.unwrap_or_default();
        if !is(CampaignState::Cancelled, &made) {
            return Ok(made);
        }
        request.idempotency_key = format!("{key}-{}", made.id);
    }
}

fn recipient(message: &Message, plain: bool) -> Recipient {
    let text = (!plain).then(|| ("text".to_owned(), message.text.clone()));
    Recipient {
        destination: message.destination.clone(),
        variables: text.into_iter().collect(),
        reference: message.reference.clone(),
        metadata: message.metadata.clone(),
        line: None,
    }
}
