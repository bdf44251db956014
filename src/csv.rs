//! Recipients from a CSV as spreadsheets write it, read as it comes. What a record may take is bounded, columns that nobody needs are
//! not kept, and each recipient knows its line.

mod input;
mod separator;

use std::collections::BTreeMap;
use std::io::{Cursor, ErrorKind};
use std::sync::Arc;

use csv_async::{AsyncReader, AsyncReaderBuilder, StringRecord};
use tokio::io::{AsyncRead, AsyncReadExt as _, Chain};

pub use self::separator::Separator;

use self::input::{Input, MAX_RECORD, Progress};
use crate::proto::add_recipients_request::Recipient;

/// The column of recipients' own references; a variable as well, if the text needs one of this name.
const REFERENCE: &str = "reference";

/// How many digits the shortest number has.
const SHORTEST: usize = 7;

/// Which columns are kept as variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variables {
    /// All but the number.
    All,
    /// Those of these names.
    Named(Vec<String>),
}

/// A CSV's records as recipients: the first column is the number, the others are variables by the names in the header, and one is the reference.
pub struct Records<R> {
    reader: AsyncReader<Input<Chain<Cursor<Vec<u8>>, R>>>,
    progress: Arc<Progress>,
    separator: Separator,
    columns: Columns,
    /// The error that ended the reading, to be told once what came before it was handed on.
    fault: Option<String>,
}

/// The columns that are kept beside the first.
struct Columns {
    variables: Vec<(usize, String)>,
    reference: Option<usize>,
}

impl<R: AsyncRead + Unpin + Send> Records<R> {
    /// Reads the header, which has to be there. The error says what is wrong with the file, without what is in it.
    pub async fn open(mut input: R, variables: &Variables) -> Result<Self, String> {
        let begun = separator::begin(&mut input).await.map_err(|e| e.to_string())?;
        let separator = Separator::of(&begun);
        let progress = Arc::<Progress>::default();
        let input = Input::new(Cursor::new(begun).chain(input), progress.clone(), separator.byte);
        let mut reader = AsyncReaderBuilder::new().delimiter(separator.byte).create_reader(input);
        let header = match reader.headers().await {
            Ok(header) => header.clone(),
            Err(e) => return Err(unreadable(&e, line(&reader, &progress, 0))),
        };
        progress.is_record();
        Ok(Self { reader, progress, separator, columns: Columns::of(&header, variables)?, fault: None })
    }

    /// The character between the columns.
    pub fn separator(&self) -> Separator {
        self.separator
    }

    /// The next records, `n` at most; none behind the last one. The error tells the line that cannot be read, once all before it were
    /// handed on.
    pub async fn next(&mut self, n: usize) -> Result<Vec<Recipient>, String> {
        let (mut record, mut batch) = (StringRecord::new(), Vec::new());
        while batch.len() < n && self.fault.is_none() {
            match self.reader.read_record(&mut record).await {
                Ok(true) => {
                    self.progress.is_record();
                    let within: usize = record.iter().map(|field| field.matches('\n').count()).sum();
                    let line = line(&self.reader, &self.progress, within);
                    let until = line + u64::try_from(within).unwrap_or(u64::MAX);
                    let stray = self.progress.is_broken(until).or(self.progress.is_open().then_some(line));
                    if let Some(line) = stray {
                        self.fault = Some(format!("line {line}: has a stray quote; what came before it was added"));
                        continue;
                    }
                    batch.push(self.columns.recipient(&record, i64::try_from(line).ok()));
                }
                Ok(false) => break,
                Err(e) => self.fault = Some(unreadable(&e, line(&self.reader, &self.progress, 0))),
            }
        }
        match self.fault.take_if(|_| batch.is_empty()) {
            Some(fault) => Err(fault),
            None => Ok(batch),
        }
    }
}

impl Columns {
    fn of(header: &StringRecord, variables: &Variables) -> Result<Self, String> {
        if header.is_empty() {
            return Err("holds no header: give the columns' names in the first line".to_owned());
        }
        if header.get(0).is_some_and(holds_a_number) {
            return Err("begins with a number: give the columns' names in the first line".to_owned());
        }
        let named = header.iter().map(str::trim).enumerate().skip(1);
        let kept = |name: &str| match variables {
            Variables::All => true,
            Variables::Named(wanted) => wanted.iter().any(|one| one == name),
        };
        let reference = named.clone().find(|(_, name)| name.eq_ignore_ascii_case(REFERENCE)).map(|(at, _)| at);
        let variables: Vec<(usize, String)> =
            named.filter(|(_, name)| kept(name)).map(|(at, name)| (at, name.to_owned())).collect();
        let mut titles: Vec<&str> =
            variables.iter().map(|(_, name)| name.as_str()).filter(|name| !name.is_empty()).collect();
        titles.sort_unstable();
        if titles.windows(2).any(|two| matches!(two, [one, other] if one == other)) {
            return Err("names two columns alike in its header".to_owned());
        }
        Ok(Self { variables, reference })
    }

    fn recipient(&self, record: &StringRecord, line: Option<i64>) -> Recipient {
        let value = |(at, name): &(usize, String)| Some((name.clone(), record.get(*at)?.to_owned()));
        let reference = self.reference.and_then(|at| record.get(at)).filter(|reference| !reference.is_empty());
        Recipient {
            destination: record.get(0).unwrap_or_default().to_owned(),
            variables: self.variables.iter().filter_map(value).collect(),
            reference: reference.map(str::to_owned),
            metadata: BTreeMap::new(),
            line,
        }
    }
}

/// Whether this is rather a number than a column's name. A first line that is taken for a header is a recipient who gets nothing.
pub fn holds_a_number(name: &str) -> bool {
    name.chars().filter(|c| c.is_numeric()).count() >= SHORTEST
}

/// The line, from 1, on which the record begins that was read last and has so many line feeds `within`. The reader's own place of a record
/// is where the one before it ended, with empty lines between them.
fn line<R: AsyncRead + Unpin + Send>(reader: &AsyncReader<R>, progress: &Progress, within: usize) -> u64 {
    let ended = u64::from(!progress.is_cut());
    let within = u64::try_from(within).unwrap_or(u64::MAX);
    reader.position().line().saturating_sub(ended).saturating_sub(within).max(1)
}

/// Why the CSV cannot be read, by its line, without what is in it.
fn unreadable(e: &csv_async::Error, line: u64) -> String {
    let why = match e.kind() {
        csv_async::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("line {line}: has {len} columns, and the header has {expected_len}")
        }
        csv_async::ErrorKind::Utf8 { .. } => format!("line {line}: is not UTF-8"),
        csv_async::ErrorKind::Io(e) if e.kind() == ErrorKind::FileTooLarge => {
            format!("has a record of more than {MAX_RECORD} bytes")
        }
        csv_async::ErrorKind::Io(e) => e.to_string(),
        _ => format!("line {line}: is not CSV"),
    };
    format!("{why}; what came before it was added")
}
