//! Reading: our own records, and the provider's live view of one message.

use jiff::Timestamp;

use crate::auth::{Caller, Scope};
use crate::domain::ids::{CampaignId, MessageId, OwnerId, ProviderMessageId};
use crate::domain::message::{Message, Status};
use crate::domain::page;
use crate::domain::phone::Msisdn;
use crate::domain::tags::Reference;
use crate::error::{Error, Resource, Violation};
use crate::provider::Snapshot;
use crate::service::Service;
use crate::store::{Filter, LOOKED_THROUGH};

/// Why a text is none of the provider's ids.
const PROVIDER_ID: &str = "must be 1 to 128 letters, digits and . _ : = + ~ -";

/// Which messages to list.
#[derive(Debug, Clone, Default)]
pub struct ListMessages {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// Which ones.
    pub of: MessageFilter,
}

/// Which messages, as a caller says it.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    /// Only those of this campaign.
    pub campaign_id: Option<i64>,
    /// Only those with the status of this number; 0 means any.
    pub status: i32,
    /// Only those to this number; empty means any.
    pub destination: String,
    /// Only those with this reference; empty means any.
    pub reference: String,
    /// Only those with this id of the provider's; empty means any.
    pub provider_message_id: String,
    /// Only those with this error code; empty means any.
    pub error_code: String,
    /// Only those accepted at this time or later.
    pub created_after: Option<Timestamp>,
    /// Only those accepted before this time.
    pub created_before: Option<Timestamp>,
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
    /// One of our records: the caller's, or of the owner's that it names.
    pub async fn message(&self, caller: &Caller, id: &str, owner_id: Option<i64>) -> Result<Message, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, owner_id).await?;
        let parsed = parse_message_id(id)?;
        let found = self.inner.store.message(owner, parsed).await?;
        found.ok_or_else(|| Error::NotFound(Resource::Message, id.to_owned()))
    }

    /// A page of our records. `violations` are what could not be read of the request: they are told with all others.
    pub async fn list_messages(
        &self,
        caller: &Caller,
        request: &ListMessages,
        mut violations: Vec<Violation>,
    ) -> Result<MessagePage, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, request.of.owner_id).await?;
        let filter = request.of.read(&mut violations);
        let asked = (request.page_size, request.page_token.as_str());
        let (page, behind) = self.page(request.of.name(owner), asked, page::id, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let store = &self.inner.store;
        let _turn = self.inner.admission.list(caller.user).await;
        let behind = behind.map(MessageId);
        let down_to = store.search_end(owner, &filter, behind, LOOKED_THROUGH).await?;
        let filter = Filter { down_to, ..filter };
        let mut messages = store.messages(owner, &filter, behind, page.limit()).await?;
        let mut next_page_token = page.cut_by(&mut messages, bytes, |message| message.id.0.as_bytes().to_vec());
        if let (true, Some(end)) = (next_page_token.is_empty(), down_to) {
            next_page_token = page.token(end.0.as_bytes());
        }
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

impl MessageFilter {
    /// The list's name, to which its page tokens are bound. Without the filters that came later it is the one that the release
    /// before gave it.
    fn name(&self, owner: OwnerId) -> String {
        let name = format!("messages/{owner}/{:?}/{}/{}", self.campaign_id, self.status, self.destination);
        let texts = [&self.reference, &self.provider_message_id, &self.error_code];
        let times = [self.created_after, self.created_before];
        if texts.iter().all(|text| text.is_empty()) && times == [None, None] {
            return name;
        }
        format!("{name}/{texts:?}/{times:?}")
    }

    /// The same for the store; what is wrong with it is kept in `violations`.
    pub(super) fn read(&self, violations: &mut Vec<Violation>) -> Filter {
        let mut keep = |field: &str, e: &dyn std::fmt::Display| violations.push(Violation::new(field, e));
        let given = |text: &'_ str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let status = Status::from_number(self.status);
        if status.is_none() && self.status != 0 {
            keep("status", &"is not a status that this service knows");
        }
        let destination = given(&self.destination).map(|number| Msisdn::parse(&number));
        let destination = destination.transpose().map_err(|e| keep("destination", &e)).ok().flatten();
        let reference = Reference::parse(&self.reference).map_err(|e| keep("reference", &e)).ok().flatten();
        let provider_id =
            given(&self.provider_message_id).map(|id| ProviderMessageId::from_caller(&id).ok_or(PROVIDER_ID));
        let provider_id = provider_id.transpose().map_err(|e| keep("provider_message_id", &e)).ok().flatten();
        let error_code = given(&self.error_code);
        if error_code.as_deref().is_some_and(|code| !is_code(code)) {
            keep("error_code", &"must be an error code, such as PROVIDER_REJECTED");
        }
        Filter {
            campaign: self.campaign_id.map(CampaignId),
            status,
            destination,
            reference,
            provider_id,
            error_code,
            after: self.created_after,
            before: self.created_before,
            down_to: None,
        }
    }
}

/// Whether a text can be an error code: up to 64 capitals, digits and underscores.
pub(super) fn is_code(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    text.len() <= 64 && text.bytes().all(plain)
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
    ProviderMessageId::from_caller(id).ok_or_else(|| Error::invalid(field, PROVIDER_ID))
}
