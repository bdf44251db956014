//! Connections to a Postgres server: host after host until one serves, as the driver's own `Config::connect` does it,
//! on sockets and streams of ours.

use std::pin::pin;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncPgConnection;
use futures::future::{Either, select};
use futures::stream::{BoxStream, StreamExt as _, poll_fn};
use rand::seq::SliceRandom as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::socket::{self, Socket};
use super::{Faults, Watched, WatchedTls, describe, tls};

/// Messages of a server that nobody asked for: notices and notifications. It drives its connection, which stands still unless it is
/// polled; after its end, or an error, it must not be polled again.
pub type Messages = BoxStream<'static, Result<AsyncMessage, tokio_postgres::Error>>;

/// A connection for queries, and the errors that the server reports on it: none yet. A task of its own drives it, until
/// the connection is dropped or breaks.
///
/// TLS is used if the configuration requires it, and the certificate is then verified against the system's roots.
pub async fn connect(config: &Config) -> ConnectionResult<(AsyncPgConnection, Faults)> {
    let (client, messages, faults) = reach(config).await?;
    tokio::spawn(drive(messages));
    Ok((AsyncPgConnection::try_from(client).await?, faults))
}

/// A connection to listen on, reached as by [`connect`].
pub async fn listener(config: &Config) -> ConnectionResult<(Client, Messages)> {
    let (client, messages, _faults) = reach(config).await?;
    Ok((client, messages))
}

type Connected = (Client, Messages, Faults);

/// Notices are the server's remarks on statements that worked: nobody needs them.
async fn drive(mut messages: Messages) {
    while let Some(message) = messages.next().await {
        if let Err(e) = message {
            // Whoever waits for an answer gets an error of its own. The cause is left out: it could quote a row.
            tracing::debug!(error = %e, code = e.code().map(tokio_postgres::error::SqlState::code), "a connection broke");
            return;
        }
    }
}

/// Tries host after host; the error is the last one's.
async fn reach(config: &Config) -> ConnectionResult<Connected> {
    let tls = (config.get_ssl_mode() == SslMode::Require).then(tls).transpose()?;
    let mut error = bad("invalid configuration: both host and hostaddr are missing");
    for server in servers(config)? {
        match server.reach(config, tls.as_ref()).await {
            Ok(connected) => return Ok(connected),
            Err(e) => error = e,
        }
    }
    Err(error)
}

/// One of the configuration's servers.
struct Server {
    /// Whom the server's certificate has to name.
    name: Option<String>,
    host: Host,
    port: u16,
}

/// The configuration's servers, in the order in which they are to be tried.
fn servers(config: &Config) -> ConnectionResult<Vec<Server>> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        let (hosts, addresses) = (hosts.len(), addresses.len());
        let different = format!("number of hosts ({hosts}) is different from number of hostaddrs ({addresses})");
        return Err(bad(format!("invalid configuration: {different}")));
    }
    let number = hosts.len().max(addresses.len());
    if ports.len() > 1 && ports.len() != number {
        return Err(bad("invalid configuration: invalid number of ports"));
    }
    let server = |at: usize| {
        let name = match hosts.get(at) {
            Some(Host::Tcp(name)) => Some(name.clone()),
            Some(Host::Unix(_)) | None => None,
        };
        let address = addresses.get(at).map(|address| Host::Tcp(address.to_string()));
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        Some(Server { name, host: address.or_else(|| hosts.get(at).cloned())?, port })
    };
    let mut servers: Vec<Server> = (0..number).filter_map(server).collect();
    shuffle(&mut servers, config);
    Ok(servers)
}

/// Puts them into random order, if the configuration says so.
fn shuffle<T>(these: &mut [T], config: &Config) {
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        these.shuffle(&mut rand::rng());
    }
}

impl Server {
    /// Tries address after address of the host; the error is the last one's.
    async fn reach(&self, config: &Config, tls: Option<&MakeRustlsConnect>) -> ConnectionResult<Connected> {
        let name = match &self.host {
            Host::Tcp(name) => name,
            Host::Unix(folder) => {
                let socket = socket::unix(folder, self.port, config).await.map_err(unreached)?;
                return self.greet(socket, config, tls).await;
            }
        };
        let found = tokio::net::lookup_host((name.as_str(), self.port)).await.map_err(unreached)?;
        let mut addresses: Vec<_> = found.collect();
        shuffle(&mut addresses, config);
        let mut error = bad("error connecting to server: could not resolve any addresses");
        for address in addresses {
            let connected = match socket::tcp(address, config).await {
                Ok(socket) => self.greet(socket, config, tls).await,
                Err(e) => Err(unreached(e)),
            };
            match connected {
                Ok(connected) => return Ok(connected),
                Err(e) => error = e,
            }
        }
        Err(error)
    }

    /// Makes TLS, logs in, and sees whether the server is of the kind that is wanted.
    async fn greet(
        &self,
        socket: Socket,
        config: &Config,
        tls: Option<&MakeRustlsConnect>,
    ) -> ConnectionResult<Connected> {
        let faults = Faults::default();
        let (client, mut messages) = if let Some(tls) = tls {
            let name = self.name.as_deref().unwrap_or_default();
            let Ok(tls) = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls.clone(), name);
            let tls = WatchedTls::new(tls, faults.clone());
            let (client, driver) = config.connect_raw(socket, tls).await.map_err(|e| bad(describe(&e)))?;
            (client, messages(driver))
        } else {
            let socket = Watched::new(socket, faults.clone());
            let (client, driver) = config.connect_raw(socket, NoTls).await.map_err(|e| bad(describe(&e)))?;
            (client, messages(driver))
        };
        suits(&client, &mut messages, config.get_target_session_attrs()).await?;
        Ok((client, messages, faults))
    }
}

fn messages<S, T>(mut driver: tokio_postgres::Connection<S, T>) -> Messages
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    poll_fn(move |cx| driver.poll_message(cx)).boxed()
}

/// Whether the session takes writes, or takes none, as is wanted.
async fn suits(client: &Client, messages: &mut Messages, wanted: TargetSessionAttrs) -> ConnectionResult<()> {
    if wanted == TargetSessionAttrs::Any {
        return Ok(());
    }
    let question = pin!(client.simple_query("SHOW transaction_read_only"));
    let end = pin!(async {
        loop {
            match messages.next().await {
                Some(Ok(_)) => {}
                Some(Err(e)) => return describe(&e),
                None => return "connection closed".to_owned(),
            }
        }
    });
    let answer = match select(question, end).await {
        Either::Left((answer, _)) => answer.map_err(|e| bad(describe(&e)))?,
        Either::Right((ended, _)) => return Err(bad(ended)),
    };
    let read_only = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten(),
        _ => None,
    });
    match (wanted, read_only) {
        (TargetSessionAttrs::ReadWrite, Some("on")) => {
            Err(bad("error connecting to server: database does not allow writes"))
        }
        (TargetSessionAttrs::ReadOnly, Some("off")) => {
            Err(bad("error connecting to server: database is not read only"))
        }
        _ => Ok(()),
    }
}

/// In the driver's own words.
#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn unreached(e: std::io::Error) -> ConnectionError {
    bad(format!("error connecting to server: {e}"))
}

fn bad(what: impl Into<String>) -> ConnectionError {
    ConnectionError::BadConnection(what.into())
}
