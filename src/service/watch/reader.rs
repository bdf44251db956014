//! One stream: shows what its follower comes to, and ends a reader who does not read.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc::{self, error::SendTimeoutError};
use tokio::time::Instant;

use crate::auth::seals::Seal;
use crate::error::Error;
use crate::service::Service;
use crate::service::watch::token::{self, Told};
use crate::service::watch::{Shows, Watch, Watched};
use crate::store::JournalEntry;
use crate::tail::{Follower, Step};

/// How many events wait for a reader.
const BUFFER: usize = 64;

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
pub(super) struct Reader<W: Shows> {
    service: Service,
    follower: Follower,
    wanted: W,
    seal: Seal,
    /// Everything up to here was told, or is not wanted, on the timeline on which the stream began: whatever it tells may be lost
    /// with it.
    told: Told,
    told_at: Instant,
    buffer: mpsc::Sender<Watched<W::Event>>,
    /// Counts it while it lives.
    _counted: Arc<()>,
}

impl<W: Shows> Reader<W> {
    /// Starts it after what was told.
    pub(super) fn start(service: &Service, follower: Follower, wanted: W, seal: Seal, told: Told) -> Watch<W::Event> {
        let (buffer, mut buffered) = mpsc::channel(BUFFER);
        let (service, counted) = (service.clone(), service.inner.watches.clone());
        let told_at = Instant::now();
        let mut reader = Self { service, follower, wanted, seal, told, told_at, buffer, _counted: counted };
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
        let (service, buffer) = (self.service.clone(), self.buffer.clone());
        let heartbeat = service.inner.settings.watching.heartbeat;
        loop {
            let step = tokio::select! {
                () = buffer.closed() => return Err(End::Gone),
                () = service.inner.lifecycle.stopping() => return Err(stopping().into()),
                step = self.follower.next() => Some(step?),
                () = tokio::time::sleep_until(self.told_at + heartbeat) => None,
            };
            match step {
                None => self.beat().await?,
                Some(Step::Entry(entry)) => self.pass(&entry).await?,
                Some(Step::Nothing(up_to)) => self.told.at = up_to,
            }
        }
    }

    /// Shows one entry, unless it is not wanted.
    async fn pass(&mut self, entry: &JournalEntry) -> Result<(), End> {
        let position = entry.what.position;
        if let Some(event) = self.wanted.shown(&self.service, entry).await? {
            let told = Told { at: position, entry: Some(position), ..self.told };
            self.emit(&told, Some(event)).await?;
        }
        (self.told.at, self.told.entry) = (position, Some(position));
        Ok(())
    }

    async fn beat(&mut self) -> Result<(), End> {
        let told = self.told;
        self.emit(&told, None).await
    }

    async fn emit(&mut self, told: &Told, event: Option<W::Event>) -> Result<(), End> {
        let inner = &self.service.inner;
        let watched = Watched { resume_token: token::write(&self.seal, told, inner.clock.now()), event };
        let stopped = pin!(inner.lifecycle.stopping());
        let sent = tokio::select! {
            sent = self.buffer.send_timeout(watched, inner.settings.watching.patience) => sent,
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
