//! The rows that a send leaves behind, written as fast as either database takes them: on Postgres unnested arrays, on
//! SQLite prepared single-row statements, a transaction around each batch. What is NULL is left out.

use diesel::connection::SimpleConnection as _;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, SmallInt, Text};
use diesel::sqlite::Sqlite;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use messaging::clock::Clock;
use messaging::domain::ids::MessageId;
use serde_json::json;

use crate::client::TEXT;
use crate::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::columns::{Guid, Instant};
use crate::posts::body;
use crate::program::{ACCOUNT, SENDER};

/// Messages in one transaction.
pub const BATCH: u32 = 1000;

macro_rules! table {
    ($row:ident, $many:ident, $into:literal, { $($column:ident: $rust:ty => $sql:ty),* $(,)? }) => {
        #[derive(QueryId)]
        struct $row { $($column: $rust),* }

        #[derive(Default, QueryId)]
        struct $many { $($column: Vec<$rust>),* }

        impl From<Vec<$row>> for $many {
            fn from(rows: Vec<$row>) -> Self {
                let mut columns = Self::default();
                for row in rows {
                    $(columns.$column.push(row.$column);)*
                }
                columns
            }
        }

        impl QueryFragment<Pg> for $many {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                let names = [$(stringify!($column)),*].join(", ");
                out.push_sql(&format!("INSERT INTO {} ({names}) SELECT * FROM UNNEST", $into));
                let mut separator = "(";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<Array<$sql>, Vec<$rust>>(&self.$column)?;
                    separator = ", ";
                )*
                let _ = separator;
                out.push_sql(")");
                Ok(())
            }
        }

        impl QueryFragment<Sqlite> for $row {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                let names = [$(stringify!($column)),*].join(", ");
                out.push_sql(&format!("INSERT INTO {} ({names}) VALUES ", $into));
                let mut separator = "(";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<$sql, $rust>(&self.$column)?;
                    separator = ", ";
                )*
                let _ = separator;
                out.push_sql(")");
                Ok(())
            }
        }

        impl RunQueryDsl<SqliteConnection> for &$row {}
    };
}

table!(Message, Messages, "messages", {
    id: Guid => GuidSql, owner_id: i64 => BigInt, destination: String => Text, text: String => Text,
    sender: String => Text, traffic_account_id: String => Text, segments: i16 => SmallInt, encoding: i16 => SmallInt,
    delivery_guarantee: i16 => SmallInt, created_at: Instant => InstantSql, expires_at: Instant => InstantSql,
    dispatch: i16 => SmallInt, delivery_rank: i16 => SmallInt, status: i16 => SmallInt, evidence_hash: i64 => BigInt,
    provider_message_id: String => Text, attempts: i32 => Integer, ambiguous: i16 => SmallInt,
    crashes: i16 => SmallInt, possible_duplicate: bool => Bool, epoch: i32 => Integer, sent_at: Instant => InstantSql,
    updated_at: Instant => InstantSql, version: i32 => Integer,
});

table!(Event, Events, "events", {
    message_id: Guid => GuidSql, version: i32 => Integer, owner_id: i64 => BigInt, at: Instant => InstantSql,
    kind: i16 => SmallInt, from_status: i16 => SmallInt, to_status: i16 => SmallInt, attempt: i32 => Integer,
    evidence: String => Text,
});

table!(ReportRow, ReportRows, "reports", {
    id: Guid => GuidSql, received_at: Instant => InstantSql, form: i16 => SmallInt, body: Vec<u8> => Binary,
    provider_message_id: String => Text, state: i16 => SmallInt, tries: i16 => SmallInt, due_at: Instant => InstantSql,
});

/// Reports that are inserted together.
pub struct Reports(Vec<ReportRow>);

