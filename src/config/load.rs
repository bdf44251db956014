//! From the environment to the configuration: each variable by its declaration, and what several of them have to agree on.

use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use url::{Host, Url};

use crate::admission;
use crate::auth::rules::{Key, Rules};
use crate::config::declared::Declared as _;
use crate::config::variables as var;
use crate::config::{
    Config, Console, Database, Env, Error, Grpc, Http, Provider, Spooling, TlsFiles, Work, collecting,
};
use crate::domain::keyword::Keywords;
use crate::domain::rate::Rate;
use crate::domain::retention::Retention;
use crate::domain::webhook::secret::HookKeys;
use crate::provider::mitto;
use crate::service::{Hooks, ProviderPosts};
use crate::store;

/// By how much a lease has to outlive a provider call: for the commits around it, and for the reaper's patience.
const LEASE_SURPLUS: Duration = Duration::from_secs(15);

impl Config {
    /// Reads and checks everything that `serve` needs.
    pub fn load(env: &Env) -> Result<Self, Error> {
        let provider = provider(env)?;
        let work = work(env, provider.mitto.timeout)?;
        let (database, grpc) = (database(env)?, grpc(env)?);
        let http = http(env, grpc.tls.as_ref())?;
        if http.addr == grpc.addr && http.addr.port() != 0 {
            return Err(var::HTTP_ADDR.error("is GRPC_ADDR's, too: give each listener an address of its own"));
        }
        if http.admin.is_some_and(|admin| admin.port() != 0 && (admin == http.addr || admin == grpc.addr)) {
            return Err(var::ADMIN_ADDR.error("is another listener's, too: give each listener an address of its own"));
        }
        Ok(Self {
            provider,
            spool: spool(env, &database.store.url)?,
            admission: admitted(env, database.store.pool_size)?,
            database,
            grpc,
            http,
            origins: var::CORS_ALLOWLIST.read(env)?.unwrap_or_default(),
            tokens: tokens(env)?,
            hooks: Hooks {
                keys: HookKeys::new(var::HOOK_KEY.read(env)?.unwrap_or_default()),
                nets: var::HOOK_NETS.read(env)?.unwrap_or_default(),
            },
            webhooks: ProviderPosts {
                secrets: var::WEBHOOK_SECRET.read(env)?.unwrap_or_default(),
                keywords: Keywords::with(&var::STOP_WORDS.read(env)?.unwrap_or_default()),
            },
            sandbox_reports: var::SANDBOX_REPORTS.read(env)?,
            work,
            retention: retention(env)?,
            collecting: collecting::load(env)?,
        })
    }
}

/// Which tokens count: those under `JWT_KEYS`, of which the first one signs, and under `JWT_SECRET`, which has no name.
pub(crate) fn tokens(env: &Env) -> Result<Rules, Error> {
    let mut keys = var::JWT_KEYS.read(env)?.unwrap_or_default();
    match var::JWT_SECRET.read(env)? {
        Some(secret) => keys.push(Key { id: None, secret }),
        None if keys.is_empty() => {
            return Err(var::JWT_SECRET.error("is required: the secret that tokens are signed with, 32 bytes or more"));
        }
        None => {}
    }
    let lenient = var::JWT_LEGACY.read(env)?;
    if lenient {
        tracing::warn!("JWT_LEGACY is 1: tokens count that do not expire, or that were made for another use");
    }
    let provider = var::JWT_JWKS_FILE.read(env)?.map(|path| {
        let unusable = |e: &dyn std::fmt::Display| {
            var::JWT_JWKS_FILE
                .error(format_args!("cannot be used: {}: {e}; name a file with a JWK set", path.display()))
        };
        let text = std::fs::read(&path).map_err(|e| unusable(&e))?;
        serde_json::from_slice(&text).map_err(|e| unusable(&e))
    });
    let provider_at = var::JWT_JWKS_URL.read(env)?;
    if provider.is_some() && provider_at.is_some() {
        return Err(var::JWT_JWKS_URL.error("cannot be set beside JWT_JWKS_FILE: keep one of them"));
    }
    if provider_at.as_ref().is_some_and(|url| url.scheme() != "https" && !is_loopback(url)) {
        return Err(
            var::JWT_JWKS_URL.error("must be an https URL: whoever can change the answer on its way can make tokens")
        );
    }
    Ok(Rules {
        keys,
        provider: provider.transpose()?,
        provider_at,
        issuer: var::JWT_ISSUER.read(env)?,
        audience: var::JWT_AUDIENCE.read(env)?,
        longest: SignedDuration::from_hours(24 * i64::from(var::JWT_MAX_DAYS.read(env)?)),
        lenient,
    })
}

