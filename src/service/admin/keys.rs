//! API keys: making, listing and ending them. Whoever has a user's key can act as that user.

use jiff::Timestamp;
use secrecy::SecretString;

use super::Operations;
use super::users::given_name;
use crate::auth::{Caller, Scope, keys};
use crate::domain::page;
use crate::error::{Error, Resource, Violation};
use crate::store::{ApiKey, NewApiKey};

/// The key to make.
#[derive(Debug, Clone, Default)]
pub struct CreateKey {
    /// Whose key.
    pub user_id: i64,
    /// Its scopes, separated by spaces; empty for an ordinary user's.
    pub scope: String,
    /// A name for people; empty for none.
    pub name: String,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

/// A new key, and its secret, which is kept nowhere.
pub struct MadeKey {
    /// The key.
    pub key: ApiKey,
    /// The secret.
    pub secret: SecretString,
}

/// Which keys to list.
#[derive(Debug, Clone, Default)]
pub struct ListKeys {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// Only this user's.
    pub user_id: Option<i64>,
}

/// One page of keys.
#[derive(Debug, Clone)]
pub struct KeyPage {
    /// The keys, oldest first.
    pub keys: Vec<ApiKey>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

/// Whether a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It does.
    Live,
    /// It has ended.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyState {
    /// The state of a key at `now`.
    #[must_use]
    pub fn of(key: &ApiKey, now: Timestamp) -> Self {
        match (key.revoked_at, key.expires_at) {
            (Some(_), _) => Self::Revoked,
            (None, Some(end)) if end <= now => Self::Expired,
            (None, _) => Self::Live,
        }
    }
}

impl Operations {
    /// The time, by which keys end.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes an API key, if the caller may act as others, and has all scopes of the key that are not an ordinary user's.
    pub async fn create_key(
        &self,
        caller: &Caller,
        request: CreateKey,
        mut violations: Vec<Violation>,
    ) -> Result<MadeKey, Error> {
        let store = self.acting(caller)?;
        caller.require(Scope::ActAs)?;
        if request.user_id == 0 {
            violations.push(Violation::new("user_id", "is required"));
        }
        let scopes = if request.scope.trim().is_empty() { Scope::ORDINARY } else { request.scope.as_str() };
        if Scope::unknown_in(scopes).is_some() {
            let known = Scope::ALL.map(Scope::name).join(", ");
            violations.push(Violation::new("scope", format_args!("names one that is none of: {known}")));
        }
        let name = given_name(&request.name, &mut violations);
        if request.expires_at.is_some_and(|end| end <= self.clock.now()) {
            violations.push(Violation::new("expires_at", "must be in the future"));
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let named = |scope: &Scope| scopes.split_whitespace().any(|word| word == scope.name());
        let ordinary = Caller::new(caller.user, Scope::ORDINARY);
        for scope in Scope::ALL.iter().filter(|scope| named(scope) && !ordinary.has(**scope)) {
            caller.require(*scope)?;
        }
        let user = self.user(request.user_id).await?.id;
        let key = keys::create((self.fresh)());
        let mut each: Vec<&str> = Vec::new();
        for scope in scopes.split_whitespace() {
            if !each.contains(&scope) {
                each.push(scope);
            }
        }
        let scopes = each.join(" ");
        let name = Some(name).filter(|name| !name.is_empty());
        let new = NewApiKey { user, hash: key.hash, hint: key.hint, scopes, name, expires_at: request.expires_at };
        let id = store.create_key(new).await?;
        let made = store.key(id).await?.ok_or_else(|| missing(id))?;
        Ok(MadeKey { key: made, secret: key.secret })
    }

    /// A page of the keys of all users, or of one.
    pub async fn list_keys(&self, caller: &Caller, request: &ListKeys) -> Result<KeyPage, Error> {
        caller.require(Scope::Ops)?;
        let mut violations = Vec::new();
        let asked = (request.page_size, request.page_token.as_str());
        let (page, after) = self.page(format!("keys/{:?}", request.user_id), asked, page::number, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let _turn = self.admission.list(caller.user).await;
        let mut keys = self.store.keys(self.existing(request.user_id).await?, after, page.limit()).await?;
        let bytes = |key: &ApiKey| key.scopes.len() + key.name.as_deref().map_or(0, str::len) + 200;
        let next_page_token = page.cut_by(&mut keys, bytes, |last| last.id.to_be_bytes().to_vec());
        Ok(KeyPage { keys, next_page_token })
    }

    /// Revokes a key. Returns it as it is then.
    pub async fn revoke_key(&self, caller: &Caller, id: i64) -> Result<ApiKey, Error> {
        self.acting(caller)?.revoke_key(Self::named(id)?).await?.ok_or_else(|| missing(id))
    }

    /// Lets a key end at a time. Returns it as it is then.
    pub async fn expire_key(
        &self,
        caller: &Caller,
        id: i64,
        at: Option<Timestamp>,
        mut violations: Vec<Violation>,
    ) -> Result<ApiKey, Error> {
        let store = self.acting(caller)?;
        if at.is_none() && violations.is_empty() {
            violations.push(Violation::new("expires_at", "is required"));
        }
        if id == 0 {
            violations.push(Violation::new("id", "is required"));
        }
        let Some(at) = at.filter(|_| violations.is_empty()) else { return Err(Error::Invalid(violations)) };
        store.expire_key(id, at).await?.ok_or_else(|| missing(id))
    }
}

fn missing(id: i64) -> Error {
    Error::NotFound(Resource::Key, id.to_string())
}
