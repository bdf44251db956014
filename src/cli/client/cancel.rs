//! `cancel`: takes one message back that waits.

use super::connection::Connection;
use super::failure::Failure;
use super::output::{self, held};
use super::{Console, Exit};
use crate::proto::CancelMessageRequest;

/// Cancel one message that waits for its time or in the queue.
#[derive(clap::Args)]
pub struct Cancel {
    #[command(flatten)]
    connection: Connection,
    /// Our id of the message
    id: String,
}

impl Cancel {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut client = self.connection.open(console.env).await?.messages();
        let answer = client.cancel_message(CancelMessageRequest { id: self.id }).await?.into_inner();
        let message = held(answer.message, "message")?;
        let show = if self.connection.json { output::json } else { output::message };
        show(console.out, &message)?;
        Ok(Exit::Success)
    }
}
