//! Reading the old database: read-only, in one snapshot, page by page in the order of the ids.

use jiff::Timestamp;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls, Row};

use super::names::Table;
use super::shape::{Column, Mapping, Shape, fields};
use super::{Campaign, Contact, Error, Message, User};
use crate::postgres;

/// Parameters of Prisma's that a Postgres server's URL does not have.
const OF_PRISMA: [&str; 7] =
    ["schema", "connection_limit", "pool_timeout", "socket_timeout", "pgbouncer", "statement_cache_size", "sslaccept"];

/// One snapshot of everything, that nobody's writes change and that writes nothing. A page of a large table may take longer
/// than any statement of a service should.
const BEGIN: [&str; 2] = [
    "SET default_transaction_read_only = on; SET timezone = 'UTC'; SET statement_timeout = 0; \
     SET idle_in_transaction_session_timeout = 0",
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
];

const COLUMNS: &str = "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
    WHERE table_schema = $1 ORDER BY table_name, ordinal_position";

/// Where the old database is. It may hold a password, so it has no `Debug`.
#[derive(Clone)]
pub struct Url {
    config: tokio_postgres::Config,
    schema: String,
}

impl Url {
    /// Reads it, as Prisma or as Postgres has it; the schema is the parameter `schema`, else `public`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(Error::Url);
        }
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let mut schema = "public".to_owned();
        let mut kept = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if name == "schema" {
                schema =
                    percent_encoding::percent_decode_str(value).decode_utf8().map_err(|_| Error::Url)?.into_owned();
            } else if !OF_PRISMA.contains(&name) {
                kept.push(part);
            }
        }
        let address = if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) };
        let config = postgres::configuration(&address).map_err(|_| Error::Url)?;
        Ok(Self { config, schema })
    }
}

/// The old database, open on one snapshot.
pub struct Source {
    client: Client,
    schema: String,
    shape: Shape,
}

fn unavailable(e: &tokio_postgres::Error) -> Error {
    Error::Unavailable(postgres::describe(e))
}

async fn connect(config: &tokio_postgres::Config) -> Result<Client, Error> {
    // The driver ends with its client.
    if config.get_ssl_mode() == SslMode::Require {
        let tls = postgres::tls().map_err(|e| Error::Unavailable(e.to_string()))?;
        let (client, driver) = config.connect(tls).await.map_err(|e| unavailable(&e))?;
        tokio::spawn(driver);
        Ok(client)
    } else {
        let (client, driver) = config.connect(NoTls).await.map_err(|e| unavailable(&e))?;
        tokio::spawn(driver);
        Ok(client)
    }
}

impl Source {
    /// Opens it, and finds its tables and columns.
    pub async fn open(url: &Url, mappings: &[Mapping]) -> Result<Self, Error> {
        let client = connect(&url.config).await?;
        for statement in BEGIN {
            client.batch_execute(statement).await.map_err(|e| unavailable(&e))?;
        }
        let rows = client.query(COLUMNS, &[&url.schema]).await.map_err(|e| unavailable(&e))?;
        let mut columns = Vec::with_capacity(rows.len());
        for row in &rows {
            let text = |at: usize| row.try_get::<_, String>(at).map_err(|e| unavailable(&e));
            columns.push(Column { table: text(0)?, name: text(1)?, kind: text(2)? });
        }
        // Our own tables have names that the old ones may have, too.
        let ours = |name: &str| columns.iter().any(|c| c.table == "campaign_counters" && c.name == name);
        if ours("campaign_id") {
            columns.retain(|c| !matches!(c.table.as_str(), "users" | "campaigns" | "messages"));
        }
        let shape = Shape::find(&columns, mappings)?;
        Ok(Self { client, schema: url.schema.clone(), shape })
    }

    /// Whether there is such a table.
    #[must_use]
    pub fn has(&self, table: Table) -> bool {
        self.shape.has(table)
    }

