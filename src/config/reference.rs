//! Every variable that the program reads, in one table. The README's table and `.env.example` are held to it by a test.

/// One variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The default if it is not set; `required` if it has to be.
    pub default: &'static str,
    /// Its meaning.
    pub meaning: &'static str,
}

const fn v(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning }
}

/// Every variable.
pub const REFERENCE: &[Variable] = &[
    v("MITTO_API_KEY", "required", "the provider's API key"),
    v("SMS_TRAFFIC_ACCOUNT_ID", "required", "the route account that messages go out by unless a request names one"),
    v("MITTO_TRAFFIC_ACCOUNT_ID", "–", "the same under its other name; the first one set counts"),
    v("MITTO_API_BASE", "https://messaging.mittoapi.com", "where the provider's API is"),
    v("MITTO_SENDER", "–", "the sender ID of messages whose request and user name none"),
    v("MITTO_TIMEOUT_SECONDS", "30", "the longest provider call; shorter than LEASE_SECONDS by 15 or more"),
    v("MITTO_CONNECT_TIMEOUT_SECONDS", "5", "the longest wait for a connection to the provider; shorter than the call"),
    v("MITTO_SEND_REFERENCE", "1", "whether our id is sent along as `reference`"),
    v("MITTO_5XX_AMBIGUOUS", "0", "whether a 500 or 503 of the provider's counts as a lost answer instead of not sent"),
    v(
        "DATABASE_URL",
        "sqlite://DATA_DIR/messaging.db",
        "`postgres://…` (TLS with `sslmode=require`) or `sqlite://path`",
    ),
    v("LEGACY_DATABASE_URL", "–", "the old database that `messaging import-legacy` reads without `--from`"),
    v("DATABASE_POOL_SIZE", "10", "how many database connections the process holds at most, 2 to 200"),
    v("DATA_DIR", "~/.local/share/messaging", "where the embedded database is, and what the sandbox keeps"),
    v("GRPC_ADDR", "127.0.0.1:50051", "the address of the gRPC listener; port 0 takes a free one"),
    v("GRPC_TLS_CERT", "–", "the gRPC listener's certificate chain, a PEM file, read again on SIGHUP"),
    v("GRPC_TLS_KEY", "–", "its key, a PEM file, read again on SIGHUP"),
    v(
        "GRPC_TLS_CLIENT_CA",
        "–",
        "the authority whose certificates clients must show, a PEM file, read again on SIGHUP",
    ),
    v("GRPC_PLAINTEXT", "0", "1 allows a gRPC listener without TLS on an address that is not loopback"),
    v("HTTP_ADDR", "127.0.0.1:8080", "the address of the HTTP listener; port 0 takes a free one"),
    v(
        "CORS_ALLOWLIST",
        "–",
        "the origins whose pages may call both APIs, separated by commas, for example `https://app.example.com`",
    ),
    v("JWT_SECRET", "required", "what tokens are signed with (HS256), 32 bytes or more"),
    v(
        "WEBHOOK_SECRET",
        "–",
        "what the provider's posts are known by, 8 characters or more, several separated by commas while rotating; without it `/webhooks` is closed",
    ),
    v(
        "STOP_WORDS",
        "–",
        "words by which recipients ask for no more messages, besides the usual ones, separated by commas",
    ),
    v(
        "MAX_IN_FLIGHT",
        "1024",
        "how many calls both APIs serve at once; over it UNAVAILABLE with RetryInfo, or 503 with Retry-After",
    ),
    v(
        "WATCH_STREAMS",
        "2000",
        "how many streams of `WatchMessages` are open at once, beside MAX_IN_FLIGHT; one owner can have half of them",
    ),
    v("WORKERS", "1", "0 leaves queued messages and timers to other processes"),
    v("SEND_CONCURRENCY", "32", "how many queued messages this process has in flight: a kill leaves no more unknown"),
    v(
        "TENANT_IN_FLIGHT",
        "7 of 8",
        "how many of them one owner can have here; `messaging user limit` sets it for one user",
    ),
    v("BULK_CONCURRENCY", "4", "how many bulk calls of campaigns this process has in flight"),
    v("BULK_CHUNK", "500", "how many messages go into one bulk call"),
    v(
        "SEND_RATE",
        "0",
        "segments a second on a route account over all replicas, 0 for no limit; `messaging account limit` sets it for one account",
    ),
    v("SEND_BURST", "SEND_RATE", "segments at once on a route account"),
    v(
        "POLL_RATE",
        "20",
        "how many times a second this process asks the provider about messages that nothing final was reported of, at most; 0 for never",
    ),
    v("REFRESH_CONCURRENCY", "64", "how many provider calls one bulk refresh has in flight"),
    v("LEASE_SECONDS", "60", "how long a message may be in one process's hands before it counts as lost"),
    v("RETENTION_TEXT_DAYS", "0", "after how many days texts and numbers are erased; 0 for never; needs PSEUDONYM_KEY"),
    v(
        "RETENTION_DAYS",
        "0",
        "after how many days messages are deleted as a whole, 14 or more and no fewer than RETENTION_TEXT_DAYS; 0 for never",
    ),
    v(
        "PSEUDONYM_KEY",
        "–",
        "what the pseudonyms of erased numbers are made with, 32 bytes or more; the same for all processes, and for ever once something is erased",
    ),
    v("LOG_FORMAT", "human", "`human` or `json`; logs go to standard error"),
    v("LOG_LEVEL", "info", "`error`, `warn`, `info` or `debug`"),
    v("SANDBOX_ADDR", "127.0.0.1:0", "where `serve --sandbox` puts its sandbox"),
    v(
        "SANDBOX_REPORTS",
        "1",
        "0 keeps the sandbox of `serve --sandbox` from posting reports to this process's webhooks",
    ),
    v("MESSAGING_ADDR", "http://127.0.0.1:50051", "the server that the client commands call"),
    v("MESSAGING_TOKEN", "–", "the token that the client commands show"),
    v("MESSAGING_API_KEY", "–", "the API key that the client commands show if they have no token"),
    v("HOME", "–", "where DATA_DIR's default is; set by the system"),
    v("XDG_DATA_HOME", "~/.local/share", "where DATA_DIR's default is; set by the system"),
];
