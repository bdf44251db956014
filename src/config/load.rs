//! From the environment to the configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use secrecy::SecretString;
use url::Url;

use crate::auth::tokens::MIN_SECRET;
use crate::config::{Config, Env, Error, Grpc, Provider, TlsFiles, Work};
use crate::domain::keyword::Keywords;
use crate::domain::pseudonym::Pseudonyms;
use crate::domain::rate::Rate;
use crate::domain::retention::Retention;
use crate::domain::sender::SenderId;
use crate::provider::mitto;
use crate::service::{Webhooks, is_account};
use crate::store;

/// The shortest secret of a webhook, in characters: the provider's console may not take long ones. A long one is better.
const MIN_WEBHOOK_SECRET: usize = 8;
/// The longest time that things can be told to be kept: a century.
const MAX_DAYS: u64 = 36_500;
const API_BASE: &str = "https://messaging.mittoapi.com";
/// By how much a lease has to outlive a provider call: for the commits around it, and for the reaper's patience.
const LEASE_SURPLUS: u64 = 15;

impl Config {
    /// Reads and checks everything that `serve` needs.
    pub fn load(env: &Env) -> Result<Self, Error> {
        let provider = provider(env)?;
        let work = work(env, provider.mitto.timeout)?;
        Ok(Self {
            provider,
            database: database(env)?,
            grpc: grpc(env)?,
            http_addr: address(env, "HTTP_ADDR", 8080)?,
            origins: origins(env)?,
            jwt_secret: jwt_secret(env)?,
            webhooks: webhooks(env)?,
            sandbox_reports: env.switch("SANDBOX_REPORTS", true)?,
            work,
            retention: retention(env)?,
        })
    }
}

/// `JWT_SECRET`.
pub(crate) fn jwt_secret(env: &Env) -> Result<SecretString, Error> {
    let secret = env.get("JWT_SECRET").ok_or_else(|| {
        Error::of("JWT_SECRET", "is required: the secret that tokens are signed with, 32 bytes or more")
    })?;
    if secret.len() < MIN_SECRET {
        return Err(Error::of(
            "JWT_SECRET",
            "is too short: use 32 bytes or more, for example from openssl rand -hex 32",
        ));
    }
    Ok(SecretString::from(secret))
}

