//! A campaign's recipients as messages: what the expander writes.

use jiff::Timestamp;

use crate::domain::campaign::Campaign;
use crate::domain::ids::MessageId;
use crate::domain::message::{Dispatch, Lane, Message, State};
use crate::domain::phone::Msisdn;
use crate::domain::recipient::Recipient;
use crate::domain::sender::SenderId;
use crate::domain::spend::Over;
use crate::domain::status::{OPTED_OUT, OPTED_OUT_WHY};
use crate::domain::supersede::Supersede;
use crate::domain::tags::Tags;
use crate::domain::template::Template;
use crate::domain::text::MessageText;

/// The error code of a recipient whose message the database refuses.
const NOT_STORED: &str = "NOT_STORED";

/// Everything that all messages of one campaign have in common.
#[derive(Debug, Clone)]
pub struct Expansion<'a> {
    campaign: &'a Campaign,
    template: Template,
    sender: SenderId,
    traffic_account_id: &'a str,
    expires_at: Timestamp,
}

impl<'a> Expansion<'a> {
    /// The messages of this campaign, by this route account. `None` if it has not been started, which is what gives
    /// it a sender and a time.
    #[must_use]
    pub fn of(campaign: &'a Campaign, traffic_account_id: &'a str) -> Option<Self> {
        let content = &campaign.content;
        Some(Self {
            campaign,
            template: Template::from_stored(&content.text),
            sender: SenderId::from_stored(content.sender.clone()?),
            traffic_account_id,
            expires_at: campaign.expires_at()?,
        })
    }

    /// One recipient's message, due now. Whoever opted out gets none, and has a record that says so.
    #[must_use]
    pub fn message(&self, recipient: Recipient, opted_out: bool, now: Timestamp) -> Message {
        let mut state = State::waiting(false, now, now);
        let tags = self.campaign.content.tags.of_recipient(recipient.tags);
        let text = self.template.render(&recipient.variables).unwrap_or_else(|unsendable| {
            // It was sendable when it was added; what counts as a text may have changed since.
            end(&mut state, Dispatch::Rejected, "TEXT_UNSENDABLE", &unsendable.to_string());
            state.failed_at = Some(now);
            MessageText::from_stored(self.campaign.content.text.clone())
        });
        if opted_out {
            end(&mut state, Dispatch::Cancelled, OPTED_OUT, OPTED_OUT_WHY);
            state.failed_at = None;
        }
        // They were found to fit together when the recipient was added.
        self.with(
            (recipient.destination, text, tags.unwrap_or_else(|_| self.campaign.content.tags.clone())),
            state,
            now,
        )
    }

    /// The record of a recipient whose message the database refuses, with as little as it can be: nothing is sent.
    #[must_use]
    pub fn record(&self, destination: Msisdn, now: Timestamp) -> Message {
        let mut state = State::waiting(false, now, now);
        end(&mut state, Dispatch::Rejected, NOT_STORED, "The database refused to store the message");
        state.failed_at = Some(now);
        self.with((destination, MessageText::from_stored(String::new()), Tags::default()), state, now)
    }

    fn with(&self, (destination, text, tags): (Msisdn, MessageText, Tags), state: State, now: Timestamp) -> Message {
        let segmentation = text.segmentation();
        Message {
            id: MessageId::new(now),
            owner: self.campaign.content.owner,
            campaign: Some(self.campaign.id),
            destination,
            text,
            sender: self.sender.clone(),
            traffic_account_id: self.traffic_account_id.to_owned(),
            segments: i16::try_from(segmentation.segments).unwrap_or(i16::MAX),
            encoding: segmentation.encoding,
            guarantee: self.campaign.content.guarantee,
            created_at: now,
            scheduled_at: None,
            expires_at: self.expires_at,
            lane: Lane::Campaign,
            tags,
            supersede: Supersede::default(),
            trace: None,
            state,
        }
    }
}

/// A recipient's message that its owner's limits will never let through.
pub fn refuse(message: &mut Message, over: Over, now: Timestamp) {
    end(&mut message.state, Dispatch::Rejected, over.limit.reason(), &over.to_string());
    message.state.failed_at = Some(now);
}

fn end(state: &mut State, dispatch: Dispatch, code: &str, why: &str) {
    state.dispatch = dispatch;
    state.due_at = None;
    state.error_code = Some(code.to_owned());
    state.error = Some(why.to_owned());
}
