//! API keys: stored as their SHA-256, found by it, revoked at once.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::ids::OwnerId;
use crate::store::columns::Instant;
use crate::store::schema::api_keys as keys;
use crate::store::transaction::{on, transact};
use crate::store::{Error, Store, run};

/// An API key, without what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// Its id, by which it is revoked.
    pub id: i64,
    /// Whose it is.
    pub user: OwnerId,
    /// Its first characters, for people to tell keys apart.
    pub hint: String,
    /// Its scopes, separated by spaces.
    pub scopes: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// Whom a key stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyOwner {
    /// The user.
    pub user: OwnerId,
    /// The key's scopes, separated by spaces.
    pub scopes: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = keys)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct KeyRow {
    id: i64,
    user_id: i64,
    hint: String,
    scopes: String,
    created_at: Instant,
    revoked_at: Option<Instant>,
}

impl Store {
    /// Stores a key by its digest.
    pub async fn create_key(&self, user: OwnerId, hash: &[u8], hint: &str, scopes: &str) -> Result<i64, Error> {
        let (hash, hint, scopes) = (hash.to_vec(), hint.to_owned(), scopes.to_owned());
        transact!(&self.transactions, |tx| {
            let values = (
                keys::user_id.eq(user.0),
                keys::hash.eq(&hash),
                keys::hint.eq(&hint),
                keys::scopes.eq(&scopes),
                keys::created_at.eq(Instant(tx.now)),
            );
            let insert = diesel::insert_into(keys::table).values(values).returning(keys::id);
            Ok(on!(tx, |c| insert.get_result(c).await?))
        })
    }

    /// Whom the key with this digest stands for; `None` if there is none or it is revoked.
    pub async fn key_owner(&self, hash: &[u8]) -> Result<Option<KeyOwner>, Error> {
        let live = keys::hash.eq(hash.to_vec()).and(keys::revoked_at.is_null());
        let query = keys::table.filter(live).select((keys::user_id, keys::scopes));
        let row: Option<(i64, String)> = run!(&self.db, |c| query.get_result(c).await.optional()?);
        Ok(row.map(|(user, scopes)| KeyOwner { user: OwnerId(user), scopes }))
    }

    /// Revokes a key; false if there is none with this id that was not revoked before.
    pub async fn revoke_key(&self, id: i64) -> Result<bool, Error> {
        transact!(&self.transactions, |tx| {
            let live = keys::table.filter(keys::id.eq(id).and(keys::revoked_at.is_null()));
            let update = diesel::update(live).set(keys::revoked_at.eq(Instant(tx.now)));
            Ok(on!(tx, |c| update.execute(c).await?) == 1)
        })
    }

    /// All keys, or one user's, oldest first.
    pub async fn keys(&self, user: Option<OwnerId>) -> Result<Vec<ApiKey>, Error> {
        let rows: Vec<KeyRow> = run!(&self.db, |c| {
            let mut query = keys::table.order(keys::id).select(KeyRow::as_select()).into_boxed();
            if let Some(user) = user {
                query = query.filter(keys::user_id.eq(user.0));
            }
            query.load(c).await?
        });
        let key = |row: KeyRow| ApiKey {
            id: row.id,
            user: OwnerId(row.user_id),
            hint: row.hint,
            scopes: row.scopes,
            created_at: row.created_at.0,
            revoked_at: row.revoked_at.map(|at| at.0),
        };
        Ok(rows.into_iter().map(key).collect())
    }
}
