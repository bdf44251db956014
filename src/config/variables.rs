//! Every variable that the program reads, declared once: its name, its values, what counts without it, and what it is.
//!
//! [`Config::load`](crate::config::Config::load) reads by these declarations, and the reference and the example of an
//! environment print them.

use crate::auth::rules::MIN_SECRET;
use crate::config::addresses::{Address, Database, Origins, OwnNets, Web};
use crate::config::declared::Declared;
use crate::config::fallback::{Derived, Is, Required, System, Unset};
use crate::config::identities::{Account, Secrets, Sender, TokenKeys};
use crate::config::pairs::{Headers, Pairs, SAMPLERS, Share};
use crate::config::values::{Days, List, Number, OneOf, Place, Seconds, Secret, Switch, Text};
use crate::config::variable::Variable;
use crate::domain::pseudonym::Pseudonyms;
use crate::domain::webhook::secret::MIN_KEY;

/// The shortest secret of a webhook, in characters: the provider's console may not take long ones. A long one is better.
const MIN_WEBHOOK_SECRET: usize = 16;
/// The longest time that things can be told to be kept: a century.
const MAX_DAYS: u16 = 36_500;

/// The variables of one concern.
pub struct Section {
    /// Their subject.
    pub title: &'static str,
    /// Their declarations.
    pub variables: &'static [&'static (dyn Declared + Sync)],
}

/// `NAME: Values = Fallback, "meaning";` in sections: a constant each, and all of them in [`REFERENCE`].
macro_rules! variables {
    ($($title:literal { $(
        $name:ident: $values:ident $(<$number:ty>)? $(($($bound:expr),+))? = $fallback:ident $(($told:expr))?, $meaning:literal;
    )+ })+) => {
        $($(
            #[doc = concat!("`", stringify!($name), "`: ", $meaning, ".")]
            pub(crate) const $name: Variable<$values $(<$number>)?, $fallback> = Variable {
                name: stringify!($name),
                values: $values $(($($bound),+))?,
                fallback: $fallback $(($told))?,
                meaning: $meaning,
            };
        )+)+

        /// Every variable, by what it is about.
        pub const REFERENCE: &[Section] = &[$(Section { title: $title, variables: &[$(&$name),+] }),+];
    };
}

