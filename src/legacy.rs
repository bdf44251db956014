//! The database of the system before this one (Node.js, Prisma, Postgres): the port through which its rows are read, once,
//! in one snapshot, and never written.
//!
//! Nothing but Prisma's habits is known of its columns, so they are looked up by the names they may have (`names`), and what
//! is missing is told before anything is read (`shape`). Passwords and tokens are no fields, so they are never asked for.

mod names;
mod read;
mod shape;

pub use names::{FIELDS, Field, TABLES, Table};
pub use read::{Source, Url};
pub use shape::Mapping;

use jiff::Timestamp;

/// Why the old database cannot be read. The words are for operators; they never hold what a row holds.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `--from` is no URL of a Postgres server.
    #[error("--from must be postgres://user:password@host/database")]
    Url,
    /// `--map` names what there is not.
    #[error("--map {0}")]
    Mapping(String),
    /// Tables or columns are missing, or are of a kind that cannot be read.
    #[error("the old database {0}")]
    Shape(String),
    /// It cannot be reached, or does not answer.
    #[error("the old database cannot be read: {0}")]
    Unavailable(String),
}

/// A user there.
#[derive(Debug, Clone)]
pub struct User {
    /// The id.
    pub id: i64,
    /// The name for people: its name, else its address.
    pub name: Option<String>,
    /// The sender of its messages.
    pub sender: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

/// A contact there that wants no messages. It holds a number, so it has no `Debug`.
#[derive(Clone)]
pub struct Contact {
    /// The id.
    pub id: i64,
    /// Whose contact it is.
    pub user_id: Option<i64>,
    /// Its number, as it was typed.
    pub number: Option<String>,
    /// When it said so, if that was kept.
    pub unsubscribed_at: Option<Timestamp>,
}

/// A campaign there. It holds a text, so it has no `Debug`.
#[derive(Clone)]
pub struct Campaign {
    /// The id.
    pub id: i64,
    /// The owner: the user that it belongs to.
    pub user_id: Option<i64>,
    /// Its name.
    pub name: Option<String>,
    /// Its text.
    pub text: Option<String>,
    /// Its sender, if it has one of its own.
    pub sender: Option<String>,
    /// Where it was.
    pub status: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

/// A message there. It holds a number and a text, so it has no `Debug`.
#[derive(Clone)]
pub struct Message {
    /// The id.
    pub id: i64,
    /// The campaign that it is of.
    pub campaign_id: Option<i64>,
    /// The user, where the row names one.
    pub user_id: Option<i64>,
    /// The recipient, as it was typed.
    pub destination: Option<String>,
    /// Its text, if it has one of its own.
    pub text: Option<String>,
    /// Its sender, if it has one of its own.
    pub sender: Option<String>,
    /// The old system's words on it.
    pub status: Option<String>,
    /// The provider's id.
    pub provider_message_id: Option<String>,
    /// The provider's word.
    pub provider_status: Option<String>,
    /// The route account.
    pub traffic_account_id: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// When it failed.
    pub failed_at: Option<Timestamp>,
    /// When the row last changed.
    pub updated_at: Option<Timestamp>,
}
