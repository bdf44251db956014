//! `messaging user grant` and `ungrant`: the sender IDs and route accounts that a user may use.

use std::io::Write;

use clap::Args;

use crate::cli::Failure;
use crate::cli::admin::DatabaseArgs;
use crate::config::{self, Env};
use crate::domain::allowed::Allowed;
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::phone::Msisdn;
use crate::domain::sender::SenderId;
use crate::service::is_account;

#[derive(Debug, Args)]
pub(in crate::cli) struct Grant {
    /// Whose messages
    user: i64,
    /// The sender ID: 3–11 letters and digits, or E.164; * for every one
    #[arg(long, required_unless_present = "account", conflicts_with = "account")]
    sender: Option<String>,
    /// The route account; * for every one
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// One name that is granted.
enum Name {
    Sender(String),
    Account(String),
}

impl Grant {
    pub(in crate::cli) async fn run(self, env: Env, adds: bool, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let name = name(self.sender, self.account)?;
        let (act, word, not) = if adds {
            (Act::Granted, "granted", format!("is one too many: a user has at most {} of a kind", Allowed::MOST))
        } else {
            (Act::Ungranted, "taken away", "was not granted by itself; see messaging user show".to_owned())
        };
        let change = move |user: &mut crate::store::User| {
            let (names, name, kind) = match &name {
                Name::Sender(name) => (&mut user.senders, name, "sender"),
                Name::Account(name) => (&mut user.accounts, name, "account"),
            };
            let done = if adds { names.add(name) } else { names.remove(name) };
            // A sender ID may be somebody's number.
            let shown = if name.starts_with('+') { Msisdn::from_stored(name.clone()).masked() } else { name.clone() };
            done.then(|| format!("{kind} {shown}"))
        };
        let done = self.database.store(env).await?.change_user(OwnerId(self.user), act, change).await;
        match done.map_err(Failure::other)? {
            Some(true) => writeln!(out, "{word}").map_err(Failure::other),
            Some(false) => Err(Failure::Other(format!("the name {not}"))),
            None => Err(super::unknown_user()),
        }
    }
}

/// The name as it is stored. A number among the sender IDs is kept in E.164.
fn name(sender: Option<String>, account: Option<String>) -> Result<Name, Failure> {
    match (sender, account) {
        (Some(any), _) if any == Allowed::ANY => Ok(Name::Sender(any)),
        (Some(sender), _) => {
            let sender = SenderId::parse(&sender).map_err(|e| config::Error::of("--sender", e))?;
            Ok(Name::Sender(sender.as_str().to_owned()))
        }
        (None, Some(account)) if account == Allowed::ANY || is_account(&account) => Ok(Name::Account(account)),
        (None, _) => Err(config::Error::of("--account", "must be a route account's id, a UUID").into()),
    }
}
