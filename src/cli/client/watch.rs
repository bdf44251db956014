//! `watch`: the changes of messages as they come, until it is interrupted.

use tonic::{Code, Status, Streaming};

use super::connection::Connection;
use super::failure::Failure;
use super::messages::state;
use super::output;
use super::refresh::was_cut;
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
    #[arg(long, value_name = "TOKEN")]
    resume_token: Option<String>,
}

impl Watch {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut request = WatchMessagesRequest {
            campaign_id: self.campaign,
            statuses: self.status.into_iter().map(Into::into).collect(),
            owner_id: None,
            resume_token: self.resume_token.unwrap_or_default(),
        };
        let json = self.connection.json;
        let given = request.resume_token.clone();
        let watched = tokio::select! {
            ended = follow(&self.connection, &mut request, json, console) => ended,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Success),
        };
        if request.resume_token != given {
            let _ = writeln!(console.err, "to go on: --resume-token {}", request.resume_token);
        }
        watched
    }
}

/// Watches for ever, and goes on by itself where the stream is cut. The request keeps the last token.
async fn follow(
    connection: &Connection,
    request: &mut WatchMessagesRequest,
    json: bool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut client = connection.open(console.env).await?.messages();
    let mut attempt = 0;
    loop {
        let cut = match client.watch_messages(request.clone()).await {
            Ok(stream) => {
                let (token, out) = (&mut request.resume_token, &mut *console.out);
                read(stream.into_inner(), token, &mut attempt, json, out).await?
            }
            Err(status) => status,
        };
        attempt += 1;
        if !is_worth_another_try(&cut) {
            return Err(cut.into());
        }
        match console.patience.before(attempt, Some(&cut), rand::random()) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(cut.into()),
        }
    }
}

/// Reads one stream to its end, and answers what cut it.
async fn read(
    mut stream: Streaming<WatchMessagesResponse>,
    token: &mut String,
    attempt: &mut u32,
    json: bool,
    out: &mut dyn std::io::Write,
) -> Result<Status, Failure> {
    loop {
        let told = match stream.message().await {
            Ok(Some(told)) => told,
            Ok(None) => return Ok(Status::unavailable("the stream ended without a word")),
            Err(status) => return Ok(status),
        };
        *attempt = 0;
        if json {
            output::json(out, &told)?;
        } else if let Some(event) = &told.event {
            let (from, to) = (output::status(event.from()), output::status(event.to()));
            let from = if from.is_empty() { "NEW" } else { from };
            let campaign = event.campaign_id.map(|id| format!("  campaign {id}")).unwrap_or_default();
            let id = plain(&event.id);
            writeln!(out, "{}  {id}  {from} -> {to}{campaign}", output::time(event.at.as_ref()))?;
        }
        // After it was told: an end in between tells a change again and never leaves one out.
        *token = told.resume_token;
    }
}

/// Whether the stream was cut, or ended because it was not read fast enough, rather than refused.
fn is_worth_another_try(status: &Status) -> bool {
    was_cut(status) || matches!(status.code(), Code::Aborted | Code::ResourceExhausted)
}
