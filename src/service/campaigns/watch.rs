//! `WatchCampaign`: how a campaign stands, now and after every change, until it is over.
//!
//! A reader is a loop over the counters that every other reader of the campaign shares; dropped, it leaves nothing.

use std::pin::Pin;
use std::time::Duration;

use futures::Stream;

use crate::auth::Caller;
use crate::domain::campaign::Stats;
use crate::error::Error;
use crate::service::Service;

/// How often a watch polls.
const POLL_EVERY: Duration = Duration::from_millis(500);

/// How a campaign stands, again and again.
pub type CampaignWatch = Pin<Box<dyn Stream<Item = Result<Stats, Error>> + Send>>;

impl Service {
    /// Watches one of the caller's campaigns. What is wrong with the request is told before the stream begins.
    pub async fn watch_campaign(&self, caller: &Caller, id: i64) -> Result<CampaignWatch, Error> {
        let first = self.campaign_stats(caller, id).await?;
        Ok(self.while_allowed(caller, self.clone().follow(caller.clone(), id, first)))
    }

    fn follow(self, caller: Caller, id: i64, first: Stats) -> impl Stream<Item = Result<Stats, Error>> + Send {
        async_stream::try_stream! {
            let mut told = first;
            yield told.clone();
            while !told.over {
                self.pause().await?;
                let now = self.campaign_stats(&caller, id).await?;
                if now.differs(&told) {
                    told = now;
                    yield told.clone();
                }
            }
        }
    }

    /// Waits until it is time to poll again; an error if the process stops meanwhile.
    async fn pause(&self) -> Result<(), Error> {
        tokio::select! {
            () = tokio::time::sleep(POLL_EVERY) => Ok(()),
            () = self.inner.lifecycle.stopping() => Err(Error::Unavailable {
                reason: "STOPPING",
                message: "The server is stopping. Watch again.",
                retry_after: Duration::from_secs(1),
                cause: "the process was asked to stop".to_owned(),
            }),
        }
    }
}
