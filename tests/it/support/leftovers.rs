//! What no test leaves behind without saying so: panics of its tasks, open transactions, messages in somebody's hands, work
//! that is due.

use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use messaging::store::Url;
use tokio::runtime::{Handle, Id};

use super::postgres;

/// The panics so far, by the runtime whose task or thread it was.
static PANICS: Mutex<Vec<(Id, String)>> = Mutex::new(Vec::new());

/// Notes every panic from now on, whoever catches it. Panics are printed as before.
pub fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if let Ok(runtime) = Handle::try_current() {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push((runtime.id(), info.to_string()));
            }
            before(info);
        }));
    });
}

/// The panics in this runtime.
pub fn panics(runtime: Id) -> Vec<String> {
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    panics.iter().filter(|(id, _)| *id == runtime).map(|(_, text)| text.clone()).collect()
}

/// What is in a database that a test is done with.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// What must never be left: transactions, and messages that a process holds.
    pub held: Vec<&'static str>,
    /// What is due, and was not done.
    pub due: Vec<&'static str>,
}

/// What must never be left, as conditions on tables.
const HELD: [(&str, &str); 2] = [
    ("a message is claimed", "messages WHERE dispatch = 2"),
    ("a message is being sent", "messages WHERE dispatch = 3"),
];

/// What would be done by now if the workers ran; `$now` is the time.
const DUE: [(&str, &str); 3] = [
    ("a message is due", "messages WHERE due_at <= $now"),
    ("a report waits", "reports WHERE state = 1 AND due_at <= $now"),
    ("an inbound message waits", "inbound WHERE state = 1 AND due_at <= $now"),
];

/// How long what is under way in the background may take to end.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What is left at `now`. What is still under way in the background may end meanwhile, within the patience.
pub fn leftovers(url: Url, now: Timestamp, patience: Duration) -> Leftovers {
    // The test's own runtime cannot be waited for from inside it.
    let looked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(settled(&url, now, patience))
    });
    looked.join().expect("the database is looked at")
}

async fn settled(url: &Url, now: Timestamp, patience: Duration) -> Leftovers {
    let until = tokio::time::Instant::now() + patience;
    loop {
        let held = held(url).await;
        if held.is_empty() || tokio::time::Instant::now() >= until {
            return Leftovers { held, due: due(url, now).await };
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn held(url: &Url) -> Vec<&'static str> {
    let mut held = Vec::new();
    let open = match url {
        Url::Postgres(url) => {
            let others = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                          AND backend_type = 'client backend' AND xact_start IS NOT NULL";
            postgres::count(url, others).await > 0
        }
        Url::Sqlite(path) => written_to(path),
    };
    if open {
        held.push("a transaction is open");
    }
    for (what, rows) in HELD {
        if super::store::count(url, rows).await > 0 {
            held.push(what);
        }
    }
    held
}

/// Whether somebody is writing to the file.
fn written_to(path: &str) -> bool {
    use diesel::Connection as _;
    use diesel::connection::SimpleConnection as _;
    let mut connection = diesel::SqliteConnection::establish(path).expect("the file is there");
    connection.batch_execute("PRAGMA busy_timeout = 100; BEGIN IMMEDIATE; ROLLBACK").is_err()
}

async fn due(url: &Url, now: Timestamp) -> Vec<&'static str> {
    let now = match url {
        Url::Postgres(_) => format!("'{now}'::timestamptz"),
        Url::Sqlite(_) => now.as_microsecond().to_string(),
    };
    let mut due = Vec::new();
    for (what, rows) in DUE {
        if super::store::count(url, &rows.replace("$now", &now)).await > 0 {
            due.push(what);
        }
    }
    due
}

mod tests {
    use messaging::domain::message::Guarantee;

    use super::{Leftovers, leftovers};
    use crate::support::app::TestApp;
    use crate::support::database::{Kind, on_both_databases};
    use crate::support::messages::queued;
    use crate::support::store::Rig;
    use std::time::Duration;

    on_both_databases! { Rig::on =>
        async fn a_message_that_is_due_is_work_and_one_that_is_held_is_a_leftover(rig) {
            let look = |rig: &Rig| leftovers(rig.config.url.clone(), rig.clock.now(), Duration::ZERO);
            let owner = rig.owner().await;
            let Leftovers { held, due } = look(&rig);
            assert_eq!((held, due), (vec![], vec![]));
            let message = rig.stored(queued(owner, Guarantee::AtMostOnce, rig.clock.now())).await;
            assert_eq!(look(&rig).due, ["a message is due"]);
            let claimed = rig.claimed(&message).await;
            let Leftovers { held, due } = look(&rig);
            assert_eq!((held, due), (vec!["a message is claimed"], vec![]));
            rig.apply(message.id, rig.fence(claimed.lease().unwrap())).await.result.unwrap();
            assert_eq!(look(&rig).held, ["a message is being sent"]);
        }

        async fn a_transaction_that_is_open_is_a_leftover(rig) {
            let look = |rig: &Rig| leftovers(rig.config.url.clone(), rig.clock.now(), Duration::ZERO);
            let postgres = if rig.is_postgres() {
                let connection = crate::support::postgres::connect(&rig.address).await.unwrap();
                connection.batch_execute("BEGIN; SELECT 1").await.unwrap();
                Some(connection)
            } else {
                None
            };
            let sqlite = (!rig.is_postgres()).then(|| {
                use diesel::Connection as _;
                use diesel::connection::SimpleConnection as _;
                let mut connection = diesel::SqliteConnection::establish(&rig.address).unwrap();
                connection.batch_execute("BEGIN IMMEDIATE").unwrap();
                connection
            });
            assert_eq!(look(&rig).held, ["a transaction is open"]);
            drop((postgres, sqlite));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[should_panic(expected = "a task of the test panicked")]
    async fn a_panic_in_a_task_fails_the_test_whoever_catches_it() {
        let _app = TestApp::start(Kind::Sqlite).await;
        let _ = tokio::spawn(async { panic!("somewhere in the background") }).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[should_panic(expected = "at the test's end a message is due: do it, or say leaves_work")]
    async fn work_that_is_left_fails_the_test() {
        let app = TestApp::start(Kind::Sqlite).await;
        let message = queued(app.alice, Guarantee::AtMostOnce, app.clock.now());
        crate::support::store::accept(&app.store, &message).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[should_panic(expected = "the test leaves no work, and need not say")]
    async fn an_excuse_for_work_that_is_not_left_fails_the_test() {
        TestApp::start(Kind::Sqlite).await.leaves_work("of no reason");
    }
}
