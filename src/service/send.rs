//! `SendSingle`: check, write ahead, send, settle, answer.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::auth::{Caller, Scope};
use crate::domain::ids::{CampaignId, MessageId, OwnerId};
use crate::domain::message::{Dispatch, Guarantee, Lane, Message};
use crate::domain::outcome::Outcome;
use crate::domain::phone::Msisdn;
use crate::domain::sender::SenderId;
use crate::domain::spend::{Left, Limits};
use crate::domain::status::OPTED_OUT;
use crate::domain::supersede::{Supersede, SupersedeKey};
use crate::domain::tags::Tags;
use crate::domain::text::MessageText;
use crate::error::{Error, Resource, Violation};
use crate::service::Service;
use crate::service::tags::GivenTags;
use crate::store::{Accepted, IdempotencyKey};

/// A send, as the caller gave it.
#[derive(Debug, Clone)]
pub struct SendSingle {
    /// The recipient's number.
    pub destination: String,
    /// The text.
    pub text: String,
    /// The sender ID, if the caller names one.
    pub sender: Option<String>,
    /// The route account, if the caller names one.
    pub traffic_account_id: Option<String>,
    /// Whose message it is, if not the caller's.
    pub user_id: Option<i64>,
    /// The campaign that it is counted in.
    pub campaign_id: Option<i64>,
    /// The idempotency key, which makes the call repeatable; empty for none.
    pub idempotency_key: String,
    /// The number of the delivery guarantee; 0 means the default.
    pub delivery_guarantee: i32,
    /// Check only.
    pub dry_run: bool,
    /// When to send it; at once if absent.
    pub scheduled_at: Option<Timestamp>,
    /// How long it is worth sending; the default if absent.
    pub validity: Option<SignedDuration>,
    /// The caller's own tags of it.
    pub tags: GivenTags,
    /// The key by which it takes the place of older ones; empty for none.
    pub supersede_key: String,
}

/// The result of a send.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Our record; of a dry run, one that is stored nowhere.
    pub message: Message,
    /// True if nothing was stored or sent.
    pub dry_run: bool,
    /// The provider's answer, if it gave one.
    pub raw: Option<serde_json::Value>,
    /// Of a dry run: what is left of the owner's limits before the message, if it has any.
    pub left: Option<Left>,
}

/// How much of the caller's deadline is left for the answer.
const ANSWER_TIME: Duration = Duration::from_millis(50);
/// The furthest time that a message can be scheduled for.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 366);

/// How late a message may be given that was for a certain time: it is sent at once. Another unit or time zone is later.
const LATE: SignedDuration = SignedDuration::from_mins(15);

/// A request that was found good.
struct Checked {
    destination: Msisdn,
    text: MessageText,
    sender: Option<SenderId>,
    traffic_account_id: Option<String>,
    guarantee: Guarantee,
    validity: SignedDuration,
    tags: Tags,
    supersede_key: Option<SupersedeKey>,
}

impl Service {
    /// Sends one message. `violations` are what could not be read of the request: they are told with all others.
    /// `deadline` is when the caller stops listening.
    ///
    /// A caller that goes away before the message is stored stops it; after that nothing does.
    pub async fn send_single(
        &self,
        caller: &Caller,
        request: SendSingle,
        mut violations: Vec<Violation>,
        deadline: Option<Instant>,
    ) -> Result<Sent, Error> {
        caller.require(Scope::MessagesSend)?;
        let owner = self.owner_of(caller, request.user_id).await?;
        let checked = check(&request, self.inner.clock.now(), &mut violations);
        let print = || checked.as_ref().map(|checked| fingerprint(&request, checked));
        let key = idempotency_key(&request.idempotency_key, print, &mut violations);
        let (Some(checked), true) = (checked, violations.is_empty()) else { return Err(Error::Invalid(violations)) };
        let composed = self.compose(caller, owner, &request, checked).await;
        let (message, limited) = match (composed, key.as_ref().filter(|_| !request.dry_run)) {
            (Ok(composed), _) => composed,
            (Err(e), None) => return Err(e),
            (Err(e), Some(key)) => return self.accepted_before(owner, key, deadline).await.unwrap_or(Err(e)),
        };
        if request.dry_run {
            return self.try_out(message, limited).await;
        }
        let cancel = CancellationToken::new();
        let guard = cancel.clone().drop_guard();
        let service = self.clone();
        let work = self
            .inner
            .lifecycle
            .spawn(async move { Box::pin(service.accept_and_deliver(message, key, limited, cancel)).await });
        let done = work.await??;
        drop(guard);
        match done {
            Progress::Done(sent) => sent.answer(),
            Progress::Repeat(first) => self.await_first(*first, deadline).await?.answer(),
        }
    }

