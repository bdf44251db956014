//! Admission: what a process gives to those who call it. Everything that can run out is a share, taken by an owner after its
//! credentials were read and before a byte of its request was; no owner has more than half of it while another one asks.
//!
//! `docs/operations.md` has the table of what there is.

mod answer;
mod connection;
mod connections;
mod failures;
mod permit;
mod share;
mod unread;

pub use answer::Answer;
pub use connection::{Connection, Flight, Peer};
pub use connections::{Connections, Limits as ConnectionLimits, Ticket, descriptors};
pub use failures::Suspect;
pub use permit::{Notice, Permit};
pub use share::{Place, Who};

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::at_once::AtOnce;
use crate::domain::ids::OwnerId;
use crate::error::Error;
use crate::turns::{Turn, Turns};
use failures::Failures;
use share::{Refused, Share};

/// The things that are given away, each from a share of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Calls and requests in flight.
    Calls,
    /// Streams that may stay for days: `WatchMessages`, `WatchInbound`, `WatchCampaign`.
    Streams,
    /// Streams of recipients and CSV files under way.
    Uploads,
    /// Bulk refreshes under way.
    Refreshes,
    /// Streams of sends: what is in hand of them is in flight as well.
    Sends,
    /// Bytes of requests that are held in memory.
    Bytes,
    /// Calls that need no credentials: health and reflection. By address.
    Open,
}

impl Quota {
    /// Every quota.
    pub const ALL: [Self; 7] =
        [Self::Calls, Self::Streams, Self::Uploads, Self::Refreshes, Self::Sends, Self::Bytes, Self::Open];

    /// Its name in metrics and in `QuotaFailure`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Streams => "streams",
            Self::Uploads => "uploads",
            Self::Refreshes => "refreshes",
            Self::Sends => "sends",
            Self::Bytes => "bytes",
            Self::Open => "open",
        }
    }

    /// The reasons of a refusal: because the whole is taken, and because the owner has its part.
    fn reasons(self) -> (&'static str, &'static str) {
        match self {
            Self::Calls => ("TOO_MANY_CALLS", "TOO_MANY_CALLS_OF_ONE_OWNER"),
            Self::Streams => ("TOO_MANY_WATCHES", "TOO_MANY_WATCHES_OF_ONE_OWNER"),
            Self::Uploads => ("TOO_MANY_UPLOADS", "TOO_MANY_UPLOADS_OF_ONE_OWNER"),
            Self::Refreshes => ("TOO_MANY_REFRESHES", "TOO_MANY_REFRESHES_OF_ONE_OWNER"),
            Self::Sends => ("TOO_MANY_SEND_STREAMS", "TOO_MANY_SEND_STREAMS_OF_ONE_OWNER"),
            Self::Bytes => ("TOO_MANY_BYTES", "TOO_MANY_BYTES_OF_ONE_OWNER"),
            Self::Open => ("TOO_MANY_CALLS", "TOO_MANY_CALLS_OF_ONE_ADDRESS"),
        }
    }

    /// How much of it one owner may have, if it has a number of its own.
    fn own(self, at_once: &AtOnce) -> Option<usize> {
        let most = match self {
            Self::Calls => at_once.calls,
            Self::Streams => at_once.streams,
            Self::Uploads => at_once.uploads,
            Self::Refreshes => at_once.refreshes,
            Self::Sends | Self::Bytes | Self::Open => None,
        };
        most.and_then(|most| usize::try_from(most).ok())
    }

    /// When to come back: calls end in milliseconds, streams rarely.
    fn retry_after(self) -> Duration {
        match self {
            Self::Streams | Self::Uploads | Self::Refreshes | Self::Sends => Duration::from_secs(5),
            Self::Calls | Self::Bytes | Self::Open => Duration::from_secs(1),
        }
    }

    /// The error of a refusal: `UNAVAILABLE` for the whole's, `RESOURCE_EXHAUSTED` with the quota for the owner's own.
    fn refusal(self, refused: Refused) -> Error {
        let (whole, own) = self.reasons();
        let retry_after = self.retry_after();
        match refused {
            Refused::Whole => Error::Unavailable {
                reason: whole,
                message: "The server has as much in hand as it takes. Try again.",
                retry_after,
                cause: format!("every place for {} is taken", self.name()),
            },
            Refused::Own(most) => Error::Quota { reason: own, quota: self.name(), most, retry_after },
        }
    }
}

