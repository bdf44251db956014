//! The messages of a file, one in JSON a line.

use std::io::{BufRead, Write};

use super::super::failure::Failure;
use super::told::Tally;
use crate::proto::{SendManyRequest, SendSingleRequest};

/// The longest line, in bytes: what the service takes of one message.
const LONGEST: u64 = 256 << 10;

/// The lines that are left of a file.
pub(super) struct Lines<R> {
    input: R,
    keys: Option<String>,
    /// The number of the last one that was read.
    line: i64,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    /// The lines of a file; those without a key get one of this prefix and their number.
    pub(super) fn of(input: R, keys: Option<String>) -> Self {
        Self { input, keys, line: 0, ended: false }
    }

    /// Whether all are read.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The next message, called by its line. Lines that hold none are told on `err`, and count as not sent.
    pub(super) fn next(&mut self, tally: &mut Tally, err: &mut dyn Write) -> Result<Option<SendManyRequest>, Failure> {
        while !self.ended {
            let mut bytes = Vec::new();
            let limited = &mut std::io::Read::take(&mut self.input, LONGEST + 1);
            let read = limited.read_until(b'\n', &mut bytes);
            read.map_err(|e| Failure::Usage(format!("the file cannot be read any further: {e}")))?;
            self.line += 1;
            if bytes.is_empty() {
                self.ended = true;
            } else if bytes.len() > usize::try_from(LONGEST).unwrap_or(usize::MAX) {
                return Err(Failure::Usage(format!("line {}: it is longer than {LONGEST} bytes", self.line)));
            } else if !bytes.trim_ascii().is_empty() {
                match self.message(&bytes) {
                    Ok(message) => return Ok(Some(SendManyRequest { sequence: self.line, message: Some(message) })),
                    Err(why) => tally.unreadable(self.line, why, err)?,
                }
            }
        }
        Ok(None)
    }

    /// The message of a line, or why there is none, without what is in it.
    fn message(&self, bytes: &[u8]) -> Result<SendSingleRequest, &'static str> {
        let mut message: SendSingleRequest =
            serde_json::from_slice(bytes).map_err(|_| "is no message in JSON, such as POST /api/v1/messages takes")?;
        if message.idempotency_key.is_empty() {
            let prefix = self.keys.as_ref().ok_or("has no idempotencyKey: give it one, or give --keys")?;
            message.idempotency_key = format!("{prefix}-{}", self.line);
        }
        Ok(message)
    }
}
