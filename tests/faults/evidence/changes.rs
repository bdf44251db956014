//! The harness's own statements that change something, and what they go by.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde::Deserialize;

use super::tables::Tables;

/// The messages that wait to be sent in bulk calls: `Dispatch::Queued`, `Guarantee::AtLeastOnce`.
const QUEUED_IN_BULK: &str =
    "FROM messages WHERE dispatch = 1 AND lane <> 0 AND delivery_guarantee = 1 ORDER BY id DESC";

#[derive(Deserialize)]
struct Id {
    id: String,
}

impl Tables {
    async fn change(&self, statements: String) {
        match self {
            Self::Sqlite(path) => {
                let path = path.display().to_string();
                let change = move || {
                    let mut connection = SqliteConnection::establish(&path).unwrap();
                    connection.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
                    connection.batch_execute(&statements).unwrap();
                };
                tokio::task::spawn_blocking(change).await.unwrap();
            }
            Self::Postgres(client) => client.batch_execute(&statements).await.unwrap(),
        }
    }

    /// How many messages wait for their time.
    pub async fn scheduled(&self) -> usize {
        self.rows::<Id>(&[("id", "id(id)")], "FROM messages WHERE dispatch = 0").await.len()
    }

    /// Lets what waits for its time be due so much sooner.
    pub async fn bring_forward(&self, seconds: i64) {
        let sooner = match self {
            Self::Sqlite(_) => format!("due_at - {seconds}000000"),
            Self::Postgres(_) => format!("due_at - interval '{seconds} seconds'"),
        };
        self.change(format!("UPDATE messages SET due_at = {sooner} WHERE dispatch = 0")).await;
    }

    /// The ids' digits of what waits to be sent in bulk calls, the last first.
    pub async fn queued(&self) -> Vec<String> {
        self.rows::<Id>(&[("id", "id(id)")], QUEUED_IN_BULK).await.into_iter().map(|row| row.id).collect()
    }

    /// Has the database refuse every change of a message; with `settled` only those that say what became of it once it was
    /// being sent.
    pub async fn refuse(&self, id: &str, settled: bool) {
        let settled = if settled { " AND OLD.dispatch = 3" } else { "" };
        self.change(match self {
            Self::Sqlite(_) => format!(
                "CREATE TRIGGER refuse_{id} BEFORE UPDATE ON messages WHEN OLD.id = x'{id}'{settled} \
                 BEGIN SELECT RAISE(ABORT, 'refused'); END"
            ),
            Self::Postgres(_) => format!(
                "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'refused'; END $$; \
                 CREATE TRIGGER refuse_{id} BEFORE UPDATE ON messages FOR EACH ROW \
                 WHEN (OLD.id = CAST('{id}' AS uuid){settled}) EXECUTE FUNCTION refuse()"
            ),
        })
        .await;
    }

    /// Takes those back.
    pub async fn allow(&self, ids: &[String]) {
        for id in ids {
            self.change(match self {
                Self::Sqlite(_) => format!("DROP TRIGGER refuse_{id}"),
                Self::Postgres(_) => format!("DROP TRIGGER refuse_{id} ON messages"),
            })
            .await;
        }
    }
}
