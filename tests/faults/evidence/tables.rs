//! The tables, read with the harness's own statements on either database.

use std::collections::HashMap;
use std::path::PathBuf;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use messaging::domain::message::Guarantee;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Client;

use crate::fleet::{Database, connect};

/// A row of `messages`. The numbers are those of `src/domain`.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// The id's digits.
    pub id: String,
    pub campaign: Option<i64>,
    /// The campaign whose start made it; 0 for a single send.
    pub lane: i64,
    pub destination: String,
    pub guarantee: i16,
    pub dispatch: i16,
    pub status: i16,
    pub provider_id: Option<String>,
    pub error_code: Option<String>,
    pub attempts: i64,
    pub possible_duplicate: i16,
    /// 1 if something is to happen to it yet.
    pub due: i16,
    /// The statements on its delivery, and when, in microseconds.
    pub rank: i16,
    pub evidence_at: Option<i64>,
    pub evidence_hash: i64,
    pub word: Option<String>,
    pub error: Option<String>,
    pub delivered_at: Option<i64>,
    pub failed_at: Option<i64>,
}

impl Message {
    /// Whether it goes out together with others, in bulk calls.
    pub fn in_bulk(&self) -> bool {
        self.lane != 0 && self.guarantee == Guarantee::AtLeastOnce as i16
    }
}

/// A row of `events`.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    pub message: String,
    pub version: i64,
    pub kind: i16,
    pub from: i16,
    pub to: i16,
}

/// A row of `reports`.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    /// The posted body, in hex.
    pub body: String,
    pub form: i16,
    pub state: i16,
}

/// A row of `idempotency_keys`.
#[derive(Debug, Clone, Deserialize)]
struct Key {
    key: String,
    message: Option<String>,
}

/// How many messages of a campaign have a status.
#[derive(Debug, Clone, Deserialize)]
struct Count {
    campaign: i64,
    status: i16,
    n: i64,
}

/// Everything that is read once the replicas have stopped.
pub struct Rows {
    pub messages: Vec<Message>,
    /// In the order of their versions, by message.
    pub events: HashMap<String, Vec<Event>>,
    /// Which message a key stands for.
    pub keys: HashMap<String, String>,
    pub reports: Vec<Report>,
    /// By campaign and status, without zeroes: what the counters say, and what the messages are. Status 0 are those that the
    /// provider took.
    pub counters: HashMap<(i64, i16), i64>,
    pub counted: HashMap<(i64, i16), i64>,
}

/// A change of a message that endpoints are told of.
#[derive(Debug, Deserialize)]
pub struct JournalRow {
    /// The message's id, 32 digits.
    pub message: String,
    pub version: i32,
}

/// An event that an endpoint did not take yet.
#[derive(Debug, Deserialize)]
pub struct ExceptionRow {
    /// The endpoint's id, 32 digits.
    pub endpoint: String,
    message: String,
    version: i32,
}

impl ExceptionRow {
    /// The id of the event.
    pub fn event_id(&self) -> String {
        format!("evt_{}_{}", self.message, self.version)
    }
}

impl JournalRow {
    /// The id of the event.
    pub fn event_id(&self) -> String {
        format!("evt_{}_{}", self.message, self.version)
    }
}

