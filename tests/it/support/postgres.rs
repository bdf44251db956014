//! Databases for the tests: every test gets its own, dropped with its guard.
//!
//! They live on the server of `TEST_DATABASE_URL` (its role must be allowed to create databases), else on a throw-away cluster
//! that the test process starts on first use and that ends with it.

mod cluster;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;
use tokio_postgres::{Client, Error, NoTls};
use url::Url;

pub use cluster::{Cluster, FORGETFUL};

/// The URL through which databases are made: that of `TEST_DATABASE_URL`, else of this process's own cluster.
///
/// The first call may block for the seconds that a cluster takes to start.
pub fn server_url() -> &'static str {
    static OWN: OnceLock<Cluster> = OnceLock::new();
    match external() {
        Some(url) => url,
        None => &OWN.get_or_init(|| Cluster::start(&FORGETFUL)).url,
    }
}

/// An empty database of the caller's own.
pub async fn fresh_database() -> (String, Guard) {
    // template0 is what Postgres keeps untouched; template1 may have got local additions.
    create("template0").await
}

/// A database prepared once per process, of which every test gets a copy: a copy costs less than migrating again.
pub struct Template(OnceCell<String>);

impl Template {
    /// A template that is not prepared yet; keep it in a `static`.
    pub const fn new() -> Self {
        Self(OnceCell::const_new())
    }

    /// A copy of the database that `prepare` makes from an empty one, given its URL. `prepare` must close its connections.
    ///
    /// On the server of `TEST_DATABASE_URL` no template is kept, because nothing would drop it at the process's end: there
    /// every call prepares.
    pub async fn database(&self, prepare: impl AsyncFnOnce(&str)) -> (String, Guard) {
        if external().is_some() {
            let (url, guard) = fresh_database().await;
            prepare(&url).await;
            return (url, guard);
        }
        let make = async || {
            let (url, guard) = fresh_database().await;
            prepare(&url).await;
            guard.keep()
        };
        create(self.0.get_or_init(make).await).await
    }
}

/// Drops its database, with the connections that are still open to it.
pub struct Guard {
    name: String,
}

impl Guard {
    /// Leaves the database to the cluster's end.
    fn keep(mut self) -> String {
        std::mem::take(&mut self.name)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        if self.name.is_empty() {
            return;
        }
        // The test's own runtime cannot be waited for from inside it.
        let done = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(administer(&statement))
        });
        let done = done.join();
        if !std::thread::panicking() {
            done.unwrap().unwrap();
        }
    }
}

/// The server of `TEST_DATABASE_URL`.
pub fn external() -> Option<&'static str> {
    static URL: OnceLock<Option<String>> = OnceLock::new();
    URL.get_or_init(|| std::env::var_os("TEST_DATABASE_URL")?.into_string().ok().filter(|url| !url.is_empty()))
        .as_deref()
}

async fn create(template: &str) -> (String, Guard) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let name = format!("messaging_test_{process}_{number}_{:08x}", rand::random::<u32>());
    administer(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
    let mut url =
        Url::parse(server_url()).expect("TEST_DATABASE_URL must look like postgres://user@host:port/database");
    url.set_path(&name);
    (url.into(), Guard { name })
}

/// Runs statements on the server, outside of any test's database.
pub async fn administer(statement: &str) -> Result<(), Error> {
    connect(server_url()).await?.batch_execute(statement).await
}

/// A connection to the database at `url`.
pub async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// How many rows `what` has: a table, or a table and a condition.
pub async fn count(url: &str, what: &str) -> i64 {
    connect(url).await.unwrap().query_one(&format!("SELECT count(*) FROM {what}"), &[]).await.unwrap().get(0)
}

const TABLES: &str = "information_schema.tables WHERE table_schema = 'public'";

#[tokio::test]
async fn a_fresh_database_is_empty_and_ours_alone() {
    let ((first, _guard), (second, _other)) = (fresh_database().await, fresh_database().await);
    connect(&first).await.unwrap().batch_execute("CREATE TABLE note (text text)").await.unwrap();
    assert_eq!(count(&first, TABLES).await, 1);
    assert_eq!(count(&second, TABLES).await, 0);
}

#[tokio::test]
async fn a_database_goes_with_its_guard_even_while_in_use() {
    let (url, guard) = fresh_database().await;
    let client = connect(&url).await.unwrap();
    let name: String = client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    let like_it = format!("pg_database WHERE datname = '{name}'");
    assert_eq!(count(server_url(), &like_it).await, 1);

    drop(guard);

    assert_eq!(count(server_url(), &like_it).await, 0);
    assert!(client.batch_execute("SELECT 1").await.is_err());
}

#[tokio::test]
async fn every_copy_of_a_template_starts_as_it_was_prepared() {
    static TEMPLATE: Template = Template::new();
    // Preparing the same database a second time would fail: the table is there.
    let prepare = async |url: &str| {
        let client = connect(url).await.unwrap();
        client.batch_execute("CREATE TABLE note (text text); INSERT INTO note VALUES ('prepared')").await.unwrap();
    };
    let (first, _guard) = TEMPLATE.database(prepare).await;
    connect(&first).await.unwrap().batch_execute("INSERT INTO note VALUES ('ours')").await.unwrap();

    let (second, _other) = TEMPLATE.database(prepare).await;

    assert_eq!(count(&first, "note").await, 2);
    assert_eq!(count(&second, "note").await, 1);
}
