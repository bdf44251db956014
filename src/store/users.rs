//! Users, who own messages and campaigns.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::allowed::Allowed;
use crate::domain::at_once::AtOnce;
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::sender::{SenderId, shown};
use crate::domain::spend::Limits;
use crate::store::columns::{Instant, columns_of};
use crate::store::error::Failure;
use crate::store::schema::users;
use crate::store::transaction::{Tx, locked, on, transact};
use crate::store::user_limits::{AtOnceRow, LimitsRow};
use crate::store::{Error, Store, audit, run};

/// The advisory lock of those who make users, on Postgres.
const LOCK: i64 = 0x7573_6572_7300_0001;

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
    /// The sender IDs that its messages may have, besides its own and the configured one.
    pub senders: Allowed,
    /// The route accounts that its messages may take, besides the configured one.
    pub accounts: Allowed,
    /// How much it may spend.
    pub limits: Limits,
    /// How much it may have at once of what a process gives.
    pub at_once: AtOnce,
}

impl User {
    /// Whether messages of this user may have this sender ID.
    #[must_use]
    pub fn may_use_sender(&self, sender: &SenderId) -> bool {
        self.sender.as_ref() == Some(sender) || self.senders.has(sender.as_str())
    }
}

// Flat: rows that embed others take the compiler many times as long.
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
    senders: Option<String>,
    accounts: Option<String>,
    countries: Option<String>,
    segments_per_day: Option<i32>,
    segments_per_month: Option<i32>,
    per_number: Option<i32>,
    per_number_seconds: Option<i32>,
    max_calls: Option<i32>,
    max_streams: Option<i32>,
    max_uploads: Option<i32>,
    max_refreshes: Option<i32>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        let limits = LimitsRow {
            countries: row.countries,
            segments_per_day: row.segments_per_day,
            segments_per_month: row.segments_per_month,
            per_number: row.per_number,
            per_number_seconds: row.per_number_seconds,
        };
        let at_once = AtOnceRow {
            max_calls: row.max_calls,
            max_streams: row.max_streams,
            max_uploads: row.max_uploads,
            max_refreshes: row.max_refreshes,
        };
        Self {
            id: OwnerId(row.id),
            name: row.name,
            sender: row.sender_name.map(SenderId::from_stored),
            max_in_flight: row.max_in_flight.and_then(|n| usize::try_from(n).ok()),
            disabled_at: row.disabled_at.map(|at| at.0),
            tokens_since: row.tokens_since.map(|at| at.0),
            senders: Allowed::from_stored(row.senders.as_deref()),
            accounts: Allowed::from_stored(row.accounts.as_deref()),
            limits: Limits::from(&limits),
            at_once: AtOnce::from(&at_once),
        }
    }
}

/// The user with this id, as this transaction sees it.
pub(super) async fn of_id(tx: &mut Tx, id: OwnerId) -> Result<Option<User>, Failure> {
    let query = users::table.find(id.0);
    let row: Option<UserRow> = on!(tx, |c| query.select(columns_of::<UserRow>()).get_result(c).await.optional()?);
    Ok(row.map(User::from))
}