/// The list in a variable, separated by commas.
fn list(env: &Env, name: &str) -> Vec<String> {
    let words = env.get(name).unwrap_or_default().split(',').map(str::trim);
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// `CORS_ALLOWLIST`. Each is compared as a browser sends it, so it has to be written like that.
fn origins(env: &Env) -> Result<Vec<HeaderValue>, Error> {
    let origin = |text: String| {
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let exact = url.is_some_and(|url| url.origin().ascii_serialization() == text);
        HeaderValue::from_str(&text).ok().filter(|_| exact).ok_or_else(|| {
            Error::of(
                "CORS_ALLOWLIST",
                "must be origins as browsers send them, separated by commas: scheme, host and port alone, such as https://app.example.com",
            )
        })
    };
    list(env, "CORS_ALLOWLIST").into_iter().map(origin).collect()
}

/// `WEBHOOK_SECRET` and `STOP_WORDS`.
fn webhooks(env: &Env) -> Result<Webhooks, Error> {
    let list = |name| list(env, name);
    let secrets = list("WEBHOOK_SECRET");
    for secret in &secrets {
        let key = secret.strip_prefix("whsec_").map(|encoded| STANDARD.decode(encoded));
        if !matches!(key, None | Some(Ok(_))) {
            return Err(Error::of("WEBHOOK_SECRET", "must be base64 behind whsec_, or a text of another beginning"));
        }
        if secret.len() < MIN_WEBHOOK_SECRET
            || key.is_some_and(|key| key.is_ok_and(|key| key.len() < MIN_WEBHOOK_SECRET))
        {
            return Err(Error::of(
                "WEBHOOK_SECRET",
                "is too short: use 8 characters or more each, better 32, for example from openssl rand -hex 32",
            ));
        }
    }
    let keywords = Keywords::with(&list("STOP_WORDS"));
    Ok(Webhooks { secrets: secrets.into_iter().map(SecretString::from).collect(), keywords })
}

/// `DATABASE_URL`, or a file under the data directory.
pub(crate) fn database(env: &Env) -> Result<store::Config, Error> {
    let url = match env.get("DATABASE_URL") {
        Some(url) => store::Url::parse(url).ok_or_else(|| {
            Error::of("DATABASE_URL", "must be postgres://user:password@host/database or sqlite://path/to/file")
        })?,
        None => store::Url::Sqlite(data_dir(env)?.join("messaging.db").to_string_lossy().into_owned()),
    };
    let pool_size = usize::try_from(env.number("DATABASE_POOL_SIZE", 10, 2..=200)?).unwrap_or(10);
    Ok(store::Config { url, pool_size, pseudonym_key: pseudonym_key(env)? })
}

/// `PSEUDONYM_KEY`.
fn pseudonym_key(env: &Env) -> Result<Option<SecretString>, Error> {
    let Some(key) = env.get("PSEUDONYM_KEY") else { return Ok(None) };
    if key.len() < Pseudonyms::MIN_KEY {
        return Err(Error::of(
            "PSEUDONYM_KEY",
            "is too short: use 32 bytes or more, for example from openssl rand -hex 32, and keep it",
        ));
    }
    Ok(Some(SecretString::from(key)))
}

/// `RETENTION_TEXT_DAYS` and `RETENTION_DAYS`.
fn retention(env: &Env) -> Result<Retention, Error> {
    let days = |name| {
        let days = env.number(name, 0, 0..=MAX_DAYS)?;
        Ok::<_, Error>(u16::try_from(days).ok().filter(|days| *days > 0))
    };
    let (texts, rows) = (days("RETENTION_TEXT_DAYS")?, days("RETENTION_DAYS")?);
    if texts.is_some() && env.get("PSEUDONYM_KEY").is_none() {
        return Err(Error::of(
            "PSEUDONYM_KEY",
            "is required with RETENTION_TEXT_DAYS: what stands for erased numbers is made with it; use 32 bytes or more, for example from openssl rand -hex 32, and keep it",
        ));
    }
    if rows.is_some_and(|rows| rows < Retention::MIN_ROW_DAYS) {
        return Err(Error::of(
            "RETENTION_DAYS",
            format_args!(
                "must be 0 or {} or more: watches and idempotency keys go back a week",
                Retention::MIN_ROW_DAYS
            ),
        ));
    }
    if rows.zip(texts).is_some_and(|(rows, texts)| rows < texts) {
        return Err(Error::of("RETENTION_DAYS", "must not be less than RETENTION_TEXT_DAYS"));
    }
    Ok(Retention { texts, rows })
}

/// `DATA_DIR`, or where the system keeps a user's data.
pub(crate) fn data_dir(env: &Env) -> Result<PathBuf, Error> {
    if let Some(dir) = env.get("DATA_DIR") {
        return Ok(PathBuf::from(dir));
    }
    let home = env.get("XDG_DATA_HOME").map(PathBuf::from);
    let home = home.or_else(|| env.get("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    let home = home.ok_or_else(|| Error::of("DATA_DIR", "is required where HOME is not set: a directory for the data"));
    Ok(home?.join("messaging"))
}

fn provider(env: &Env) -> Result<Provider, Error> {
    let key = env.get("MITTO_API_KEY").ok_or_else(|| Error::new("MITTO_API_KEY environment variable is required"))?;
    let account = env.get("SMS_TRAFFIC_ACCOUNT_ID").or_else(|| env.get("MITTO_TRAFFIC_ACCOUNT_ID"));
    let account = account.ok_or_else(|| {
        Error::new("SMS_TRAFFIC_ACCOUNT_ID or MITTO_TRAFFIC_ACCOUNT_ID environment variable is required")
    })?;
    if !is_account(account) {
        return Err(Error::of(
            "SMS_TRAFFIC_ACCOUNT_ID",
            "must be a route account's id: 1 to 64 letters, digits and dashes",
        ));
    }
    let base: Url = env
        .parse("MITTO_API_BASE", "an http or https URL")?
        .map_or_else(|| API_BASE.parse(), Ok)
        .map_err(|e| Error::of("MITTO_API_BASE", e))?;
    if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
        return Err(Error::of("MITTO_API_BASE", "must be an http or https URL"));
    }
    let mut mitto = mitto::Config::new(base, SecretString::from(key));
    mitto.timeout = Duration::from_secs(env.number("MITTO_TIMEOUT_SECONDS", 30, 2..=600)?);
    mitto.connect_timeout = Duration::from_secs(env.number("MITTO_CONNECT_TIMEOUT_SECONDS", 5, 1..=60)?);
    if mitto.connect_timeout >= mitto.timeout {
        return Err(Error::of("MITTO_CONNECT_TIMEOUT_SECONDS", "must be less than MITTO_TIMEOUT_SECONDS"));
    }
    mitto.send_reference = env.switch("MITTO_SEND_REFERENCE", true)?;
    mitto.server_errors_ambiguous = env.switch("MITTO_5XX_AMBIGUOUS", false)?;
    let sender = env.get("MITTO_SENDER").map(SenderId::parse).transpose().map_err(|e| Error::of("MITTO_SENDER", e))?;
    Ok(Provider { mitto, traffic_account_id: account.to_owned(), sender })
}

fn grpc(env: &Env) -> Result<Grpc, Error> {
    let addr = address(env, "GRPC_ADDR", 50051)?;
    let file = |name| env.get(name).map(PathBuf::from);
    let client_ca = file("GRPC_TLS_CLIENT_CA");
    let tls = match (file("GRPC_TLS_CERT"), file("GRPC_TLS_KEY")) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key, client_ca }),
        (Some(_), None) => return Err(Error::of("GRPC_TLS_KEY", "is required with GRPC_TLS_CERT: the key's PEM file")),
        (None, Some(_)) => {
            return Err(Error::of("GRPC_TLS_CERT", "is required with GRPC_TLS_KEY: the certificate's PEM file"));
        }
        (None, None) if client_ca.is_some() => {
            return Err(Error::of("GRPC_TLS_CERT", "and GRPC_TLS_KEY are required with GRPC_TLS_CLIENT_CA"));
        }
        (None, None) => None,
    };
    if tls.is_none() && !addr.ip().is_loopback() && !env.switch("GRPC_PLAINTEXT", false)? {
        return Err(Error::of(
            "GRPC_ADDR",
            "is not loopback and the listener has no TLS: set GRPC_TLS_CERT and GRPC_TLS_KEY, or GRPC_PLAINTEXT=1 behind a proxy",
        ));
    }
    let max_in_flight = usize::try_from(env.number("MAX_IN_FLIGHT", 1024, 1..=1_000_000)?).unwrap_or(1024);
    let watch_streams = usize::try_from(env.number("WATCH_STREAMS", 2000, 1..=100_000)?).unwrap_or(2000);
    Ok(Grpc { addr, tls, max_in_flight, watch_streams })
}

