//! `messaging token`: what callers show who have no API key. It needs the secret that tokens are signed with, so no service is asked.

use std::io::Write;

use clap::Args;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;

use crate::app;
use crate::auth::Scope;
use crate::cli::Failure;
use crate::cli::admin::{DatabaseArgs, existing};
use crate::clock::Clock;
use crate::config::{self, Env};
use crate::domain::audit::{Act, Actor};
use crate::domain::ids::OwnerId;

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

pub(super) fn check_scope(scope: &str) -> Result<(), Failure> {
    let Some(unknown) = Scope::unknown_in(scope) else { return Ok(()) };
    let known = Scope::ALL.map(Scope::name).join(", ");
    Err(config::Error::of("--scope", format_args!("names {unknown:?}, which is none of: {known}")).into())
}
