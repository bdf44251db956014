//! The composition root: the one place that names concrete adapters and puts the service together.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use secrecy::SecretString;

use crate::auth::follower::Follower;
use crate::auth::rules::Rules;
use crate::auth::tokens::Tokens;
use crate::clock::Clock;
use crate::config::{Config, Database, Error, Spooling, variables as var};
use crate::folders;
use crate::otlp::Exporter;
use crate::provider::mitto::{self, Mitto};
use crate::receiver::http::Http;
use crate::service::{Fresh, Operations, Parts, Service, Settings, Watching};
use crate::spool::Spool;
use crate::store::{self, Store};
use crate::traces::Traces;

/// A browser's caller sets no deadline, and would wait for ever.
const REPEAT_PATIENCE: Duration = Duration::from_secs(10);

/// A lost race or a server that restarts is over soon; an outage is asked about more and more rarely.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A user who is disabled or limited is so within this.
const USER_TTL: Duration = Duration::from_secs(5);

/// With the one before it: an open stream ends within 15 s after its credentials did.
const CREDENTIALS_AGAIN: Duration = Duration::from_secs(10);

/// Opens the database for an administrative command, which may run beside a serving process, and makes none.
pub async fn open_store(database: &Database) -> Result<Store, Error> {
    Store::open_existing(&database.store, Clock::system()).await.map_err(|e| database_error(database, &e))
}

/// The same, and makes the database if it is not there.
pub async fn make_store(database: &Database) -> Result<Store, Error> {
    Store::open(&database.store, Clock::system(), false).await.map_err(|e| database_error(database, &e))
}

/// The acts of operators, over the database alone, for a command beside a serving process.
pub fn operations(store: Store) -> Result<Operations, Error> {
    let fresh = fresh();
    let secret = fresh().iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"));
    let pages = Tokens::new(&SecretString::from(secret)).ok_or_else(|| var::JWT_SECRET.error("cannot be used"))?;
    Ok(Operations::beside(store, Clock::system(), pages, fresh))
}

/// Chance, of which secrets are made.
fn fresh() -> Fresh {
    Arc::new(|| rand::rng().random())
}

/// Puts the service together for serving.
pub async fn build(config: &Config) -> Result<Service, Error> {
    let clock = Clock::system();
    let database = &config.database;
    let store = Store::open(&database.store, clock.clone(), true).await.map_err(|e| database_error(database, &e))?;
    if let Some(newer) = store.newer() {
        tracing::warn!("{newer}");
    }
    let spool = config.spool.as_ref().map(open_spool).transpose()?.flatten();
    let provider = provider(config)?;
    let receiver = Http::new(config.hooks.nets.clone())
        .map_err(|e| var::HOOK_NETS.error(format_args!("cannot be used: {}", e.without_url())))?;
    Ok(Service::new(Parts {
        store,
        provider: Arc::new(provider),
        tokens: tokens(config.tokens.clone())?,
        clock: clock.clone(),
        random: Arc::new(|| rand::rng().random()),
        fresh: fresh(),
        spool,
        receiver: Arc::new(receiver),
        traces: traces(config, clock),
        settings: Settings {
            default_sender: config.provider.sender.clone(),
            traffic_account_id: config.provider.traffic_account_id.clone(),
            lease: config.work.lease,
            refresh_concurrency: config.work.refresh_concurrency,
            send_concurrency: config.work.send_concurrency,
            owner_in_flight: config.work.owner_in_flight,
            bulk_concurrency: config.work.bulk_concurrency,
            bulk_chunk: config.work.bulk_chunk,
            rate: config.work.rate,
            poll_rate: config.work.poll_rate,
            provider_timeout: config.provider.mitto.timeout,
            repeat_patience: REPEAT_PATIENCE,
            first_pause: FIRST_PAUSE,
            user_ttl: USER_TTL,
            credentials_again: CREDENTIALS_AGAIN,
            webhooks: config.webhooks.clone(),
            hooks: config.hooks.clone(),
            watching: Watching::default(),
            admission: config.admission.clone(),
            retention: config.retention,
        },
    }))
}

/// Follows the keys of the identity provider where they are found at a URL, for as long as the process lives.
pub fn follow_keys(config: &Config, service: &Service) -> Result<(), Error> {
    let Some(url) = config.tokens.provider_at.clone() else { return Ok(()) };
    let follower = Follower::new(url, service.tokens().clone()).map_err(|e| var::JWT_JWKS_URL.error(e))?;
    tokio::spawn(follower.follow());
    Ok(())
}

