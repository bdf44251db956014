//! `messaging user`: who may call, and how much one may have.

mod grants;
mod limits;

use std::io::Write;

use clap::Subcommand;

use crate::cli::Failure;
use crate::cli::admin::DatabaseArgs;
use crate::config::{self, Env};
use crate::domain::ids::OwnerId;
use crate::domain::sender::SenderId;
use crate::store;
use grants::Grant;
use limits::{Limit, Show};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make a user, and print its id
    Create {
        /// A name for people
        #[arg(long)]
        name: String,
        /// The sender ID of the user's messages: 3–11 letters and digits, or E.164
        #[arg(long)]
        sender: Option<String>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Refuse the user's tokens and keys from now on, within seconds; what is queued is sent all the same
    Disable {
        /// Whose credentials
        user: i64,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Take the user's tokens and keys again
    Enable {
        /// Whose credentials
        user: i64,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Refuse the user's tokens that were issued until now, for example because one leaked; keys go on
    EndTokens {
        /// Whose tokens
        user: i64,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// List the users: id, name, sender, state
    List {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Limit what a user may have in flight and spend
    Limit(Limit),
    /// Let a user's messages have a sender ID, or take a route account
    Grant(Grant),
    /// Take back what was granted; what is queued is sent all the same
    Ungrant(Grant),
    /// Show one user: names, state, grants, limits, and what is left of them
    Show(Show),
}

impl User {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        match self {
            Self::Create { name, sender, database } => {
                let name = name.trim().to_owned();
                if name.is_empty() || name.chars().any(char::is_control) {
                    return Err(config::Error::of("--name", "must not be empty or hold control characters").into());
                }
                let sender = sender.as_deref().map(SenderId::parse).transpose();
                let sender = sender.map_err(|e| config::Error::of("--sender", e))?;
                let id =
                    database.store(env).await?.create_user(&name, sender.as_ref()).await.map_err(Failure::other)?;
                writeln!(out, "{id}").map_err(Failure::other)
            }
            Self::List { database } => {
                for user in database.store(env).await?.users().await.map_err(Failure::other)? {
                    let sender = user.sender.as_ref().map_or("-", SenderId::as_str);
                    let state = if user.disabled_at.is_some() { "disabled" } else { "live" };
                    writeln!(out, "{}\t{}\t{sender}\t{state}", user.id, user.name).map_err(Failure::other)?;
                }
                Ok(())
            }
            Self::Disable { user, database } => {
                told(database.store(env).await?.disable_user(OwnerId(user), true).await, "disabled", out)
            }
            Self::Enable { user, database } => {
                told(database.store(env).await?.disable_user(OwnerId(user), false).await, "enabled", out)
            }
            Self::EndTokens { user, database } => {
                told(database.store(env).await?.end_tokens(OwnerId(user)).await, "ended", out)
            }
            Self::Limit(limit) => limit.run(env, out).await,
            Self::Grant(grant) => grant.run(env, true, out).await,
            Self::Ungrant(grant) => grant.run(env, false, out).await,
            Self::Show(show) => show.run(env, out).await,
        }
    }
}

/// Says what was done to a user, if there is one.
fn told(done: Result<bool, store::Error>, word: &str, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    if done.map_err(Failure::other)? { writeln!(out, "{word}").map_err(Failure::other) } else { Err(unknown_user()) }
}

fn unknown_user() -> Failure {
    config::Error::of("<USER>", "names no user; see messaging user list").into()
}
