//! `watch`: the changes of messages as they come, until it is interrupted.

use std::io::Write;

use super::connection::Connection;
use super::failure::Failure;
use super::follow::{Told, follow};
use super::messages::state;
use super::output;
use super::text::plain;
use super::{Console, Exit};
use crate::proto::{MessageStatus, WatchMessagesRequest, WatchMessagesResponse};

/// Watch messages change, from now on or after a token, until Ctrl-C.
///
/// A stream that is cut is begun again after the last change that was read. At its end the last token goes to standard
/// error.
#[derive(clap::Args)]
pub struct Watch {
    #[command(flatten)]
    connection: Connection,
    /// Only messages of this campaign
    #[arg(long, value_name = "ID")]
    campaign: Option<i64>,
    /// Only changes to this status, for example delivered; may be given again for others
    #[arg(long, value_parser = state)]
    status: Vec<MessageStatus>,
    /// Go on after this token of an earlier watch
    #[arg(long, allow_hyphen_values = true, value_name = "TOKEN")]
    resume_token: Option<String>,
}

impl Watch {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut client = self.connection.open(console.env).await?.messages();
        let request = WatchMessagesRequest {
            campaign_id: self.campaign,
            statuses: self.status.into_iter().map(Into::into).collect(),
            ..WatchMessagesRequest::default()
        };
        let open =
            async |resume_token| client.watch_messages(WatchMessagesRequest { resume_token, ..request.clone() }).await;
        follow(console, self.connection.json, self.resume_token.unwrap_or_default(), open).await
    }
}

impl Told for WatchMessagesResponse {
    fn token(&self) -> &str {
        &self.resume_token
    }

    fn show(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let Some(event) = &self.event else { return Ok(()) };
        let (from, to) = (output::status(event.from()), output::status(event.to()));
        let from = if from.is_empty() { "NEW" } else { from };
        let campaign = event.campaign_id.map(|id| format!("  campaign {id}")).unwrap_or_default();
        let id = plain(&event.id);
        Ok(writeln!(out, "{}  {id}  {from} -> {to}{campaign}", output::time(event.at.as_ref()))?)
    }

    fn json(&self, out: &mut dyn Write) -> Result<(), Failure> {
        output::json(out, self)
    }
}
