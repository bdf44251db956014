//! Why messages of a campaign failed, expired or are in doubt: by reason, each with its messages.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::contract::messages;
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::form::Fields;
use crate::http::console::words;
use crate::proto::{CampaignStats, ListMessagesRequest, Message, MessageStatus};

/// How many messages are counted at most.
const MOST: i64 = 2000;
/// How many are read at once.
const PAGE: i32 = 1000;
/// How many pages are read for a table: of a large campaign with few failures most are empty.
const PAGES: usize = 10;

/// Messages of a campaign in this state, the newest of them: so many at most, from so many pages.
pub(super) async fn of(
    desk: &Desk,
    (campaign, state): (i64, MessageStatus),
    most: usize,
    pages: usize,
) -> Result<Vec<Message>, Error> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    for _ in 0..pages {
        let request = ListMessagesRequest {
            page_size: PAGE,
            page_token,
            campaign_id: Some(campaign),
            status: state.into(),
            ..Default::default()
        };
        let page = messages::list_messages(desk.service(), &desk.caller, request).await?;
        found.extend(page.messages);
        page_token = page.next_page_token;
        if page_token.is_empty() || found.len() >= most {
            break;
        }
    }
    Ok(found)
}

/// The reasons, as a table. Nothing if there is nothing to ask about.
pub(super) async fn table(desk: &Desk, campaign: i64, stats: &CampaignStats) -> Result<Markup, Error> {
    let mut counted = BTreeMap::<(i32, String), usize>::new();
    let mut left = [stats.failed, stats.unknown];
    // The counter of what failed has what expired, too.
    for (state, of_them) in [(MessageStatus::Failed, 0), (MessageStatus::Expired, 0), (MessageStatus::Unknown, 1)] {
        let Some(left) = left.get_mut(of_them).filter(|left| **left > 0) else { continue };
        let most = usize::try_from((*left).min(MOST)).unwrap_or_default();
        for message in of(desk, (campaign, state), most, PAGES).await? {
            *left -= 1;
            *counted.entry((message.status, message.error_code.unwrap_or_default())).or_default() += 1;
        }
    }
    let more = left.iter().any(|left| *left > 0);
    let link = |status: i32, code: &str| {
        let name = MessageStatus::try_from(status).unwrap_or_default().as_str_name();
        let fields = Fields::read(format!("campaign={campaign}&status={name}").as_bytes());
        desk.to(&format!("/messages?{}", fields.with("code", code)))
    };
    Ok(html! {
        @if !counted.is_empty() {
            section aria-labelledby="reasons" {
                h2 #reasons { "Not delivered, and why" }
                div.wide tabindex="0" role="region" aria-label="Reasons" {
                    table {
                        thead { tr { th scope="col" { "Why" } th scope="col" { "State" } th scope="col" { "Messages" } } }
                        tbody {
                            @for ((status, code), count) in &counted {
                                @let (word, tone) = words::status(*status);
                                tr {
                                    th scope="row" { a href=(link(*status, code)) { @if code.is_empty() { "No reason was given" } @else { (words::reason(code)) } } }
                                    td { span.state.(tone.class()) { (word) } }
                                    td.count { (count) }
                                }
                            }
                        }
                    }
                }
                @if more { p.hint { "Counted among the newest; there are more." } }
            }
        }
    })
}
