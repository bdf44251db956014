//! Users, who own messages and campaigns.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::ids::OwnerId;
use crate::domain::sender::SenderId;
use crate::store::columns::Instant;
use crate::store::schema::users;
use crate::store::transaction::{on, transact};
use crate::store::{Error, Store, run};

/// A user.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// The id, which messages and campaigns name as their owner.
    pub id: OwnerId,
    /// A name for people.
    pub name: String,
    /// The sender ID of this user's messages, if it has one of its own.
    pub sender: Option<SenderId>,
    /// How many of its queued messages one process has in flight at most, if it has a number of its own.
    pub max_in_flight: Option<usize>,
    /// Since when the user's credentials are refused, if they are.
    pub disabled_at: Option<Timestamp>,
    /// Tokens that were issued before this are refused.
    pub tokens_since: Option<Timestamp>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct UserRow {
    id: i64,
    name: String,
    sender_name: Option<String>,
    max_in_flight: Option<i32>,
    disabled_at: Option<Instant>,
    tokens_since: Option<Instant>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: OwnerId(row.id),
            name: row.name,
            sender: row.sender_name.map(SenderId::from_stored),
            max_in_flight: row.max_in_flight.and_then(|n| usize::try_from(n).ok()),
            disabled_at: row.disabled_at.map(|at| at.0),
            tokens_since: row.tokens_since.map(|at| at.0),
        }
    }
}

impl Store {
    /// Makes a user.
    pub async fn create_user(&self, name: &str, sender: Option<&SenderId>) -> Result<OwnerId, Error> {
        let (name, sender) = (name.to_owned(), sender.map(|sender| sender.as_str().to_owned()));
        transact!(&self.transactions, |tx| {
            let values = (users::name.eq(&name), users::sender_name.eq(&sender), users::created_at.eq(Instant(tx.now)));
            let insert = diesel::insert_into(users::table).values(values).returning(users::id);
            Ok(OwnerId(on!(tx, |c| insert.get_result(c).await?)))
        })
    }

    /// The user with this id.
    pub async fn user(&self, id: OwnerId) -> Result<Option<User>, Error> {
        let query = users::table.find(id.0);
        let row: Option<UserRow> =
            run!(&self.db, |c| query.select(UserRow::as_select()).get_result(c).await.optional()?);
        Ok(row.map(User::from))
    }

    /// Sets how many of the user's queued messages one process has in flight at most; `None` is the configured default.
    /// False if there is no such user.
    pub async fn limit_user(&self, id: OwnerId, max_in_flight: Option<u16>) -> Result<bool, Error> {
        transact!(&self.transactions, |tx| {
            let limit = users::max_in_flight.eq(max_in_flight.map(i32::from));
            let update = diesel::update(users::table.find(id.0)).set(limit);
            Ok(on!(tx, |c| update.execute(c).await?) == 1)
        })
    }

    /// Refuses the user's credentials from now on, or takes them again. What is queued is sent all the same. False if there is
    /// no such user.
    pub async fn disable_user(&self, id: OwnerId, disabled: bool) -> Result<bool, Error> {
        transact!(&self.transactions, |tx| {
            let at = users::disabled_at.eq(disabled.then_some(Instant(tx.now)));
            let update = diesel::update(users::table.find(id.0)).set(at);
            Ok(on!(tx, |c| update.execute(c).await?) == 1)
        })
    }

    /// Refuses the user's tokens that were issued until now. False if there is no such user.
    pub async fn end_tokens(&self, id: OwnerId) -> Result<bool, Error> {
        transact!(&self.transactions, |tx| {
            let update = diesel::update(users::table.find(id.0)).set(users::tokens_since.eq(Instant(tx.now)));
            Ok(on!(tx, |c| update.execute(c).await?) == 1)
        })
    }

    /// All users, oldest first.
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        let query = users::table.order(users::id);
        let rows: Vec<UserRow> = run!(&self.db, |c| query.select(UserRow::as_select()).load(c).await?);
        Ok(rows.into_iter().map(User::from).collect())
    }
}
