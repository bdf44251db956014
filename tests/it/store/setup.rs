//! Opening a database: migrations both ways, many openers at once, and one server per SQLite file.

use diesel::{Connection as _, SqliteConnection};
use diesel_async::{AsyncConnection as _, AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::MigrationHarness as _;
use messaging::clock::Clock;
use messaging::domain::message::Guarantee;
use messaging::store::{Accepted, Config, Error, POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS, Store, Terms, Url};
use tokio_util::sync::CancellationToken;

use crate::support::database::on_both_databases;
use crate::support::messages::{queued, start};
use crate::support::postgres::fresh_database;
use crate::support::store::Rig;

on_both_databases![Rig::on => migrations_go_down_to_nothing_and_up_again];

async fn open(url: &str, serving: bool) -> Result<Store, Error> {
    let config = Config { url: Url::parse(url).unwrap(), pool_size: 2, pseudonym_key: None };
    Store::open(&config, Clock::manual(start()), serving).await
}

async fn tables(rig: &Rig) -> i64 {
    let ours = if rig.is_postgres() {
        "information_schema.tables WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_diesel%'"
    } else {
        "sqlite_schema WHERE type = 'table' AND name NOT LIKE '#_#_diesel%' ESCAPE '#' AND name NOT LIKE 'sqlite%'"
    };
    rig.count(ours).await
}

async fn migrations_go_down_to_nothing_and_up_again(rig: Rig) {
    // SQLite has one more: the counter of the journal.
    let all = if rig.is_postgres() { 25 } else { 26 };
    assert_eq!(tables(&rig).await, all);
    if rig.is_postgres() {
        let connection = AsyncPgConnection::establish(&rig.address).await.unwrap();
        AsyncMigrationHarness::new(connection).revert_all_migrations(POSTGRES_MIGRATIONS).unwrap();
    } else {
        let mut connection = SqliteConnection::establish(&rig.address).unwrap();
        connection.revert_all_migrations(SQLITE_MIGRATIONS).unwrap();
    }
    assert_eq!(tables(&rig).await, 0);

    let again = Store::open(&rig.config, rig.clock.clone(), false).await.unwrap();
    assert_eq!(tables(&rig).await, all);
    assert!(again.users(None, 10).await.unwrap().is_empty());
    let owner = rig.owner().await;
    rig.queued(owner).await;
}

async fn open_together(url: &str) {
    let opens = (0..6).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move { open(&url, false).await.unwrap().ping().await })
    });
    for opened in futures::future::join_all(opens).await {
        opened.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn several_processes_open_one_new_postgres_database_at_once() {
    let (url, _guard) = fresh_database().await;
    open_together(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn several_processes_open_one_new_sqlite_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    open_together(&format!("sqlite://{}", folder.path().join("new/folder/m.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_of_an_sqlite_file_is_refused_and_told_who_serves() {
    let rig = Rig::sqlite().await;
    let url = format!("sqlite://{}", rig.address);
    match open(&url, true).await {
        Err(Error::Serving { path, holder }) => {
            assert_eq!((path, holder), (rig.address.clone(), std::process::id().to_string()));
        }
        other => panic!("{:?}", other.err()),
    }
    let command = open(&url, false).await.unwrap();
    let user = command.create_user("from a command", None).await.unwrap();
    assert!(rig.store.user(user).await.unwrap().is_some());

    let folder = rig.close();
    open(&url, true).await.unwrap();
    drop(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_is_unavailable() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let opened = open(&format!("postgres://nobody@127.0.0.1:{port}/none"), true).await;
    assert!(matches!(opened, Err(Error::Unavailable(_))), "{:?}", opened.err());
}

#[test]
fn an_address_is_read_or_refused_and_never_shown() {
    let url = Url::parse("postgres://user:secret@host/db").unwrap();
    assert_eq!(format!("{url:?}"), "Postgres(…)");
    for bad in ["", "mysql://host/db", "sqlite://", "sqlite://a?mode=ro", "sqlite://:memory:", "postgres://h:port/db"] {
        assert!(Url::parse(bad).is_none(), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_make_no_tables_serves_a_database_that_lacks_no_migration() {
    let rig = Rig::postgres().await;
    let url = url::Url::parse(&rig.address).unwrap();
    let role = format!("serving_{}", url.path().trim_start_matches('/').replace('-', "_"));
    for statement in [
        format!("CREATE ROLE {role} LOGIN"),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
        format!("GRANT USAGE ON SCHEMA public TO {role}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"),
        format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"),
    ] {
        rig.execute(&statement).await;
    }
    let mut of_role = url.clone();
    of_role.set_username(&role).unwrap();
    let store = open(of_role.as_str(), true).await.unwrap();
    let owner = store.create_user("somebody", None).await.unwrap();
    let message = queued(owner, Guarantee::AtLeastOnce, start());
    let stored = store.accept(message, None, Terms::default(), CancellationToken::new()).await;
    assert!(matches!(stored, Ok(Accepted::New(_))));
    drop(store);

    rig.execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261130110000'").await;
    let refused = open(of_role.as_str(), true).await.err().unwrap().to_string();
    assert!(refused.contains("lacks 1 migrations") && refused.contains("messaging migrate"), "{refused}");
    rig.execute(&format!("DROP OWNED BY {role}")).await;
    rig.execute(&format!("DROP ROLE {role}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sqlite_file_is_served_once_by_whatever_name() {
    let folder = tempfile::tempdir().unwrap();
    let [file, link, other] = ["m.db", "link.db", "other.db"].map(|name| folder.path().join(name));
    let url = |path: &std::path::Path| format!("sqlite://{}", path.display());
    // A link to what is made by the first start.
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let first = open(&url(&link), true).await.unwrap();
    assert!(matches!(open(&url(&file), true).await, Err(Error::Serving { .. })));
    drop(first);
    // By another hard link it would have another journal, of which SQLite knows nothing.
    std::fs::hard_link(&file, &other).unwrap();
    for path in [&file, &other] {
        let refused = open(&url(path), true).await.err().unwrap().to_string();
        assert!(refused.contains("hard link"), "{refused}");
    }
}
