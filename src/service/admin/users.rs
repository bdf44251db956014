//! Users: making and reading them, and whether their credentials count.

use super::Operations;
use crate::auth::{Caller, Scope};
use crate::domain::allowed::Allowed;
use crate::domain::ids::OwnerId;
use crate::domain::page;
use crate::domain::sender::SenderId;
use crate::domain::spend::Left;
use crate::error::{Error, Resource, Violation};
use crate::store::User;

/// The most characters of a name for people.
pub(super) const LONGEST_NAME: usize = 200;

/// Which users to list.
#[derive(Debug, Clone, Default)]
pub struct ListUsers {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
}

/// One page of users.
#[derive(Debug, Clone)]
pub struct UserPage {
    /// The users, oldest first.
    pub users: Vec<User>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

/// A user, and what is left of its limits.
#[derive(Debug, Clone)]
pub struct ShownUser {
    /// The user.
    pub user: User,
    /// How much is left.
    pub left: Left,
}

/// A name for people, without the spaces around it.
pub(super) fn given_name(name: &str, violations: &mut Vec<Violation>) -> String {
    let name = name.trim().to_owned();
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let fault = format!("must have at most {LONGEST_NAME} characters, and no control characters");
        violations.push(Violation::new("name", fault));
    }
    name
}

impl Operations {
    /// Makes a user.
    pub async fn create_user(&self, caller: &Caller, name: &str, sender: &str) -> Result<User, Error> {
        let store = self.acting(caller)?;
        let mut violations = Vec::new();
        let name = given_name(name, &mut violations);
        if name.is_empty() {
            violations.push(Violation::new("name", "is required"));
        }
        let sender = Some(sender).filter(|sender| !sender.is_empty()).map(SenderId::parse).transpose();
        let sender = sender.unwrap_or_else(|e| {
            violations.push(Violation::new("sender", e));
            None
        });
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let id = store.create_user(&name, sender.as_ref()).await?;
        self.user(id.0).await
    }

    /// A page of the users.
    pub async fn list_users(&self, caller: &Caller, request: &ListUsers) -> Result<UserPage, Error> {
        caller.require(Scope::Ops)?;
        let mut violations = Vec::new();
        let asked = (request.page_size, request.page_token.as_str());
        let (page, after) = self.page("users".to_owned(), asked, page::number, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let _turn = self.admission.list(caller.user).await;
        let mut users = self.store.users(after.map(OwnerId), page.limit()).await?;
        let names =
            |allowed: &Allowed| allowed.stored().map_or(0, |names| names.len() + 8 * names.matches(' ').count());
        let bytes = |user: &User| {
            user.name.len() + names(&user.senders) + names(&user.accounts) + names(&user.limits.countries) + 300
        };
        let next_page_token = page.cut_by(&mut users, bytes, |last| last.id.0.to_be_bytes().to_vec());
        Ok(UserPage { users, next_page_token })
    }

    /// One user, and what is left of its limits.
    pub async fn show_user(&self, caller: &Caller, id: i64) -> Result<ShownUser, Error> {
        caller.require(Scope::Ops)?;
        let user = self.user(Self::named(id)?).await?;
        let left = self.store.segments_left(user.id).await?;
        Ok(ShownUser { user, left })
    }

    /// Refuses a user's credentials from now on, or takes them again. Returns the user.
    pub async fn disable_user(&self, caller: &Caller, id: i64, disabled: bool) -> Result<User, Error> {
        let done = self.acting(caller)?.disable_user(OwnerId(Self::named(id)?), disabled).await?;
        self.after(id, done).await
    }

    /// Refuses the tokens that a user was issued until now. Returns the user.
    pub async fn end_tokens(&self, caller: &Caller, id: i64) -> Result<User, Error> {
        let done = self.acting(caller)?.end_tokens(OwnerId(Self::named(id)?)).await?;
        self.after(id, done).await
    }

    async fn after(&self, id: i64, found: bool) -> Result<User, Error> {
        if found { self.user(id).await } else { Err(Error::NotFound(Resource::User, id.to_string())) }
    }
}
