//! The administrative commands open the database themselves, and may run beside a serving process: which one, and whether the
//! configuration is good.

use std::io::Write;

use clap::{Args, ValueEnum};

use crate::app;
use crate::cli::{Failure, serve};
use crate::config::{self, Config, Env};
use crate::domain::audit::Actor;
use crate::domain::ids::OwnerId;
use crate::server::tls;
use crate::store::{SchemaStanding, Store};

/// Which database a command is about.
#[derive(Debug, Args)]
pub(super) struct DatabaseArgs {
    /// Use the database and secret that `serve --sandbox` uses
    #[arg(long)]
    sandbox: bool,
}

impl DatabaseArgs {
    pub(super) fn env(&self, env: Env) -> Result<Env, Failure> {
        if self.sandbox { Ok(serve::found_sandbox_env(env)?) } else { Ok(env) }
    }

    /// Opens the database, which is made if it is not there, in the name of whoever runs the command.
    pub(super) async fn made(&self, env: Env) -> Result<Store, Failure> {
        let env = if self.sandbox { serve::sandbox_env(env)? } else { env };
        let store = app::make_store(&config::database(&env)?).await?;
        Ok(store.acting(Actor::cli(env.system_user())))
    }

    pub(super) async fn migrate(&self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let store = self.made(env).await?;
        writeln!(out, "the {} database is up to date", store.kind()).map_err(Failure::other)?;
        store.newer().map_or(Ok(()), |newer| writeln!(out, "{newer}").map_err(Failure::other))
    }
}

pub(super) async fn existing(store: &Store, user: i64) -> Result<(), Failure> {
    let found = store.user(OwnerId(user)).await.map_err(Failure::other)?;
    let missing = || Failure::other(format_args!("--user names no user: there is no {user}; see messaging user list"));
    found.map(drop).ok_or_else(missing)
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
        app::tokens(config.tokens.clone())?;
        app::provider(&config)?;
        let spool = app::check_spool(&config)?;
        let standing = crate::store::probe(&config.database.store).await;
        let standing = standing.map_err(|e| app::database_error(&config.database, &e))?;
        writeln!(out, "the configuration is good; the database {standing}").map_err(Failure::other)?;
        let newer = match standing {
            SchemaStanding::There { newer, .. } => newer.map(|newer| newer.to_string()),
            SchemaStanding::ToBeMade(_) => None,
        };
        for note in [spool, newer].into_iter().flatten() {
            writeln!(out, "{note}").map_err(Failure::other)?;
        }
        for (name, meant) in config::misspelt(env) {
            writeln!(out, "{name} is no variable of this program; {meant} is").map_err(Failure::other)?;
        }
        Ok(())
    }
}
