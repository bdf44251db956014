//! `WatchMessages`: the changes of an owner's messages, from a token on or from now on, and then as they come.
//!
//! Each stream is a task that reads the journal from its own position until it has caught up, and then takes what the
//! process's one tail of the journal hands out. It fills a small buffer; a reader who leaves it full for too long is ended,
//! and goes on later with the last token that was read. Whatever a stream misses of the tail it reads from the database.

mod reader;
pub(super) mod token;

use std::collections::HashSet;
use std::pin::Pin;
use std::time::Duration;

use futures::Stream;

use crate::auth::{Caller, Scope};
use crate::domain::ids::{CampaignId, MessageId, OwnerId};
use crate::domain::message::Status;
use crate::domain::tags::Tags;
use crate::error::{Error, Resource};
use crate::service::Service;
use crate::store::{JournalEntry, Position};
use crate::tail::Purpose;
use reader::Reader;
use token::Told;

/// Which changes to watch.
#[derive(Debug, Clone, Default)]
pub struct WatchMessages {
    /// Only messages of this campaign.
    pub campaign_id: Option<i64>,
    /// Only changes to the statuses of these numbers; none means all.
    pub statuses: Vec<i32>,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
    /// Where to go on; empty means from now on.
    pub resume_token: String,
}

/// A change of a message's state, as a watcher is told.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchedChange {
    /// Which message.
    pub message: MessageId,
    /// The number of the change: later changes of the message have greater ones.
    pub version: i32,
    /// Its campaign.
    pub campaign: Option<CampaignId>,
    /// Its tags.
    pub tags: Tags,
    /// The number of the status before; 0 for a new message.
    pub from: i16,
    /// The number of the status after.
    pub to: i16,
    /// When.
    pub at: jiff::Timestamp,
}

/// A change or, without one, a heartbeat.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// Where to go on after it.
    pub resume_token: String,
    /// The change.
    pub change: Option<WatchedChange>,
}

/// The changes. It ends with an error alone.
pub type MessageWatch = Pin<Box<dyn Stream<Item = Result<Watched, Error>> + Send>>;

/// How streams of changes are bounded.
#[derive(Debug, Clone)]
pub struct Watching {
    /// After how long without an event a heartbeat is sent.
    pub heartbeat: Duration,
    /// How long a reader may leave its buffer full.
    pub patience: Duration,
}

impl Default for Watching {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(15), patience: Duration::from_secs(30) }
    }
}

/// The filter of one reader.
#[derive(Debug, Clone)]
struct Wanted {
    campaign: Option<CampaignId>,
    statuses: HashSet<i16>,
}

impl Wanted {
    fn has(&self, entry: &JournalEntry) -> bool {
        let campaign = self.campaign.is_none() || entry.campaign == self.campaign;
        campaign && (self.statuses.is_empty() || self.statuses.contains(&entry.to))
    }
}

impl Service {
    /// Watches an owner's messages. What is wrong with the request is told before the stream begins.
    pub async fn watch_messages(&self, caller: &Caller, request: WatchMessages) -> Result<MessageWatch, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let status = |n: &i32| Status::from_number(*n).map(|status| status as i16);
        let statuses: Option<HashSet<i16>> = request.statuses.iter().map(status).collect();
        let statuses =
            statuses.ok_or_else(|| Error::invalid("statuses", "must hold statuses that this service knows"))?;
        // Whoever opens a thousand waits for their own.
        let turn = self.inner.admission.list(caller.user).await;
        let store = &self.inner.store;
        let campaign = request.campaign_id.map(CampaignId);
        if let Some(id) = campaign
            && store.campaign(owner, id).await?.is_none()
        {
            return Err(Error::NotFound(Resource::Campaign, id.to_string()));
        }
        let seal = self.seal(token::name(owner, &store.journal_name().await?));
        let timeline = store.journal_timeline().await?;
        let horizon = store.journal_horizon().await?;
        let told = if request.resume_token.is_empty() {
            Told { at: Position::before(horizon.settled), entry: None, timeline }
        } else {
            let opened = token::open(&seal, &request.resume_token, horizon.end, self.inner.clock.now());
            let told = opened.map_err(|e| Error::invalid("resume_token", e))?;
            if told.timeline == timeline { told } else { self.found_again(owner, &told, timeline).await? }
        };
        drop(turn);
        let follower = self.inner.tail.follow(Purpose::Stream, owner, told.at);
        let changes = Reader::start(self, follower, Wanted { campaign, statuses }, seal, told);
        Ok(self.while_allowed(caller, changes))
    }

    /// The same place on another timeline: where another server took over, or the database was set back. The journal may have grown
    /// past it again, so what was told counts only if it is in there.
    pub(super) async fn found_again(&self, owner: OwnerId, told: &Told, timeline: i64) -> Result<Told, Error> {
        for at in std::iter::once(told.at).chain(told.entry) {
            if self.inner.store.is_in_journal(owner, at).await? {
                return Ok(Told { at, entry: Some(at), timeline });
            }
        }
        Err(Error::invalid("resume_token", token::Unusable::Beyond))
    }
}
