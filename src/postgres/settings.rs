//! The settings in a URL: time limits, TLS, and the driver's errors in words that an operator can use.

use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use tokio_postgres::Config;

/// How long to wait for a connection before the database counts as out of reach.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long a connection is silent before TCP asks whether its other end is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// The settings that a URL stands for. An error quotes neither the URL nor a part of it.
pub fn configuration(url: &str) -> ConnectionResult<Config> {
    let mut config: Config = url.parse().map_err(|e| ConnectionError::BadConnection(describe(&e)))?;
    config.connect_timeout(CONNECT_WAIT).application_name("messaging");
    // The driver's own two hours cannot be told from a URL that says nothing, so a URL that says them says nothing.
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
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
