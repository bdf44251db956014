//! `WatchInbound`: what recipients write to an owner, once it was read.

use crate::auth::{Caller, Scope};
use crate::domain::keyword::Verdict;
use crate::domain::phone::Msisdn;
use crate::domain::webhook::event::EventType;
use crate::error::{Error, Violation};
use crate::service::Service;
use crate::service::watch::{Shows, Watch};
use crate::store::{JournalEntry, Received};

/// Which messages from recipients to watch.
#[derive(Clone, Default)]
pub struct WatchInbound {
    /// Only those of this number; empty means any.
    pub number: String,
    /// Only those with the verdict of this number; 0 means any.
    pub verdict: i32,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
    /// Where to go on; empty means from now on.
    pub resume_token: String,
}

/// The filter of one stream.
struct Wanted {
    number: Option<Msisdn>,
    verdict: Option<Verdict>,
}

impl Shows for Wanted {
    type Event = Received;

    async fn shown(&self, service: &Service, entry: &JournalEntry) -> Result<Option<Received>, Error> {
        if entry.what.to != EventType::InboundReceived as i16 {
            return Ok(None);
        }
        // One that was erased meanwhile is told to nobody.
        let message = service.inner.store.one_inbound(entry.owner, entry.what.position.subject).await?;
        let of_number = |message: &Received| self.number.as_ref().is_none_or(|number| *number == message.number);
        let of_verdict = |message: &Received| self.verdict.is_none_or(|verdict| verdict == message.verdict);
        Ok(message.filter(of_number).filter(of_verdict))
    }
}

impl Service {
    /// Watches an owner's messages from recipients. What is wrong with the request is told before the stream begins.
    pub async fn watch_inbound(&self, caller: &Caller, request: WatchInbound) -> Result<Watch<Received>, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let mut violations = Vec::new();
        let number = Some(request.number.as_str()).filter(|number| !number.is_empty()).map(Msisdn::parse);
        let number = number.transpose().unwrap_or_else(|e| {
            violations.push(Violation::new("number", e));
            None
        });
        let verdict = i16::try_from(request.verdict).ok().and_then(Verdict::from_number);
        if verdict.is_none() && request.verdict != 0 {
            violations.push(Violation::new("verdict", "is not a verdict that this service knows"));
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let _turn = self.inner.admission.list(caller.user).await;
        self.watch(caller, owner, &request.resume_token, Wanted { number, verdict }).await
    }
}
