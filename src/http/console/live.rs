//! The parts that move: a part of a page again after each change, from the streams that callers have. A tab has one, and only while it is looked at.

use std::time::Duration;

use axum::response::Response;
use axum::routing::get;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use crate::admission::Quota;
use crate::contract::{campaigns, messages};
use crate::error::Error;
use crate::http::console::desk::Desk;
use crate::http::console::refusal::Refusal;
use crate::http::console::{Routes, campaign, campaigns as campaigns_list, message, now};
use crate::http::entry::Named;
use crate::http::events::{self, Step};
use crate::proto::{GetCampaignRequest, WatchCampaignRequest, WatchMessagesRequest};

/// The least time between two looks at numbers that move, and the most.
const PACE: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_secs(10);
/// The rest after a part, in times of what it took to make: a tab has a tenth of a connection at most, however much there is to count.
const REST: u32 = 9;

/// The streams.
pub(super) fn streams() -> Routes {
    vec![
        ("/console/events", get(of_now)),
        ("/console/messages/{id}/events", get(one_message)),
        ("/console/campaigns/{id}/events", get(one_campaign)),
    ]
}

/// The needs and the numbers of Now, soon after something happened to the owner's messages, and every few seconds:
/// operators see what happens to others' messages, too.
async fn of_now(desk: Desk) -> Result<Response, Refusal> {
    take(&desk)?;
    let mut changes = messages::watch_messages(desk.service(), &desk.caller, WatchMessagesRequest::default()).await?;
    let by = desk.clone();
    let parts = async_stream::try_stream! {
        loop {
            let begun = Instant::now();
            let part = now::moving(&by).await?;
            let rest = begun.elapsed() * REST;
            yield Step::part(&part.into_string());
            // However much happens: the database is asked no oftener than that.
            let begun = Instant::now();
            let mut until = begun + QUIET.max(rest);
            while Instant::now() < until && let Ok(told) = tokio::time::timeout_at(until, changes.try_next()).await {
                let Some(change) = told? else { return };
                if change.event.is_some() {
                    until = begun + PACE.max(rest);
                }
            }
        }
    };
    Ok(events::answer(&desk.site.api, parts.boxed(), str::to_owned))
}

/// A message's sentence and timeline, after each of its changes.
async fn one_message(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    take(&desk)?;
    // Whose it is, before anything is watched.
    let first = message::read(&desk, &id).await?;
    let request = WatchMessagesRequest { campaign_id: first.message.campaign_id, ..Default::default() };
    let changes = messages::watch_messages(desk.service(), &desk.caller, request).await?;
    let by = desk.clone();
    let parts = changes.try_filter_map(move |change| {
        let (desk, id) = (by.clone(), id.clone());
        async move {
            // The first heartbeat is the begin: what happened since the page was made is told with it.
            let is_told = change.event.as_ref().is_some_and(|event| event.id == id);
            let begins = change.event.is_none();
            if !is_told && !begins {
                return Ok(None);
            }
            let part = message::moving(&desk, &message::read(&desk, &id).await?);
            Ok(Some(Step::part(&part.into_string())))
        }
    });
    Ok(events::answer(&desk.site.api, parts.boxed(), str::to_owned))
}

/// A campaign's counters, and why some did not get it, after each change, until it is over.
async fn one_campaign(desk: Desk, Named(id): Named) -> Result<Response, Refusal> {
    take(&desk)?;
    let campaign_id = campaigns_list::named(&desk, &id).await?.id;
    let request = WatchCampaignRequest { campaign_id };
    let mut counters = campaigns::watch_campaign(desk.service(), &desk.caller, request).await?;
    let by = desk.clone();
    let parts = async_stream::try_stream! {
        while let Some(told) = counters.try_next().await? {
            let begun = Instant::now();
            let asked = campaigns::get_campaign(by.service(), &by.caller, GetCampaignRequest { campaign_id });
            let campaign = asked.await?.campaign.unwrap_or_default();
            let part = campaign::moving(&by, &campaign, &told.stats.unwrap_or_default()).await?;
            let rest = begun.elapsed() * REST;
            yield Step::part(&part.into_string());
            // What changes meanwhile is told by the next one.
            tokio::time::sleep(rest).await;
        }
    };
    Ok(events::answer(&desk.site.api, parts.boxed(), str::to_owned))
}

/// A place among the streams, in exchange for the one among the calls.
fn take(desk: &Desk) -> Result<(), Error> {
    desk.call.permit.take(desk.service().admission(), Quota::Streams, desk.caller.share())
}
