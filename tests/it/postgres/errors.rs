//! What a real server reports arrives by its SQLSTATE.

use std::io::Write as _;

use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use messaging::postgres::{Class, Faults, SqlState, configuration, connect};

use crate::support::postgres::{Guard, administer, count, fresh_database};
use crate::support::store::eventually;

/// A database with a table of two rows.
async fn database() -> (String, Guard) {
    let (url, guard) = fresh_database().await;
    let (mut client, _) = open(&url).await;
    client.batch_execute("CREATE TABLE note (id int PRIMARY KEY); INSERT INTO note VALUES (1), (2)").await.unwrap();
    (url, guard)
}

async fn open(url: &str) -> (AsyncPgConnection, Faults) {
    connect(&configuration(url).unwrap()).await.unwrap()
}

fn state(code: &str) -> Option<SqlState> {
    SqlState::parse(code.as_bytes())
}

#[tokio::test]
async fn nothing_is_wrong_with_a_new_connection_and_with_what_works() {
    let (url, _guard) = database().await;
    let (mut client, faults) = open(&url).await;
    assert_eq!(faults.take(), None);
    client.batch_execute("DO $$ BEGIN RAISE WARNING 'only a warning'; END $$").await.unwrap();
    diesel::sql_query("SELECT * FROM note").execute(&mut client).await.unwrap();
    assert_eq!(faults.take(), None);
}

#[tokio::test]
async fn a_row_that_is_there_already_is_23505() {
    let (url, _guard) = database().await;
    let (mut client, faults) = open(&url).await;
    diesel::sql_query("INSERT INTO note VALUES (1)").execute(&mut client).await.unwrap_err();
    assert_eq!(faults.take(), state("23505"));
    assert_eq!(faults.take(), None);
    diesel::sql_query("INSERT INTO note VALUES (3)").execute(&mut client).await.unwrap();
    assert_eq!(faults.take(), None);
}

#[tokio::test]
async fn of_two_that_wait_for_each_other_one_gets_40p01() {
    let (url, _guard) = database().await;
    let ((mut one, ones), (mut two, twos)) = tokio::join!(open(&url), open(&url));
    for (client, id) in [(&mut one, 1), (&mut two, 2)] {
        let lock = format!("SET deadlock_timeout = '10ms'; BEGIN; SELECT FROM note WHERE id = {id} FOR UPDATE");
        client.batch_execute(&lock).await.unwrap();
    }
    // Whoever gives way ends its transaction, for which the other one waits.
    let lock = async |client: &mut AsyncPgConnection, id: i32| {
        let locked = client.batch_execute(&format!("SELECT FROM note WHERE id = {id} FOR UPDATE")).await;
        client.batch_execute("ROLLBACK").await.unwrap();
        locked.is_ok()
    };
    let won = tokio::join!(lock(&mut one, 2), lock(&mut two, 1));
    let (lost, other) = if won.0 { (twos, ones) } else { (ones, twos) };
    assert!(won.0 != won.1, "{won:?}");
    let fault = lost.take();
    assert_eq!((fault, fault.map(SqlState::class)), (state("40P01"), Some(Class::Race)));
    assert_eq!(other.take(), None);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_57014() {
    let (url, _guard) = database().await;
    let (mut client, faults) = open(&url).await;
    client.batch_execute("SET statement_timeout = 1").await.unwrap();
    client.batch_execute("SELECT pg_sleep(60)").await.unwrap_err();
    assert_eq!(faults.take(), state("57014"));
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_57p01_in_mid_statement_and_in_silence() {
    let (url, _guard) = database().await;
    for busy in [true, false] {
        let (mut client, faults) = open(&url).await;
        let pid: Pid = diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result(&mut client).await.unwrap();
        // Comes back when the backend is gone.
        let end = format!("SELECT pg_terminate_backend({}, 10000)", pid.pid);
        let ended = if busy {
            let busy = async {
                let asleep = format!("pg_stat_activity WHERE pid = {} AND wait_event = 'PgSleep'", pid.pid);
                eventually(async || count(&url, &asleep).await == 1).await;
                administer(&end).await.unwrap();
            };
            tokio::join!(client.batch_execute("SELECT pg_sleep(60)"), busy).0
        } else {
            administer(&end).await.unwrap();
            client.batch_execute("SELECT 1").await
        };
        assert!(ended.is_err());
        let fault = faults.take();
        assert_eq!((fault, fault.map(SqlState::class)), (state("57P01"), Some(Class::Unavailable)), "busy: {busy}");
        assert!(client.batch_execute("SELECT 1").await.is_err());
    }
}

#[derive(diesel::QueryableByName)]
struct Pid {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pid: i32,
}

#[tokio::test]
async fn of_two_errors_in_one_pipeline_the_first_is_kept() {
    let (url, _guard) = database().await;
    let (mut client, faults) = open(&url).await;
    client.batch_execute("BEGIN").await.unwrap();
    let (mut first, mut second) = (&client, &client);
    let (duplicate, after) = tokio::join!(
        diesel::sql_query("INSERT INTO note VALUES (1)").execute(&mut first),
        diesel::sql_query("SELECT 1").execute(&mut second),
    );
    assert!(duplicate.is_err());
    assert!(after.unwrap_err().to_string().contains("current transaction is aborted"));
    assert_eq!(faults.take(), state("23505"));

    client.batch_execute("SELECT 1").await.unwrap_err();
    assert_eq!(faults.take(), state("25P02"));
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(faults.take(), None);
}

#[tokio::test]
async fn an_error_is_the_same_in_every_language_of_the_server() {
    let (url, _guard) = database().await;
    let (mut client, faults) = open(&url).await;
    // glibc translates for C.UTF-8, too, if the variable LANGUAGE of the server names a language.
    let languages = ["de_DE.UTF-8", "el_GR.UTF-8", "fr_FR.UTF-8", "es_ES.UTF-8", "ja_JP.UTF-8", "C.UTF-8"];
    let mut foreign = 0;
    for language in languages {
        // A language that the server has not, or a role that may not choose one, is an error, which is taken.
        let chosen = diesel::sql_query("SELECT set_config('lc_messages', $1, false)").bind::<Text, _>(language);
        if chosen.execute(&mut client).await.is_err() {
            assert!(faults.take().is_some());
            continue;
        }
        let text = client.batch_execute("SELECT 1 / 0").await.unwrap_err().to_string();
        assert_eq!(faults.take(), state("22012"), "{language}: {text}");
        foreign += usize::from(text != "division by zero");
    }
    if foreign == 0 {
        // Not by a macro, whose words the test runner keeps to itself.
        let untried = "NOT TRIED: this server speaks English alone, so no other language was seen";
        writeln!(std::io::stderr(), "{untried}").unwrap();
    }
}