/// Whether the URL is of this machine, by an address.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}

/// The database, or a file under the data directory.
pub(crate) fn database(env: &Env) -> Result<Database, Error> {
    let told = var::DATABASE_URL.read(env)?;
    let named_by = if told.is_some() { var::DATABASE_URL.name() } else { var::DATA_DIR.name() };
    let url = match told {
        Some(url) => url,
        None => store::Url::Sqlite(data_dir(env)?.join("messaging.db").to_string_lossy().into_owned()),
    };
    if url.is_elsewhere_and_says_nothing_of_tls() {
        return Err(var::DATABASE_URL.error(
            "names a server on another host and no sslmode: add ?sslmode=require, or ?sslmode=disable where the network is yours alone",
        ));
    }
    let store = store::Config {
        url,
        pool_size: var::DATABASE_POOL_SIZE.read(env)?,
        pseudonym_key: var::PSEUDONYM_KEY.read(env)?,
    };
    Ok(Database { store, named_by })
}

/// The folder of the spool. What is in it belongs to one database: on Postgres each has a folder of its own in there.
fn spool(env: &Env, url: &store::Url) -> Result<Option<Spooling>, Error> {
    let told = var::SPOOL_DIR.read(env)?;
    let derived = || match url {
        store::Url::Sqlite(path) => Some(PathBuf::from(format!("{path}.spool"))),
        store::Url::Postgres(_) => Some(data_dir(env).ok()?.join("spool")),
    };
    let named = told.is_some();
    let own = |directory: PathBuf| match url.name() {
        Some(name) => directory.join(name),
        None => directory,
    };
    Ok(told.or_else(derived).map(|directory| Spooling { directory: own(directory), told: named }))
}

/// How long things are kept: what is erased leaves pseudonyms, and what watches and repeats go back to is kept.
fn retention(env: &Env) -> Result<Retention, Error> {
    let (texts, rows) = (var::RETENTION_TEXT_DAYS.read(env)?, var::RETENTION_DAYS.read(env)?);
    if texts.is_some() && var::PSEUDONYM_KEY.read(env)?.is_none() {
        return Err(var::PSEUDONYM_KEY.error(
            "is required with RETENTION_TEXT_DAYS: what stands for erased numbers is made with it; use 32 bytes or more, for example from openssl rand -hex 32, and keep it",
        ));
    }
    if rows.is_some_and(|rows| rows < Retention::MIN_ROW_DAYS) {
        return Err(var::RETENTION_DAYS.error(format_args!(
            "must be 0 or {} or more: watches and idempotency keys go back a week",
            Retention::MIN_ROW_DAYS
        )));
    }
    if rows.zip(texts).is_some_and(|(rows, texts)| rows < texts) {
        return Err(var::RETENTION_DAYS.error("must not be less than RETENTION_TEXT_DAYS"));
    }
    Ok(Retention { texts, rows })
}

