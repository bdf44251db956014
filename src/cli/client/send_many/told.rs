//! The telling of the messages of a file: a line for each that was not sent, or in JSON for all, and how many there were.

use std::io::Write;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::Exit;
use super::super::failure::Failure;
use super::super::output::{self, rate};
use crate::proto::SendManyResponse;
use crate::proto::send_many_response::Result as Told;

/// The counts so far, and the bar that shows them.
pub(super) struct Tally {
    json: bool,
    bar: ProgressBar,
    sent: u64,
    failed: u64,
}

impl Tally {
    pub(super) fn new(json: bool, drawn: bool) -> Self {
        let target = if drawn { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{pos} messages  {prefix}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        Self { json, bar, sent: 0, failed: 0 }
    }

    /// Of how many something was told.
    pub(super) fn told(&self) -> u64 {
        self.sent + self.failed
    }

    /// Tells one.
    pub(super) fn tell(&mut self, one: &SendManyResponse, out: &mut dyn Write) -> Result<(), Failure> {
        self.bar.inc(1);
        self.bar.set_prefix(rate(self.bar.position(), self.bar.elapsed()));
        let error = match &one.result {
            Some(Told::Error(error)) => Some(error),
            Some(Told::Sent(_)) | None => None,
        };
        *(if error.is_some() { &mut self.failed } else { &mut self.sent }) += 1;
        if self.json {
            return self.bar.suspend(|| output::json(out, one));
        }
        match error {
            Some(error) => {
                let why = Failure::Refused(error.as_end());
                self.bar.suspend(|| Ok(writeln!(out, "failed  line {}  {why}", one.sequence)?))
            }
            None => Ok(()),
        }
    }

    /// A line holds no message.
    pub(super) fn unreadable(&mut self, line: i64, why: &str, err: &mut dyn Write) -> Result<(), Failure> {
        self.failed += 1;
        self.bar.suspend(|| Ok(writeln!(err, "error: line {line}: {why}")?))
    }

    /// The end.
    pub(super) fn finish(self, out: &mut dyn Write) -> Result<Exit, Failure> {
        self.bar.finish_and_clear();
        let Self { json, sent, failed, .. } = self;
        if !json {
            writeln!(out, "{} in all: {sent} taken, {failed} failed", sent + failed)?;
        }
        Ok(if failed > 0 { Exit::Failed } else { Exit::Success })
    }
}
