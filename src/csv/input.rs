//! A CSV as it comes, with one way to end a line, which breaks off in the middle of a record that is too long.

use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The longest record, in bytes: 32 variables of the greatest length are less.
pub(super) const MAX_RECORD: usize = 256 << 10;

/// How far an input was read, which the one who reads records from it cannot see.
#[derive(Default)]
pub(super) struct Progress {
    /// How many bytes were read since the last record.
    since: AtomicUsize,
    /// The input has ended, and its last line without a line feed.
    cut: AtomicBool,
    /// The input has ended within quotes.
    open: AtomicBool,
    /// The first line on which a field goes on behind its quotes; 0 if there is none yet.
    broken: AtomicU64,
}

impl Progress {
    /// A record was read: the next one may be as long.
    pub(super) fn is_record(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// Whether the input has ended within quotes: what was to come behind them is a part of the last field.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// The line, up to this one, on which a field goes on behind its quotes, if there is one: one of the two quotes is a stray one, and
    /// what stands between them belongs to nobody knows which field.
    pub(super) fn is_broken(&self, until: u64) -> Option<u64> {
        Some(self.broken.load(Ordering::Relaxed)).filter(|line| (1..=until).contains(line))
    }

    /// Whether the input has ended in the middle of a line.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

/// See the module. A carriage return, alone or before a line feed, is read as a line feed: the CSV reader counts no lines by it, and in a
/// text it would be refused.
pub(super) struct Input<R> {
    inner: R,
    progress: Arc<Progress>,
    separator: u8,
    after_return: bool,
    in_line: bool,
    place: Place,
    line: u64,
}

/// Where the next byte stands, as the CSV reader sees it: it takes an end within quotes for the end of the field, and says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the begin of a field.
    Begin,
    /// In a field without quotes, or behind the closing one.
    Plain,
    /// Within quotes.
    Quoted,
    /// Behind a quote within quotes, which ends them unless another follows.
    Closing,
}

impl Place {
    fn after(self, byte: u8, separator: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::Closing,
            (Self::Quoted, _) | (Self::Closing | Self::Begin, b'"') => Self::Quoted,
            (_, b'\n') => Self::Begin,
            (_, byte) if byte == separator => Self::Begin,
            // The mark of UTF-8 at the begin of a file is no part of the first field.
            (Self::Begin, 0xEF | 0xBB | 0xBF) => Self::Begin,
            _ => Self::Plain,
        }
    }
}

impl<R> Input<R> {
    pub(super) fn new(input: R, progress: Arc<Progress>, separator: u8) -> Self {
        Self { inner: input, progress, separator, after_return: false, in_line: false, place: Place::Begin, line: 1 }
    }

    /// Makes every line end by a line feed, in place. Returns how many bytes are left.
    fn end_lines_alike(&mut self, bytes: &mut [u8]) -> usize {
        let mut kept = 0;
        for at in 0..bytes.len() {
            let Some(&byte) = bytes.get(at) else { break };
            let fed = std::mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n';
            if !fed && let Some(place) = bytes.get_mut(kept) {
                *place = if byte == b'\r' { b'\n' } else { byte };
                self.in_line = *place != b'\n';
                let after = self.place.after(*place, self.separator);
                let before = std::mem::replace(&mut self.place, after);
                if (before, self.place) == (Place::Closing, Place::Plain) {
                    let _ = self.progress.broken.compare_exchange(0, self.line, Ordering::Relaxed, Ordering::Relaxed);
                }
                self.line += u64::from(!self.in_line);
                kept += 1;
            }
        }
        kept
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Input<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        loop {
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
            let read = buf.filled().len().saturating_sub(before);
            if read == 0 {
                self.progress.cut.store(self.in_line, Ordering::Relaxed);
                self.progress.open.store(self.place == Place::Quoted, Ordering::Relaxed);
                return Poll::Ready(Ok(()));
            }
            if self.progress.since.fetch_add(read, Ordering::Relaxed) + read > MAX_RECORD {
                return Poll::Ready(Err(ErrorKind::FileTooLarge.into()));
            }
            let kept = self.end_lines_alike(buf.filled_mut().get_mut(before..).unwrap_or_default());
            buf.set_filled(before + kept);
            // Nothing would be read as the end: what came was the second half of a line's end.
            if kept > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
