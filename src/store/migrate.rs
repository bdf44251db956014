//! The embedded migrations, run under a lock so that any number of processes may start at once.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::migration::MigrationSource;
use diesel::{Connection as _, QueryableByName, SqliteConnection};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use crate::store::pseudonyms::Keyed;
use crate::store::{Config, Error, Url, pg_pool, pg_pooler, sqlite_threads};

/// The migrations for Postgres.
pub const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// The migrations for SQLite.
pub const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The advisory lock that one migrating process holds: "messagin" in ASCII.
const LOCK: i64 = 0x6d65_7373_6167_696e;

/// Brings a Postgres database up to date. The lock is the session's, and goes with its connection.
pub(super) async fn postgres(url: &str) -> Result<(), Error> {
    pg_pooler::refuse(url).await?;
    let unreachable = |e: diesel::ConnectionError| Error::Unavailable(e.to_string().into());
    let (mut connection, _) = pg_pool::open(url).await.map_err(unreachable)?;
    // Building an index, or waiting for the process that builds it, may take longer than a query ever should.
    connection.batch_execute("SET statement_timeout = 0").await.map_err(Error::setup)?;
    let lock = diesel::sql_query("SELECT pg_advisory_lock($1)").bind::<diesel::sql_types::BigInt, _>(LOCK);
    lock.execute(&mut connection).await.map_err(Error::setup)?;
    if !rights(&mut connection).await?.make {
        // A role that only serves: another one's `messaging migrate` comes first.
        return match missing(&mut connection).await? {
            0 => Ok(()),
            n => Err(Error::setup(format!(
                "it lacks {n} migrations, and this role may not make tables: run messaging migrate as the role that owns them"
            ))),
        };
    }
    let mut harness: AsyncMigrationHarness<AsyncPgConnection> = AsyncMigrationHarness::new(connection);
    harness.run_pending_migrations(POSTGRES).map_err(Error::setup)?;
    Ok(())
}

/// Brings an SQLite database up to date. The lock is a file beside it, held while this runs.
pub(super) async fn sqlite(path: &str) -> Result<(), Error> {
    let path = path.to_owned();
    let done = tokio::task::spawn_blocking(move || {
        let lock = std::fs::File::create(format!("{path}.migrate-lock")).map_err(Error::setup)?;
        lock.lock().map_err(Error::setup)?;
        let mut connection = SqliteConnection::establish(&path).map_err(Error::setup)?;
        connection.batch_execute(&sqlite_threads::pragmas()).map_err(Error::setup)?;
        connection.run_pending_migrations(SQLITE).map_err(Error::setup)?;
        Ok(())
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
struct Rights {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    make: bool,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    write: bool,
}

async fn rights(connection: &mut AsyncPgConnection) -> Result<Rights, Error> {
    diesel::sql_query(RIGHTS).get_result(connection).await.map_err(Error::setup)
}

/// The migrations that ran. Read as it is: Diesel's own way would first make the table.
const APPLIED: &str = "SELECT version FROM __diesel_schema_migrations";

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// How many migrations a Postgres database lacks. Before the first start there is no table of them.
async fn missing(connection: &mut AsyncPgConnection) -> Result<usize, Error> {
    let applied: Vec<Applied> = diesel::sql_query(APPLIED).load(connection).await.unwrap_or_default();
    lacking(&applied, &POSTGRES)
}

/// How many of the migrations are not among those that ran. The databases' have the same names.
fn lacking(applied: &[Applied], all: &EmbeddedMigrations) -> Result<usize, Error> {
    let all = MigrationSource::<diesel::pg::Pg>::migrations(all).map_err(Error::setup)?;
    let is_missing = |version: String| !applied.iter().any(|applied| applied.version == version);
    Ok(all.iter().filter(|m| is_missing(m.name().version().to_string())).count())
}

const KEY: &str = "SELECT check_value FROM pseudonym_key";

/// SQLite's word on the file.
#[derive(QueryableByName)]
struct Verdict {
    #[diesel(sql_type = diesel::sql_types::Text)]
    quick_check: String,
}

#[derive(QueryableByName)]
struct KnownKey {
    #[diesel(sql_type = diesel::sql_types::Binary)]
    check_value: Vec<u8>,
}

/// Finds out whether a file can be made where this one is, or will be: SQLite keeps others beside it.
fn writable_folder(path: &Path) -> std::io::Result<()> {
    let there = path.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let folder = there.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe = folder.join(format!(".messaging-{}", uuid::Uuid::new_v4()));
    std::fs::File::create_new(&probe)?;
    std::fs::remove_file(probe)
}

/// The state of the database, without changing it: how many migrations are missing, or that it is not there yet.
pub async fn probe(config: &Config) -> Result<String, Error> {
    let keyed = Keyed::of(config.pseudonym_key.as_ref());
    let missing = match &config.url {
        Url::Postgres(url) => {
            pg_pooler::refuse(url).await?;
            let (mut connection, _) = pg_pool::open(url).await.map_err(Error::setup)?;
            let (rights, missing) = (rights(&mut connection).await?, missing(&mut connection).await?);
            if !rights.write || (missing > 0 && !rights.make) {
                return Err(Error::setup(
                    "its role may not write to all tables, or make those that are missing: grant it that, or run messaging migrate as another one",
                ));
            }
            // Before the first start there is no such table, and no key.
            let known = diesel::sql_query(KEY).get_result::<KnownKey>(&mut connection).await.ok();
            keyed.judge(known.as_ref().map(|known| known.check_value.as_slice()))?;
            missing
        }
        Url::Sqlite(path) if !Path::new(path).exists() => {
            writable_folder(Path::new(path)).map_err(Error::setup)?;
            return Ok("will be made by the first start".to_owned());
        }
        Url::Sqlite(path) => {
            std::fs::OpenOptions::new().write(true).open(path).map_err(Error::setup)?;
            writable_folder(Path::new(path)).map_err(Error::setup)?;
            let mut connection = SqliteConnection::establish(path).map_err(Error::setup)?;
            let query = diesel::sql_query(KEY);
            let found = diesel::RunQueryDsl::get_result::<KnownKey>(query, &mut connection);
            let known = match found {
                Ok(known) => Some(known),
                // Before the first start there is no such table, and no key.
                Err(diesel::result::Error::NotFound) => None,
                Err(e) if e.to_string().contains("no such table") => None,
                Err(e) => return Err(Error::setup(e)),
            };
            sound(&mut connection)?;
            keyed.judge(known.as_ref().map(|known| known.check_value.as_slice()))?;
            let applied = diesel::RunQueryDsl::load(diesel::sql_query(APPLIED), &mut connection).unwrap_or_default();
            lacking(&applied, &SQLITE)?
        }
    };
    Ok(match missing {
        0 => "is up to date".to_owned(),
        1 => "is reached and lacks a migration".to_owned(),
        n => format!("is reached and lacks {n} migrations"),
    })
}

/// Refuses a file of which SQLite itself says that it is damaged.
fn sound(connection: &mut SqliteConnection) -> Result<(), Error> {
    let check = diesel::sql_query("PRAGMA quick_check(1)");
    let found: Verdict = diesel::RunQueryDsl::get_result(check, connection).map_err(Error::setup)?;
    if found.quick_check == "ok" {
        Ok(())
    } else {
        Err(Error::setup(format_args!("it is damaged: {}", found.quick_check)))
    }
}
