//! The sender IDs and route accounts that a user may use: granting them, and taking them back.

use super::Operations;
use crate::auth::Caller;
use crate::domain::allowed::Allowed;
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::sender::{SenderId, shown};
use crate::error::{Error, Resource, Violation};
use crate::service::account_id;
use crate::store::User;

/// One name, as a caller gives it: the other one is empty.
#[derive(Clone, Default)]
pub struct GivenName {
    /// A sender ID.
    pub sender: String,
    /// A route account.
    pub route_account: String,
}

/// One name that is granted, as it is stored: a number among the sender IDs is kept in E.164.
enum Name {
    Sender(String),
    Account(String),
}

impl GivenName {
    fn read(self) -> Result<Name, Error> {
        let Self { sender, route_account: account } = self;
        match (sender.as_str(), account.as_str()) {
            ("", "") => Err(Error::Invalid(vec![
                Violation::new("sender", "is required, or route_account"),
                Violation::new("route_account", "is required, or sender"),
            ])),
            (Allowed::ANY, "") => Ok(Name::Sender(sender)),
            (given, "") => {
                let sender = SenderId::parse(given).map_err(|e| Error::invalid("sender", e))?;
                Ok(Name::Sender(sender.as_str().to_owned()))
            }
            ("", Allowed::ANY) => Ok(Name::Account(account)),
            ("", given) => {
                let account = account_id(given);
                Ok(Name::Account(
                    account.ok_or_else(|| Error::invalid("route_account", "must be a route account's id, a UUID"))?,
                ))
            }
            _ => Err(Error::invalid("route_account", "must be empty beside a sender")),
        }
    }
}

impl Operations {
    /// Grants a user a name, or takes it back. Returns the user as it is then.
    pub async fn grant(&self, caller: &Caller, id: i64, name: GivenName, adds: bool) -> Result<User, Error> {
        let store = self.acting(caller)?;
        Self::named(id)?;
        let name = name.read()?;
        let change = move |user: &mut User| {
            let (names, name, kind) = match &name {
                Name::Sender(name) => (&mut user.senders, name, "sender"),
                Name::Account(name) => (&mut user.accounts, name, "account"),
            };
            let done = if adds { names.add(name) } else { names.remove(name) };
            // A sender ID may be somebody's number.
            let shown = shown(name);
            done.then(|| format!("{kind} {shown}"))
        };
        let act = if adds { Act::Granted } else { Act::Ungranted };
        match store.change_user(OwnerId(id), act, change).await? {
            Some(true) => self.user(id).await,
            Some(false) => Err(not_done(adds)),
            None => Err(Error::NotFound(Resource::User, id.to_string())),
        }
    }
}

fn not_done(adds: bool) -> Error {
    let (reason, message) = if adds {
        ("TOO_MANY_GRANTS", format!("The name is one too many: a user has at most {} of a kind", Allowed::MOST))
    } else {
        (
            "NOT_GRANTED",
            "The name itself was not granted: what it has is on its page, and in messaging user show".to_owned(),
        )
    };
    Error::Precondition { reason, message, metadata: Vec::new() }
}
