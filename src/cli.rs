//! The command line of `messaging`: what can be asked of the program. Results go to standard output, logs and errors to standard error.

mod admin;
pub mod client;
mod console_address;
mod console_link;
mod credentials;
mod exit;
mod import;
mod manual;
mod phone;
mod probe;
mod proto;
mod sandbox;
mod serve;
mod worker;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::{self, Env};
use exit::Exit;

/// Sends SMS through Mitto: never loses one it accepted, and bounds, counts and shows duplicates.
#[derive(Parser)]
#[command(name = "messaging", version, arg_required_else_help = true, after_help = exit::help())]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve both APIs and run the workers
    Serve(serve::Serve),
    /// Run the Mitto sandbox alone: Mitto's API on this machine, without an account
    Sandbox(sandbox::Sandbox),
    /// Bring the database up to date
    Migrate(admin::DatabaseArgs),
    /// Check the configuration, the database and the files it names, and change nothing
    CheckConfig(admin::CheckConfig),
    /// Print a token for a user
    Token(credentials::Token),
    ConsoleLink(console_link::ConsoleLink),
    /// Send what is queued, without a gRPC listener
    Worker,
    Probe(probe::Probe),
    /// Take over the users, opt-outs, campaigns and messages of the system before this one; sends nothing, and takes nothing
    /// twice
    ImportLegacy(import::Import),
    #[command(flatten)]
    Written(Written),
    #[command(flatten)]
    Client(client::Command),
}

/// The commands that write what the program is made of. They read no configuration, so a wrong one is no hindrance.
#[derive(Subcommand)]
enum Written {
    Proto(proto::Proto),
    Completions(manual::Completions),
    Man(manual::Man),
}

impl Written {
    fn run(&self, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        match self {
            Self::Proto(proto) => proto.run(out),
            Self::Completions(completions) => completions.run(Arguments::command(), out),
            Self::Man(man) => man.run(Arguments::command()),
        }
    }
}

/// Why a command ended without success.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Wrong usage or configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// Everything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    fn other(e: impl std::fmt::Display) -> Self {
        Self::Other(e.to_string().replace(['\n', '\r'], " "))
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Config(e) if !e.passes() => Exit::Usage,
            Self::Config(_) | Self::Other(_) => Exit::Failed,
        }
    }
}

/// Runs the program with these arguments and this environment.
pub async fn run(
    arguments: impl Iterator<Item = std::ffi::OsString>,
    env: Env,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> ExitCode {
    let command = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        Err(usage) => {
            let wanted = !usage.use_stderr();
            let _ = if wanted { write!(out, "{usage}") } else { write!(err, "{usage}") };
            return if wanted { Exit::Success } else { Exit::Usage }.into();
        }
    };
    if let Command::Written(written) = &command {
        return finish(written.run(out), err);
    }
    let env = match config::secrets::from_files(env) {
        Ok(env) => env,
        Err(e) => {
            let _ = writeln!(err, "messaging: {e}");
            return Exit::Usage.into();
        }
    };
    let done = match command {
        Command::Serve(serve) => Box::pin(serve.run(env, out)).await,
        Command::Sandbox(sandbox) => sandbox.run(&env, out).await,
        Command::Migrate(database) => database.migrate(env, out).await,
        Command::CheckConfig(check) => check.run(&env, out).await,
        Command::Token(command) => command.run(env, out).await,
        Command::ConsoleLink(link) => link.run(env, out).await,
        Command::Probe(probe) => probe.run(&env, out).await,
        Command::Worker => Box::pin(worker::run(env, out)).await,
        Command::ImportLegacy(import) => Box::pin(import.run(env, out, err)).await,
        Command::Client(command) => {
            return client::run(command, &env, out, err).await.into();
        }
        // Done above.
        Command::Written(_) => Ok(()),
    };
    finish(done, err)
}

/// Tells why a command failed, in one line.
fn finish(done: Result<(), Failure>, err: &mut (dyn Write + Send)) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(err, "messaging: {failure}");
            failure.exit().into()
        }
    }
}
