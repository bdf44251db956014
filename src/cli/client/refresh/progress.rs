//! The progress bar of a bulk refresh, and what it counts.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::failure::Failure;
use super::super::output::rate;
use crate::proto::{RefreshOutcome, RefreshStatusBulkResponse};

/// The progress so far, drawn on standard error or not at all.
pub(super) struct Progress {
    bar: ProgressBar,
    /// To be drawn from the first event on: before it nobody knows how much there is to do.
    drawn: bool,
    /// How far the stream that this one goes on from had come: that was not now.
    before: Option<u64>,
    updated: u64,
    unchanged: u64,
    failed: u64,
}

impl Progress {
    pub(super) fn new(drawn: bool) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {prefix}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden()).with_style(style);
        Self { bar, drawn, before: None, updated: 0, unchanged: 0, failed: 0 }
    }

    /// Counts one event.
    pub(super) fn see(&mut self, event: &RefreshStatusBulkResponse, outcome: RefreshOutcome) {
        match outcome {
            RefreshOutcome::Updated => self.updated += 1,
            RefreshOutcome::Unchanged => self.unchanged += 1,
            RefreshOutcome::Failed => self.failed += 1,
            RefreshOutcome::Unspecified => {}
        }
        self.bar.set_length(u64::try_from(event.total).unwrap_or(0));
        let completed = u64::try_from(event.completed).unwrap_or(0);
        let before = *self.before.get_or_insert_with(|| {
            self.bar.reset_elapsed();
            completed
        });
        self.bar.set_position(completed);
        self.bar.set_prefix(rate(completed.saturating_sub(before), self.bar.elapsed()));
        self.bar.set_message(format!("{} updated  {} unchanged  {} failed", self.updated, self.unchanged, self.failed));
        if self.drawn {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.drawn = false;
        }
    }

    /// Takes the bar away while something is written, so that they do not mix on one terminal.
    pub(super) fn around(&self, write: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        self.bar.suspend(write)
    }
}

impl Drop for Progress {
    /// The summary, or an error, stands where the bar was.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
