//! A stream that the server's errors are read from as they pass, changing and delaying nothing.
//!
//! A server speaks in messages from its first byte on, with one exception: its answer to the request for TLS is a single
//! byte. Without TLS nothing is requested, so the socket itself is watched. With TLS the driver reads that byte, and
//! makes the handshake, on the bare socket; [`WatchedTls`] watches what comes out of TLS afterwards.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::future::{BoxFuture, FutureExt as _, TryFutureExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::Faults;
use super::faults::Frames;

/// A stream of a server's messages, from the first byte on, whose errors go to its [`Faults`].
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    frames: Frames,
    faults: Faults,
}

impl<S> Watched<S> {
    /// Watches `stream`, from which nothing has been read yet.
    pub fn new(stream: S, faults: Faults) -> Self {
        Self { stream, frames: Frames::default(), faults }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.frames.follow(buf.filled().get(before..).unwrap_or_default(), &this.faults);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl<S: TlsStream + Unpin> TlsStream for Watched<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

/// A TLS connector whose stream is [`Watched`] once it is decrypted.
#[derive(Debug)]
pub struct WatchedTls<T> {
    tls: T,
    faults: Faults,
}

impl<T> WatchedTls<T> {
    /// Watches what `tls` decrypts.
    pub fn new(tls: T, faults: Faults) -> Self {
        Self { tls, faults }
    }
}

impl<S, T> TlsConnect<S> for WatchedTls<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
{
    type Stream = Watched<T::Stream>;
    type Error = T::Error;
    type Future = BoxFuture<'static, Result<Self::Stream, Self::Error>>;

    fn connect(self, stream: S) -> Self::Future {
        let Self { tls, faults } = self;
        tls.connect(stream).map_ok(|stream| Watched::new(stream, faults)).boxed()
    }
}