/// The data directory, or where the system keeps a user's data.
pub(crate) fn data_dir(env: &Env) -> Result<PathBuf, Error> {
    if let Some(dir) = var::DATA_DIR.read(env)? {
        return Ok(dir);
    }
    let home = var::XDG_DATA_HOME.read(env)?.or(var::HOME.read(env)?.map(|home| home.join(".local/share")));
    let home = home.ok_or_else(|| var::DATA_DIR.error("is required where HOME is not set: a directory for the data"));
    Ok(home?.join("messaging"))
}

/// The route account, by the first of its names that is set.
fn traffic_account(env: &Env) -> Result<String, Error> {
    match (env.get(&var::SMS_TRAFFIC_ACCOUNT_ID), var::MITTO_TRAFFIC_ACCOUNT_ID.read(env)?) {
        (None, Some(account)) => Ok(account),
        _ => var::SMS_TRAFFIC_ACCOUNT_ID.read(env),
    }
}

fn provider(env: &Env) -> Result<Provider, Error> {
    let key = var::MITTO_API_KEY.read(env)?;
    let traffic_account_id = traffic_account(env)?;
    let mut mitto = mitto::Config::new(var::MITTO_API_BASE.read(env)?, key);
    mitto.timeout = var::MITTO_TIMEOUT_SECONDS.read(env)?;
    mitto.connect_timeout = var::MITTO_CONNECT_TIMEOUT_SECONDS.read(env)?;
    if mitto.connect_timeout >= mitto.timeout {
        return Err(var::MITTO_CONNECT_TIMEOUT_SECONDS.error("must be less than MITTO_TIMEOUT_SECONDS"));
    }
    mitto.send_reference = var::MITTO_SEND_REFERENCE.read(env)?;
    mitto.server_errors_ambiguous = var::MITTO_5XX_AMBIGUOUS.read(env)?;
    Ok(Provider { mitto, traffic_account_id, sender: var::MITTO_SENDER.read(env)? })
}

fn grpc(env: &Env) -> Result<Grpc, Error> {
    let addr = var::GRPC_ADDR.read(env)?;
    let client_ca = var::GRPC_TLS_CLIENT_CA.read(env)?;
    let tls = match (var::GRPC_TLS_CERT.read(env)?, var::GRPC_TLS_KEY.read(env)?) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key, client_ca }),
        (Some(_), None) => return Err(var::GRPC_TLS_KEY.error("is required with GRPC_TLS_CERT: the key's PEM file")),
        (None, Some(_)) => {
            return Err(var::GRPC_TLS_CERT.error("is required with GRPC_TLS_KEY: the certificate's PEM file"));
        }
        (None, None) if client_ca.is_some() => {
            return Err(var::GRPC_TLS_CERT.error("and GRPC_TLS_KEY are required with GRPC_TLS_CLIENT_CA"));
        }
        (None, None) => None,
    };
    let plaintext = var::GRPC_PLAINTEXT.read(env)?;
    if tls.is_none() && !addr.ip().is_loopback() && !plaintext {
        return Err(var::GRPC_ADDR.error(
            "is not loopback and the listener has no TLS: set GRPC_TLS_CERT and GRPC_TLS_KEY, or GRPC_PLAINTEXT=1 behind a proxy",
        ));
    }
    let reflection = var::GRPC_REFLECTION.read(env)?;
    Ok(Grpc { addr, tls, max_connections: var::MAX_CONNECTIONS.read(env)?, reflection })
}

