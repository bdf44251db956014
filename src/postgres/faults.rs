//! The first error that a server reported on a connection, read from the frames that it sends.
//!
//! Source of the format: the documentation of Postgres, "Message Formats": a byte that names the message, its length as
//! a big-endian `i32` that counts itself, then so many bytes. An `ErrorResponse` (`E`) is a list of fields, each a byte
//! that names it and a text that ends with a zero byte; a zero byte ends the list; field `C` is the SQLSTATE.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::SqlState;

/// The SQLSTATE of the first error since the last [`take`](Self::take). Clones share it.
///
/// The first, because it is the true one: whatever follows it in the same transaction fails with 25P02 on its account.
/// An error is here before the caller of the statement learns of it. An error that nobody took stays: take once before
/// a unit of work begins, so that what is taken after its failure is its own.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<AtomicU64>);

/// No SQLSTATE is five zero bytes.
const NONE: u64 = 0;

impl Faults {
    /// Takes the SQLSTATE of the first error since this was last called.
    #[must_use]
    pub fn take(&self) -> Option<SqlState> {
        unpacked(self.0.swap(NONE, Ordering::AcqRel))
    }

    /// Remembers an error, unless one is remembered already. `packed` is what [`Field::Code`] collected.
    fn remember(&self, packed: u64) {
        if unpacked(packed).is_some() {
            // It fails if there is one already.
            let _ = self.0.compare_exchange(NONE, packed, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// The SQLSTATE in the five low bytes, if the three high ones are empty and it is one.
fn unpacked(packed: u64) -> Option<SqlState> {
    match packed.to_be_bytes() {
        [0, 0, 0, code @ ..] => SqlState::parse(&code),
        _ => None,
    }
}

/// Where in the server's frames the stream is. It follows them byte by byte, whatever pieces they arrive in, and keeps
/// no more of them than five bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Frames {
    /// In the five bytes before a message, of which `seen` are in `head`.
    Head { seen: u8, head: u64 },
    /// In a message that nobody reads, with so many bytes to come.
    Body(u32),
    /// In an `ErrorResponse` with `left` bytes to come, at …
    Error { left: u32, at: Field },
    /// After a length that no message has: the driver gives such a stream up, and nothing in it can be trusted.
    Lost,
}

/// A place within the fields of an `ErrorResponse`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    /// At the byte that names a field, or ends them.
    Name,
    /// In the text of a field that nobody reads.
    Text,
    /// In the SQLSTATE, whose bytes so far are the low ones.
    Code(u64),
}

const BEFORE_A_MESSAGE: Frames = Frames::Head { seen: 0, head: 0 };

impl Default for Frames {
    /// At the beginning of a stream, or of what was decrypted of one.
    fn default() -> Self {
        BEFORE_A_MESSAGE
    }
}

impl Frames {
    /// Follows the next bytes of the stream, and tells `faults` what errors are in them.
    pub(super) fn follow(&mut self, mut bytes: &[u8], faults: &Faults) {
        while let Some((&byte, rest)) = bytes.split_first() {
            (*self, bytes) = match *self {
                Self::Body(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let skipped = u32::try_from(here).unwrap_or(left);
                    (Self::body(left.saturating_sub(skipped)), bytes.get(here..).unwrap_or_default())
                }
                Self::Head { seen: 4, head } => (Self::message(head << 8 | u64::from(byte)), rest),
                Self::Head { seen, head } => (Self::Head { seen: seen + 1, head: head << 8 | u64::from(byte) }, rest),
                Self::Error { left, at } => (Self::field(left.saturating_sub(1), at, byte, faults), rest),
                Self::Lost => return,
            };
        }
    }

    /// The beginning of the message that `head` announces in its five low bytes.
    fn message(head: u64) -> Self {
        let [_, _, _, name, length @ ..] = head.to_be_bytes();
        let left = i32::from_be_bytes(length).checked_sub(4).and_then(|left| u32::try_from(left).ok());
        match (name, left) {
            (_, None) => Self::Lost,
            (b'E', Some(left)) if left > 0 => Self::Error { left, at: Field::Name },
            (_, Some(left)) => Self::body(left),
        }
    }

    /// Somewhere in a message that nobody reads, or after it.
    fn body(left: u32) -> Self {
        if left == 0 { BEFORE_A_MESSAGE } else { Self::Body(left) }
    }

    /// After `byte` of an `ErrorResponse`, with `left` bytes behind it.
    fn field(left: u32, at: Field, byte: u8, faults: &Faults) -> Self {
        let next = match (at, byte) {
            (Field::Name, 0) => return Self::body(left),
            (Field::Name, b'C') => Field::Code(0),
            (Field::Code(packed), 0) => {
                faults.remember(packed);
                Field::Name
            }
            (Field::Text, 0) => Field::Name,
            (Field::Name | Field::Text, _) => Field::Text,
            // With a sixth byte it is none, and no further one mends that: no byte of a text is zero.
            (Field::Code(packed), _) => Field::Code(packed << 8 | u64::from(byte)),
        };
        if left == 0 { BEFORE_A_MESSAGE } else { Self::Error { left, at: next } }
    }
}
