//! API keys: stored as their SHA-256, found by it, revoked at once.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::store::columns::{Instant, columns_of};
use crate::store::schema::api_keys as keys;
use crate::store::transaction::{locked, on, transact};
use crate::store::{Error, Store, audit, run};

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
    /// A name for people.
    pub name: Option<String>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Whose it is.
    pub user: OwnerId,
    /// Its digest.
    pub hash: [u8; 32],
    /// Its first characters.
    pub hint: String,
    /// Its scopes, separated by spaces.
    pub scopes: String,
    /// A name for people.
    pub name: Option<String>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

/// Whom a key stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyOwner {
    /// The key's id.
    pub key: i64,
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
    name: Option<String>,
    expires_at: Option<Instant>,
    last_used_at: Option<Instant>,
}

impl Store {
    /// Stores a key by its digest.
    pub async fn create_key(&self, new: NewApiKey) -> Result<i64, Error> {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let values = (
                keys::user_id.eq(new.user.0),
                keys::hash.eq(new.hash.to_vec()),
                keys::hint.eq(&new.hint),
                keys::scopes.eq(&new.scopes),
                keys::created_at.eq(Instant(tx.now)),
                keys::name.eq(&new.name),
                keys::expires_at.eq(new.expires_at.map(Instant)),
            );
            let insert = diesel::insert_into(keys::table).values(values).returning(keys::id);
            let id: i64 = on!(tx, |c| insert.get_result(c).await?);
            let subject = format!("{id}: {}… {}", new.hint, new.scopes);
            audit::note(tx, &actor, Act::KeyCreated, Some(new.user), &subject).await?;
            Ok(id)
        })
    }

    /// Whom the key with this digest stands for; `None` if there is none, or it is revoked or has ended by `now`.
    pub async fn key_owner(&self, hash: &[u8], now: Timestamp) -> Result<Option<KeyOwner>, Error> {
        let live = keys::revoked_at.is_null().and(keys::expires_at.is_null().or(keys::expires_at.gt(Instant(now))));
        let query = keys::table.filter(keys::hash.eq(hash.to_vec())).filter(live.assume_not_null());
        let query = query.select((keys::id, keys::user_id, keys::scopes));
        let row: Option<(i64, i64, String)> = run!(&self.db, |c| query.get_result(c).await.optional()?);
        Ok(row.map(|(key, user, scopes)| KeyOwner { key, user: OwnerId(user), scopes }))
    }

    /// Whether the key with this id is neither revoked nor has ended by `now`.
    pub async fn key_counts(&self, id: i64, now: Timestamp) -> Result<bool, Error> {
        let query = keys::table.find(id).select((keys::revoked_at, keys::expires_at));
        let row: Option<(Option<Instant>, Option<Instant>)> =
            run!(&self.db, |c| query.get_result(c).await.optional()?);
        Ok(row.is_some_and(|(revoked, ends)| revoked.is_none() && ends.is_none_or(|end| end.0 > now)))
    }

    /// Notes that a key was used.
    pub async fn note_key_used(&self, id: i64) -> Result<(), Error> {
        transact!(&self.transactions, |tx| {
            let update = diesel::update(keys::table.find(id)).set(keys::last_used_at.eq(Instant(tx.now)));
            on!(tx, |c| update.execute(c).await?);
            Ok(())
        })
    }

    /// Revokes a key. Returns it as it is then; `None` if there is none with this id that was not revoked before.
    pub async fn revoke_key(&self, id: i64) -> Result<Option<ApiKey>, Error> {
        self.end_key(id, Act::KeyRevoked, move |key, now| {
            key.revoked_at = Some(Instant(now));
            id.to_string()
        })
        .await
    }

    /// Lets a key end at this time, or at the one that it has if that is earlier; a time that is past means now. Returns it as it
    /// is then; `None` if there is none with this id that was not revoked.
    pub async fn expire_key(&self, id: i64, at: Timestamp) -> Result<Option<ApiKey>, Error> {
        self.end_key(id, Act::KeyExpired, move |key, now| {
            let end = key.expires_at.map_or(at, |end| end.0.min(at)).max(now);
            let end = key.expires_at.filter(|old| old.0 <= now).map_or(end, |old| old.0);
            key.expires_at = Some(Instant(end));
            format!("{id}: {end}")
        })
        .await
    }

    /// Lets `change` happen to a key that was not revoked, and writes it down as `act` with the subject that it returns.
    async fn end_key<F>(&self, id: i64, act: Act, change: F) -> Result<Option<ApiKey>, Error>
    where
        F: Fn(&mut KeyRow, Timestamp) -> String + Send + Sync + 'static,
    {
        let actor = self.actor.clone();
        transact!(&self.transactions, |tx| {
            let live = keys::table.filter(keys::id.eq(id).and(keys::revoked_at.is_null()));
            let Some(mut row) = locked!(tx, KeyRow, live).pop() else { return Ok(None) };
            let subject = change(&mut row, tx.now);
            let ends = (keys::revoked_at.eq(row.revoked_at), keys::expires_at.eq(row.expires_at));
            on!(tx, |c| diesel::update(keys::table.find(id)).set(ends).execute(c).await?);
            audit::note(tx, &actor, act, Some(OwnerId(row.user_id)), &subject).await?;
            Ok(Some(row.into()))
        })
    }

    /// The key with this id.
    pub async fn key(&self, id: i64) -> Result<Option<ApiKey>, Error> {
        let query = keys::table.find(id);
        let row: Option<KeyRow> =
            run!(&self.db, |c| query.select(columns_of::<KeyRow>()).get_result(c).await.optional()?);
        Ok(row.map(ApiKey::from))
    }

    /// Up to `limit` keys, all users' or one's, oldest first, from right after `after` on.
    pub async fn keys(&self, user: Option<OwnerId>, after: Option<i64>, limit: i64) -> Result<Vec<ApiKey>, Error> {
        let rows: Vec<KeyRow> = run!(&self.db, |c| {
            let page = keys::table.filter(keys::id.gt(after.unwrap_or(0))).order(keys::id).limit(limit);
            let mut query = page.select(columns_of::<KeyRow>()).into_boxed();
            if let Some(user) = user {
                query = query.filter(keys::user_id.eq(user.0));
            }
            query.load(c).await?
        });
        Ok(rows.into_iter().map(ApiKey::from).collect())
    }
}

impl From<KeyRow> for ApiKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            user: OwnerId(row.user_id),
            hint: row.hint,
            scopes: row.scopes,
            created_at: row.created_at.0,
            revoked_at: row.revoked_at.map(|at| at.0),
            name: row.name,
            expires_at: row.expires_at.map(|at| at.0),
            last_used_at: row.last_used_at.map(|at| at.0),
        }
    }
}