variables! {
    "The provider" {
        MITTO_API_KEY: Secret(1) = Required("environment variable is required"),
            "the provider's API key";
        SMS_TRAFFIC_ACCOUNT_ID: Account = Required("or MITTO_TRAFFIC_ACCOUNT_ID environment variable is required"),
            "the route account that messages go out by unless a request names one";
        MITTO_TRAFFIC_ACCOUNT_ID: Account = Unset,
            "the same under its other name, which counts where the first is not set";
        MITTO_API_BASE: Web = Is("https://messaging.mittoapi.com"),
            "where the provider's API is";
        MITTO_SENDER: Sender = Unset,
            "the sender ID of messages whose request and user name none";
        MITTO_TIMEOUT_SECONDS: Seconds(2, 600) = Is("30"),
            "the longest provider call; shorter than LEASE_SECONDS by 15 or more";
        MITTO_CONNECT_TIMEOUT_SECONDS: Seconds(1, 60) = Is("5"),
            "the longest wait for a connection to the provider; shorter than the call";
        MITTO_SEND_REFERENCE: Switch = Is("1"),
            "whether our id is sent along as `reference`";
        MITTO_5XX_AMBIGUOUS: Switch = Is("0"),
            "whether a 500 or 503 of the provider's counts as a lost answer, sent again once, instead of being tried again as a possible duplicate; under at-most-once it always does";
    }
    "The database" {
        DATABASE_URL: Database = Derived("`messaging.db` in DATA_DIR"),
            "where the database is";
        DATABASE_POOL_SIZE: Number<usize>(2, 200) = Is("10"),
            "how many database connections the process holds at most";
        DATA_DIR: Place = Derived("`messaging` where the system keeps a user's data"),
            "where the embedded database is, and what the sandbox keeps";
        SPOOL_DIR: Place = Derived("beside the SQLite file, or `spool` in DATA_DIR"),
            "where the provider's answers wait on the disk while the database is away; processes on one disk share it";
        LEGACY_DATABASE_URL: Secret(1) = Unset,
            "the old database that `messaging import-legacy` reads without `--from`";
    }
    "Listeners" {
        GRPC_ADDR: Address = Is("127.0.0.1:50051"),
            "the address of the gRPC listener; port 0 takes a free one";
        GRPC_TLS_CERT: Place = Unset,
            "the gRPC listener's certificate chain, a PEM file, read again on SIGHUP";
        GRPC_TLS_KEY: Place = Unset,
            "its key, a PEM file, read again on SIGHUP";
        GRPC_TLS_CLIENT_CA: Place = Unset,
            "the authority whose certificates clients must show, a PEM file, read again on SIGHUP";
        HTTP_TLS: Switch = Is("0"),
            "1 gives the HTTP listener TLS, too, by GRPC_TLS_CERT and GRPC_TLS_KEY; nobody has to show a certificate there";
        HTTP_PLAINTEXT: Switch = Is("0"),
            "1 allows an HTTP listener without TLS on an address that is not loopback, for example behind a proxy";
        GRPC_PLAINTEXT: Switch = Is("0"),
            "1 allows a gRPC listener without TLS on an address that is not loopback";
        HTTP_ADDR: Address = Is("127.0.0.1:8080"),
            "the address of the HTTP listener; port 0 takes a free one";
        ADMIN_ADDR: Address = Unset,
            "where `/healthz`, `/readyz` and `/metrics` are served instead of HTTP_ADDR, without TLS; a worker listens there alone";
        PUBLIC_METRICS: Switch = Is("0"),
            "1 allows `/readyz` and `/metrics` on an HTTP_ADDR that is not loopback; else such an address needs ADMIN_ADDR";
        GRPC_REFLECTION: Switch = Is("1"),
            "0 turns the reflection of gRPC off: callers need the contract's files then";
        CONSOLE: Switch = Is("1"),
            "0 turns the console off, which is under `/console` of the HTTP listener";
        PUBLIC_ORIGIN: Web = Unset,
            "where browsers reach the HTTP listener if a proxy stands before it, for example `https://sms.example.com`, or with the path that the proxy takes off, `https://ops.example.com/sms`";
        CORS_ALLOWLIST: Origins = Unset,
            "the origins whose pages may call both APIs, for example `https://app.example.com`";
        MAX_IN_FLIGHT: Number<usize>(1, 1_000_000) = Is("1024"),
            "how many calls both APIs serve at once; over it UNAVAILABLE with RetryInfo, or 503 with Retry-After";
        WATCH_STREAMS: Number<usize>(1, 100_000) = Is("2000"),
            "how many streams of `WatchMessages`, `WatchInbound` and `WatchCampaign` are open at once, beside MAX_IN_FLIGHT";
        MAX_UPLOADS: Number<usize>(1, 100_000) = Is("64"),
            "how many streams of recipients and CSV files are taken at once, beside MAX_IN_FLIGHT";
        MAX_REFRESHES: Number<usize>(1, 100_000) = Is("64"),
            "how many bulk refreshes are under way at once, beside MAX_IN_FLIGHT";
        MAX_SEND_STREAMS: Number<usize>(1, 100_000) = Is("64"),
            "how many streams of `SendMany` are open at once; what is in hand of them counts into MAX_IN_FLIGHT as well";
        MAX_PROVIDER_READS: Number<usize>(1, 100_000) = Is("256"),
            "how many questions to the provider that callers wait for are asked at once; more wait their turn";
        MAX_BODY_MEGABYTES: Number<usize>(8, 65_536) = Is("64"),
            "how many megabytes of requests are held in memory at once";
        MAX_CONNECTIONS: Number<usize>(1, 1_000_000) = Derived("three quarters of the open files that the system allows, 8192 at most"),
            "how many connections both listeners have open at once; one more ends the one that has been idle longest at the address that has most";
    }
    "Credentials and webhooks" {
        JWT_SECRET: Secret(MIN_SECRET) = Derived("required, unless there are JWT_KEYS"),
            "what tokens without a `kid` are signed with (HS256)";
        JWT_KEYS: TokenKeys(MIN_SECRET) = Unset,
            "what tokens are signed with by their `kid`, for example `2026-11=…,2026-05=…` while rotating: the first one signs, all are taken";
        JWT_JWKS_FILE: Place = Unset,
            "a file with the public keys of an identity provider (JWK set; RS256, ES256, EdDSA), read at the start";
        JWT_JWKS_URL: Web = Unset,
            "where these keys are found instead (https), asked every five minutes and when a token names another one";
        JWT_ISSUER: Text = Unset,
            "the `iss` that tokens must have";
        JWT_AUDIENCE: Text = Unset,
            "the `aud` that tokens must name; without it tokens that name any are refused";
        JWT_MAX_DAYS: Number<u16>(1, 36_500) = Is("400"),
            "how far away the end of a token may be; one without `exp` is refused";
        JWT_LEGACY: Switch = Is("0"),
            "1 takes tokens as the system before this one made them: without an end, with any `aud` and `typ`";
        WEBHOOK_SECRET: Secrets(MIN_WEBHOOK_SECRET) = Unset,
            "what the provider's posts are known by, several while rotating; without it `/webhooks` is closed";
        STOP_WORDS: List = Unset,
            "words by which recipients ask for no more messages, besides the usual ones";
    }
    "Webhook endpoints" {
        HOOK_KEY: Secrets(MIN_KEY) = Unset,
            "what the secrets of owners' webhook endpoints are derived from, the same for all processes; the first one makes new ones, several while rotating; without it nobody can have an endpoint";
        HOOK_NETS: OwnNets = Unset,
            "nets of your own that endpoints may be in, which are on public addresses else; in these `http://` is taken, too";
    }
    "Sending" {
        WORKERS: Switch = Is("1"),
            "0 leaves queued messages and timers to other processes";
        SEND_CONCURRENCY: Number<usize>(1, 1000) = Is("32"),
            "how many queued messages this process has in flight: a kill leaves no more unknown";
        TENANT_IN_FLIGHT: Number<usize>(1, 1000) = Derived("seven of eight"),
            "how many of them one owner can have here; `messaging user limit` sets it for one user";
        BULK_CONCURRENCY: Number<usize>(1, 100) = Is("4"),
            "how many bulk calls of campaigns this process has in flight";
        BULK_CHUNK: Number<usize>(1, 10_000) = Is("500"),
            "how many messages go into one bulk call";
        SEND_RATE: Number<u32>(0, 1_000_000) = Is("0"),
            "segments a second on a route account over all replicas, 0 for no limit; `messaging account limit` sets it for one account";
        SEND_BURST: Number<u32>(0, 1_000_000) = Derived("as SEND_RATE"),
            "segments at once on a route account";
        POLL_RATE: Number<u32>(0, 1000) = Is("20"),
            "how many times a second this process asks the provider about messages that nothing final was reported of, at most; 0 for never";
        REFRESH_CONCURRENCY: Number<usize>(1, 1000) = Is("64"),
            "how many provider calls one bulk refresh has in flight";
        LEASE_SECONDS: Seconds(10, 3600) = Is("60"),
            "how long a message may be in one process's hands before it counts as lost";
    }
    "Retention" {
        RETENTION_TEXT_DAYS: Days(MAX_DAYS) = Is("0"),
            "after how many days texts and numbers are erased; 0 for never; needs PSEUDONYM_KEY";
        RETENTION_DAYS: Days(MAX_DAYS) = Is("0"),
            "after how many days messages are deleted as a whole, 14 or more and no fewer than RETENTION_TEXT_DAYS; 0 for never";
        PSEUDONYM_KEY: Secret(Pseudonyms::MIN_KEY) = Unset,
            "what the pseudonyms of erased numbers are made with; the same for all processes, and for ever once something is erased";
    }
    "Logs" {
        LOG_FORMAT: OneOf(&["human", "json"]) = Is("human"),
            "how logs look on standard error";
        LOG_LEVEL: OneOf(&["error", "warn", "info", "debug"]) = Is("info"),
            "what is logged at least";
    }
    "OpenTelemetry" {
        OTEL_EXPORTER_OTLP_ENDPOINT: Web = Unset,
            "where a collector takes traces and metrics in by OTLP; none are exported without one";
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Web = Unset,
            "where it takes traces, if that is another place: the whole URL";
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: Web = Unset,
            "where it takes metrics, if that is another place: the whole URL";
        OTEL_EXPORTER_OTLP_PROTOCOL: OneOf(&["grpc", "http/protobuf"]) = Is("http/protobuf"),
            "how the collector is spoken to";
        OTEL_EXPORTER_OTLP_HEADERS: Headers = Unset,
            "headers of every export, such as a collector's key";
        OTEL_EXPORTER_OTLP_TIMEOUT: Number<u64>(1, 60_000) = Is("10000"),
            "how many milliseconds an export may take";
        OTEL_TRACES_EXPORTER: OneOf(&["otlp", "none"]) = Is("otlp"),
            "whether traces are exported where there is a collector";
        OTEL_METRICS_EXPORTER: OneOf(&["otlp", "none"]) = Is("otlp"),
            "whether metrics are exported where there is a collector; Prometheus finds them at `/metrics` in any case";
        OTEL_TRACES_SAMPLER: OneOf(&SAMPLERS) = Is("parentbased_always_on"),
            "which traces are kept; `parentbased_…` leaves it to the caller where the caller says so";
        OTEL_TRACES_SAMPLER_ARG: Share = Is("1"),
            "the share of traces that a sampler of a ratio keeps";
        OTEL_METRIC_EXPORT_INTERVAL: Number<u64>(1_000, 3_600_000) = Is("60000"),
            "how often metrics are exported, in milliseconds";
        OTEL_BSP_SCHEDULE_DELAY: Number<u64>(100, 60_000) = Is("5000"),
            "how long a span waits at most for others to be exported with, in milliseconds";
        OTEL_SERVICE_NAME: Text = Is("messaging"),
            "the name of the service in traces and metrics";
        OTEL_RESOURCE_ATTRIBUTES: Pairs = Unset,
            "what else traces and metrics say of the process";
        OTEL_SDK_DISABLED: Switch = Is("0"),
            "whether nothing is exported whatever else is set";
    }
    "The sandbox" {
        SANDBOX_ADDR: Address = Is("127.0.0.1:0"),
            "where `serve --sandbox` puts its sandbox";
        SANDBOX_REPORTS: Switch = Is("1"),
            "0 keeps the sandbox of `serve --sandbox` from posting reports to this process's webhooks";
    }
    "The client commands" {
        MESSAGING_ADDR: Text = Is("127.0.0.1:50051"),
            "the server that they call: HOST:PORT, `http://…` or `https://…`";
        MESSAGING_TOKEN: Secret(1) = Unset,
            "the token that they show";
        MESSAGING_API_KEY: Secret(1) = Unset,
            "the API key that they show if they have no token";
    }
    "Set by the system" {
        XDG_DATA_HOME: Place = System,
            "where a user's data is";
        HOME: Place = System,
            "where a user's data is, in `.local/share`, if XDG_DATA_HOME is not set";
        NOTIFY_SOCKET: Text = System,
            "where systemd is told that the process is ready, lives and stops";
        WATCHDOG_USEC: Text = System,
            "how many microseconds systemd waits for a sign of life";
    }
}