impl Store {
    /// Makes a user. The first one may use every sender ID and route account, any other none but its own and the configured
    /// ones, until it is granted more.
    pub async fn create_user(&self, name: &str, sender: Option<&SenderId>) -> Result<OwnerId, Error> {
        let (name, sender) = (name.to_owned(), sender.map(|sender| sender.as_str().to_owned()));
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            // Of two at once one is the first.
            tx.alone(LOCK).await?;
            let any = diesel::select(diesel::dsl::exists(users::table.select(users::id)));
            let may_use = if on!(tx, |c| any.get_result::<bool>(c).await?) { Allowed::none() } else { Allowed::Any };
            let names = may_use.stored();
            let values = (
                users::name.eq(&name),
                users::sender_name.eq(&sender),
                users::created_at.eq(Instant(tx.now)),
                users::senders.eq(&names),
                users::accounts.eq(&names),
            );
            let insert = diesel::insert_into(users::table).values(values).returning(users::id);
            let id = OwnerId(on!(tx, |c| insert.get_result(c).await?));
            let of_its_own = sender.as_ref().map_or_else(String::new, |sender| format!(", sender {}", shown(sender)));
            audit::note(tx, &actor, Act::UserCreated, Some(id), &format!("{name}{of_its_own}")).await?;
            Ok(id)
        })
    }

    /// The user with this id.
    pub async fn user(&self, id: OwnerId) -> Result<Option<User>, Error> {
        let query = users::table.find(id.0);
        let row: Option<UserRow> =
            run!(&self.db, |c| query.select(columns_of::<UserRow>()).get_result(c).await.optional()?);
        Ok(row.map(User::from))
    }

    /// Lets `change` happen to what the user may use and spend, and writes it down as `act` with the `subject` that it returns;
    /// `None` changes nothing. Returns whether it was done, and `None` if there is no such user.
    pub async fn change_user<F>(&self, id: OwnerId, act: Act, change: F) -> Result<Option<bool>, Error>
    where
        F: Fn(&mut User) -> Option<String> + Send + Sync + 'static,
    {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let Some(row) = locked!(tx, UserRow, users::table.find(id.0)).pop() else { return Ok(None) };
            let mut user = User::from(row);
            let Some(subject) = change(&mut user) else { return Ok(Some(false)) };
            let (senders, accounts) = (user.senders.stored(), user.accounts.stored());
            let in_flight = user.max_in_flight.and_then(|n| i32::try_from(n).ok());
            let names = (users::senders.eq(senders), users::accounts.eq(accounts), users::max_in_flight.eq(in_flight));
            let values = (names, LimitsRow::from(&user.limits), AtOnceRow::from(&user.at_once));
            on!(tx, |c| diesel::update(users::table.find(id.0)).set(values).execute(c).await?);
            audit::note(tx, &actor, act, Some(id), &subject).await?;
            Ok(Some(true))
        })
    }

    /// Refuses the user's credentials from now on, or takes them again. What is queued is sent all the same. False if there is
    /// no such user.
    pub async fn disable_user(&self, id: OwnerId, disabled: bool) -> Result<bool, Error> {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let before = users::table.find(id.0).select(users::disabled_at);
            let Some(before) = on!(tx, |c| before.get_result::<Option<Instant>>(c).await.optional()?) else {
                return Ok(false);
            };
            // Whoever is disabled already stays so since then.
            if before.is_some() != disabled {
                let at = users::disabled_at.eq(disabled.then_some(Instant(tx.now)));
                let update = diesel::update(users::table.find(id.0)).set(at);
                on!(tx, |c| update.execute(c).await?);
                let act = if disabled { Act::UserDisabled } else { Act::UserEnabled };
                audit::note(tx, &actor, act, Some(id), "").await?;
            }
            Ok(true)
        })
    }

    /// Refuses the user's tokens that were issued until now. False if there is no such user.
    pub async fn end_tokens(&self, id: OwnerId) -> Result<bool, Error> {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let update = diesel::update(users::table.find(id.0)).set(users::tokens_since.eq(Instant(tx.now)));
            let found = on!(tx, |c| update.execute(c).await?) == 1;
            if found {
                audit::note(tx, &actor, Act::TokensEnded, Some(id), "").await?;
            }
            Ok(found)
        })
    }

    /// Up to `limit` users, oldest first, from right after `after` on.
    pub async fn users(&self, after: Option<OwnerId>, limit: i64) -> Result<Vec<User>, Error> {
        let behind = users::id.gt(after.map_or(0, |id| id.0));
        let query = users::table.filter(behind).order(users::id).limit(limit);
        let rows: Vec<UserRow> = run!(&self.db, |c| query.select(columns_of::<UserRow>()).load(c).await?);
        Ok(rows.into_iter().map(User::from).collect())
    }
}
