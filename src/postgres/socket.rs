//! One socket to a Postgres server, which notices within a minute when the other end is gone.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_util::either::Either;

/// After a silence, TCP asks this often whether the other end is still there, …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// … and gives it up after so many questions without an answer.
const KEEPALIVE_RETRIES: u32 = 3;
/// How long what was sent may stay unacknowledged: a server that vanished in mid-statement is noticed by this alone,
/// because TCP asks only in silence.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// A socket of either kind.
pub(super) type Socket = Either<TcpStream, UnixStream>;

/// A connection to `address`, within the configuration's `connect_timeout`, and [tuned](tune).
pub(super) async fn tcp(address: SocketAddr, config: &Config) -> io::Result<Socket> {
    let stream = in_time(config, TcpStream::connect(address)).await?;
    tune(&stream, config)?;
    Ok(Either::Left(stream))
}

/// A connection to the server on `port` whose socket is in `folder`, within the configuration's `connect_timeout`.
pub(super) async fn unix(folder: &Path, port: u16, config: &Config) -> io::Result<Socket> {
    let path = folder.join(format!(".s.PGSQL.{port}"));
    Ok(Either::Right(in_time(config, UnixStream::connect(path)).await?))
}

/// Sends without delay, and finds out about an end that is gone: what the URL says of this (`keepalives`,
/// `keepalives_idle`, `keepalives_interval`, `keepalives_retries`, `tcp_user_timeout`) goes before what is usual here.
pub fn tune(stream: &TcpStream, config: &Config) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    if config.get_keepalives() {
        let keepalive = TcpKeepalive::new()
            .with_time(config.get_keepalives_idle())
            .with_interval(config.get_keepalives_interval().unwrap_or(KEEPALIVE_INTERVAL))
            .with_retries(config.get_keepalives_retries().unwrap_or(KEEPALIVE_RETRIES));
        socket.set_tcp_keepalive(&keepalive)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(config.get_tcp_user_timeout().copied().unwrap_or(USER_TIMEOUT)))?;
    Ok(())
}

async fn in_time<S>(config: &Config, connecting: impl Future<Output = io::Result<S>>) -> io::Result<S> {
    let Some(limit) = config.get_connect_timeout() else { return connecting.await };
    let late = || io::Error::new(io::ErrorKind::TimedOut, "connection timed out");
    tokio::time::timeout(*limit, connecting).await.map_err(|_| late())?
}