    /// The answer to a call that would be refused now, if it is a repeat: what was accepted stays so, whatever its owner may do since.
    async fn accepted_before(
        &self,
        owner: OwnerId,
        key: &IdempotencyKey,
        deadline: Option<Instant>,
    ) -> Option<Result<Sent, Error>> {
        match self.inner.store.accepted_before(owner, key).await {
            Ok(Some(Accepted::Repeat(first))) => Some(self.await_first(*first, deadline).await.and_then(Sent::answer)),
            Ok(Some(_)) => Some(Err(Error::KeyReused)),
            Ok(None) => None,
            Err(e) => Some(Err(e.into())),
        }
    }

    /// The answer to a dry run of a message that its owner may send.
    async fn try_out(&self, message: Message, limited: bool) -> Result<Sent, Error> {
        if !limited {
            return Ok(Sent { message, dry_run: true, raw: None, left: None });
        }
        let (owner, to) = (message.owner, &message.destination);
        let left = self.inner.store.spend_left(owner, to, message.segments).await?;
        let left = left.inspect_err(|over| self.inner.metrics.over_limit(over.limit))?;
        Ok(Sent { message, dry_run: true, raw: None, left: Some(left) })
    }

    /// The message that the request asks for, in its first state, and whether its owner has limits of spending.
    async fn compose(
        &self,
        caller: &Caller,
        owner: OwnerId,
        request: &SendSingle,
        checked: Checked,
    ) -> Result<(Message, bool), Error> {
        let user = self.inner.users.get(owner).await?;
        if let Some(campaign) = request.campaign_id {
            let found = self.inner.store.campaign(owner, CampaignId(campaign)).await?;
            found.ok_or_else(|| Error::NotFound(Resource::Campaign, campaign.to_string()))?;
        }
        let sender = self.sender_of(&user, checked.sender)?;
        let now = self.inner.clock.now();
        // Here, and not where the rest is checked: a repeat of a message that was accepted before its time is one after it, too.
        if request.scheduled_at.is_some_and(|at| at < now.checked_sub(LATE).unwrap_or(now)) {
            return Err(Error::invalid("scheduled_at", "is over: leave it out to send at once"));
        }
        let scheduled_at = request.scheduled_at.filter(|at| *at > now);
        let account = self.account_of(&user, checked.traffic_account_id)?;
        let state = self.inner.sender.first_state(&account, scheduled_at, now);
        let segmentation = checked.text.segmentation();
        let message = Message {
            id: MessageId::new(now),
            owner,
            campaign: request.campaign_id.map(CampaignId),
            destination: checked.destination,
            text: checked.text,
            sender,
            traffic_account_id: account,
            segments: i16::try_from(segmentation.segments).unwrap_or(i16::MAX),
            encoding: segmentation.encoding,
            guarantee: checked.guarantee,
            created_at: now,
            scheduled_at,
            expires_at: scheduled_at.unwrap_or(now).checked_add(checked.validity).unwrap_or(now),
            lane: Lane::Single,
            tags: checked.tags,
            supersede: Supersede { key: checked.supersede_key, older: None },
            trace: caller.trace(),
            state,
        };
        Ok((message, user.limits != Limits::default()))
    }

