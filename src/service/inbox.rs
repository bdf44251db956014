//! Reading what recipients wrote to an owner, and what it did.

use jiff::Timestamp;
use uuid::Uuid;

use crate::auth::{Caller, Scope};
use crate::domain::keyword::Verdict;
use crate::domain::page;
use crate::domain::phone::Msisdn;
use crate::error::{Error, Resource, Violation};
use crate::service::Service;
use crate::store::{InboundFilter, Received};

/// Which messages from recipients to list.
#[derive(Clone, Default)]
pub struct ListInbound {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// Only those of this number; empty means any.
    pub number: String,
    /// Only those with the verdict of this number; 0 means any.
    pub verdict: i32,
    /// Only those that came at this time or later.
    pub received_after: Option<Timestamp>,
    /// Only those that came before this time.
    pub received_before: Option<Timestamp>,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
}

/// One page of messages from recipients.
#[derive(Clone)]
pub struct InboundPage {
    /// The messages, newest first.
    pub messages: Vec<Received>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

impl Service {
    /// A page of an owner's messages from recipients. `violations` are what could not be read of the request: they are told with all
    /// others.
    pub async fn list_inbound(
        &self,
        caller: &Caller,
        request: ListInbound,
        mut violations: Vec<Violation>,
    ) -> Result<InboundPage, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let number = Some(request.number.as_str()).filter(|number| !number.is_empty()).map(Msisdn::parse);
        let number = number.transpose().unwrap_or_else(|e| {
            violations.push(Violation::new("number", e));
            None
        });
        let verdict = i16::try_from(request.verdict).ok().and_then(Verdict::from_number);
        if verdict.is_none() && request.verdict != 0 {
            violations.push(Violation::new("verdict", "is not a verdict that this service knows"));
        }
        let (after, before) = (request.received_after, request.received_before);
        let filters = format!("inbound/{owner}/{}/{after:?}/{before:?}/{}", request.verdict, request.number);
        let asked = (request.page_size, request.page_token.as_str());
        let (page, behind) = self.page(filters, asked, page::id, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let filter = InboundFilter { number, verdict, after, before };
        let _turn = self.inner.admission.list(caller.user).await;
        let mut messages = self.inner.store.inbound(owner, filter, behind, page.limit()).await?;
        let next_page_token = page.cut_by(&mut messages, bytes, |message| message.id.as_bytes().to_vec());
        Ok(InboundPage { messages, next_page_token })
    }

    /// One of the caller's messages from recipients.
    pub async fn inbound(&self, caller: &Caller, id: &str) -> Result<Received, Error> {
        caller.require(Scope::MessagesRead)?;
        let parsed =
            Uuid::try_parse(id).map_err(|_| Error::invalid("id", "must be a UUID, as ListInbound answered it"))?;
        let found = self.inner.store.one_inbound(caller.user, parsed).await?;
        found.ok_or_else(|| Error::NotFound(Resource::Inbound, id.to_owned()))
    }
}

/// How many bytes a message takes at most, as an answer: its texts, and the rest, which is of one size.
fn bytes(message: &Received) -> usize {
    message.text.len() + message.to.len() + 500
}