/// Spans where a collector takes them, else none.
fn traces(config: &Config, clock: Clock) -> Traces {
    let collecting = config.collecting.as_ref().filter(|collecting| collecting.traces.is_some());
    collecting.map_or_else(Traces::default, |collecting| {
        Traces::new(collecting.sampler, clock, Arc::new(|| rand::rng().random()))
    })
}

/// Begins to export traces and metrics where there is a collector.
pub fn export(config: &Config, service: &Service) -> Result<Option<Exporter>, Error> {
    let Some(collecting) = &config.collecting else { return Ok(None) };
    let rendered = service.clone();
    let page = move || {
        let service = rendered.clone();
        async move { service.render_metrics().await }
    };
    let exporter = Exporter::start(collecting, service.traces(), service.clock(), page);
    exporter.map(Some).map_err(|e| var::OTEL_EXPORTER_OTLP_ENDPOINT.error(e))
}

/// The provider's adapter; nothing is connected yet.
pub fn provider(config: &Config) -> Result<Mitto, Error> {
    Mitto::new(config.provider.mitto.clone()).map_err(|e| match e {
        mitto::Error::ApiKey => var::MITTO_API_KEY
            .error("cannot be sent in a header: use the key as the provider gave it, one line of visible characters"),
        mitto::Error::Timeouts => {
            var::MITTO_CONNECT_TIMEOUT_SECONDS.error("must be more than 0 and less than MITTO_TIMEOUT_SECONDS")
        }
        e @ (mitto::Error::Base | mitto::Error::Client(_)) => var::MITTO_API_BASE.error(e),
    })
}

/// Whether the spool can be where it was put, for whoever checks the configuration; makes nothing. A place that nobody chose and that
/// cannot be written to is told, and done without.
pub fn check_spool(config: &Config) -> Result<Option<String>, Error> {
    let Some(spooling) = &config.spool else { return Ok(None) };
    match folders::takes_files(&spooling.directory) {
        Ok(()) => Ok(None),
        Err(e) if spooling.told => Err(unwritable(&e)),
        Err(e) => Ok(Some(format!(
            "there will be no spool ({e}): set SPOOL_DIR to a folder that lasts and that this process may write to"
        ))),
    }
}

fn unwritable(e: &std::io::Error) -> Error {
    var::SPOOL_DIR
        .error(format_args!("cannot be written to: {e}; name a folder that this process may write to"))
        .that_passes()
}

/// The spool. One in a place that nobody chose and that cannot be written to is done without.
fn open_spool(spooling: &Spooling) -> Result<Option<Spool>, Error> {
    match Spool::open(&spooling.directory) {
        Ok(spool) => Ok(Some(spool)),
        Err(e) if spooling.told => Err(unwritable(&e)),
        Err(cause) => {
            tracing::warn!(
                %cause,
                "there is no spool: a kill while the database is away loses the provider's answers; set SPOOL_DIR to a folder that lasts"
            );
            Ok(None)
        }
    }
}

/// Tokens by the configured rules.
pub fn tokens(rules: Rules) -> Result<Tokens, Error> {
    let told = rules.provider.is_some();
    Tokens::with(rules).ok_or_else(|| {
        if told {
            var::JWT_JWKS_FILE
                .error("holds a key that cannot be used: each needs a kid, and is RSA, EC (P-256) or OKP (Ed25519)")
        } else {
            var::JWT_SECRET.error("is too short: use 32 bytes or more")
        }
    })
}

/// The database's trouble, by the variable that says where the database is.
pub fn database_error(database: &Database, e: &store::Error) -> Error {
    let named = |problem: std::fmt::Arguments<'_>| Error::of(database.named_by, problem);
    match e {
        store::Error::Serving { .. } => {
            named(format_args!("cannot be used: {e}; stop that one, or give this one a database of its own"))
        }
        store::Error::Absent(why) => named(format_args!(
            "leads to no database of this program: {why}; mend it, or make one there with messaging migrate"
        )),
        store::Error::Key(problem) => var::PSEUDONYM_KEY.error(problem),
        e => named(format_args!("cannot be used: {e}; see that the database runs and may be written to")).that_passes(),
    }
}