/// The HTTP listener. It carries credentials and numbers, too.
fn http(env: &Env, tls: Option<&TlsFiles>) -> Result<Http, Error> {
    let addr = var::HTTP_ADDR.read(env)?;
    // Browsers and the provider have no certificates to show.
    let tls = tls.map(|files| TlsFiles { client_ca: None, ..files.clone() });
    let wanted = var::HTTP_TLS.read(env)?;
    let tls = tls.filter(|_| wanted);
    if tls.is_none() && wanted {
        return Err(var::HTTP_TLS.error("is 1: set GRPC_TLS_CERT and GRPC_TLS_KEY, which it is served with, too"));
    }
    if tls.is_none() && !addr.ip().is_loopback() && !var::HTTP_PLAINTEXT.read(env)? {
        return Err(var::HTTP_ADDR.error(
            "is not loopback and the listener has no TLS: set HTTP_TLS=1 with GRPC_TLS_CERT and GRPC_TLS_KEY, or HTTP_PLAINTEXT=1 behind a proxy",
        ));
    }
    let admin = var::ADMIN_ADDR.read(env)?;
    if admin.is_none() && !addr.ip().is_loopback() && !var::PUBLIC_METRICS.read(env)? {
        return Err(var::HTTP_ADDR.error(
            "is not loopback, and so would be the metrics: set ADMIN_ADDR, or PUBLIC_METRICS=1 where only your own reach the address",
        ));
    }
    let console = console(env, tls.is_some() || !addr.ip().is_loopback())?;
    Ok(Http { addr, tls, admin, console })
}

/// The console, unless it is off. `elsewhere` says that the listener has TLS, or is not this machine's alone.
pub(crate) fn console(env: &Env, elsewhere: bool) -> Result<Option<Console>, Error> {
    let origin = var::PUBLIC_ORIGIN.read(env)?;
    if let Some(url) = &origin {
        if url.scheme() != "https" && !is_loopback(url) && url.host_str() != Some("localhost") {
            return Err(var::PUBLIC_ORIGIN.error("must be an https URL: browsers send sessions there"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(var::PUBLIC_ORIGIN.error("must be scheme, host, port and path alone"));
        }
    }
    let secure = origin.as_ref().map_or(elsewhere, |url| url.scheme() == "https");
    Ok(var::CONSOLE.read(env)?.then_some(Console { origin, secure }))
}

/// The shares of those who call. Lists may keep a third of the database's connections busy, and no more.
fn admitted(env: &Env, pool_size: usize) -> Result<admission::Limits, Error> {
    Ok(admission::Limits {
        calls: var::MAX_IN_FLIGHT.read(env)?,
        streams: var::WATCH_STREAMS.read(env)?,
        uploads: var::MAX_UPLOADS.read(env)?,
        refreshes: var::MAX_REFRESHES.read(env)?,
        sends: var::MAX_SEND_STREAMS.read(env)?,
        bytes: var::MAX_BODY_MEGABYTES.read(env)? << 20,
        provider_reads: var::MAX_PROVIDER_READS.read(env)?,
        lists: pool_size.div_ceil(3),
        ..admission::Limits::default()
    })
}

fn work(env: &Env, provider_timeout: Duration) -> Result<Work, Error> {
    let lease = var::LEASE_SECONDS.read(env)?;
    if lease < provider_timeout + LEASE_SURPLUS {
        return Err(var::LEASE_SECONDS.error(format_args!(
            "must exceed MITTO_TIMEOUT_SECONDS by {} or more: a lease that ends during a call loses it",
            LEASE_SURPLUS.as_secs()
        )));
    }
    let send_concurrency = var::SEND_CONCURRENCY.read(env)?;
    // One owner alone can use nearly all: an eighth is left for the next one to come.
    let most = send_concurrency.div_ceil(8) * 7;
    let (rate, polls) = (var::SEND_RATE.read(env)?, var::POLL_RATE.read(env)?);
    Ok(Work {
        enabled: var::WORKERS.read(env)?,
        send_concurrency,
        owner_in_flight: var::TENANT_IN_FLIGHT.read(env)?.unwrap_or(most),
        bulk_concurrency: var::BULK_CONCURRENCY.read(env)?,
        bulk_chunk: var::BULK_CHUNK.read(env)?,
        rate: Rate::new(rate, var::SEND_BURST.read(env)?.unwrap_or(rate)),
        poll_rate: Rate::new(polls, polls),
        refresh_concurrency: var::REFRESH_CONCURRENCY.read(env)?,
        lease,
    })
}
