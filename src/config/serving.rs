//! The configuration as it was read: everything that `serve` needs, checked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use url::Url;

use crate::admission;
use crate::auth::rules::Rules;
use crate::domain::rate::Rate;
use crate::domain::retention::Retention;
use crate::domain::sender::SenderId;
use crate::otlp;
use crate::provider::mitto;
use crate::service::{Hooks, ProviderPosts};
use crate::store;

/// Everything that `serve` needs.
#[derive(Debug)]
pub struct Config {
    /// The provider and the defaults of sends.
    pub provider: Provider,
    /// The database.
    pub database: Database,
    /// The gRPC listener.
    pub grpc: Grpc,
    /// `MAX_IN_FLIGHT`, `WATCH_STREAMS`, …: how much there is for those who call.
    pub admission: admission::Limits,
    /// The HTTP listener.
    pub http: Http,
    /// `CORS_ALLOWLIST`: the origins whose pages may call.
    pub origins: Vec<HeaderValue>,
    /// `JWT_SECRET`, `JWT_KEYS`, …: which tokens count.
    pub tokens: Rules,
    /// `WEBHOOK_SECRET`, `STOP_WORDS`: what the provider may post.
    pub webhooks: ProviderPosts,
    /// `HOOK_KEY`, `HOOK_NETS`: owners' webhook endpoints.
    pub hooks: Hooks,
    /// `SANDBOX_REPORTS`: whether the sandbox of `serve --sandbox` posts its reports to the HTTP API.
    pub sandbox_reports: bool,
    /// The work in the background.
    pub work: Work,
    /// `SPOOL_DIR`: where answers wait for a database that is away; `None` where there is no place for it.
    pub spool: Option<Spooling>,
    /// `RETENTION_TEXT_DAYS`, `RETENTION_DAYS`: how long things are kept.
    pub retention: Retention,
    /// `OTEL_…`: where traces and metrics go; `None` where there is no collector.
    pub collecting: Option<otlp::Settings>,
}

/// The provider and how messages go out by default.
#[derive(Debug)]
pub struct Provider {
    /// `MITTO_API_BASE`, `MITTO_API_KEY`, `MITTO_TIMEOUT_SECONDS`, …
    pub mitto: mitto::Config,
    /// `SMS_TRAFFIC_ACCOUNT_ID` or `MITTO_TRAFFIC_ACCOUNT_ID`.
    pub traffic_account_id: String,
    /// `MITTO_SENDER`.
    pub sender: Option<SenderId>,
}

/// The gRPC listener.
#[derive(Debug)]
pub struct Grpc {
    /// `GRPC_ADDR`.
    pub addr: SocketAddr,
    /// `GRPC_TLS_CERT`, `GRPC_TLS_KEY`, `GRPC_TLS_CLIENT_CA`.
    pub tls: Option<TlsFiles>,
    /// `MAX_CONNECTIONS`: how many connections both listeners have at once, if it was said.
    pub max_connections: Option<usize>,
    /// `GRPC_REFLECTION`: whether the contract can be read from the server.
    pub reflection: bool,
}

/// The HTTP listener.
#[derive(Debug)]
pub struct Http {
    /// `HTTP_ADDR`.
    pub addr: SocketAddr,
    /// `HTTP_TLS`: the gRPC listener's files.
    pub tls: Option<TlsFiles>,
    /// `ADMIN_ADDR`: where probes and metrics are served instead.
    pub admin: Option<SocketAddr>,
    /// `CONSOLE`: the console, unless it is off.
    pub console: Option<Console>,
}

/// The console.
#[derive(Debug, Clone, Default)]
pub struct Console {
    /// `PUBLIC_ORIGIN`: where browsers reach the listener, with the path that a proxy takes off.
    pub origin: Option<Url>,
    /// Whether browsers reach it by TLS alone: its cookies are for nothing else then.
    pub secure: bool,
}

/// The files of the listeners' TLS.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// `GRPC_TLS_CERT`: the certificate chain, PEM.
    pub cert: PathBuf,
    /// `GRPC_TLS_KEY`: its key, PEM.
    pub key: PathBuf,
    /// `GRPC_TLS_CLIENT_CA`: who signs the certificates that clients must show.
    pub client_ca: Option<PathBuf>,
}

/// The work in the background, and how long things may take.
#[derive(Debug)]
pub struct Work {
    /// `WORKERS`: whether this process sends queued messages.
    pub enabled: bool,
    /// `SEND_CONCURRENCY`: how many queued messages are in flight.
    pub send_concurrency: usize,
    /// `TENANT_IN_FLIGHT`: how many of them one owner can have.
    pub owner_in_flight: usize,
    /// `BULK_CONCURRENCY`: how many bulk calls are in flight.
    pub bulk_concurrency: usize,
    /// `BULK_CHUNK`: how many messages go into one.
    pub bulk_chunk: usize,
    /// `SEND_RATE`, `SEND_BURST`: the limit of route accounts that have none of their own.
    pub rate: Option<Rate>,
    /// `REFRESH_CONCURRENCY`: how many provider calls one bulk refresh has in flight.
    pub refresh_concurrency: usize,
    /// `POLL_RATE`: how many questions a second about messages without a final report; `None` for none.
    pub poll_rate: Option<Rate>,
    /// `LEASE_SECONDS`: how long a message may be in one process's hands.
    pub lease: Duration,
}

/// The database, and whom to blame for it.
#[derive(Debug, Clone)]
pub struct Database {
    /// Where it is, and how much of it.
    pub store: store::Config,
    /// The variable that says where it is: `DATABASE_URL`, or `DATA_DIR` where that is not set.
    pub named_by: &'static str,
}

/// Where answers wait on the disk while the database is away.
#[derive(Debug)]
pub struct Spooling {
    /// The folder, which is this database's alone.
    pub directory: PathBuf,
    /// Whether `SPOOL_DIR` names it: one that was derived and cannot be used is done without.
    pub told: bool,
}
