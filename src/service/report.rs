//! Delivery reports: taken in, counted, and looked at again where their message was not there.

use secrecy::SecretString;

use crate::domain::report::{Form, Post};
use crate::error::Error;
use crate::metrics::ReportOutcome;
use crate::service::Service;
use crate::store::{Applied, ReportStage};

/// How many reports one transaction looks at again at most.
const BUNCH: i64 = 500;

impl Service {
    /// The secrets by which posts of the provider's are known. Without one nothing is taken.
    #[must_use]
    pub fn webhook_secrets(&self) -> &[SecretString] {
        &self.inner.settings.webhooks.secrets
    }

    /// Stores a post of delivery reports, and applies them. When this answers, they are on the disk. Returns how many
    /// records read differently now.
    pub async fn file_reports(&self, form: Form, body: &[u8]) -> Result<usize, Error> {
        let post = Post::read(form, body);
        let all = post.pieces.len();
        let applied = self.inner.store.file_reports(post).await?;
        self.inner.metrics.reports(ReportOutcome::Repeated, all.saturating_sub(applied.len()));
        self.note(&applied).await;
        Ok(applied.iter().map(visible).sum())
    }

    /// Applies reports whose time has come: those whose message was not there before, and those that could only be stored.
    /// Returns how many were looked at.
    pub async fn apply_due_reports(&self) -> Result<usize, Error> {
        let applied = self.inner.store.apply_due_reports(BUNCH).await?;
        self.note(&applied).await;
        Ok(applied.len())
    }

    async fn note(&self, applied: &[Applied]) {
        let metrics = &self.inner.metrics;
        for one in applied {
            metrics.reports(outcome(one), 1);
            if one.stage == ReportStage::Applied && !one.known_word {
                metrics.unknown_word();
            }
            if one.stage == ReportStage::Unmatched {
                tracing::warn!(report = %one.id, "a delivery report belongs to no message after 72 hours; it is kept");
            }
            self.inner.stats.forget_moved(&one.moved).await;
        }
    }
}

/// How many records read differently because of a report.
fn visible(applied: &Applied) -> usize {
    applied.moved.iter().filter(|moved| moved.result.as_ref().is_ok_and(|change| change.visible)).count()
}

/// The outcome of a report, as metrics give it.
fn outcome(applied: &Applied) -> ReportOutcome {
    match applied.stage {
        ReportStage::Applied if visible(applied) > 0 => ReportOutcome::Changed,
        ReportStage::Applied => ReportOutcome::Known,
        ReportStage::Waiting => ReportOutcome::Parked,
        ReportStage::Unmatched => ReportOutcome::Unmatched,
        ReportStage::Unreadable => ReportOutcome::Unreadable,
    }
}
