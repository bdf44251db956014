//! Between the contract's messages about campaigns and the service's types.

use crate::contract::convert::{given_tags, reference, timestamp};
use crate::domain::campaign::{Campaign, Stats};
use crate::domain::message::Status;
use crate::domain::plan::Plan;
use crate::proto;
use crate::service::{AddedRecipients, GivenRecipient, InvalidRecipient};

impl From<Campaign> for proto::Campaign {
    fn from(c: Campaign) -> Self {
        Self {
            id: c.id.0,
            owner_id: c.content.owner.0,
            name: c.content.name,
            text: c.content.text,
            sender: c.content.sender.unwrap_or_default(),
            delivery_guarantee: c.content.guarantee as i32,
            scheduled_at: c.content.scheduled_at.map(timestamp),
            validity: Some(pbjson_types::Duration { seconds: c.content.validity.as_secs(), nanos: 0 }),
            state: c.state as i32,
            created_at: Some(timestamp(c.created_at)),
            updated_at: Some(timestamp(c.updated_at)),
            recipients: c.recipients,
            started_at: c.started_at.map(timestamp),
            ended_at: c.ended_at.map(timestamp),
            reference: reference(c.content.tags.reference),
            metadata: c.content.tags.metadata.into_pairs(),
        }
    }
}

impl From<Stats> for proto::CampaignStats {
    fn from(s: Stats) -> Self {
        Self {
            total: s.total(),
            queued: s.of(&[Status::Scheduled, Status::Queued, Status::Sending]),
            sent: s.of(&[Status::Sent]),
            delivered: s.of(&[Status::Delivered]),
            failed: s.of(&[Status::Failed, Status::Expired]),
            unknown: s.of(&[Status::Unknown]),
            cancelled: s.of(&[Status::Cancelled]),
            delivered_rate: s.delivered_rate(),
            first_sent_at: s.first_sent_at.map(timestamp),
            updated_at: Some(timestamp(s.counted_at)),
        }
    }
}

impl From<Stats> for proto::WatchCampaignResponse {
    fn from(s: Stats) -> Self {
        let state = s.state as i32;
        Self { stats: Some(s.into()), state }
    }
}

impl From<Plan> for proto::CampaignPlan {
    fn from(p: Plan) -> Self {
        Self {
            messages: p.messages,
            invalid: p.invalid,
            duplicates: p.duplicates,
            opted_out: p.opted_out,
            unsendable: p.unsendable,
            segments: p.segments,
            gsm7_messages: p.gsm7,
            ucs2_messages: p.ucs2,
            estimated_duration: p.seconds().map(|seconds| pbjson_types::Duration { seconds, nanos: 0 }),
            forcing_characters: p.forcing.into_iter().map(String::from).collect(),
            segments_per_second: p.segments_per_second,
        }
    }
}

impl From<proto::add_recipients_request::Recipient> for GivenRecipient {
    fn from(r: proto::add_recipients_request::Recipient) -> Self {
        Self {
            destination: r.destination,
            variables: r.variables.into_iter().collect(),
            tags: given_tags(r.reference, r.metadata),
            line: r.line,
        }
    }
}

impl From<AddedRecipients> for proto::AddRecipientsResponse {
    fn from(a: AddedRecipients) -> Self {
        use proto::add_recipients_response::Invalid;
        let invalid = |InvalidRecipient { index, reason, line }| Invalid { index, reason, line };
        Self {
            added: a.added,
            duplicates: a.duplicates,
            invalid: a.invalid.into_iter().map(invalid).collect(),
            invalid_count: a.invalid_count,
        }
    }
}
