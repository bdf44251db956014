//! Streams of what happens to an owner, from a token on or from now on, and then as it comes.
//!
//! Each stream is a task that reads the journal from its own position until it has caught up, and then takes what the
//! process's one tail of the journal hands out. It fills a small buffer; a reader who leaves it full for too long is ended,
//! and goes on later with the last token that was read. Whatever a stream misses of the tail it reads from the database.

mod reader;
pub(super) mod token;

use std::pin::Pin;
use std::time::Duration;

use futures::Stream;

use crate::auth::Caller;
use crate::domain::ids::OwnerId;
use crate::error::Error;
use crate::service::Service;
use crate::store::{JournalEntry, Position};
use crate::tail::Purpose;
use reader::Reader;
use token::Told;

/// Something that happened or, without one, a heartbeat.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched<T> {
    /// Where to go on after it.
    pub resume_token: String,
    /// The thing that happened.
    pub event: Option<T>,
}

/// Everything that happens and is wanted. It ends with an error alone.
pub type Watch<T> = Pin<Box<dyn Stream<Item = Result<Watched<T>, Error>> + Send>>;

/// How streams of what happens are bounded.
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

/// The choice of what a stream shows of the journal's entries.
pub(super) trait Shows: Send + 'static {
    /// The thing that is shown.
    type Event: Send + 'static;

    /// The thing to show of an entry; `None` if it is not wanted.
    fn shown(
        &self,
        service: &Service,
        entry: &JournalEntry,
    ) -> impl Future<Output = Result<Option<Self::Event>, Error>> + Send;
}

impl Service {
    /// Watches an owner, from a token on or, if it is empty, from now on. What is wrong with the token is told before the stream begins.
    pub(super) async fn watch<W: Shows>(
        &self,
        caller: &Caller,
        owner: OwnerId,
        resume_token: &str,
        wanted: W,
    ) -> Result<Watch<W::Event>, Error> {
        let store = &self.inner.store;
        let seal = self.seal(token::name(owner, &store.journal_name().await?));
        let timeline = store.journal_timeline().await?;
        let horizon = store.journal_horizon().await?;
        let told = if resume_token.is_empty() {
            Told { at: Position::before(horizon.settled), entry: None, timeline }
        } else {
            let opened = token::open(&seal, resume_token, horizon.end, self.inner.clock.now());
            let told = opened.map_err(|e| Error::invalid("resume_token", e))?;
            if told.timeline == timeline { told } else { self.found_again(owner, &told, timeline).await? }
        };
        let follower = self.inner.tail.follow(Purpose::Stream, owner, told.at);
        Ok(self.while_allowed(caller, Reader::start(self, follower, wanted, seal, told)))
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
