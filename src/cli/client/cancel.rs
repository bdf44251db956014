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
    #[arg(required_unless_present = "key", conflicts_with = "key")]
    id: Option<String>,
    /// The idempotency key that the message was sent with, in place of its id
    #[arg(long)]
    key: Option<String>,
    /// The user whose message it is, if it is not the caller; needs scope act-as
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
}

impl Cancel {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut client = self.connection.open(console.env).await?.messages();
        let named = |id| CancelMessageRequest {
            id,
            sent_idempotency_key: self.key.clone().unwrap_or_default(),
            owner_id: self.user,
        };
        let answer = match self.id.clone() {
            Some(id) => {
                let ask = async |client: &mut Messages, id| client.cancel_message(named(id)).await;
                ids::by_ours(&mut client, (id, self.user), ask).await?
            }
            None => client.cancel_message(named(String::new())).await?.into_inner(),
        };
        let message = held(answer.message, "message")?;
        let show = if self.connection.json { output::json } else { output::message };
        show(console.out, &message)?;
        Ok(Exit::Success)
    }
}
