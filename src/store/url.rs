//! Which database, and how much of it.

use std::net::IpAddr;

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio_postgres::config::Host;

/// Which database, and how much of it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `postgres://…`, `postgresql://…` or `sqlite://path`.
    pub url: Url,
    /// How many connections there are at most. On SQLite one of them writes, and no more than four read.
    pub pool_size: usize,
    /// The key of the pseudonyms that stand for erased numbers (`PSEUDONYM_KEY`), of
    /// [`crate::domain::pseudonym::Pseudonyms::MIN_KEY`] bytes or more; without one nothing can be erased.
    pub pseudonym_key: Option<SecretString>,
}

/// A database's address, which may hold a password: its `Debug` shows the scheme alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Url {
    /// A Postgres server's URL.
    Postgres(String),
    /// An SQLite file's path.
    Sqlite(String),
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Postgres(_) => "Postgres(…)",
            Self::Sqlite(_) => "Sqlite(…)",
        })
    }
}

impl Url {
    /// A name that tells databases of Postgres apart, without credentials: a digest of hosts, ports and the database's name. `None` for
    /// a file.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let Self::Postgres(url) = self else { return None };
        let config = url.parse::<tokio_postgres::Config>().ok()?;
        let place = format!("{:?} {:?} {:?}", config.get_hosts(), config.get_ports(), config.get_dbname());
        let digest = Sha256::digest(place.as_bytes());
        Some(format!("{:016x}", u64::from_be_bytes(digest.first_chunk().copied()?)))
    }

    /// Whether the server is on another host and the URL leaves it to chance whether the way there is encrypted.
    #[must_use]
    pub fn is_elsewhere_and_says_nothing_of_tls(&self) -> bool {
        let Self::Postgres(url) = self else { return false };
        let Ok(config) = url.parse::<tokio_postgres::Config>() else { return false };
        let here = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        };
        let says =
            url.split_once('?').is_some_and(|(_, query)| query.split('&').any(|part| part.starts_with("sslmode=")));
        !says && !config.get_hosts().iter().all(here)
    }

    /// Reads the URL; anything else is `None`.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let valid = url.parse::<tokio_postgres::Config>().is_ok();
            return valid.then(|| Self::Postgres(url.to_owned()));
        }
        let path = url.strip_prefix("sqlite://")?;
        let usable = !path.is_empty() && !path.contains([':', '?']);
        usable.then(|| Self::Sqlite(path.to_owned()))
    }
}
