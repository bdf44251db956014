//! The accept loop: a stream of connections that never ends, and that no single client can hold up.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::{Io, Tls};
use crate::admission::{Connections, Ticket};

/// How long the first pause after a failed `accept` is.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How long the pauses become while `accept` goes on failing.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The limits for clients that have not finished their handshake.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many handshakes may be under way at once. One more ends the oldest of them: an honest handshake takes
    /// milliseconds, so the oldest is most likely a client that says nothing, and accepting never stops.
    pub handshakes: usize,
    /// How long one handshake may take.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { handshakes: 256, time: Duration::from_secs(10) }
    }
}

/// The connections to a listener, for `serve_with_incoming_shutdown`, with [`Limits::default`]. Never yields an error
/// and never ends. Dropping it closes the listener and the handshakes under way.
pub fn incoming(
    listener: TcpListener,
    tls: Option<Tls>,
    connections: Connections,
) -> impl Stream<Item = io::Result<Io>> + Send {
    incoming_within(Limits::default(), listener, tls, connections)
}

/// As [`incoming`], within other limits.
pub fn incoming_within(
    limits: Limits,
    socket: TcpListener,
    tls: Option<Tls>,
    connections: Connections,
) -> impl Stream<Item = io::Result<Io>> + Send {
    let listening = Listener {
        limits,
        socket,
        tls,
        connections,
        handshakes: JoinSet::new(),
        ages: VecDeque::new(),
        pause: Duration::ZERO,
    };
    futures::stream::unfold(listening, |mut listening| async {
        let io = listening.next().await;
        Some((Ok(io), listening))
    })
}

/// The listener and what is under way behind it.
struct Listener {
    limits: Limits,
    socket: TcpListener,
    tls: Option<Tls>,
    connections: Connections,
    /// Tasks of their own: the cryptography spreads over the threads, and none waits for another.
    handshakes: JoinSet<Option<Io>>,
    /// The same, oldest first; the finished ones are swept out as room is made.
    ages: VecDeque<AbortHandle>,
    /// How long to wait before the next `accept`.
    pause: Duration,
}

impl Listener {
    /// The next connection that is ready.
    async fn next(&mut self) -> Io {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Some(io)) = done {
                        return io;
                    }
                }
                accepted = accept(&self.socket, self.pause) => match accepted {
                    Ok((tcp, remote)) => {
                        self.pause = Duration::ZERO;
                        // Answers are small and whole: waiting to fill a packet only delays them.
                        if let Err(error) = tcp.set_nodelay(true) {
                            tracing::debug!(%error, "cannot set TCP_NODELAY");
                        }
                        let Some(ticket) = self.connections.enter(remote.ip()) else {
                            tracing::debug!("a connection was refused: all are at work");
                            continue;
                        };
                        match self.tls.clone() {
                            None => return Io::plain(tcp, remote, ticket),
                            Some(tls) => self.begin(&tls, tcp, remote, ticket),
                        }
                    }
                    Err(error) => self.failed(&error),
                },
            }
        }
    }

    /// Begins a handshake, after making room for it.
    fn begin(&mut self, tls: &Tls, tcp: TcpStream, remote: SocketAddr, ticket: Ticket) {
        self.ages.retain(|handshake| !handshake.is_finished());
        while self.ages.len() >= self.limits.handshakes.max(1) {
            if let Some(oldest) = self.ages.pop_front() {
                tracing::debug!("too many handshakes at once: the oldest is ended");
                oldest.abort();
            }
        }
        let acceptor = TlsAcceptor::from(tls.config());
        let time = self.limits.time;
        let task = self.handshakes.spawn(async move {
            match timeout(time, acceptor.accept(tcp)).await {
                Ok(Ok(stream)) => Some(Io::tls(stream, remote, ticket)),
                // Scanners and clients without our CA do this all day: not worth a warning.
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    None
                }
                Err(_) => {
                    tracing::debug!("a TLS handshake took too long");
                    None
                }
            }
        });
        self.ages.push_back(task);
    }

    /// Decides how long to wait after a failed `accept`.
    fn failed(&mut self, error: &io::Error) {
        if concerns_one_client(error) {
            tracing::debug!(%error, "a connection was gone before it was accepted");
            return;
        }
        // Most likely out of file descriptors: trying again at once would spin until one is closed.
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        tracing::warn!(%error, pause_ms = self.pause.as_millis(), "cannot accept connections");
    }
}

/// Accepts one connection after a pause. May be dropped at any point without losing one.
async fn accept(listener: &TcpListener, pause: Duration) -> io::Result<(TcpStream, SocketAddr)> {
    if !pause.is_zero() {
        sleep(pause).await;
    }
    listener.accept().await
}

/// Whether the fault lies with the client that was to be accepted, so that the next one may be tried at once.
fn concerns_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, WouldBlock};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | WouldBlock
    )
}
