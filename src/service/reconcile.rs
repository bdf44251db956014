//! Reconciling campaigns: those whose time has come begin, recipients become messages, what is left of a cancelled
//! one is swept away, and what is over ends.
//!
//! Each step is one short transaction under the campaign's row lock, so that any replica may do it, and none twice.

use crate::domain::status::Event;
use crate::error::Error;
use crate::service::Service;
use crate::store::{self, Job, Pace, Pick, ToReconcile};

/// How many recipients become messages in one transaction: on SQLite nothing else is written meanwhile, and a single
/// send must not notice.
const PAGE: i64 = 500;
/// No more recipients become messages while more than so many of the campaign's are queued: seconds of work at a
/// thousand messages a second, so that the senders never run dry, and little enough that a campaign of a million fills
/// neither the queue's index nor the table long before its turn, and that a cancelled one is swept in a moment.
const CEILING: i64 = 20_000;
/// How many queued messages of a cancelled or expired campaign one transaction sweeps away.
const SWEEP: i64 = 500;

impl Service {
    /// Takes every campaign that there is something to do for one step further. Returns how much was done.
    pub async fn reconcile_campaigns(&self) -> Result<usize, Error> {
        let mut done = 0;
        let mut failed = None;
        for campaign in self.inner.store.campaigns_to_reconcile().await? {
            if self.inner.lifecycle.is_stopping() {
                return Ok(0);
            }
            match self.reconcile(campaign).await {
                Ok(steps) => done += steps,
                Err(e @ (store::Error::Unavailable(_) | store::Error::InDoubt(_))) => return Err(e.into()),
                // One that cannot be reconciled is not to keep the others from it.
                Err(e) => failed = Some(e),
            }
        }
        if let Some(e) = failed {
            return Err(e.into());
        }
        Ok(done + self.inner.store.forget_recipients().await?)
    }

    async fn reconcile(&self, it: ToReconcile) -> Result<usize, store::Error> {
        let mut steps = 0;
        if it.cancelled || it.expired {
            let pick = Pick::Waiting { campaign: it.campaign, limit: SWEEP };
            let event = if it.cancelled { Event::Cancel } else { Event::Timer };
            let swept = self.inner.store.apply(Job { pick, event }).await?;
            steps += swept.iter().filter(|moved| moved.result.is_ok()).count();
        }
        let settings = &self.inner.settings;
        let (traffic_account_id, default_sender) =
            (settings.traffic_account_id.clone(), settings.default_sender.clone());
        let pace = Pace { page: PAGE, ceiling: CEILING, traffic_account_id, default_sender };
        let reconciled = self.inner.store.reconcile(it.campaign, pace).await?;
        if reconciled > 0 {
            self.inner.sender.wake();
        }
        steps += reconciled;
        if steps > 0 {
            self.inner.stats.forget(it.owner, it.campaign).await;
        }
        Ok(steps)
    }
}
