//! Messages from recipients: stored first, read after; a wish to be left alone is granted at once.

use crate::domain::keyword::Verdict;
use crate::domain::report::Form;
use crate::error::Error;
use crate::metrics::InboundOutcome;
use crate::service::Service;
use crate::store::SignedPost;

/// How many messages one pass reads at most.
const PASS: usize = 100;

impl Service {
    /// Stores a post with a message, or an array of them. When this answers, it is on the disk; it is read afterwards.
    /// False if it is a signed one that came before, and changes nothing.
    pub async fn file_inbound(&self, form: Form, body: &[u8], signed: Option<SignedPost>) -> Result<bool, Error> {
        if !self.inner.store.file_inbound(form, body, signed).await? {
            return Ok(false);
        }
        let service = self.clone();
        self.inner.lifecycle.spawn(async move {
            if let Err(e) = service.read_inbound().await {
                tracing::warn!(cause = e.cause(), "inbound messages wait to be read");
            }
        });
        Ok(true)
    }

    /// Reads the inbound messages that wait, in their order. Returns how many; none if this process is at it: a flood of
    /// posts is not to wait for its turn by as many connections to the database.
    pub async fn read_inbound(&self) -> Result<usize, Error> {
        let Ok(_alone) = self.inner.reading.try_lock() else { return Ok(0) };
        for done in 0..PASS {
            let keywords = self.inner.settings.webhooks.keywords.clone();
            let Some(read) = self.inner.store.read_next_inbound(keywords).await? else { return Ok(done) };
            let outcome = match (read.verdict, read.owner) {
                (None, _) => InboundOutcome::Unreadable,
                (Some(Verdict::Stop), Some(_)) => InboundOutcome::Stop,
                (Some(Verdict::Start), Some(_)) => InboundOutcome::Start,
                (Some(Verdict::PerhapsStop), _) | (Some(Verdict::Stop | Verdict::Start), None) => {
                    InboundOutcome::Review
                }
                (Some(Verdict::Other), _) => InboundOutcome::Other,
            };
            self.inner.metrics.inbound(outcome);
        }
        Ok(PASS)
    }
}
