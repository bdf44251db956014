//! An input that breaks off in the middle of a record that is too long.

use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// The longest record, in bytes: 32 variables of the greatest length are less.
pub(super) const MAX_RECORD: usize = 256 << 10;

/// See the module.
pub(super) struct Measured<R> {
    input: R,
    since: Arc<AtomicUsize>,
}

impl<R> Measured<R> {
    /// This input; `since` counts the bytes, and whoever has read a record makes it nothing.
    pub(super) fn new(input: R, since: Arc<AtomicUsize>) -> Self {
        Self { input, since }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Measured<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.input).poll_read(cx, buf);
        let read = buf.filled().len().saturating_sub(before);
        if self.since.fetch_add(read, Ordering::Relaxed) + read > MAX_RECORD {
            return Poll::Ready(Err(ErrorKind::FileTooLarge.into()));
        }
        polled
    }
}
