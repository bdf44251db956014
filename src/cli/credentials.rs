//! `messaging key` and `messaging token`: what callers show.

use std::io::Write;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use secrecy::ExposeSecret as _;

use crate::app;
use crate::auth::{Scope, keys};
use crate::cli::Failure;
use crate::cli::admin::{DatabaseArgs, existing};
use crate::clock::Clock;
use crate::config::{self, Env};
use crate::domain::audit::{Act, Actor};
use crate::domain::ids::OwnerId;
use crate::store::NewApiKey;

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make an API key, and print it: it is shown this once
    Create {
        /// Whose key
        #[arg(long)]
        user: i64,
        /// Its scopes, separated by spaces
        #[arg(long, default_value = Scope::ORDINARY)]
        scope: String,
        /// A name for people, for example what uses it
        #[arg(long)]
        name: Option<String>,
        /// After how many days it ends; without it never
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        days: Option<u16>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Revoke a key by its id; it is refused from then on
    Revoke {
        /// The key's id, as `key list` gives it
        id: i64,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// List the keys: id, user, first characters, scopes, state, end, last use, name
    List {
        /// Only this user's
        #[arg(long)]
        user: Option<i64>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

impl Key {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        match self {
            Self::Create { user, scope, name, days, database } => {
                check_scope(&scope)?;
                let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
                if name.as_ref().is_some_and(|name| name.chars().any(char::is_control)) {
                    return Err(config::Error::of("--name", "must not hold control characters").into());
                }
                let store = database.store(env).await?;
                existing(&store, user).await?;
                let key = keys::create(rand::rng().random());
                let expires_at =
                    days.map(|days| Clock::system().now() + SignedDuration::from_hours(24 * i64::from(days)));
                let (hash, hint) = (key.hash, key.hint);
                let new = NewApiKey { user: OwnerId(user), hash, hint, scopes: scope, name, expires_at };
                store.create_key(new).await.map_err(Failure::other)?;
                writeln!(out, "{}", key.secret.expose_secret()).map_err(Failure::other)
            }
            Self::Revoke { id, database } => {
                if database.store(env).await?.revoke_key(id).await.map_err(Failure::other)? {
                    writeln!(out, "revoked").map_err(Failure::other)
                } else {
                    Err(Failure::Other(format!("there is no key {id} that is not revoked; see messaging key list")))
                }
            }
            Self::List { user, database } => {
                for key in database.store(env).await?.keys(user.map(OwnerId)).await.map_err(Failure::other)? {
                    let now = Clock::system().now();
                    let state = match (key.revoked_at, key.expires_at) {
                        (Some(_), _) => "revoked",
                        (None, Some(end)) if end <= now => "expired",
                        (None, _) => "live",
                    };
                    let at = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
                    let (ends, used) = (at(key.expires_at), at(key.last_used_at));
                    let (id, name) = (key.id, key.name.as_deref().unwrap_or("-"));
                    let line =
                        format!("{id}\t{}\t{}…\t{}\t{state}\t{ends}\t{used}\t{name}", key.user, key.hint, key.scopes);
                    writeln!(out, "{line}").map_err(Failure::other)?;
                }
                Ok(())
            }
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Token {
    /// Whom the token stands for
    #[arg(long)]
    user: i64,
    /// Its scopes, separated by spaces
    #[arg(long, default_value = Scope::ORDINARY)]
    scope: String,
    /// How many hours it is valid
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(i64).range(1..=87_600))]
    hours: i64,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Token {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        check_scope(&self.scope)?;
        let env = self.database.env(env)?;
        let tokens = app::tokens(config::tokens(&env)?)?;
        let store = app::open_store(&config::database(&env)?).await?;
        let store = store.acting(Actor::cli(env.system_user()));
        existing(&store, self.user).await?;
        let ttl = SignedDuration::from_hours(self.hours);
        let token = tokens.issue(OwnerId(self.user), &self.scope, Clock::system().now(), ttl);
        let token = token.map_err(|_| config::Error::of("--hours", "is more than JWT_MAX_DAYS allow"))?;
        let subject = format!("{} hours, {}", self.hours, self.scope);
        store.note_act(Act::TokenIssued, Some(OwnerId(self.user)), &subject).await.map_err(Failure::other)?;
        writeln!(out, "{}", token.expose_secret()).map_err(Failure::other)
    }
}

fn check_scope(scope: &str) -> Result<(), Failure> {
    let Some(unknown) = Scope::unknown_in(scope) else { return Ok(()) };
    let known = Scope::ALL.map(Scope::name).join(", ");
    Err(config::Error::of("--scope", format_args!("names {unknown:?}, which is none of: {known}")).into())
}
