//! One stream of changes: catches up from the database, follows the tail, and ends a reader who does not read.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc::{self, error::SendTimeoutError};
use tokio::time::Instant;

use crate::auth::seals::Seal;
use crate::error::Error;
use crate::service::watch_messages::tail::{Guest, JournalBatch};
use crate::service::watch_messages::token::{self, Told};
use crate::service::watch_messages::{MessageWatch, Wanted, Watched, WatchedChange};
use crate::store::{JournalEntry, Position};

/// How many changes wait for a reader.
const BUFFER: usize = 64;
/// How many one read of the database takes.
const PAGE: i64 = 256;

/// Why a stream ends.
enum End {
    /// Its reader went away.
    Gone,
    /// It cannot go on.
    Failed(Error),
}

impl From<Error> for End {
    fn from(e: Error) -> Self {
        Self::Failed(e)
    }
}

/// The task that fills a stream.
pub(super) struct Reader {
    guest: Guest,
    wanted: Wanted,
    seal: Seal,
    /// Everything up to here was told, or is not wanted, on the timeline on which the stream began: whatever it tells may be lost
    /// with it.
    told: Told,
    told_at: Instant,
    buffer: mpsc::Sender<Watched>,
    ring: broadcast::Receiver<Arc<JournalBatch>>,
}

impl Reader {
    /// Starts it after what was told.
    pub(super) fn start(guest: Guest, wanted: Wanted, seal: Seal, told: Told) -> MessageWatch {
        let (buffer, mut buffered) = mpsc::channel(BUFFER);
        // Before the first read of the database: what comes meanwhile waits in the ring.
        let ring = guest.hub.ring.subscribe();
        let mut reader = Self { guest, wanted, seal, told, told_at: Instant::now(), buffer, ring };
        let end = Arc::new(OnceLock::new());
        let ended = end.clone();
        tokio::spawn(async move {
            if let Err(End::Failed(e)) = reader.follow().await {
                let _ = end.set(e);
            }
        });
        Box::pin(async_stream::stream! {
            while let Some(watched) = buffered.recv().await {
                yield Ok(watched);
            }
            let cause = || Error::Internal { cause: "a watch ended without a reason".to_owned() };
            yield Err(ended.get().cloned().unwrap_or_else(cause));
        })
    }

    async fn follow(&mut self) -> Result<(), End> {
        // At once: from here on the reader has something to go on from.
        self.beat().await?;
        self.catch_up().await?;
        let (hub, buffer) = (self.guest.hub.clone(), self.buffer.clone());
        let heartbeat = hub.limits.heartbeat;
        loop {
            let next = tokio::select! {
                () = buffer.closed() => return Err(End::Gone),
                () = hub.lifecycle.stopping() => return Err(stopping().into()),
                next = self.ring.recv() => Some(next),
                () = tokio::time::sleep_until(self.told_at + heartbeat) => None,
            };
            match next {
                None => self.beat().await?,
                Some(Ok(batch)) => self.take(&batch).await?,
                Some(Err(RecvError::Lagged(_))) => self.catch_up().await?,
                Some(Err(RecvError::Closed)) => return Err(stopping().into()),
            }
        }
    }

    /// Tells what is new in a batch, if it begins where this stream stands; else the database knows.
    async fn take(&mut self, batch: &JournalBatch) -> Result<(), End> {
        if batch.to <= self.told.at {
            return Ok(());
        }
        match batch.entries.get(&self.guest.owner) {
            Some(entries) if batch.from <= self.told.at => {
                for entry in entries {
                    self.pass(entry).await?;
                }
                self.told.at = batch.to;
                Ok(())
            }
            _ => self.catch_up().await,
        }
    }

    /// Reads the database from where this stream stands to where the journal is settled now.
    async fn catch_up(&mut self) -> Result<(), End> {
        let hub = self.guest.hub.clone();
        let (store, reads) = (&hub.store, &hub.reads);
        let heartbeat = hub.limits.heartbeat;
        let settled = store.journal_horizon().await.map_err(Error::from)?.settled;
        loop {
            let page = {
                let _turn = reads.acquire().await.map_err(|_| stopping())?;
                store.journal(&[self.guest.owner], self.told.at, settled, PAGE).await.map_err(Error::from)?
            };
            for entry in &page {
                self.pass(entry).await?;
            }
            if i64::try_from(page.len()).is_ok_and(|n| n < PAGE) {
                self.told.at = self.told.at.max(Position::before(settled));
                return Ok(());
            }
            if self.told_at.elapsed() >= heartbeat {
                self.beat().await?;
            }
        }
    }

    /// Tells one change, unless it was told or is not wanted.
    async fn pass(&mut self, entry: &JournalEntry) -> Result<(), End> {
        if entry.position <= self.told.at {
            return Ok(());
        }
        if self.wanted.has(entry) {
            let change = WatchedChange {
                message: entry.message,
                campaign: entry.campaign,
                tags: entry.tags.clone(),
                from: entry.from,
                to: entry.to,
                at: entry.at,
            };
            let told = Told { at: entry.position, entry: Some(entry.position), ..self.told };
            self.emit(&told, Some(change)).await?;
        }
        (self.told.at, self.told.entry) = (entry.position, Some(entry.position));
        Ok(())
    }

    async fn beat(&mut self) -> Result<(), End> {
        let told = self.told;
        self.emit(&told, None).await
    }

    async fn emit(&mut self, told: &Told, change: Option<WatchedChange>) -> Result<(), End> {
        let hub = &self.guest.hub;
        let watched = Watched { resume_token: token::write(&self.seal, told, hub.clock.now()), change };
        let stopped = pin!(hub.lifecycle.stopping());
        let sent = tokio::select! {
            sent = self.buffer.send_timeout(watched, hub.limits.patience) => sent,
            () = stopped => return Err(stopping().into()),
        };
        self.told_at = Instant::now();
        match sent {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(_)) => Err(End::Gone),
            Err(SendTimeoutError::Timeout(_)) => Err(End::Failed(Error::Exhausted {
                reason: "READER_TOO_SLOW",
                message: "The stream was not read for too long. Watch again with the last resume_token that was read.",
                retry_after: Duration::from_secs(1),
            })),
        }
    }
}

fn stopping() -> Error {
    Error::Unavailable {
        reason: "STOPPING",
        message: "The server is stopping. Watch again with the last resume_token that was read.",
        retry_after: Duration::from_secs(1),
        cause: "the process was asked to stop".to_owned(),
    }
}
