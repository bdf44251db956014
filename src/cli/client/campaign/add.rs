//! `campaign add`: recipients from a CSV file, as they are read.

use std::io::Read;
use std::path::Path;

use futures::io::AllowStdIo;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::compat::FuturesAsyncReadCompatExt as _;

use super::super::connection::Campaigns;
use super::super::failure::Failure;
use super::super::output::{self, rate, rows};
use super::super::text::plain;
use super::super::{Console, Exit};
use crate::csv::{Records, Variables};
use crate::proto::add_recipients_request::Recipient;
use crate::proto::{AddRecipientsRequest, AddRecipientsResponse};

/// How many recipients one request of a stream holds.
const REQUEST: usize = 500;
/// How many recipients one stream holds: it has its answer long before the connection's limit for one.
const STREAM: usize = 50_000;
/// How many invalid recipients are told.
const TOLD: usize = 1000;

/// Reads the file, streams its recipients into the campaign, and tells what became of them.
pub(super) async fn run(
    mut client: Campaigns,
    campaign: i64,
    file: &Path,
    json: bool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let opened;
    let input: &mut (dyn Read + Send) = if file == Path::new("-") {
        console.input
    } else {
        opened = std::fs::File::open(file);
        &mut opened.map_err(|e| Failure::Usage(format!("--file: cannot read {}: {e}", file.display())))?
    };
    let input = AllowStdIo::new(input).compat();
    let records = Records::open(input, &Variables::All).await.map_err(|e| Failure::Usage(format!("--file: {e}")))?;
    if let Some(separator) = records.separator().unusual() {
        let _ = writeln!(console.err, "--file: its columns are separated by {separator}");
    }
    let mut source = Source { records, read: 0, ended: false };
    let bar = progress(console.progress);
    let mut all = AddRecipientsResponse::default();
    while !source.ended {
        let before = source.read;
        let (sender, requests) = mpsc::channel(4);
        let (answer, fed) =
            tokio::join!(client.add_recipients(ReceiverStream::new(requests)), source.feed(campaign, sender, &bar));
        // The service's refusal says more than that nobody takes the rest.
        let answer = answer.inspect_err(|_| bar.finish_and_clear())?.into_inner();
        all.added += answer.added;
        all.duplicates += answer.duplicates;
        all.invalid_count += answer.invalid_count;
        all.invalid.extend(answer.invalid.into_iter().map(|mut invalid| {
            invalid.index += before;
            invalid
        }));
        all.invalid.truncate(TOLD);
        fed.inspect_err(|_| bar.finish_and_clear())?;
    }
    bar.finish_and_clear();
    print(&all, json, console)?;
    Ok(if all.invalid_count > 0 { Exit::Failed } else { Exit::Success })
}

/// The records of a CSV file, of which several streams are made.
struct Source<R> {
    records: Records<R>,
    read: i64,
    ended: bool,
}

impl<R: AsyncRead + Unpin + Send> Source<R> {
    /// Sends one stream's recipients; ends early if nobody takes them.
    async fn feed(
        &mut self,
        campaign: i64,
        requests: mpsc::Sender<AddRecipientsRequest>,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        let mut left = STREAM;
        let mut request = AddRecipientsRequest { campaign_id: campaign, recipients: Vec::new() };
        loop {
            // What was read before a line that cannot be read is sent, as the words say.
            let filled = self.fill(&mut request.recipients, REQUEST.min(left)).await;
            let last = left == 0 || !matches!(filled, Ok(true));
            left -= request.recipients.len();
            bar.inc(u64::try_from(request.recipients.len()).unwrap_or(0));
            bar.set_prefix(rate(bar.position(), bar.elapsed()));
            let next = AddRecipientsRequest { campaign_id: campaign, recipients: Vec::new() };
            let full = std::mem::replace(&mut request, next);
            if requests.send(full).await.is_err() {
                return Ok(());
            }
            if last {
                return filled.map(drop);
            }
        }
    }

    /// Reads up to `n` recipients; whether there may be more.
    async fn fill(&mut self, recipients: &mut Vec<Recipient>, n: usize) -> Result<bool, Failure> {
        while recipients.len() < n && !self.ended {
            let rest = n - recipients.len();
            let next = self.records.next(rest).await.map_err(|e| Failure::Usage(format!("--file: {e}")))?;
            self.ended = next.is_empty();
            self.read += i64::try_from(next.len()).unwrap_or(i64::MAX);
            recipients.extend(next);
        }
        Ok(!self.ended)
    }
}

fn progress(drawn: bool) -> ProgressBar {
    let target = if drawn { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{pos} recipients  {prefix}");
    ProgressBar::with_draw_target(None, target).with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

fn print(all: &AddRecipientsResponse, json: bool, console: &mut Console<'_>) -> Result<(), Failure> {
    if json {
        return output::json(console.out, all);
    }
    for invalid in &all.invalid {
        let place =
            invalid.line.map_or_else(|| format!("recipient {}", invalid.index + 1), |line| format!("line {line}"));
        writeln!(console.out, "{place}  {}", plain(&invalid.reason))?;
    }
    rows(
        console.out,
        &[
            ("added", all.added.to_string()),
            ("duplicates", all.duplicates.to_string()),
            ("invalid", all.invalid_count.to_string()),
        ],
    )
}
