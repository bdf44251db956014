//! The header of a CSV file: it says by which character the columns are separated.

use std::io::{self, Read};

use super::super::failure::Failure;

/// How long a header may be to be looked through.
const HEADER: usize = 64 << 10;
/// The separators of spreadsheets, with the name of each: the usual one first.
const SEPARATORS: [(u8, &str); 3] = [(b',', "commas"), (b';', "semicolons"), (b'\t', "tabs")];

/// A CSV file whose header was looked through; reads as the whole file.
pub(super) struct Headed<'a> {
    begun: io::Cursor<Vec<u8>>,
    rest: &'a mut dyn Read,
    /// The character between columns.
    pub(super) delimiter: u8,
    name: &'static str,
}

impl<'a> Headed<'a> {
    pub(super) fn read(input: &'a mut dyn Read) -> Result<Self, Failure> {
        let begun = begin(input).map_err(|e| Failure::Usage(format!("--file: {e}")))?;
        let header = begun.split(|byte| *byte == b'\n').next().unwrap_or_default();
        // The most frequent one; of those that are as frequent, the usual one.
        let counted = SEPARATORS.iter().rev().max_by_key(|(byte, _)| count(header, *byte));
        let (delimiter, name) = *counted.unwrap_or(&(b',', "commas"));
        Ok(Self { begun: io::Cursor::new(begun), rest: input, delimiter, name })
    }

    /// The words about a separator that is not the usual one.
    pub(super) fn said(&self) -> Option<String> {
        (self.delimiter != b',').then(|| format!("--file: its columns are separated by {}", self.name))
    }
}

impl Read for Headed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.begun.read(buffer)? {
            0 => self.rest.read(buffer),
            n => Ok(n),
        }
    }
}

/// The first bytes, with the first line's end among them.
fn begin(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let (mut begun, mut part) = (Vec::new(), [0; 4096]);
    while begun.len() < HEADER && !begun.contains(&b'\n') {
        let n = match input.read(&mut part) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if n == 0 {
            break;
        }
        begun.extend_from_slice(part.get(..n).unwrap_or_default());
    }
    Ok(begun)
}

/// How often a separator stands outside of quotes.
fn count(header: &[u8], separator: u8) -> usize {
    let mut quoted = false;
    let separates = |byte: &&u8| {
        quoted ^= **byte == b'"';
        !quoted && **byte == separator
    };
    header.iter().filter(separates).count()
}
