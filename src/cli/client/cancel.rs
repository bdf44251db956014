//! `cancel`: takes one message back that waits.

use super::connection::{Connection, Messages};
use super::failure::Failure;
use super::ids;
use super::output::{self, held};
use super::{Console, Exit};
use crate::proto::CancelMessageRequest;

/// Cancel one message that waits for its time or in the queue.
#[derive(clap::Args)]
pub struct Cancel {
    #[command(flatten)]
    connection: Connection,
    /// Our id of the message, or the provider's
    id: String,
}

impl Cancel {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut client = self.connection.open(console.env).await?.messages();
        let ask = async |client: &mut Messages, id| client.cancel_message(CancelMessageRequest { id }).await;
        let answer = ids::by_ours(&mut client, self.id, ask).await?;
        let message = held(answer.message, "message")?;
        let show = if self.connection.json { output::json } else { output::message };
        show(console.out, &message)?;
        Ok(Exit::Success)
    }
}