/// New reports, `count` of them from the `from`th on, as they are before they are applied.
pub fn reports(from: u32, count: u32) -> Reports {
    let now = Clock::system().now();
    let row = |number: u32| ReportRow {
        id: Guid(uuid::Uuid::new_v4()),
        received_at: Instant(now),
        form: 1,
        body: body(number, u32::MAX, now).into_bytes(),
        provider_message_id: format!("p-{number}"),
        state: 1,
        tries: 0,
        due_at: Instant(now),
    };
    Reports((from..from + count).map(row).collect())
}

/// A batch of messages and their events.
pub struct Batch {
    messages: Vec<Message>,
    events: Vec<Event>,
}

/// New messages, as they are after the provider took them.
pub fn batch() -> Batch {
    let clock = Clock::system();
    let mut batch = Batch { messages: Vec::new(), events: Vec::new() };
    for number in 0..BATCH {
        let now = clock.now();
        let (id, at) = (Guid(MessageId::new(now).0), Instant(now));
        let provider_message_id = ulid::Ulid::generate().to_string();
        let raw = json!({"messages": [{"messageId": provider_message_id, "trafficAccountId": ACCOUNT}]});
        let evidence = json!({"outcome": "accepted", "provider_message_id": provider_message_id, "raw": raw});
        let event = |version, kind, from_status, to_status, evidence| Event {
            message_id: id,
            version,
            owner_id: 1,
            at,
            kind,
            from_status,
            to_status,
            attempt: 1,
            evidence,
        };
        batch.events.push(event(1, 1, 0, 3, "null".to_owned()));
        batch.events.push(event(2, 3, 3, 4, evidence.to_string()));
        batch.messages.push(Message {
            id,
            owner_id: 1,
            destination: format!("+30690000{}", 1000 + number),
            text: TEXT.to_owned(),
            sender: SENDER.to_owned(),
            traffic_account_id: ACCOUNT.to_owned(),
            segments: 1,
            encoding: 1,
            delivery_guarantee: 1,
            created_at: at,
            expires_at: at,
            dispatch: 5,
            delivery_rank: 0,
            status: 4,
            evidence_hash: 0,
            provider_message_id,
            attempts: 1,
            ambiguous: 0,
            crashes: 0,
            possible_duplicate: false,
            epoch: 1,
            sent_at: at,
            updated_at: at,
            version: 2,
        });
    }
    batch
}

/// One connection.
pub enum Sink {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<AsyncPgConnection>),
}

impl Sink {
    pub async fn open(url: &str) -> Self {
        let Some(path) = url.strip_prefix("sqlite://") else {
            return Self::Postgres(Box::new(AsyncPgConnection::establish(url).await.unwrap()));
        };
        let mut connection = SqliteConnection::establish(path).unwrap();
        connection
            .batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8000")
            .unwrap();
        Self::Sqlite(Box::new(connection))
    }

    pub async fn write_reports(&mut self, Reports(rows): Reports) {
        match self {
            Self::Sqlite(c) => {
                let write = |c: &mut SqliteConnection| rows.iter().try_for_each(|row| row.execute(c).map(drop));
                c.immediate_transaction::<_, diesel::result::Error, _>(write).unwrap();
            }
            Self::Postgres(c) => {
                use diesel_async::RunQueryDsl as _;
                ReportRows::from(rows).execute(c).await.unwrap();
            }
        }
    }

    pub async fn write(&mut self, batch: Batch) {
        match self {
            Self::Sqlite(c) => {
                let write = |c: &mut SqliteConnection| {
                    batch.messages.iter().try_for_each(|row| row.execute(c).map(drop))?;
                    batch.events.iter().try_for_each(|row| row.execute(c).map(drop))
                };
                c.immediate_transaction::<_, diesel::result::Error, _>(write).unwrap();
            }
            Self::Postgres(c) => {
                use diesel_async::RunQueryDsl as _;
                let (messages, events) = (Messages::from(batch.messages), Events::from(batch.events));
                let write = async |c: &mut AsyncPgConnection| {
                    messages.execute(c).await?;
                    events.execute(c).await
                };
                c.as_mut().transaction::<_, diesel::result::Error, _>(write).await.unwrap();
            }
        }
    }
}
