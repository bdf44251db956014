//! `campaign add`: recipients from a CSV file, as they are read.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use csv::{Reader, ReaderBuilder, StringRecord};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::super::connection::Campaigns;
use super::super::failure::Failure;
use super::super::output::{self, rate, rows};
use super::super::text::plain;
use super::super::{Console, Exit};
use super::header::Headed;
use crate::proto::add_recipients_request::Recipient;
use crate::proto::{AddRecipientsRequest, AddRecipientsResponse};

/// How many recipients one request of a stream holds.
const REQUEST: usize = 500;
/// How many recipients one stream holds: it has its answer long before the connection's limit for one.
const STREAM: usize = 50_000;
/// The column of recipients' own references; a variable as well, if the text needs one of this name.
const REFERENCE: &str = "reference";
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
    let input: &mut dyn Read = if file == Path::new("-") {
        console.input
    } else {
        opened = std::fs::File::open(file);
        &mut opened.map_err(|e| Failure::Usage(format!("--file: cannot read {}: {e}", file.display())))?
    };
    let mut headed = Headed::read(input)?;
    if let Some(said) = headed.said() {
        let _ = writeln!(console.err, "{said}");
    }
    let mut source = Source::open(&mut headed)?;
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

/// The records of a CSV file: the first column is the number, the others are variables by the names in the header, and one is the reference.
struct Source<'a, 'i> {
    records: Reader<&'a mut Headed<'i>>,
    names: Vec<String>,
    read: i64,
    ended: bool,
}

impl<'a, 'i> Source<'a, 'i> {
    fn open(input: &'a mut Headed<'i>) -> Result<Self, Failure> {
        let mut records = ReaderBuilder::new().delimiter(input.delimiter).from_reader(input);
        let header = records.headers().map_err(|e| unreadable(&e))?;
        if header.is_empty() {
            return Err(Failure::Usage("--file: it holds no header: give the columns' names in the first line".into()));
        }
        let names = header.iter().skip(1).map(|name| name.trim().to_owned()).collect();
        Ok(Self { records, names, read: 0, ended: false })
    }

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
            let filled = self.fill(&mut request.recipients, REQUEST.min(left));
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
    fn fill(&mut self, recipients: &mut Vec<Recipient>, n: usize) -> Result<bool, Failure> {
        let mut record = StringRecord::new();
        while recipients.len() < n {
            if !self.records.read_record(&mut record).map_err(|e| unreadable(&e))? {
                self.ended = true;
                return Ok(false);
            }
            self.read += 1;
            let destination = record.get(0).unwrap_or_default().to_owned();
            let variables: BTreeMap<String, String> =
                self.names.iter().cloned().zip(record.iter().skip(1).map(str::to_owned)).collect();
            let reference = variables.get(REFERENCE).cloned().filter(|reference| !reference.is_empty());
            recipients.push(Recipient { destination, variables, reference, metadata: BTreeMap::new() });
        }
        Ok(true)
    }
}

/// Why a file cannot be read, by its line, without what is in it.
fn unreadable(e: &csv::Error) -> Failure {
    let line = e.position().map_or_else(String::new, |at| format!("line {}: ", at.line()));
    let why = match e.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} columns, and the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        csv::ErrorKind::Io(e) => e.to_string(),
        _ => "it is not CSV".to_owned(),
    };
    Failure::Usage(format!("--file: {line}{why}; what came before it was added"))
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
        writeln!(console.out, "recipient {}  {}", invalid.index + 1, plain(&invalid.reason))?;
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
