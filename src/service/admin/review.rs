//! Messages from recipients that may mean that no more messages are wanted: a person reads them.

use jiff::Timestamp;
use uuid::Uuid;

use super::Operations;
use crate::auth::{Caller, Scope};
use crate::error::{Error, Resource};
use crate::store::ToReview;

/// Which messages to list.
#[derive(Debug, Clone, Default)]
pub struct ListReview {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
}

/// One page of messages.
#[derive(Clone)]
pub struct ReviewPage {
    /// The messages, oldest first.
    pub messages: Vec<ToReview>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

/// The place behind which a page begins: when a message came, and its id.
fn place(bytes: &[u8]) -> Option<(Timestamp, Uuid)> {
    let (at, id) = bytes.split_first_chunk::<8>()?;
    Some((Timestamp::from_microsecond(i64::from_be_bytes(*at)).ok()?, Uuid::from_slice(id).ok()?))
}

/// How many bytes a message takes at most, as an answer.
fn bytes(message: &ToReview) -> usize {
    message.message.as_ref().map_or(0, |message| message.text.len() + message.from.len()) + 200
}

impl Operations {
    /// A page of the messages to read, with their numbers and texts.
    pub async fn list_review(&self, caller: &Caller, request: &ListReview) -> Result<ReviewPage, Error> {
        caller.require(Scope::Ops)?;
        caller.require(Scope::ActAs)?;
        let mut violations = Vec::new();
        let asked = (request.page_size, request.page_token.as_str());
        let (page, after) = self.page("review".to_owned(), asked, place, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        if after.is_none() {
            self.told_of.tell(&self.store, caller, None, "read the replies to review").await?;
        }
        let _turn = self.admission.list(caller.user).await;
        let mut messages = self.store.inbound_to_review(after, page.limit()).await?;
        let next_page_token = page.cut_by(&mut messages, bytes, |last| {
            let mut place = last.received_at.as_microsecond().to_be_bytes().to_vec();
            place.extend(last.id.as_bytes());
            place
        });
        Ok(ReviewPage { messages, next_page_token })
    }

    /// Takes one off the list, once somebody has acted on it.
    pub async fn resolve_inbound(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let store = self.acting(caller)?;
        let parsed = Uuid::try_parse(id).map_err(|_| Error::invalid("id", "must be a message's id, a UUID"))?;
        let resolved = store.resolve_inbound(parsed).await?;
        if resolved { Ok(()) } else { Err(Error::NotFound(Resource::Inbound, id.to_owned())) }
    }
}
