//! The character between a CSV's columns, as its header shows it: spreadsheets take another one in each country.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How long a header may be to be looked through.
const HEADER: usize = 64 << 10;
/// The mark of UTF-8 at the begin of a file.
const MARK: &[u8] = b"\xEF\xBB\xBF";
/// The separators of spreadsheets, with the name of each: the usual one first.
const SEPARATORS: [(u8, &str); 3] = [(b',', "commas"), (b';', "semicolons"), (b'\t', "tabs")];

/// The character between columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Separator {
    pub(super) byte: u8,
    name: &'static str,
}

impl Separator {
    /// Its name if it is not the comma, which needs no word.
    #[must_use]
    pub fn unusual(self) -> Option<&'static str> {
        (self.byte != b',').then_some(self.name)
    }

    /// The most frequent one of the first line that is not empty; of those that are as frequent, the usual one.
    pub(super) fn of(begun: &[u8]) -> Self {
        let begun = begun.strip_prefix(MARK).unwrap_or(begun);
        let header = begun.split(|byte| is_end(*byte)).find(|line| !line.is_empty()).unwrap_or_default();
        let counted = SEPARATORS.iter().rev().max_by_key(|(byte, _)| count(header, *byte));
        let &(byte, name) = counted.unwrap_or(&(b',', "commas"));
        Self { byte, name }
    }
}

/// The first bytes, with the end of the first line that is not empty among them, if there is one near.
pub(super) async fn begin(input: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut begun = Vec::new();
    let whole = |begun: &[u8]| {
        let begun = begun.strip_prefix(MARK).unwrap_or(begun);
        begun.iter().skip_while(|byte| is_end(**byte)).any(|byte| is_end(*byte))
    };
    while begun.len() < HEADER && !whole(&begun) {
        if input.read_buf(&mut begun).await? == 0 {
            break;
        }
    }
    Ok(begun)
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
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
