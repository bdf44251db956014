//! One accepted connection, with TLS or without, as tonic's server takes it.

use std::io::{ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::admission::{Peer, Ticket};

/// A connection that is ready for HTTP/2.
#[derive(Debug)]
pub struct Io {
    stream: Stream,
    remote: SocketAddr,
    ticket: Ticket,
}

/// Boxed where it is large: a TLS session is a kilobyte, and `Io` is moved about.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Io {
    pub(super) fn plain(stream: TcpStream, remote: SocketAddr, ticket: Ticket) -> Self {
        Self { stream: Stream::Plain(stream), remote, ticket }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, remote: SocketAddr, ticket: Ticket) -> Self {
        Self { stream: Stream::Tls(Box::new(stream)), remote, ticket }
    }

    /// The part of it that its requests know.
    #[must_use]
    pub fn peer(&self) -> Peer {
        let tcp = TcpConnectInfo { local_addr: self.tcp().local_addr().ok(), remote_addr: Some(self.remote) };
        Peer { tcp, connection: self.ticket.connection().clone() }
    }

    /// An error once it was ended: also for who would write, and waits for a peer that does not read.
    fn poll_open(&self, cx: &Context<'_>) -> Poll<Result<()>> {
        let ended = self.ticket.connection().is_ended(cx);
        Poll::Ready(if ended { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) })
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
        }
    }
}

/// The same with TLS and without. The remote address is the one that `accept` gave, because a socket whose peer is gone
/// already no longer tells it.
impl Connected for Io {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer()
    }
}

impl AsyncRead for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        ready!(self.poll_open(cx))?;
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        ready!(self.poll_open(cx))?;
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        ready!(self.poll_open(cx))?;
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Stream::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(tcp) => tcp.is_write_vectored(),
            Stream::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_open(cx))?;
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
