//! SQLite as it is used here: compiled for it, with statements that make no table of their own, by a writer that waits for nobody.

use std::time::Duration;

use diesel::sql_types::{Integer, Text};
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use messaging::domain::message::Guarantee;
use messaging::store::Error;
use tokio::time::Instant;

use crate::support::messages::queued;
use crate::support::store::{ME, Rig, accept};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(rig: &Rig, query: &str) -> Vec<String> {
    let mut connection = SqliteConnection::establish(&rig.address).unwrap();
    let lines: Vec<Line> = diesel::sql_query(query).load(&mut connection).unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

/// The plan for a page of a list of this table with this filter.
pub fn plan(rig: &Rig, table: &str, filter: &str) -> String {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }
    let mut connection = SqliteConnection::establish(&rig.address).unwrap();
    let list = format!("SELECT * FROM {table} WHERE owner_id = 1 AND id < x'ff' {filter} ORDER BY id DESC LIMIT 50");
    let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {list}")).load(&mut connection).unwrap();
    steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("; ")
}

/// The steps of SQLite's machine that run this statement.
fn steps(rig: &Rig, statement: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        opcode: String,
        #[diesel(sql_type = Integer)]
        addr: i32,
    }
    let mut connection = SqliteConnection::establish(&rig.address).unwrap();
    let mut steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN {statement}")).load(&mut connection).unwrap();
    steps.sort_by_key(|step| step.addr);
    steps.into_iter().map(|step| step.opcode).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_compiled_for_how_it_is_used() {
    let rig = Rig::sqlite().await;
    let options = lines(&rig, "SELECT compile_options AS line FROM pragma_compile_options");
    for wanted in ["THREADSAFE=2", "DEFAULT_MEMSTATUS=0"] {
        assert!(options.iter().any(|option| option == wanted), "{wanted} is not among {options:?}");
    }
    // With the first a statement is compiled again whenever another LIMIT is bound.
    for unwanted in ["ENABLE_STAT4", "ENABLE_MEMORY_MANAGEMENT", "ENABLE_FTS5"] {
        assert!(options.iter().all(|option| option != unwanted), "{unwanted}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_of_a_message_makes_a_table_of_its_own() {
    let rig = Rig::sqlite().await;
    let columns = lines(&rig, "SELECT name AS line FROM pragma_table_info('messages')");
    let nothing = vec!["?"; columns.len()].join(", ");
    let changed: Vec<String> = columns.iter().filter(|name| *name != "id").map(|name| format!("{name} = ?")).collect();
    for statement in [
        format!("INSERT INTO messages ({}) VALUES ({nothing})", columns.join(", ")),
        format!("UPDATE messages SET {} WHERE id = ? AND version = ?", changed.join(", ")),
        "UPDATE journal SET place = max(place + 1, ?)".to_owned(),
    ] {
        let steps = steps(&rig, &statement);
        assert!(steps.iter().any(|step| step == "Transaction"), "{steps:?}");
        assert!(!steps.iter().any(|step| step == "OpenEphemeral"), "{statement}");
    }
}

/// The clock of the runtime moves when it is moved, or when all wait for it.
#[tokio::test(start_paused = true)]
async fn callers_wait_for_commits_and_for_no_timer() {
    let rig = Rig::sqlite().await;
    let owner = rig.owner().await;
    let begun = Instant::now();
    for _ in 0..4 {
        // Company of sixteen: a writer that hoped for more would wait for it the next time.
        futures::future::join_all((0..16).map(|_| rig.queued(owner))).await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_while_the_file_is_not_where_it_was_opened() {
    let rig = Rig::sqlite().await;
    let owner = rig.owner().await;
    let kept = rig.queued(owner).await;
    let aside = format!("{}.aside", rig.address);
    let message = queued(owner, Guarantee::AtMostOnce, rig.clock.now());
    for another in [false, true] {
        std::fs::rename(&rig.address, &aside).unwrap();
        if another {
            std::fs::write(&rig.address, "").unwrap();
        }
        let refused = accept(&rig.store, &message).await.err();
        assert!(matches!(refused, Some(Error::Unavailable(_))), "{refused:?}");
        let ready = rig.store.note_process(ME, 0).await;
        assert!(matches!(ready, Err(Error::Unavailable(_))), "{ready:?}");
        std::fs::rename(&aside, &rig.address).unwrap();
    }
    // It is back, and so is what was in it.
    rig.stored(message).await;
    rig.claimed(&kept).await;
}
