//! `messaging console-link`: an address that signs a person in to the console, once, within a minute.

use std::io::Write;

use clap::Args;
use url::Url;

use crate::app;
use crate::auth::Scope;
use crate::cli::Failure;
use crate::cli::admin::{DatabaseArgs, existing};
use crate::cli::console_address::link;
use crate::cli::credentials::check_scope;
use crate::config::{self, Env, variables as var};
use crate::domain::audit::{Act, Actor};
use crate::domain::ids::OwnerId;
use crate::service::LINK_LIFE;

/// Print an address that signs somebody in to the console: once, within a minute
#[derive(Debug, Args)]
pub(super) struct ConsoleLink {
    /// As whom
    #[arg(long)]
    user: i64,
    /// With which scopes, separated by spaces; `reveal` shows whole numbers
    #[arg(long, default_value = Scope::ORDINARY)]
    scope: String,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl ConsoleLink {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        check_scope(&self.scope)?;
        let env = self.database.env(env)?;
        let origin = origin(&env)?;
        let tokens = app::tokens(config::tokens(&env)?)?;
        let store = app::open_store(&config::database(&env)?).await?;
        let store = store.acting(Actor::cli(env.system_user()));
        existing(&store, self.user).await?;
        let user = OwnerId(self.user);
        let link = link(&tokens, &origin, user, &self.scope)?;
        let subject = format!("a link to the console for {} s, {}", LINK_LIFE.as_secs(), self.scope);
        store.note_act(Act::TokenIssued, Some(user), &subject).await.map_err(Failure::other)?;
        writeln!(out, "{link}").map_err(Failure::other)
    }
}

/// Where browsers reach the console.
fn origin(env: &Env) -> Result<String, Failure> {
    if config::console(env, false)?.is_none() {
        return Err(var::CONSOLE.error("is 0: there is no console to sign in to").into());
    }
    let addr = var::HTTP_ADDR.read(env)?;
    let scheme = if var::HTTP_TLS.read(env)? { "https" } else { "http" };
    let public = var::PUBLIC_ORIGIN.read(env)?;
    if public.is_none() && addr.port() == 0 {
        return Err(var::PUBLIC_ORIGIN
            .error("is required where HTTP_ADDR takes any port: the link has to lead somewhere")
            .into());
    }
    Ok(public.as_ref().map_or_else(|| format!("{scheme}://{addr}"), Url::to_string))
}
