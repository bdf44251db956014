//! The state of the database, found out without changing it: what `check-config` asks, and every command that must not make one.

use std::path::Path;

use diesel::{Connection as _, QueryableByName, SqliteConnection};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};

use crate::folders;
use crate::store::migrate::{self, APPLIED, Newer, POSTGRES, SQLITE};
use crate::store::pseudonyms::Keyed;
use crate::store::{Config, Error, Url, pg_pool, pg_pooler};

/// How a database stands to this release.
#[derive(Debug)]
pub enum Standing {
    /// There is none yet: the first start makes this file.
    ToBeMade(String),
    /// It is reached.
    There {
        /// How many migrations it lacks.
        missing: usize,
        /// The state that a newer release has brought it to.
        newer: Option<Newer>,
    },
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ToBeMade(path) => write!(f, "will be made by the first start: {path}"),
            Self::There { missing: 0, .. } => f.write_str("is up to date"),
            Self::There { missing: 1, .. } => f.write_str("is reached and lacks a migration"),
            Self::There { missing, .. } => write!(f, "is reached and lacks {missing} migrations"),
        }
    }
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

#[derive(QueryableByName)]
struct There {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    there: bool,
}

/// How the database stands; an error if it could not be served.
pub async fn probe(config: &Config) -> Result<Standing, Error> {
    let keyed = Keyed::of(config.pseudonym_key.as_ref());
    match &config.url {
        Url::Postgres(url) => postgres(url, &keyed).await,
        Url::Sqlite(path) => sqlite(path, &keyed),
    }
}

async fn postgres(url: &str, keyed: &Keyed) -> Result<Standing, Error> {
    pg_pooler::refuse(url).await?;
    let (mut connection, _) = pg_pool::open(url).await.map_err(Error::setup)?;
    let rights = migrate::rights(&mut connection).await?;
    let applied = migrate::applied(&mut connection).await;
    let missing = migrate::lacking(&applied, &POSTGRES)?;
    if !rights.write || (missing > 0 && !rights.make) {
        return Err(Error::setup(
            "its role may not write to all tables, or make those that are missing: grant it that, or run messaging migrate as another one",
        ));
    }
    // Before the first start there is no such table, and no key.
    let known = diesel::sql_query(KEY).get_result::<KnownKey>(&mut connection).await.ok();
    keyed.judge(known.as_ref().map(|known| known.check_value.as_slice()))?;
    Ok(Standing::There { missing, newer: Newer::among(&applied, &POSTGRES)? })
}

fn sqlite(path: &str, keyed: &Keyed) -> Result<Standing, Error> {
    // SQLite keeps other files beside it.
    folders::takes_files(Path::new(path).parent().unwrap_or(Path::new(""))).map_err(Error::setup)?;
    if !Path::new(path).exists() {
        return Ok(Standing::ToBeMade(path.to_owned()));
    }
    let writable = std::fs::OpenOptions::new().write(true).open(path);
    writable.map_err(|e| Error::setup(format_args!("{path}: {e}")))?;
    let mut connection = untouched(path)?;
    let found = diesel::RunQueryDsl::get_result::<KnownKey>(diesel::sql_query(KEY), &mut connection);
    let known = match found {
        Ok(known) => Some(known),
        // Before the first start there is no such table, and no key.
        Err(diesel::result::Error::NotFound) => None,
        Err(e) if e.to_string().contains("no such table") => None,
        Err(e) => return Err(Error::setup(e)),
    };
    sound(&mut connection)?;
    keyed.judge(known.as_ref().map(|known| known.check_value.as_slice()))?;
    let applied: Vec<migrate::Applied> =
        diesel::RunQueryDsl::load(diesel::sql_query(APPLIED), &mut connection).unwrap_or_default();
    Ok(Standing::There { missing: migrate::lacking(&applied, &SQLITE)?, newer: Newer::among(&applied, &SQLITE)? })
}

/// Refuses a database that is not there, or has none of this program's tables: a command that reads makes none.
pub(super) async fn is_there(url: &Url) -> Result<(), Error> {
    const NO_TABLES: &str = "it has none of this program's tables";
    match url {
        Url::Postgres(url) => {
            let unreachable = |e: diesel::ConnectionError| Error::Unavailable(e.to_string().into());
            let (mut connection, _) = pg_pool::open(url).await.map_err(unreachable)?;
            if has_tables(&mut connection).await? { Ok(()) } else { Err(Error::Absent(NO_TABLES.into())) }
        }
        Url::Sqlite(path) if !Path::new(path).exists() => Err(Error::Absent(format!("there is no file {path}").into())),
        Url::Sqlite(path) => {
            let found = diesel::RunQueryDsl::execute(diesel::sql_query(APPLIED), &mut untouched(path)?);
            match found {
                Ok(_) => Ok(()),
                Err(e) if e.to_string().contains("no such table") => Err(Error::Absent(NO_TABLES.into())),
                Err(e) => Err(Error::setup(format_args!("{path}: {e}"))),
            }
        }
    }
}

async fn has_tables(connection: &mut AsyncPgConnection) -> Result<bool, Error> {
    let asked = diesel::sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS there");
    let found: There = asked.get_result(connection).await.map_err(Error::setup)?;
    Ok(found.there)
}

/// Opens a file so that nothing becomes of it and nothing beside it. Whoever opens one as usual makes a journal and, at the end, takes what
/// a killed process has left in one into the file. Without one, and its index, nobody has the file open, and it needs neither lock nor
/// journal (`immutable`); with one it is read as SQLite reads for those who may not write. <https://www.sqlite.org/uri.html>
fn untouched(path: &str) -> Result<SqliteConnection, Error> {
    let is_open = ["-wal", "-shm", "-journal"].iter().any(|end| Path::new(&format!("{path}{end}")).exists());
    let how = if is_open { "mode=ro" } else { "mode=ro&immutable=1" };
    let (root, path) = (if path.starts_with('/') { "//" } else { "" }, path.replace('%', "%25").replace('#', "%23"));
    SqliteConnection::establish(&format!("file:{root}{path}?{how}")).map_err(Error::setup)
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
