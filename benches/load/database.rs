//! The databases: an SQLite file, or a Postgres with everything at its default that matters, fsync above all.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, RunQueryDsl as _};
use tokio_postgres::NoTls;

use crate::cluster::Cluster;
use crate::process;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// An empty database.
pub enum Database {
    Sqlite,
    Postgres { url: String, server: Option<u32> },
}

/// Postgres's own defaults, named so that a distribution's file cannot change them.
const SETTINGS: [&str; 3] = ["fsync=on", "synchronous_commit=on", "shared_buffers=128MB"];

/// The state of the messages that fill a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillAs {
    /// The provider took them.
    Sent,
    /// They were delivered.
    Delivered,
}

impl FillAs {
    /// `dispatch`, `delivery_rank` and `status`.
    fn columns(self) -> &'static str {
        match self {
            Self::Sent => "4, 0, 4",
            Self::Delivered => "4, 40, 5",
        }
    }
}

const FILL: &str = "INSERT INTO messages (id, owner_id, campaign_id, destination, text, sender, traffic_account_id, \
    segments, encoding, delivery_guarantee, created_at, expires_at, dispatch, delivery_rank, status, evidence_hash, \
    provider_message_id, attempts, ambiguous, crashes, possible_duplicate, epoch, updated_at, version) SELECT";

impl Database {
    /// A new one of its kind, on the server of `TEST_DATABASE_URL` if there is one, else on a throw-away cluster.
    pub async fn create(kind: Kind) -> Self {
        static OWN: OnceLock<Cluster> = OnceLock::new();
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        if kind == Kind::Sqlite {
            return Self::Sqlite;
        }
        #[expect(clippy::disallowed_methods, reason = "the bench is a program of its own")]
        let given = std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty());
        let at = given.unwrap_or_else(|| OWN.get_or_init(|| Cluster::start(&SETTINGS)).url.clone());
        let (client, connection) = tokio_postgres::connect(&at, NoTls).await.expect("the Postgres server answers");
        tokio::spawn(connection);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("messaging_bench_{}_{number}", std::process::id());
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.unwrap();
        // Only on this machine, and only for a superuser, does it say which process it is.
        let pid = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int";
        let pid = client.query_one(pid, &[]).await.ok().and_then(|row| u32::try_from(row.get::<_, i32>(0)).ok());
        let local =
            |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.trim() == "postgres");
        let mut url = url::Url::parse(&at).expect("TEST_DATABASE_URL is a URL");
        url.set_path(&name);
        Self::Postgres { url: url.into(), server: pid.filter(local) }
    }

    pub fn url(&self, directory: &Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite://{}", directory.join("bench.db").display()),
            Self::Postgres { url, .. } => url.clone(),
        }
    }

    /// The processor time that the database's own processes have spent. SQLite has none, it runs in the service's.
    pub fn cpu(&self) -> Duration {
        match self {
            Self::Sqlite => Duration::ZERO,
            Self::Postgres { server, .. } => {
                process::cpu_of_family(server.expect("the server of TEST_DATABASE_URL runs here, under a superuser"))
            }
        }
    }

    /// Puts `rows` messages into the table that were sent long ago, to numbers of their own, by this owner: 0 is nobody.
    pub async fn fill(&self, url: &str, rows: u32, owner: i64, filled: FillAs) {
        let state = filled.columns();
        let series = match self {
            Self::Sqlite => format!(
                "WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < {rows}) {FILL} \
                 randomblob(16), {owner}, NULL, '+3069' || (10000000 + i), 'text', 's', 'a', 1, 1, 1, 0, 0, {state}, 0, 'p-' || i, 1, 0, 0, \
                 0, 1, 0, 3 FROM g"
            ),
            Self::Postgres { .. } => format!(
                "{FILL} gen_random_uuid(), {owner}, NULL, '+3069' || (10000000 + i), 'text', 's', 'a', 1, 1, 1, now(), now(), {state}, 0, \
                 'p-' || i, 1, 0, 0, false, 1, now(), 3 FROM generate_series(1, {rows}) AS i; ANALYZE messages"
            ),
        };
        if let Self::Postgres { url, .. } = self {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&series).await.unwrap();
            return;
        }
        let file = url.strip_prefix("sqlite://").unwrap().to_owned();
        let work = move || {
            let mut connection = diesel::SqliteConnection::establish(&file).unwrap();
            connection.batch_execute("PRAGMA busy_timeout = 60000").unwrap();
            connection.batch_execute(&series).unwrap();
        };
        tokio::task::spawn_blocking(work).await.unwrap();
    }

    /// How many bytes the messages and their events take, indexes and what updates left behind included.
    pub async fn bytes(&self, url: &str) -> f64 {
        let Self::Postgres { url, .. } = self else {
            let file = url.strip_prefix("sqlite://").unwrap();
            let of = |name: &str| std::fs::metadata(name).map_or(0, |meta| meta.len());
            return f64::from(u32::try_from((of(file) + of(&format!("{file}-wal"))) / 1024).unwrap()) * 1024.0;
        };
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let size = "SELECT (pg_total_relation_size('messages') + pg_total_relation_size('events'))::float8";
        client.query_one(size, &[]).await.unwrap().get(0)
    }

    /// How many reports wait to be applied.
    pub async fn waiting_reports(&self, url: &str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Waiting {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        const WAITING: &str = "SELECT count(*) AS n FROM reports WHERE due_at IS NOT NULL";
        if let Self::Postgres { url, .. } = self {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            return client.query_one(WAITING, &[]).await.unwrap().get(0);
        }
        let file = url.strip_prefix("sqlite://").unwrap().to_owned();
        let work = move || {
            let mut connection = diesel::SqliteConnection::establish(&file).unwrap();
            connection.batch_execute("PRAGMA busy_timeout = 60000").unwrap();
            let waiting: Waiting = diesel::sql_query(WAITING).get_result(&mut connection).unwrap();
            waiting.n
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    }

    /// Removes it from its server.
    pub async fn remove(self) {
        let Self::Postgres { url, .. } = self else { return };
        let mut at = url::Url::parse(&url).unwrap();
        let name = at.path().trim_start_matches('/').to_owned();
        at.set_path("postgres");
        let (client, connection) = tokio_postgres::connect(at.as_str(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    }

    /// Empties the way for what is measured next: what was written before is not written out during it.
    pub async fn settle(&self) {
        if let Self::Postgres { url, .. } = self {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute("CHECKPOINT").await.unwrap();
        }
    }
}
