//! Reading: our own records, and the provider's live view of one message.

use crate::auth::{Caller, Scope};
use crate::domain::ids::{CampaignId, MessageId, ProviderMessageId};
use crate::domain::message::{Message, Status};
use crate::domain::page;
use crate::domain::phone::Msisdn;
use crate::error::{Error, Resource, Violation};
use crate::provider::Snapshot;
use crate::service::Service;
use crate::store::Filter;

/// Which messages to list.
#[derive(Debug, Clone, Default)]
pub struct ListMessages {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// Only those of this campaign.
    pub campaign_id: Option<i64>,
    /// Only those with the status of this number; 0 means any.
    pub status: i32,
    /// Only those to this number; empty means any.
    pub destination: String,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
}

/// One page of messages.
#[derive(Debug, Clone)]
pub struct MessagePage {
    /// The messages, newest first.
    pub messages: Vec<Message>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

impl Service {
    /// One of our records.
    pub async fn message(&self, caller: &Caller, id: &str) -> Result<Message, Error> {
        caller.require(Scope::MessagesRead)?;
        let parsed = parse_message_id(id)?;
        let found = self.inner.store.message(caller.user, parsed).await?;
        found.ok_or_else(|| Error::NotFound(Resource::Message, id.to_owned()))
    }

    /// A page of our records.
    pub async fn list_messages(&self, caller: &Caller, request: &ListMessages) -> Result<MessagePage, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let mut violations = Vec::new();
        let mut keep = |field: &str, e: &dyn std::fmt::Display| violations.push(Violation::new(field, e));
        let status = Status::from_number(request.status);
        if status.is_none() && request.status != 0 {
            keep("status", &"is not a status that this service knows");
        }
        let destination = Some(request.destination.as_str()).filter(|d| !d.is_empty()).map(Msisdn::parse);
        let destination = destination.transpose().unwrap_or_else(|e| {
            keep("destination", &e);
            None
        });
        let filters = format!("messages/{owner}/{:?}/{}/{}", request.campaign_id, request.status, request.destination);
        let asked = (request.page_size, request.page_token.as_str());
        let (page, before) = self.page(filters, asked, page::id, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let filter = Filter { campaign: request.campaign_id.map(CampaignId), status, destination };
        let store = &self.inner.store;
        let _turn = self.inner.admission.list(caller.user).await;
        let mut messages = store.messages(owner, &filter, before.map(MessageId), page.limit()).await?;
        let next_page_token = page.cut_by(&mut messages, bytes, |message| message.id.0.as_bytes().to_vec());
        Ok(MessagePage { messages, next_page_token })
    }

    /// The provider's live view of a message that this service sent for the caller; with `admin`, of any.
    pub async fn provider_status(&self, caller: &Caller, message_id: &str) -> Result<Snapshot, Error> {
        caller.require(Scope::MessagesRead)?;
        let id = parse_provider_id("message_id", message_id)?;
        if !caller.has(Scope::Admin) && !self.inner.store.owns_provider_id(caller.user, &id).await? {
            return Err(Error::NotFound(Resource::Message, message_id.to_owned()));
        }
        let _turn = self.inner.admission.provider_read(caller.user).await;
        self.inner.provider.read(&id).await.map_err(|e| Error::of_read(&e, message_id))
    }
}

/// How many bytes a record takes at most, as an answer: its texts, and the rest, which is of one size.
fn bytes(message: &Message) -> usize {
    let texts =
        [&message.state.error, &message.state.provider_status, &message.state.error_code, &message.state.bulk_id];
    texts.into_iter().flatten().map(String::len).sum::<usize>()
        + message.text.as_str().len()
        + message.tags.bytes()
        + 1000
}

/// One of our ids that a caller named.
pub(super) fn parse_message_id(id: &str) -> Result<MessageId, Error> {
    let parsed = MessageId::parse(id);
    parsed.ok_or_else(|| Error::invalid("id", "must be a UUID, as SendSingle answered it in message.id"))
}

/// One of the provider's ids that a caller named.
pub(super) fn parse_provider_id(field: &str, id: &str) -> Result<ProviderMessageId, Error> {
    if id.is_empty() {
        return Err(Error::invalid(field, "is required: the provider's id of the message"));
    }
    let parsed = ProviderMessageId::from_caller(id);
    parsed.ok_or_else(|| Error::invalid(field, "must be 1 to 128 letters, digits and . _ : = + ~ -"))
}
