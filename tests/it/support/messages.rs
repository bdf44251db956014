//! Messages to test with.

use jiff::Timestamp;
use messaging::domain::ids::{MessageId, OwnerId};
use messaging::domain::message::{Guarantee, Lane, Message, State};
use messaging::domain::phone::Msisdn;
use messaging::domain::sender::SenderId;
use messaging::domain::supersede::Supersede;
use messaging::domain::tags::Tags;
use messaging::domain::text::MessageText;

/// When the tests' time begins.
pub fn start() -> Timestamp {
    "2026-03-01T12:00:00.123456Z".parse().unwrap()
}

/// A message of `owner`'s, accepted at `now` and queued, due at once.
pub fn queued(owner: OwnerId, guarantee: Guarantee, now: Timestamp) -> Message {
    let text = MessageText::parse("Καλημέρα, il est 7 h 👋").unwrap();
    let segmentation = text.segmentation();
    Message {
        id: MessageId::new(now),
        owner,
        campaign: None,
        destination: Msisdn::from_stored("+306912345678".to_owned()),
        text,
        sender: SenderId::from_stored("Sender".to_owned()),
        traffic_account_id: "account-1".to_owned(),
        segments: i16::try_from(segmentation.segments).unwrap(),
        encoding: segmentation.encoding,
        guarantee,
        created_at: now,
        scheduled_at: None,
        expires_at: now + Message::DEFAULT_VALIDITY,
        lane: Lane::Single,
        tags: Tags::default(),
        supersede: Supersede::default(),
        trace: None,
        state: State::waiting(false, now, now),
    }
}
