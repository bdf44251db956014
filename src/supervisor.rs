//! Telling the supervisor that the process is ready, that it lives and that it stops, as systemd wants to be told
//! (`sd_notify(3)`): datagrams to the socket that the supervisor names. Without one, nothing is told.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The way to the supervisor.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How long the supervisor waits for a sign of life.
    patience: Option<Duration>,
}

impl Supervisor {
    /// The supervisor at this socket, a path or `@` and an abstract name, who wants a sign of life within each `patience`.
    pub fn at(socket: Option<&str>, patience: Option<Duration>) -> io::Result<Self> {
        let Some(name) = socket else { return Ok(Self::default()) };
        let address = match name.strip_prefix('@') {
            Some(name) => abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A supervisor that does not listen must hold nothing up.
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Some((socket, address)), patience })
    }

    /// Tells that the process is ready, then that it lives for as long as `lives` says so, and that it stops once `stop` is
    /// cancelled; for as long as it is polled. Where `lives` says no, the supervisor starts the process anew.
    pub async fn tell(&self, stop: &CancellationToken, lives: impl Fn() -> bool) {
        self.send("READY=1");
        let mut stopping = false;
        loop {
            // Twice as often as it must be.
            let rest = async {
                match self.patience {
                    Some(patience) => tokio::time::sleep(patience / 2).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = rest => {
                    if lives() {
                        self.send("WATCHDOG=1");
                    } else {
                        tracing::error!("work in the background stands still: the supervisor is not told that the process lives");
                    }
                }
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.send("STOPPING=1");
                }
            }
        }
    }

    fn send(&self, words: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(e) = socket.send_to_addr(words.as_bytes(), address)
        {
            tracing::warn!(error = %e, words, "the supervisor cannot be told");
        }
    }
}

#[cfg(target_os = "linux")]
fn abstract_name(name: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &str) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}