    async fn accept_and_deliver(
        &self,
        message: Message,
        key: Option<IdempotencyKey>,
        limited: bool,
        cancel: CancellationToken,
    ) -> Result<Progress, Error> {
        let sender = &self.inner.sender;
        match sender.accept(message, key, limited, cancel).await? {
            Accepted::New(message) if message.state.dispatch == Dispatch::Sending => {
                self.note_superseded(&message);
                let (owner, id) = (message.owner, message.id);
                let (message, raw) = match sender.send(*message).await {
                    Ok((message, Outcome::Accepted(acceptance))) => (message, Some(acceptance.raw)),
                    Ok((message, _)) => (message, None),
                    // The provider may have it, and the database refuses to be told what became of it. It was accepted all the same: whoever
                    // heard of a failure would send another one.
                    Err(e) => (self.inner.store.message(owner, id).await?.ok_or(e)?, None),
                };
                Ok(Progress::Done(Box::new(Sent { message, dry_run: false, raw, left: None })))
            }
            Accepted::New(message) => {
                self.note_superseded(&message);
                self.inner.stats.forget_of([&*message]).await;
                sender.wake();
                Ok(Progress::Done(Box::new(Sent { message: *message, dry_run: false, raw: None, left: None })))
            }
            Accepted::OptedOut => Err(Error::Precondition {
                reason: OPTED_OUT,
                message: "The recipient does not want messages from this owner".to_owned(),
                metadata: Vec::new(),
            }),
            Accepted::Over(over) => {
                self.inner.metrics.over_limit(over.limit);
                Err(over.into())
            }
            Accepted::Repeat(first) => Ok(Progress::Repeat(first)),
            Accepted::KeyReused => Err(Error::KeyReused),
        }
    }

    fn note_superseded(&self, message: &Message) {
        if let Some(older) = message.supersede.older {
            self.inner.metrics.superseded(older.fate);
        }
    }

    /// Waits, on whichever replica, until the first call with the key has its answer, and gives the same.
    async fn await_first(&self, mut first: Message, deadline: Option<Instant>) -> Result<Sent, Error> {
        let patience = self.inner.settings.repeat_patience;
        let until = deadline.map_or_else(|| Instant::now() + patience, |d| d.checked_sub(ANSWER_TIME).unwrap_or(d));
        let mut pause = Duration::from_millis(5);
        while first.state.dispatch == Dispatch::Sending {
            if Instant::now() + pause > until {
                return Err(Error::InFlight);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(250));
            let now = self.inner.store.message(first.owner, first.id).await?;
            first = now.ok_or_else(|| Error::NotFound(Resource::Message, first.id.to_string()))?;
        }
        let history = self.inner.store.history(first.owner, first.id).await?;
        let raw = history.iter().rev().find_map(|entry| entry.evidence.get("raw")).cloned();
        Ok(Sent { message: first, dry_run: false, raw, left: None })
    }
}

enum Progress {
    Done(Box<Sent>),
    Repeat(Box<Message>),
}

impl Sent {
    /// The answer that the contract has for this state: a message that the provider refused is an error.
    fn answer(self) -> Result<Self, Error> {
        if self.message.state.dispatch != Dispatch::Rejected {
            return Ok(self);
        }
        let description = self.message.state.error.unwrap_or_default();
        Err(Error::Precondition {
            reason: "PROVIDER_REJECTED",
            message: format!("The provider rejected the message: {description}"),
            metadata: vec![("id", self.message.id.to_string())],
        })
    }
}

