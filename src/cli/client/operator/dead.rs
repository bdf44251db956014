//! `messaging dead`: messages that were given up, what happened to them, and putting them back.

use pbjson_types::Timestamp;
use serde_json::{Value, json};

use super::place::Place;
use super::{exactly, or_none};
use crate::cli::client::failure::Failure;
use crate::cli::client::pages::Pages;
use crate::cli::client::send::moment;
use crate::cli::client::text::plain;
use crate::cli::client::{Console, Exit, output};
use crate::proto::explain_message_response::Entry;
use crate::proto::{
    DeadMessageFilter, InspectMessageRequest, ListDeadMessagesRequest, OperatedMessage, RequeueDeadMessagesRequest,
    RequeueMessageRequest,
};

/// Commands on messages that were given up.
#[derive(clap::Subcommand)]
pub enum Dead {
    /// List messages that were given up: id, owner, attempts, reason, when; oldest first
    List {
        #[command(flatten)]
        which: Which,
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Go on after this id
        #[arg(long)]
        after: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Show one message's history, a JSON line for each thing that happened; never its number or its text
    Show {
        /// The message's id
        id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Put a message that was given up, or whose state stays unknown, back into the queue
    Requeue {
        /// The message's id
        id: String,
        /// Also if an earlier try may have reached the recipient
        #[arg(long)]
        may_duplicate: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Say how many messages were given up and match; with that number, put all of them back into the queue
    RequeueAll {
        #[command(flatten)]
        which: Which,
        /// How many they are, as this command has said without it: it is done only if that is still so
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
        expect: Option<i64>,
        #[command(flatten)]
        place: Place,
    },
}

/// Which of the messages that were given up; all unless told.
#[derive(clap::Args)]
pub struct Which {
    /// Only this user's
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
    /// Only this campaign's
    #[arg(long, value_name = "ID")]
    campaign: Option<i64>,
    /// Only those with this error code, for example `RETRIES_EXHAUSTED`
    #[arg(long, value_name = "CODE")]
    error: Option<String>,
    /// Only those that took this route account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Only those accepted at this time or later
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    accepted_after: Option<Timestamp>,
    /// Only those accepted before this time
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    accepted_before: Option<Timestamp>,
}

impl Which {
    fn filter(self) -> DeadMessageFilter {
        DeadMessageFilter {
            owner_id: self.user,
            campaign_id: self.campaign,
            error_code: self.error.unwrap_or_default(),
            traffic_account_id: self.account.unwrap_or_default(),
            accepted_after: self.accepted_after,
            accepted_before: self.accepted_before,
        }
    }
}

impl Dead {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self {
            Self::List { which, limit, after, place } => list(which, (limit, after), &place, console).await,
            Self::Show { id, place } => show(id, &place, console).await,
            Self::Requeue { id, may_duplicate, place } => {
                let request = RequeueMessageRequest { id, may_duplicate };
                let answer = place.open(console).await?.requeue_message(request).await?.into_inner();
                place.print(console, &answer, |_| Ok("queued".to_owned()))?;
                Ok(Exit::Success)
            }
            Self::RequeueAll { which, expect, place } => {
                let filter = Some(which.filter());
                let request = RequeueDeadMessagesRequest { filter, dry_run: expect.is_none(), expected_count: expect };
                let answer = place.open(console).await?.requeue_dead_messages(request).await?.into_inner();
                place.print(console, &answer, |answer| {
                    Ok(match expect {
                        None if answer.count == 0 => "no message matches".to_owned(),
                        None => format!("{0} messages match; --expect {0} puts them back", answer.count),
                        Some(_) => format!("queued: {}; left as they were: {}", answer.requeued, answer.left),
                    })
                })?;
                Ok(Exit::Success)
            }
        }
    }
}

async fn list(
    which: Which,
    (limit, after): (u32, Option<String>),
    place: &Place,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut admin = place.open(console).await?;
    let filter = which.filter();
    let mut request = ListDeadMessagesRequest {
        owner_id: filter.owner_id,
        campaign_id: filter.campaign_id,
        error_code: filter.error_code,
        traffic_account_id: filter.traffic_account_id,
        accepted_after: filter.accepted_after,
        accepted_before: filter.accepted_before,
        after_id: after.unwrap_or_default(),
        ..ListDeadMessagesRequest::default()
    };
    let ask = async |page_size, page_token| {
        (request.page_size, request.page_token) = (page_size, page_token);
        let page = admin.list_dead_messages(request.clone()).await?.into_inner();
        Ok((page.messages, page.next_page_token))
    };
    let line = |console: &mut Console<'_>, message: &OperatedMessage| {
        let (id, owner, attempts) = (plain(&message.id), message.owner_id, message.attempts);
        let (reason, at) = (plain(or_none(&message.error_code)), exactly(message.changed_at.as_ref()));
        Ok(writeln!(console.out, "{id}\t{owner}\t{attempts}\t{reason}\t{at}")?)
    };
    Pages { limit: Some(limit), json: place.json() }.show(console, ask, line).await
}

async fn show(id: String, place: &Place, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let answer = place.open(console).await?.inspect_message(InspectMessageRequest { id }).await?.into_inner();
    if place.json() {
        output::json(console.out, &answer)?;
        return Ok(Exit::Success);
    }
    for entry in answer.entries {
        writeln!(console.out, "{}", happened(&entry)?)?;
    }
    Ok(Exit::Success)
}

/// One thing that happened, in the form that this command has always had.
fn happened(entry: &Entry) -> Result<Value, Failure> {
    let evidence = entry.evidence.as_ref().map(serde_json::to_value).transpose();
    let mut evidence = evidence.map_err(|e| Failure::Answer(e.to_string()))?.unwrap_or_default();
    output::whole(&mut evidence);
    Ok(json!({"at": exactly(entry.at.as_ref()), "kind": entry.kind().as_str_name(), "from": entry.from,
        "to": entry.to, "attempt": entry.attempt, "evidence": evidence}))
}