/// A way to read either database.
pub enum Tables {
    Sqlite(PathBuf),
    Postgres(Client),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl Tables {
    pub async fn open(database: &Database) -> Self {
        match database {
            Database::Sqlite(path) => Self::Sqlite(path.clone()),
            Database::Postgres { url, .. } => Self::Postgres(connect(url).await.expect("the server answers")),
        }
    }

    /// Every row of `what` (from `FROM` on) as an object of these columns: a name, and an expression, in which `id(x)` stands
    /// for an id's digits, `hex(x)` for bytes and `micros(x)` for a time.
    pub(super) async fn rows<T: DeserializeOwned>(&self, columns: &[(&str, &str)], what: &str) -> Vec<T> {
        let object = match self {
            Self::Sqlite(_) => "json_object",
            Self::Postgres(_) => "json_build_object",
        };
        let expression = |text: &str| {
            let (kind, column) = text.strip_suffix(')').and_then(|text| text.split_once('(')).unwrap_or(("", text));
            match (self, kind) {
                (Self::Sqlite(_), "id" | "hex") => format!("lower(hex({column}))"),
                (Self::Sqlite(_), "micros") => column.to_owned(),
                (Self::Postgres(_), "id") => format!("replace(cast({column} AS text), '-', '')"),
                (Self::Postgres(_), "hex") => format!("encode({column}, 'hex')"),
                (Self::Postgres(_), "micros") => format!("CAST(extract(epoch FROM {column}) * 1000000 AS bigint)"),
                _ => text.to_owned(),
            }
        };
        let columns: Vec<String> =
            columns.iter().map(|(name, text)| format!("'{name}', {}", expression(text))).collect();
        let query = format!("SELECT CAST({object}({}) AS text) AS line {what}", columns.join(", "));
        let lines = match self {
            Self::Sqlite(path) => {
                let path = path.display().to_string();
                let read = move || {
                    let mut connection = SqliteConnection::establish(&path).unwrap();
                    connection.batch_execute("PRAGMA busy_timeout = 10000; PRAGMA query_only = ON").unwrap();
                    diesel::sql_query(query).load::<Line>(&mut connection).unwrap()
                };
                tokio::task::spawn_blocking(read).await.unwrap().into_iter().map(|line| line.line).collect()
            }
            Self::Postgres(client) => {
                let rows = client.query(&query, &[]).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
            }
        };
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The changes that endpoints are told of, in no order.
    pub async fn journal(&self) -> Vec<JournalRow> {
        let columns = [("message", "id(message_id)"), ("version", "version")];
        let told = "FROM events WHERE place IS NOT NULL AND from_status <> to_status AND to_status NOT IN (1, 3)";
        self.rows(&columns, told).await
    }

    /// The events that have tries of their own, or wait behind such.
    pub async fn exceptions(&self) -> Vec<ExceptionRow> {
        let columns = [("endpoint", "id(endpoint_id)"), ("message", "id(message_id)"), ("version", "version")];
        self.rows(&columns, "FROM webhook_exceptions WHERE state = 1").await
    }

    /// How many messages something is about to happen to: scheduled, queued, claimed, sending; with `resends` also those
    /// that wait before they are sent again.
    pub async fn unsettled(&self, resends: bool) -> usize {
        let resending = if resends { "OR dispatch = 6 AND due_at IS NOT NULL" } else { "" };
        let what = format!("FROM messages WHERE dispatch IN (0, 1, 2, 3) {resending}");
        self.rows::<serde_json::Value>(&[("id", "id(id)")], &what).await.len()
    }

    /// How many campaigns somebody has to do something for yet. One whose messages wait before they are sent again is over
    /// when they were, which is waited for with `resends` only.
    pub async fn alive(&self, resends: bool) -> usize {
        let waiting =
            "NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.lane = c.id AND m.dispatch = 6 AND m.due_at IS NOT NULL)";
        let waiting = if resends { "1 = 1" } else { waiting };
        let what = format!(
            "FROM campaigns AS c WHERE c.state <> 1 AND c.ended_at IS NULL AND (c.expanded < c.recipients OR {waiting})"
        );
        self.rows::<serde_json::Value>(&[("id", "c.id")], &what).await.len()
    }

    /// How many reports wait although their message is there.
    pub async fn unapplied(&self) -> usize {
        let what = "FROM reports AS r WHERE r.due_at IS NOT NULL AND (EXISTS (SELECT 1 FROM messages AS m WHERE m.id = \
                    r.message_id) OR EXISTS (SELECT 1 FROM messages AS m WHERE m.provider_message_id = r.provider_message_id))";
        self.rows::<serde_json::Value>(&[("id", "id(r.id)")], what).await.len()
    }

    /// Reads everything.
    pub async fn read(&self) -> Rows {
        let messages = [
            ("id", "id(id)"),
            ("campaign", "campaign_id"),
            ("lane", "lane"),
            ("destination", "destination"),
            ("guarantee", "delivery_guarantee"),
            ("dispatch", "dispatch"),
            ("status", "status"),
            ("provider_id", "provider_message_id"),
            ("error_code", "error_code"),
            ("attempts", "attempts"),
            ("possible_duplicate", "CASE WHEN possible_duplicate THEN 1 ELSE 0 END"),
            ("due", "CASE WHEN due_at IS NULL THEN 0 ELSE 1 END"),
            ("rank", "delivery_rank"),
            ("evidence_at", "micros(evidence_at)"),
            ("evidence_hash", "evidence_hash"),
            ("word", "provider_status"),
            ("error", "error"),
            ("delivered_at", "micros(delivered_at)"),
            ("failed_at", "micros(failed_at)"),
        ];
        let events = [
            ("message", "id(message_id)"),
            ("version", "version"),
            ("kind", "kind"),
            ("from", "from_status"),
            ("to", "to_status"),
        ];
        let count = |n| [("campaign", "campaign_id"), ("status", "status"), ("n", n)];
        let changes = "FROM (SELECT campaign_id, status, n FROM campaign_counters UNION ALL \
                       SELECT campaign_id, status, n FROM campaign_counter_changes) AS c GROUP BY campaign_id, status";
        // 0 stands for those that the provider took.
        let recount = "FROM (SELECT campaign_id, status FROM messages UNION ALL SELECT campaign_id, 0 FROM messages \
                       WHERE sent_at IS NOT NULL OR dispatch = 4) AS m WHERE campaign_id IS NOT NULL \
                       GROUP BY campaign_id, status";
        let mut by_message: HashMap<String, Vec<Event>> = HashMap::new();
        for event in self.rows::<Event>(&events, "FROM events ORDER BY message_id, version").await {
            by_message.entry(event.message.clone()).or_default().push(event);
        }
        let keys: Vec<Key> = self.rows(&[("key", "key"), ("message", "id(message_id)")], "FROM idempotency_keys").await;
        let table = |counts: Vec<Count>| {
            counts.into_iter().filter(|c| c.n != 0).map(|c| ((c.campaign, c.status), c.n)).collect()
        };
        Rows {
            messages: self.rows(&messages, "FROM messages").await,
            events: by_message,
            reports: self.rows(&[("body", "hex(body)"), ("form", "form"), ("state", "state")], "FROM reports").await,
            keys: keys.into_iter().filter_map(|key| Some((key.key, key.message.filter(|m| !m.is_empty())?))).collect(),
            counters: table(self.rows(&count("CAST(sum(n) AS bigint)"), changes).await),
            counted: table(self.rows(&count("count(*)"), recount).await),
        }
    }
}
