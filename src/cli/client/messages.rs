//! `status`, `message`, `list` and `explain`: what is known of messages.

use pbjson_types::Timestamp;
use tonic::Code;

use super::connection::{Connection, Messages, Session};
use super::failure::Failure;
use super::ids;
use super::output::{self, held, rows, short, time};
use super::pages::Pages;
use super::send::moment;
use super::text::plain;
use super::{Console, Exit};
use crate::proto::{
    self, CountMessagesRequest, ExplainMessageRequest, GetCampaignRequest, GetMessageRequest, GetMessageStatusRequest,
    GetMessageStatusResponse, ListMessagesRequest, MessageStatus,
};

/// Ask the provider about one message.
#[derive(clap::Args)]
pub struct Status {
    #[command(flatten)]
    connection: Connection,
    /// The provider's id of the message, or ours
    id: String,
}

impl Status {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut client = self.connection.open(console.env).await?.messages();
        let ask = async |client: &mut Messages, message_id| {
            client.get_message_status(GetMessageStatusRequest { message_id }).await
        };
        let answer = ids::by_providers(&mut client, self.id, ask).await?;
        if self.connection.json {
            output::json(console.out, &answer)?;
        } else {
            rows(console.out, &live(answer))?;
        }
        Ok(Exit::Success)
    }
}

/// The provider's view for people.
pub(super) fn live(view: GetMessageStatusResponse) -> Vec<(&'static str, String)> {
    let sms = view.request_info.and_then(|info| info.sms).unwrap_or_default();
    let sender = view.sender.and_then(|sender| sender.name.or(sender.id)).or(sms.sender);
    vec![
        ("provider status", view.delivery_status.unwrap_or_default()),
        ("provider id", view.message_id),
        ("sender", sender.unwrap_or_default()),
        ("text", view.text.or(sms.text).unwrap_or_default()),
        ("segments", view.message_parts.to_string()),
        ("description", view.description.unwrap_or_default()),
        ("created", time(view.created_at.as_ref())),
        ("updated", time(view.updated_at.as_ref())),
    ]
}

/// Show our record of one message.
#[derive(clap::Args)]
pub struct Message {
    #[command(flatten)]
    connection: Connection,
    /// Our id of the message, or the provider's
    id: String,
    /// The user whose message it is, if it is not the caller; needs scope act-as
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
}

impl Message {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut client = self.connection.open(console.env).await?.messages();
        let owner_id = self.user;
        let ask = async |client: &mut Messages, id| client.get_message(GetMessageRequest { id, owner_id }).await;
        let answer = ids::by_ours(&mut client, (self.id, owner_id), ask).await?;
        let message = held(answer.message, "message")?;
        let show = if self.connection.json { output::json } else { output::message };
        show(console.out, &message)?;
        Ok(Exit::Success)
    }
}

/// List our records.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    connection: Connection,
    /// Only messages of this campaign
    #[arg(long, value_name = "ID")]
    campaign: Option<i64>,
    /// Only messages with this status, for example delivered
    #[arg(long, value_parser = state)]
    status: Option<MessageStatus>,
    /// Only messages to this number
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// Only messages with this reference
    #[arg(long)]
    reference: Option<String>,
    /// Only messages with this id of the provider's
    #[arg(long, value_name = "PROVIDER_ID")]
    provider_id: Option<String>,
    /// Only messages with this error code, for example `PROVIDER_REJECTED`
    #[arg(long, value_name = "CODE")]
    error: Option<String>,
    /// Only messages accepted at this time or later, for example 2027-01-31T09:00:00+02:00
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    after: Option<Timestamp>,
    /// Only messages accepted before this time
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    before: Option<Timestamp>,
    /// The user whose messages to list, if it is not the caller; needs scope act-as
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
    /// How many at most; all unless told
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Only count them, by status: exactly up to 10,000
    #[arg(long, conflicts_with = "limit")]
    count: bool,
}

impl List {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let session = self.connection.open(console.env).await?;
        let of = CountMessagesRequest {
            campaign_id: self.campaign,
            status: self.status.unwrap_or_default().into(),
            destination: self.to.unwrap_or_default(),
            reference: self.reference.unwrap_or_default(),
            provider_message_id: self.provider_id.unwrap_or_default(),
            error_code: self.error.unwrap_or_default(),
            created_after: self.after,
            created_before: self.before,
            owner_id: self.user,
        };
        if self.count {
            return counted(console, session, of, self.connection.json).await;
        }
        let (mut client, mut request) = (session.clone().messages(), ListMessagesRequest::from(of));
        let pages = Pages { limit: self.limit, json: self.connection.json };
        let ask = async |page_size, page_token| {
            (request.page_size, request.page_token) = (page_size, page_token);
            let page = client.list_messages(request.clone()).await?.into_inner();
            if let Some(campaign) = self
                .campaign
                .filter(|_| self.user.is_none() && page.messages.is_empty() && page.next_page_token.is_empty())
            {
                has_campaign(session.clone(), campaign).await?;
            }
            Ok((page.messages, page.next_page_token))
        };
        pages.show(console, ask, line).await
    }
}