    /// How many rows a table has that are to be taken, and the largest id in it.
    pub async fn count(&self, table: Table) -> Result<(i64, i64), Error> {
        let row = self.client.query_one(&self.shape.count(&self.schema, table), &[]).await;
        let row = row.map_err(|e| unavailable(&e))?;
        let number = |at: usize| row.try_get::<_, i64>(at).map_err(|e| unavailable(&e));
        Ok((number(0)?, number(1)?))
    }

    /// Up to `limit` users with larger ids than `after`, in the order of their ids.
    pub async fn users(&self, after: i64, limit: i64) -> Result<Vec<User>, Error> {
        self.page(Table::User, after, limit, |row| {
            Ok(User {
                id: row.id()?,
                name: row.text("name")?.or(row.text("email")?),
                sender: row.text("sender")?,
                created_at: row.time("createdAt")?,
            })
        })
        .await
    }

    /// The same of contacts, of which those alone are read that want no messages.
    pub async fn contacts(&self, after: i64, limit: i64) -> Result<Vec<Contact>, Error> {
        self.page(Table::Contact, after, limit, |row| {
            Ok(Contact {
                id: row.id()?,
                user_id: row.number("userId")?,
                number: row.text("phone")?,
                unsubscribed_at: row.time("unsubscribedAt")?,
            })
        })
        .await
    }

    /// The same of campaigns.
    pub async fn campaigns(&self, after: i64, limit: i64) -> Result<Vec<Campaign>, Error> {
        self.page(Table::Campaign, after, limit, |row| {
            Ok(Campaign {
                id: row.id()?,
                user_id: row.number("userId")?,
                name: row.text("name")?,
                text: row.text("text")?,
                sender: row.text("sender")?,
                status: row.text("status")?,
                created_at: row.time("createdAt")?,
                updated_at: row.time("updatedAt")?,
            })
        })
        .await
    }

    /// The same of messages.
    pub async fn messages(&self, after: i64, limit: i64) -> Result<Vec<Message>, Error> {
        self.page(Table::CampaignMessage, after, limit, |row| {
            Ok(Message {
                id: row.id()?,
                campaign_id: row.number("campaignId")?,
                user_id: row.number("userId")?,
                destination: row.text("to")?,
                text: row.text("text")?,
                sender: row.text("sender")?,
                status: row.text("status")?,
                provider_message_id: row.text("providerMessageId")?,
                provider_status: row.text("providerStatus")?,
                traffic_account_id: row.text("trafficAccountId")?,
                error: row.text("error")?,
                created_at: row.time("createdAt")?,
                sent_at: row.time("sentAt")?,
                delivered_at: row.time("deliveredAt")?,
                failed_at: row.time("failedAt")?,
                updated_at: row.time("updatedAt")?,
            })
        })
        .await
    }

    async fn page<T>(
        &self,
        table: Table,
        after: i64,
        limit: i64,
        read: impl Fn(&Fields<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let rows = self.client.query(&self.shape.page(&self.schema, table), &[&after, &limit]).await;
        let rows = rows.map_err(|e| unavailable(&e))?;
        rows.iter().map(|row| read(&Fields { table, row })).collect()
    }
}

/// A row, by the names of the fields.
struct Fields<'a> {
    table: Table,
    row: &'a Row,
}

impl Fields<'_> {
    /// The field's value; blank is nothing.
    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(at) = fields(self.table).position(|f| f.name == name) else { return Ok(None) };
        let text: Option<String> = self.row.try_get(at).map_err(|e| unavailable(&e))?;
        Ok(text.filter(|text| !text.trim().is_empty()))
    }

    fn number(&self, name: &str) -> Result<Option<i64>, Error> {
        Ok(self.text(name)?.and_then(|text| text.parse().ok()))
    }

    fn id(&self) -> Result<i64, Error> {
        self.number("id")?.ok_or_else(|| Error::Shape(format!("has a {} without an id", self.table.name())))
    }

    /// A time that a calendar has.
    fn time(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.number(name)?.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }
}
