//! How a Postgres server is reached, for the store and for whoever reads another database: time limits, TLS, and faults
//! in words that an operator can use.

use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};

/// How long to wait for a connection before the database counts as out of reach.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// The settings that a URL stands for.
pub(crate) fn configuration(url: &str) -> ConnectionResult<tokio_postgres::Config> {
    let mut config: tokio_postgres::Config = url.parse().map_err(|e| ConnectionError::BadConnection(describe(&e)))?;
    config.connect_timeout(CONNECT_WAIT).application_name("messaging").keepalives_idle(Duration::from_secs(30));
    Ok(config)
}

/// TLS that verifies the server's certificate against the system's roots.
pub(crate) fn tls() -> ConnectionResult<tokio_postgres_rustls::MakeRustlsConnect> {
    let (tls, _unreadable) = tokio_postgres_rustls::MakeRustlsConnect::with_native_certs()
        .map_err(|e| ConnectionError::BadConnection(format!("the system's root certificates: {e:?}")))?;
    Ok(tls)
}

/// The driver's error with its cause, which holds what an operator needs (refused, no such database, …).
pub(crate) fn describe(e: &tokio_postgres::Error) -> String {
    match std::error::Error::source(e) {
        Some(cause) => format!("{e}: {cause}"),
        None => e.to_string(),
    }
}

pub(crate) async fn connect(
    config: &tokio_postgres::Config,
) -> ConnectionResult<(diesel_async::AsyncPgConnection, Faults)> {
    let (client, driver) =
        config.connect(tokio_postgres::NoTls).await.map_err(|e| ConnectionError::BadConnection(describe(&e)))?;
    Ok((diesel_async::AsyncPgConnection::try_from_client_and_connection(client, driver).await?, Faults))
}
pub(crate) struct Faults;
impl Faults {
    pub(crate) fn take(&self) -> Option<SqlState> {
        None
    }
}
#[derive(Clone, Copy, Debug)]
pub(crate) struct SqlState;
impl SqlState {
    pub(crate) fn as_str(&self) -> &str {
        ""
    }
    pub(crate) fn class(&self) -> Class {
        Class::Fault
    }
}
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub(crate) enum Class {
    Race,
    Unavailable,
    Fault,
}
pub(crate) type Words =
    futures::stream::BoxStream<'static, Result<tokio_postgres::AsyncMessage, tokio_postgres::Error>>;
pub(crate) async fn listener(url: &str) -> ConnectionResult<(tokio_postgres::Client, Words)> {
    use futures::StreamExt as _;
    let config = configuration(url)?;
    let (client, mut driver) =
        config.connect(tokio_postgres::NoTls).await.map_err(|e| ConnectionError::BadConnection(describe(&e)))?;
    Ok((client, futures::stream::poll_fn(move |cx| driver.poll_message(cx)).boxed()))
}