/// How much there is of everything.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Calls in flight over both APIs (`MAX_IN_FLIGHT`).
    pub calls: usize,
    /// Streams of changes (`WATCH_STREAMS`).
    pub streams: usize,
    /// Uploads under way.
    pub uploads: usize,
    /// Bulk refreshes under way.
    pub refreshes: usize,
    /// Streams of sends (`MAX_SEND_STREAMS`).
    pub sends: usize,
    /// Bytes of requests in memory.
    pub bytes: usize,
    /// Calls without credentials.
    pub open: usize,
    /// Calls to the provider that callers wait for, at once; more wait their turn.
    pub provider_reads: usize,
    /// Lists that the database is asked for, at once; more wait their turn.
    pub lists: usize,
    /// Keys of one address that nobody has, before it is asked about a few at a time.
    pub failures: usize,
    /// Such questions at once.
    pub suspects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 1024,
            streams: 2000,
            uploads: 64,
            refreshes: 64,
            sends: 64,
            bytes: 64 << 20,
            open: 256,
            provider_reads: 256,
            lists: 4,
            failures: 100,
            suspects: 4,
        }
    }
}

/// The shares of a process. Clones share them.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Shares>);

#[derive(Debug)]
struct Shares {
    calls: Arc<Share>,
    streams: Arc<Share>,
    uploads: Arc<Share>,
    refreshes: Arc<Share>,
    sends: Arc<Share>,
    bytes: Arc<Share>,
    open: Arc<Share>,
    provider_reads: Turns,
    lists: Turns,
    failures: Arc<Failures>,
}

impl Admission {
    /// Shares of this size, all of them free.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let share = |whole| Arc::new(Share::new(whole));
        // What may stay for days, and is easily begun anew.
        let that_yields = |whole| Arc::new(Share::that_yields(whole));
        Self(Arc::new(Shares {
            calls: share(limits.calls),
            streams: that_yields(limits.streams),
            uploads: share(limits.uploads),
            refreshes: share(limits.refreshes),
            sends: share(limits.sends),
            bytes: share(limits.bytes),
            open: that_yields(limits.open),
            provider_reads: Turns::new(limits.provider_reads),
            lists: Turns::new(limits.lists),
            failures: Arc::new(Failures::new(limits.failures, limits.suspects)),
        }))
    }

    fn share(&self, quota: Quota) -> &Arc<Share> {
        let shares = &self.0;
        match quota {
            Quota::Calls => &shares.calls,
            Quota::Streams => &shares.streams,
            Quota::Uploads => &shares.uploads,
            Quota::Refreshes => &shares.refreshes,
            Quota::Sends => &shares.sends,
            Quota::Bytes => &shares.bytes,
            Quota::Open => &shares.open,
        }
    }

    /// A place for `who`, who may have a number of its `own`; refused if all are taken, or as many as one may have.
    pub fn take(&self, quota: Quota, who: Who, own: Option<usize>) -> Result<Place, Error> {
        self.share(quota).take(who, own, 1).map_err(|refused| quota.refusal(refused))
    }

    /// Room for the bytes of a request of `who`, none so far.
    #[must_use]
    pub fn bytes(&self, who: Who) -> Place {
        Place::empty(self.share(Quota::Bytes), who)
    }

    /// Makes the room for bytes so large.
    pub fn resize(&self, room: &mut Place, bytes: usize) -> Result<(), Error> {
        room.resize(bytes).map_err(|refused| Quota::Bytes.refusal(refused))
    }

    /// How much of a quota is taken.
    #[must_use]
    pub fn taken(&self, quota: Quota) -> usize {
        self.share(quota).taken()
    }

    /// Whoever shows a key from this address.
    #[must_use]
    pub fn suspect(&self, address: Option<IpAddr>) -> Suspect {
        Suspect::at(&self.0.failures, address)
    }

    /// Waits until it is this owner's turn to have the provider asked for something that it waits for.
    pub async fn provider_read(&self, owner: OwnerId) -> Turn {
        self.0.provider_reads.turn(owner).await
    }

    /// Waits until it is this owner's turn to have the database read a list, or what a stream begins and goes on with.
    pub async fn list(&self, owner: OwnerId) -> Turn {
        self.0.lists.turn(owner).await
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}
