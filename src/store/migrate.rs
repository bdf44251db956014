//! The embedded migrations, run under a lock so that any number of processes may start at once.

use diesel::connection::SimpleConnection as _;
use diesel::migration::MigrationSource;
use diesel::{Connection as _, QueryableByName, SqliteConnection};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use crate::store::{Error, pg_pool, pg_pooler, sqlite_threads};

/// The migrations for Postgres.
pub const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// The migrations for SQLite.
pub const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The advisory lock that one migrating process holds: "messagin" in ASCII.
const LOCK: i64 = 0x6d65_7373_6167_696e;

/// Brings a Postgres database up to date. The lock is the session's, and goes with its connection.
pub(super) async fn postgres(url: &str) -> Result<Option<Newer>, Error> {
    pg_pooler::refuse(url).await?;
    let unreachable = |e: diesel::ConnectionError| Error::Unavailable(e.to_string().into());
    let (mut connection, _) = pg_pool::open(url).await.map_err(unreachable)?;
    // Building an index, or waiting for the process that builds it, may take longer than a query ever should.
    connection.batch_execute("SET statement_timeout = 0").await.map_err(Error::setup)?;
    let lock = diesel::sql_query("SELECT pg_advisory_lock($1)").bind::<diesel::sql_types::BigInt, _>(LOCK);
    lock.execute(&mut connection).await.map_err(Error::setup)?;
    let applied = applied(&mut connection).await;
    let newer = Newer::among(&applied, &POSTGRES)?;
    if !rights(&mut connection).await?.make {
        // A role that only serves: another one's `messaging migrate` comes first.
        return match lacking(&applied, &POSTGRES)? {
            0 => Ok(newer),
            n => Err(Error::setup(format!(
                "it lacks {n} migrations, and this role may not make tables: run messaging migrate as the role that owns them"
            ))),
        };
    }
    let mut harness: AsyncMigrationHarness<AsyncPgConnection> = AsyncMigrationHarness::new(connection);
    harness.run_pending_migrations(POSTGRES).map_err(Error::setup)?;
    Ok(newer)
}

/// Brings an SQLite database up to date. The lock is a file beside it, held while this runs.
pub(super) async fn sqlite(path: &str) -> Result<Option<Newer>, Error> {
    let path = path.to_owned();
    let done = tokio::task::spawn_blocking(move || {
        let lock = std::fs::File::create(format!("{path}.migrate-lock")).map_err(Error::setup)?;
        lock.lock().map_err(Error::setup)?;
        let mut connection = SqliteConnection::establish(&path).map_err(Error::setup)?;
        connection.batch_execute(&sqlite_threads::pragmas()).map_err(Error::setup)?;
        connection.run_pending_migrations(SQLITE).map_err(Error::setup)?;
        let applied: Vec<Applied> =
            diesel::RunQueryDsl::load(diesel::sql_query(APPLIED), &mut connection).map_err(Error::setup)?;
        Newer::among(&applied, &SQLITE)
    });
    done.await.map_err(Error::setup)?
}

/// The rights of the role on Postgres: to make tables, which migrations need, and write to those that are there, which serving needs. A
/// role that only serves reads the table of migrations.
const RIGHTS: &str = "SELECT has_schema_privilege(current_schema(), 'CREATE') AS make, NOT EXISTS (SELECT 1 \
    FROM pg_tables WHERE schemaname = current_schema() AND NOT (has_table_privilege(quote_ident(tablename), 'SELECT') \
    AND (tablename = '__diesel_schema_migrations' OR (has_table_privilege(quote_ident(tablename), 'INSERT') \
    AND has_table_privilege(quote_ident(tablename), 'UPDATE') \
    AND has_table_privilege(quote_ident(tablename), 'DELETE'))))) AS write";

#[derive(QueryableByName)]
pub(super) struct Rights {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub(super) make: bool,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub(super) write: bool,
}

pub(super) async fn rights(connection: &mut AsyncPgConnection) -> Result<Rights, Error> {
    diesel::sql_query(RIGHTS).get_result(connection).await.map_err(Error::setup)
}

/// The migrations that ran. Read as it is: Diesel's own way would first make the table.
pub(super) const APPLIED: &str = "SELECT version FROM __diesel_schema_migrations";

#[derive(QueryableByName)]
pub(super) struct Applied {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// The migrations that ran in a Postgres database. Before the first start there is no table of them.
pub(super) async fn applied(connection: &mut AsyncPgConnection) -> Vec<Applied> {
    diesel::sql_query(APPLIED).load(connection).await.unwrap_or_default()
}

/// The versions of these migrations. The databases' have the same names.
fn versions(all: &EmbeddedMigrations) -> Result<Vec<String>, Error> {
    let all = MigrationSource::<diesel::pg::Pg>::migrations(all).map_err(Error::setup)?;
    Ok(all.iter().map(|migration| migration.name().version().to_string()).collect())
}

/// How many of the migrations are not among those that ran.
pub(super) fn lacking(applied: &[Applied], all: &EmbeddedMigrations) -> Result<usize, Error> {
    let is_missing = |version: &&String| !applied.iter().any(|applied| applied.version == **version);
    Ok(versions(all)?.iter().filter(is_missing).count())
}

/// Migrations that ran in the database and that this release does not know: a newer one has been here. It may serve beside that one, because
/// a release only adds what the one before it does not notice; one of long ago may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newer {
    /// How many there are.
    pub unknown: usize,
    /// The version of the last of them.
    pub theirs: String,
    /// The version of the last one that this release knows.
    pub ours: String,
}

impl Newer {
    pub(super) fn among(applied: &[Applied], all: &EmbeddedMigrations) -> Result<Option<Self>, Error> {
        let known = versions(all)?;
        let unknown: Vec<&str> =
            applied.iter().map(|applied| applied.version.as_str()).filter(|v| !known.iter().any(|k| k == v)).collect();
        let newer = |theirs: &&str| Self {
            unknown: unknown.len(),
            theirs: (*theirs).to_owned(),
            ours: known.iter().max().cloned().unwrap_or_default(),
        };
        Ok(unknown.iter().max().map(newer))
    }
}

impl std::fmt::Display for Newer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the database's schema is newer than this program: it is at {}, and release {} knows it up to {}; the release just before \
             the database's may serve beside it, an older one may not: bring this program up to date",
            self.theirs,
            env!("CARGO_PKG_VERSION"),
            self.ours
        )
    }
}