/// How many messages there are of each status, and in all.
async fn counted(
    console: &mut Console<'_>,
    session: Session,
    of: CountMessagesRequest,
    json: bool,
) -> Result<Exit, Failure> {
    let campaign = of.campaign_id.filter(|_| of.owner_id.is_none());
    let counted = session.clone().messages().count_messages(of).await?.into_inner();
    if let Some(campaign) = campaign.filter(|_| counted.count == 0) {
        has_campaign(session, campaign).await?;
    }
    if json {
        output::json(console.out, &counted)?;
        return Ok(Exit::Success);
    }
    for one in &counted.statuses {
        writeln!(console.out, "{}\t{}", one.count, output::status(one.status()))?;
    }
    let least = if counted.exact { "" } else { "at least " };
    writeln!(console.out, "{least}{}\tin all", counted.count)?;
    Ok(Exit::Success)
}

/// Refuses where there is no such campaign: a list of nothing would look like a campaign without messages.
async fn has_campaign(session: Session, campaign_id: i64) -> Result<(), Failure> {
    match session.campaigns().get_campaign(GetCampaignRequest { campaign_id }).await {
        Err(refusal) if refusal.code() == Code::NotFound => Err(refusal.into()),
        // Whoever may not ask that has been told nothing wrong.
        _ => Ok(()),
    }
}

/// One message on one line; the widths are those of the longest values, so that pages line up with each other.
fn line(console: &mut Console<'_>, message: &proto::Message) -> Result<(), Failure> {
    let line = format!(
        "{:<36}  {:<9}  {:<16}  {:<20}  {}",
        plain(&message.id),
        output::status(message.status()),
        plain(&message.destination),
        time(message.created_at.as_ref()),
        plain(message.provider_message_id.as_deref().unwrap_or_default()),
    );
    Ok(writeln!(console.out, "{}", line.trim_end())?)
}

pub(super) fn state(text: &str) -> Result<MessageStatus, String> {
    let name = text.to_ascii_uppercase();
    MessageStatus::from_str_name(&name)
        .or_else(|| MessageStatus::from_str_name(&format!("MESSAGE_STATUS_{name}")))
        .filter(|status| *status != MessageStatus::Unspecified)
        .ok_or_else(|| {
            "is none of scheduled, queued, sending, sent, delivered, failed, unknown, cancelled, expired".into()
        })
}

/// Tell everything that happened to one message.
#[derive(clap::Args)]
pub struct Explain {
    #[command(flatten)]
    connection: Connection,
    /// Our id of the message, or the provider's
    id: String,
    /// The user whose message it is, if it is not the caller; needs scope act-as
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
}

impl Explain {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut client = self.connection.open(console.env).await?.messages();
        let owner_id = self.user;
        let ask =
            async |client: &mut Messages, id| client.explain_message(ExplainMessageRequest { id, owner_id }).await;
        let answer = ids::by_ours(&mut client, (self.id, owner_id), ask).await?;
        if self.connection.json {
            output::json(console.out, &answer)?;
            return Ok(Exit::Success);
        }
        output::message(console.out, &held(answer.message, "message")?)?;
        writeln!(console.out)?;
        for entry in answer.entries {
            let attempt = if entry.attempt > 0 { format!("attempt {}", entry.attempt) } else { String::new() };
            let (from, to) = (output::status(entry.from()), output::status(entry.to()));
            let change = if from == to || from.is_empty() { to.to_owned() } else { format!("{from} → {to}") };
            let evidence = entry.evidence.as_ref().map(serde_json::to_string).transpose().unwrap_or_default();
            let line = format!(
                "{:<20}  {:<11}  {change:<21}  {attempt:<10}  {}",
                time(entry.at.as_ref()),
                short(entry.kind().as_str_name(), "HISTORY_KIND_"),
                plain(&evidence.unwrap_or_default()),
            );
            writeln!(console.out, "{}", line.trim_end())?;
        }
        Ok(Exit::Success)
    }
}
