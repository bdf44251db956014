//! Messages of the system before this one: what its words come to here. They are history, at rest: nothing sends them, and
//! nothing asks about them by itself.

use jiff::Timestamp;
use uuid::Builder;

use crate::domain::campaign::CampaignState;
use crate::domain::evidence::{Evidence, Rank};
use crate::domain::ids::{CampaignId, MessageId, OwnerId, ProviderMessageId};
use crate::domain::message::{Dispatch, Guarantee, Lane, Message, State};
use crate::domain::phone::Msisdn;
use crate::domain::sender::SenderId;
use crate::domain::supersede::Supersede;
use crate::domain::tags::Tags;
use crate::domain::text::MessageText;

/// The error code of a message that the old system had not handed to the provider, as far as its row tells.
pub const NOT_SENT: &str = "LEGACY_NOT_SENT";
/// The error code of a message that failed there.
pub const FAILED: &str = "LEGACY_FAILED";
/// The error code of a message of which nobody can say whether the provider has it.
pub const UNKNOWN: &str = "LEGACY_UNKNOWN";

/// The old system's words for each status, in lower case and letters alone.
pub const WORDS: [(OldStatus, &[&str]); 5] = [
    (OldStatus::Delivered, &["delivered", "delivrd"]),
    (OldStatus::Failed, &["failed", "failure", "error", "undelivered", "rejected", "expired"]),
    (OldStatus::Cancelled, &["cancelled", "canceled"]),
    (OldStatus::Sent, &["sent", "accepted", "submitted"]),
    (
        OldStatus::Queued,
        &[
            "queued",
            "pending",
            "sending",
            "scheduled",
            "processing",
            "created",
            "draft",
            "waiting",
            "active",
            "delayed",
        ],
    ),
];

/// The meaning of a status of the old system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldStatus {
    /// On the handset.
    Delivered,
    /// Refused or failed.
    Failed,
    /// Called off.
    Cancelled,
    /// With the provider. Deliveries were folded into this one.
    Sent,
    /// Not with the provider yet, or so the row says.
    Queued,
    /// Anything else.
    Other,
}

impl OldStatus {
    /// The meaning of a word, whatever its case and signs.
    #[must_use]
    pub fn read(word: &str) -> Self {
        let plain: String = word.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
        WORDS.into_iter().find(|(_, words)| words.contains(&plain.as_str())).map_or(Self::Other, |(word, _)| word)
    }

    /// Where a campaign with this word stands: over, in any case. Nothing of it is left to be sent by this service.
    #[must_use]
    pub fn of_campaign(self) -> CampaignState {
        match self {
            Self::Cancelled | Self::Queued => CampaignState::Cancelled,
            Self::Delivered | Self::Failed | Self::Sent | Self::Other => CampaignState::Completed,
        }
    }
}

/// The treatment of a message that the old system calls queued, and that has no sign of having been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// CANCELLED, with [`NOT_SENT`].
    Cancelled,
    /// UNKNOWN: its rows say `queued` also of what was tried and may have reached the provider.
    Unknown,
}

/// A message as the old system knew it.
#[derive(Debug, Clone)]
pub struct Past {
    /// Its id there.
    pub legacy_id: i64,
    /// Whose it is, here.
    pub owner: OwnerId,
    /// The campaign that it is counted in, here.
    pub campaign: Option<CampaignId>,
    /// The recipient.
    pub destination: Msisdn,
    /// The text; empty if nobody knows it.
    pub text: String,
    /// The sender ID that the recipient saw; empty if nobody knows it.
    pub sender: String,
    /// The route account; empty if nobody knows it.
    pub traffic_account_id: String,
    /// The name of its status.
    pub status: OldStatus,
    /// The provider's id, which refreshes and reports name.
    pub provider_message_id: Option<ProviderMessageId>,
    /// The provider's own word, if the old system kept it.
    pub provider_status: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the provider took it.
    pub sent_at: Option<Timestamp>,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// When it failed.
    pub failed_at: Option<Timestamp>,
    /// When the row last changed.
    pub updated_at: Option<Timestamp>,
}

