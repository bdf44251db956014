//! Operators' commands: calls of `AdminService`, at a running service or in this process beside a database. What they ask and what they
//! print is the same in both places.

mod accounts;
mod audit;
mod dead;
mod fleet;
mod keys;
mod limits;
mod numbers;
mod opt_outs;
mod place;
mod queue;
mod users;

pub use accounts::Account;
pub use audit::Audit;
pub use dead::Dead;
pub use fleet::{Replay, Replicas, Retention};
pub use keys::Key;
pub use numbers::{Erase, Inbound};
pub use opt_outs::OptOut;
pub use queue::Queue;
pub use users::User;

use std::fmt::Display;

use super::failure::Failure;
use super::{Console, Exit};

/// Operators' commands.
#[derive(clap::Subcommand)]
pub enum Operator {
    /// Users, who own messages and campaigns
    #[command(subcommand)]
    User(User),
    /// API keys
    #[command(subcommand)]
    Key(Key),
    /// Route accounts: their limits, and what holds them
    #[command(subcommand)]
    Account(Account),
    /// Messages that were given up
    #[command(subcommand)]
    Dead(Dead),
    /// Messages that wait to be sent
    #[command(subcommand)]
    Queue(Queue),
    /// Numbers that do not want a user's messages
    #[command(subcommand)]
    OptOut(OptOut),
    /// Erase a number from everything that is at rest, and the texts that were sent to it
    Erase(Erase),
    /// Messages from recipients that a person has to look at
    #[command(subcommand)]
    Inbound(Inbound),
    /// Read all delivery reports again, and tell which messages' states lack something that was reported
    ReplayReports(Replay),
    /// List the processes that serve: id, release, since when, when last seen, what they have in flight
    Replicas(Replicas),
    /// Tell how far erasing what is old has come: what, when it goes on, whether that is now, behind which message
    Retention(Retention),
    /// List acts, newest first: number, when, who, what, whose, about what
    Audit(Audit),
}

impl Operator {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self {
            Self::User(command) => Box::pin(command.run(console)).await,
            Self::Key(command) => command.run(console).await,
            Self::Account(command) => command.run(console).await,
            Self::Dead(command) => command.run(console).await,
            Self::Queue(command) => command.run(console).await,
            Self::OptOut(command) => command.run(console).await,
            Self::Erase(command) => command.run(console).await,
            Self::Inbound(command) => command.run(console).await,
            Self::ReplayReports(command) => command.run(console).await,
            Self::Replicas(command) => command.run(console).await,
            Self::Retention(command) => command.run(console).await,
            Self::Audit(command) => command.run(console).await,
        }
    }
}

/// A value, or the sign of none.
fn or_none(value: &str) -> &str {
    if value.is_empty() { "-" } else { value }
}

/// The same of a value that may be absent.
fn shown<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A time to the last digit that is known, in UTC.
fn exactly(at: Option<&pbjson_types::Timestamp>) -> String {
    shown(at.and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok()))
}
