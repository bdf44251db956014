//! A CSV's records as they come, as recipients. What a record may take is bounded, and columns that nobody needs are not kept.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use csv_async::{AsyncReader, StringRecord};
use tokio::io::AsyncRead;

use crate::domain::phone::Msisdn;
use crate::http::measured::{MAX_RECORD, Measured};
use crate::proto::add_recipients_request::Recipient;

/// How many recipients are handed on at once.
const BATCH: usize = 500;

/// The column of recipients' own references; a variable as well, if the text needs one of this name.
const REFERENCE: &str = "reference";

/// A CSV's records as recipients: the first column is the number, the others are variables by the names in the header, and one is the reference.
pub(super) struct Records<R> {
    reader: AsyncReader<Measured<R>>,
    /// How many bytes were read since the last record.
    since: Arc<AtomicUsize>,
    /// The variables that the text needs: no other column is kept.
    wanted: Vec<String>,
    /// The columns; `None` until the header was read.
    columns: Option<Columns>,
    /// The error that ended the reading, to be told once what came before it was handed on.
    fault: Option<String>,
}

/// The columns that are kept beside the first.
struct Columns {
    variables: Vec<(usize, String)>,
    reference: Option<usize>,
}

impl<R: AsyncRead + Unpin + Send> Records<R> {
    pub(super) fn new(input: R, wanted: Vec<String>) -> Self {
        let since = Arc::<AtomicUsize>::default();
        let reader = AsyncReader::from_reader(Measured::new(input, since.clone()));
        Self { reader, since, wanted, columns: None, fault: None }
    }

    /// The next records, [`BATCH`] at most; none behind the last one.
    pub(super) async fn next(&mut self) -> Result<Vec<Recipient>, String> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => self.header().await?,
        };
        let (mut record, mut batch) = (StringRecord::new(), Vec::new());
        while batch.len() < BATCH {
            match self.reader.read_record(&mut record).await {
                Ok(true) => {
                    self.since.store(0, Ordering::Relaxed);
                    let value = |(at, name): &(usize, String)| Some((name.clone(), record.get(*at)?.to_owned()));
                    batch.push(Recipient {
                        destination: record.get(0).unwrap_or_default().to_owned(),
                        variables: columns.variables.iter().filter_map(value).collect(),
                        reference: columns.reference.and_then(|at| record.get(at)).map(str::to_owned),
                        metadata: BTreeMap::new(),
                    });
                }
                Ok(false) => break,
                Err(e) if batch.is_empty() => return Err(unreadable(&e)),
                Err(e) => {
                    self.fault = Some(unreadable(&e));
                    break;
                }
            }
        }
        self.columns = Some(columns);
        Ok(batch)
    }

    async fn header(&mut self) -> Result<Columns, String> {
        let header = self.reader.headers().await.map_err(|e| unreadable(&e))?;
        if header.is_empty() {
            return Err("holds no header: give the columns' names in the first line".to_owned());
        }
        if header.get(0).is_some_and(|first| Msisdn::parse(first).is_ok()) {
            return Err("begins with a number: give the columns' names in the first line".to_owned());
        }
        self.since.store(0, Ordering::Relaxed);
        let mut named = header.iter().map(str::trim).enumerate().skip(1);
        let wanted = named.clone().filter(|(_, name)| self.wanted.iter().any(|wanted| wanted == name));
        let variables = wanted.map(|(at, name)| (at, name.to_owned())).collect();
        Ok(Columns { variables, reference: named.find(|(_, name)| *name == REFERENCE).map(|(at, _)| at) })
    }
}

/// Why the CSV cannot be read, by its line, without what is in it.
fn unreadable(e: &csv_async::Error) -> String {
    let line = e.position().map_or_else(String::new, |at| format!("line {}: ", at.line()));
    let why = match e.kind() {
        csv_async::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} columns, and the header has {expected_len}")
        }
        csv_async::ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        csv_async::ErrorKind::Io(e) if e.kind() == ErrorKind::FileTooLarge => {
            return format!("has a record of more than {MAX_RECORD} bytes; what came before it was added");
        }
        csv_async::ErrorKind::Io(e) if e.kind() == ErrorKind::InvalidData => {
            return "is not a form with a file; what came before was added".to_owned();
        }
        _ => "is not CSV".to_owned(),
    };
    format!("{line}{why}; what came before it was added")
}
