//! The administrative commands: they open the database themselves, and may run beside a serving process.

use std::io::Write;

use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;
use rand::RngExt as _;
use secrecy::ExposeSecret as _;

use crate::app;
use crate::auth::{Scope, keys};
use crate::cli::{Failure, serve};
use crate::clock::Clock;
use crate::config::{self, Config, Env, variables as var};
use crate::domain::ids::OwnerId;
use crate::domain::sender::SenderId;
use crate::server::tls;
use crate::store::Store;

/// Which database a command is about.
#[derive(Debug, Args)]
pub(super) struct DatabaseArgs {
    /// Use the database and secret that `serve --sandbox` uses
    #[arg(long)]
    sandbox: bool,
}

impl DatabaseArgs {
    fn env(&self, env: Env) -> Result<Env, Failure> {
        if self.sandbox { Ok(serve::sandbox_env(env)?) } else { Ok(env) }
    }

    pub(super) async fn store(&self, env: Env) -> Result<Store, Failure> {
        Ok(app::open_store(&config::database(&self.env(env)?)?).await?)
    }

    pub(super) async fn migrate(&self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let store = self.store(env).await?;
        writeln!(out, "the {} database is up to date", store.kind()).map_err(Failure::other)
    }
}

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
    /// List the users: id, name, sender
    List {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Limit how many of an owner's queued messages one process has in flight
    Limit {
        /// Whose messages
        user: i64,
        /// How many; without it the configured default
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
        in_flight: Option<u16>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
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
                    writeln!(out, "{}\t{}\t{sender}", user.id, user.name).map_err(Failure::other)?;
                }
                Ok(())
            }
            Self::Limit { user, in_flight, database } => {
                let limited = database.store(env).await?.limit_user(OwnerId(user), in_flight).await;
                if limited.map_err(Failure::other)? {
                    writeln!(out, "limited").map_err(Failure::other)
                } else {
                    Err(config::Error::of("<USER>", "names no user; see messaging user list").into())
                }
            }
        }
    }
}

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
    /// List the keys: id, user, first characters, scopes, state
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
            Self::Create { user, scope, database } => {
                check_scope(&scope)?;
                let store = database.store(env).await?;
                existing(&store, user).await?;
                let key = keys::create(rand::rng().random());
                store.create_key(OwnerId(user), &key.hash, &key.hint, &scope).await.map_err(Failure::other)?;
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
                    let state = if key.revoked_at.is_some() { "revoked" } else { "live" };
                    let line = format!("{}\t{}\t{}…\t{}\t{state}", key.id, key.user, key.hint, key.scopes);
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
        let tokens = app::tokens(&var::JWT_SECRET.read(&env)?)?;
        let store = app::open_store(&config::database(&env)?).await?;
        existing(&store, self.user).await?;
        let ttl = SignedDuration::from_hours(self.hours);
        let token =
            tokens.issue(OwnerId(self.user), &self.scope, Clock::system().now(), ttl).map_err(Failure::other)?;
        writeln!(out, "{}", token.expose_secret()).map_err(Failure::other)
    }
}

fn check_scope(scope: &str) -> Result<(), Failure> {
    let Some(unknown) = Scope::unknown_in(scope) else { return Ok(()) };
    let known = Scope::ALL.map(Scope::name).join(", ");
    Err(config::Error::of("--scope", format_args!("names {unknown:?}, which is none of: {known}")).into())
}

pub(super) async fn existing(store: &Store, user: i64) -> Result<(), Failure> {
    let found = store.user(OwnerId(user)).await.map_err(Failure::other)?;
    let missing =
        || config::Error::of("--user", format_args!("names no user: there is no {user}; see messaging user list"));
    found.map(drop).ok_or_else(|| missing().into())
}

#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// Check nothing, and print every variable
    #[arg(long, value_name = "FORM")]
    reference: Option<Reference>,
}

/// How the variables are printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Reference {
    /// As the page of the documentation
    Page,
    /// As the example of an environment
    Env,
}

impl CheckConfig {
    /// Checks what `serve` would check, and ends.
    pub(super) async fn run(self, env: &Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        match self.reference {
            Some(Reference::Page) => return write!(out, "{}", config::page()).map_err(Failure::other),
            Some(Reference::Env) => return write!(out, "{}", config::example()).map_err(Failure::other),
            None => {}
        }
        crate::telemetry::Settings::load(env)?;
        let config = Config::load(env)?;
        if let Some(files) = &config.grpc.tls {
            tls::Tls::load(files.clone().into()).map_err(|e| Failure::Config(config::Error::new(e.to_string())))?;
        }
        app::tokens(&config.jwt_secret)?;
        let pending = crate::store::probe(&config.database).await.map_err(|e| app::database_error(&e))?;
        writeln!(out, "the configuration is good; the database {pending}").map_err(Failure::other)
    }
}