fn check(request: &SendSingle, now: Timestamp, violations: &mut Vec<Violation>) -> Option<Checked> {
    let tags = request.tags.check(violations);
    let mut keep = |field: &str, e: &dyn std::fmt::Display| violations.push(Violation::new(field, e));
    let destination = Msisdn::parse(&request.destination).map_err(|e| keep("destination", &e)).ok();
    let text = MessageText::parse(&request.text).map_err(|e| keep("text", &e)).ok();
    let sender = request.sender.as_deref().filter(|s| !s.is_empty()).map(SenderId::parse);
    let sender = sender.transpose().map_err(|e| keep("sender", &e)).ok().flatten();
    let account = request.traffic_account_id.as_deref().filter(|t| !t.is_empty());
    let traffic_account_id = account.and_then(account_id);
    if account.is_some() && traffic_account_id.is_none() {
        keep("traffic_account_id", &"must be a route account's id, a UUID");
    }
    let supersede_key =
        SupersedeKey::parse(&request.supersede_key).map_err(|e| keep("supersede_key", &e)).ok().flatten();
    let guarantee = parse_guarantee(request.delivery_guarantee);
    if guarantee.is_none() {
        keep("delivery_guarantee", &"is not a guarantee that this service knows");
    }
    let far = now.checked_add(FURTHEST).unwrap_or(now);
    if request.scheduled_at.is_some_and(|at| at > far) {
        keep("scheduled_at", &"must not be more than a year from now");
    }
    let validity = Message::validity(request.validity).map_err(|e| keep("validity", &e));
    let (destination, text, guarantee, validity) = (destination?, text?, guarantee?, validity.ok()?);
    Some(Checked { destination, text, sender, traffic_account_id, guarantee, validity, tags, supersede_key })
}

/// The route account that a text names: a UUID with its dashes, in small letters, so that one account has one pace. `None` if it is
/// something else, which the provider would refuse, message by message.
#[must_use]
pub fn account_id(text: &str) -> Option<String> {
    (text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()).then(|| text.to_ascii_lowercase())
}

/// The guarantee with this number; 0 means the default.
pub(super) fn parse_guarantee(number: i32) -> Option<Guarantee> {
    match number {
        0 | 1 => Some(Guarantee::AtLeastOnce),
        2 => Some(Guarantee::AtMostOnce),
        _ => None,
    }
}

/// Why a text is no idempotency key.
pub(super) const IDEMPOTENCY_KEY: &str = "must be at most 255 printable ASCII characters";

/// Whether a text can be an idempotency key.
pub(super) fn is_idempotency_key(text: &str) -> bool {
    text.len() <= 255 && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

/// The key of a call, if it has one that can be used.
pub(super) fn idempotency_key(
    key: &str,
    fingerprint: impl FnOnce() -> Option<[u8; 32]>,
    violations: &mut Vec<Violation>,
) -> Option<IdempotencyKey> {
    if key.is_empty() {
        return None;
    }
    if !is_idempotency_key(key) {
        violations.push(Violation::new("idempotency_key", IDEMPOTENCY_KEY));
        return None;
    }
    Some(IdempotencyKey { key: key.to_owned(), fingerprint: fingerprint()? })
}

/// A digest of what the request asks for, in its normalised form: `0030 690…` is `+30690…`.
fn fingerprint(request: &SendSingle, checked: &Checked) -> [u8; 32] {
    let parts = [
        checked.destination.as_str().to_owned(),
        request.text.clone(),
        checked.sender.as_ref().map(|s| s.as_str().to_owned()).unwrap_or_default(),
        request.traffic_account_id.clone().unwrap_or_default(),
        request.campaign_id.map(|c| c.to_string()).unwrap_or_default(),
        request.delivery_guarantee.max(1).to_string(),
        request.scheduled_at.map(|at| at.to_string()).unwrap_or_default(),
        request.validity.map_or(0, |validity| validity.as_secs()).to_string(),
    ];
    let mut parts = parts.to_vec();
    parts.extend(checked.tags.parts());
    parts.extend(checked.supersede_key.iter().flat_map(|key| ["supersede_key".to_owned(), key.as_str().to_owned()]));
    digest(&parts)
}

/// A digest of some texts and of where each ends.
pub(super) fn digest(parts: &[String]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}
