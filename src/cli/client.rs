//! The client commands: each one a call over gRPC, told to people or, with `--json`, to programs.

mod campaign;
mod cancel;
mod connection;
mod failure;
mod follow;
mod found;
mod ids;
mod inbox;
mod messages;
mod operator;
mod output;
mod pages;
mod refresh;
mod send;
mod send_many;
mod text;
mod watch;
mod webhooks;

pub use campaign::{Campaign, CampaignCommand};
pub use cancel::Cancel;
pub use connection::Connection;
pub use inbox::Inbox;
pub use messages::{Explain, List, Message, Status};
pub use operator::Operator;
pub use output::rate;
pub use refresh::{Patience, Refresh};
pub use send::Send;
pub use send_many::SendMany;
pub use watch::Watch;
pub use webhooks::Webhooks;

use std::io::{IsTerminal as _, Read, Write};

pub use crate::cli::exit::Exit;
use crate::config::Env;

/// The commands that call a running service. It holds credentials, numbers and texts, so it has no `Debug`.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Operators' commands
    #[command(flatten)]
    Operator(Box<Operator>),
    /// Send one message
    Send(Box<Send>),
    /// Send the messages of a file over one stream; it can be cut and run again
    SendMany(SendMany),
    /// Ask the provider about one message; changes nothing
    Status(Status),
    /// Show our record of one message
    Message(Message),
    /// List our records, newest first
    List(List),
    /// Ask the provider about one message, a campaign or a list, and bring our records up to date
    Refresh(Refresh),
    /// Tell everything that happened to one message
    Explain(Explain),
    /// Take back one message that waits for its time or in the queue
    Cancel(Cancel),
    /// List what recipients wrote, newest first
    Inbox(Inbox),
    /// Make campaigns and see how they stand
    Campaign(Campaign),
    /// Watch messages change, from now on or after a token, until Ctrl-C
    Watch(Watch),
    /// Deliver events to endpoints of your own, and see how they stand
    Webhooks(Webhooks),
}

/// The surroundings of a command, passed in so that tests can watch it.
pub struct Console<'a> {
    /// The environment.
    pub env: &'a Env,
    /// Read where a file is named `-`.
    pub input: &'a mut (dyn Read + std::marker::Send),
    /// Takes the results, and nothing else.
    pub out: &'a mut dyn Write,
    /// Takes the errors.
    pub err: &'a mut dyn Write,
    /// Whether to draw progress on the process's standard error.
    pub progress: bool,
    /// How to go on after a stream was cut.
    pub patience: Patience,
}

/// Runs a command with the process's standard input, and a progress bar if standard error is a terminal.
pub async fn run(command: Command, env: &Env, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let progress = std::io::stderr().is_terminal();
    let patience = Patience::default();
    run_in(command, &mut Console { env, input: &mut std::io::stdin(), out, err, progress, patience }).await
}

/// Runs a command in surroundings of the caller's choice.
pub async fn run_in(command: Command, console: &mut Console<'_>) -> Exit {
    let done = match command {
        Command::Operator(operator) => Box::pin(operator.run(console)).await,
        Command::Send(send) => send.run(console).await,
        Command::SendMany(many) => many.run(console).await,
        Command::Status(status) => status.run(console).await,
        Command::Message(message) => message.run(console).await,
        Command::List(list) => list.run(console).await,
        Command::Refresh(refresh) => refresh.run(console).await,
        Command::Explain(explain) => explain.run(console).await,
        Command::Cancel(cancel) => cancel.run(console).await,
        Command::Inbox(inbox) => inbox.run(console).await,
        Command::Campaign(campaign) => campaign.run(console).await,
        Command::Watch(watch) => watch.run(console).await,
        Command::Webhooks(webhooks) => webhooks.run(console).await,
    };
    let done = done.and_then(|exit| {
        console.out.flush()?;
        Ok(exit)
    });
    match done {
        Ok(exit) => exit,
        // The reader has seen enough, as `head` does: there is nobody to complain to, and nothing to complain of.
        Err(failure) if failure.is_closed_pipe() => Exit::Success,
        Err(failure) => {
            // Where even standard error is closed, the exit status is all that is left to tell.
            let _ = writeln!(console.err, "{failure}");
            failure.exit()
        }
    }
}