/// Our id of an old message: UUID version 7 of its time and its id there, so that lists by id stay in the order of time, and
/// the same row always gets the same id. `None` for a time before 1970.
#[must_use]
pub fn message_id(created_at: Timestamp, legacy_id: i64) -> Option<MessageId> {
    let milliseconds = u64::try_from(created_at.as_millisecond()).ok()?;
    // 12 bits after the version, then 62 after the variant: the id takes the first 64 of these 74.
    let id = u64::from_be_bytes(legacy_id.to_be_bytes());
    let spread = (u128::from(id >> 52) << 64) | ((u128::from(id) & ((1 << 52) - 1)) << 10);
    let [_, _, _, _, _, _, rest @ ..] = spread.to_be_bytes();
    Some(MessageId(Builder::from_unix_timestamp_millis(milliseconds, &rest).into_uuid()))
}

impl Past {
    /// The message that it is here; `None` for a time before 1970.
    #[must_use]
    pub fn into_message(self, queued: Queued) -> Option<Message> {
        let id = message_id(self.created_at, self.legacy_id)?;
        let state = self.state(queued);
        let text = MessageText::from_stored(self.text);
        let segmentation = text.segmentation();
        Some(Message {
            id,
            owner: self.owner,
            campaign: self.campaign,
            destination: self.destination,
            text,
            sender: SenderId::from_stored(self.sender),
            traffic_account_id: self.traffic_account_id,
            segments: i16::try_from(segmentation.segments).unwrap_or(i16::MAX),
            encoding: segmentation.encoding,
            // Whatever an operator does with it, it is not sent again by itself.
            guarantee: Guarantee::AtMostOnce,
            created_at: self.created_at,
            scheduled_at: None,
            expires_at: self.created_at,
            lane: Lane::Single,
            tags: Tags::default(),
            supersede: Supersede::default(),
            trace: None,
            state,
        })
    }

    /// The evidence in its columns, the surest first: the old system wrote `sent` also of what was delivered, and `queued` also of
    /// what it had sent.
    fn state(&self, queued: Queued) -> State {
        let changed = self.updated_at.unwrap_or(self.created_at);
        let mut state = State { due_at: None, ..State::waiting(false, self.created_at, changed) };
        state.provider_message_id.clone_from(&self.provider_message_id);
        state.provider_status = self.provider_status.as_deref().map(|word| clean(word, Evidence::MAX_WORD));
        state.sent_at = self.sent_at;
        state.attempts = 1;
        let said = self.provider_status.as_deref().map(Rank::of_read_model);
        let taken = self.provider_message_id.is_some() || self.sent_at.is_some();
        if self.delivered_at.is_some() || said == Some(Rank::Delivered) || self.status == OldStatus::Delivered {
            (state.dispatch, state.rank) = (Dispatch::Accepted, Rank::Delivered);
            state.delivered_at = Some(self.delivered_at.unwrap_or(changed));
        } else if self.failed_at.is_some() || said == Some(Rank::Failed) || self.status == OldStatus::Failed {
            state.dispatch = if taken { Dispatch::Accepted } else { Dispatch::Rejected };
            state.rank = if taken { Rank::Failed } else { Rank::None };
            state.failed_at = Some(self.failed_at.unwrap_or(changed));
            self.explain(&mut state, FAILED, "it failed in the system before this one");
        } else if self.status == OldStatus::Sent || (taken && self.status == OldStatus::Queued) {
            state.dispatch = Dispatch::Accepted;
        } else if self.status == OldStatus::Cancelled {
            state.dispatch = Dispatch::Cancelled;
            state.attempts = 0;
        } else if self.status == OldStatus::Queued && queued == Queued::Cancelled {
            state.dispatch = Dispatch::Cancelled;
            state.attempts = 0;
            self.explain(&mut state, NOT_SENT, "the system before this one had it queued; this one does not send it");
        } else {
            // Counted as a lost answer, so that nobody puts it back into the queue unasked.
            (state.dispatch, state.ambiguous) = (Dispatch::Unknown, 1);
            self.explain(&mut state, UNKNOWN, "the system before this one did not say what became of it");
        }
        state
    }

    fn explain(&self, state: &mut State, code: &str, otherwise: &str) {
        state.error_code = Some(code.to_owned());
        let error = self.error.as_deref().map(|error| clean(error, Evidence::MAX_DESCRIPTION));
        state.error = Some(error.filter(|error| !error.is_empty()).unwrap_or_else(|| otherwise.to_owned()));
    }
}

fn clean(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max).collect()
}