fn work(env: &Env, provider_timeout: Duration) -> Result<Work, Error> {
    let lease = Duration::from_secs(env.number("LEASE_SECONDS", 60, 10..=3600)?);
    if lease < provider_timeout + Duration::from_secs(LEASE_SURPLUS) {
        return Err(Error::of(
            "LEASE_SECONDS",
            format_args!(
                "must exceed MITTO_TIMEOUT_SECONDS by {LEASE_SURPLUS} or more: a lease that ends during a call loses it"
            ),
        ));
    }
    let size = |name, default, max| env.number(name, default, 1..=max).map(|n| usize::try_from(n).unwrap_or(32));
    let send_concurrency = size("SEND_CONCURRENCY", 32, 1000)?;
    let number = |name, default, max| env.number(name, default, 0..=max).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let per_second = number("SEND_RATE", 0, 1_000_000)?;
    let burst = number("SEND_BURST", u64::from(per_second), 1_000_000)?;
    let polls = number("POLL_RATE", 20, 1000)?;
    Ok(Work {
        enabled: env.switch("WORKERS", true)?,
        send_concurrency,
        // One owner alone can use nearly all: an eighth is left for the next one to come.
        owner_in_flight: size("TENANT_IN_FLIGHT", u64::try_from(send_concurrency.div_ceil(8) * 7).unwrap_or(28), 1000)?,
        bulk_concurrency: size("BULK_CONCURRENCY", 4, 100)?,
        bulk_chunk: size("BULK_CHUNK", 500, 10_000)?,
        rate: Rate::new(per_second, burst),
        poll_rate: Rate::new(polls, polls),
        refresh_concurrency: size("REFRESH_CONCURRENCY", 64, 1000)?,
        lease,
    })
}

fn address(env: &Env, name: &str, port: u16) -> Result<SocketAddr, Error> {
    let addr = env.parse(name, "an address such as 127.0.0.1:50051")?;
    Ok(addr.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port))))
}
