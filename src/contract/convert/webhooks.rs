//! Webhook endpoints, how they stand, and what they did not take, as the contract has them.

use jiff::SignedDuration;

use super::timestamp;
use crate::domain::message::Status;
use crate::domain::webhook::event::{self, EventType};
use crate::domain::webhook::health::{Called, Outcome};
use crate::domain::webhook::{self, Calling, Wanted};
use crate::proto::{
    CallOutcome, Delivery, DeliveryState, Endpoint, EndpointStanding, EndpointState, SendTestEventResponse,
};
use crate::service::{self, Exception, ExceptionState, Stands};

/// A span of time as the contract has it.
fn duration(d: SignedDuration) -> pbjson_types::Duration {
    pbjson_types::Duration { seconds: d.as_secs(), nanos: d.subsec_nanos() }
}

impl From<service::Endpoint> for Endpoint {
    fn from(endpoint: service::Endpoint) -> Self {
        let Wanted { types, campaign, metadata } = endpoint.wanted;
        let Calling { max_batch, max_wait, max_rate, max_age, with_destination, with_text } = endpoint.calling;
        Self {
            id: endpoint.id.to_string(),
            owner_id: endpoint.owner.0,
            url: endpoint.url,
            description: endpoint.description,
            types: types.into_iter().map(|of| of.name().to_owned()).collect(),
            campaign_id: campaign.map(|campaign| campaign.0),
            metadata,
            max_batch: i32::from(max_batch),
            max_wait: Some(duration(SignedDuration::try_from(max_wait).unwrap_or(SignedDuration::MAX))),
            max_rate: max_rate.map_or(0, i32::from),
            max_age: Some(duration(max_age)),
            include_destination: with_destination,
            include_text: with_text,
            state: EndpointState::from(endpoint.state).into(),
            created_at: Some(timestamp(endpoint.created_at)),
            updated_at: Some(timestamp(endpoint.updated_at)),
        }
    }
}

impl From<webhook::EndpointState> for EndpointState {
    fn from(state: webhook::EndpointState) -> Self {
        match state {
            webhook::EndpointState::Enabled => Self::Enabled,
            webhook::EndpointState::Disabled => Self::Disabled,
            webhook::EndpointState::Gone => Self::Gone,
            webhook::EndpointState::Failing => Self::Failing,
        }
    }
}

impl From<Outcome> for CallOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Taken => Self::Taken,
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
            Outcome::Throttled => Self::Throttled,
            Outcome::Gone => Self::Gone,
            Outcome::Redirected => Self::Redirected,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::NoName => Self::NoName,
            Outcome::NotAllowed => Self::NotAllowed,
            Outcome::NoConnection => Self::NoConnection,
            Outcome::Broken => Self::Broken,
            Outcome::NoKey => Self::NoKey,
        }
    }
}

impl From<Stands> for EndpointStanding {
    fn from(stands: Stands) -> Self {
        let standing = stands.standing;
        let (outcome, status) = standing.last.unzip();
        // A later release may have written an outcome that this one does not know.
        let outcome = outcome.and_then(Outcome::from_number).map_or(CallOutcome::Unspecified, Into::into);
        Self {
            lag: stands.lag.map(duration),
            resume_token: stands.resume_token,
            taken_at: standing.taken_at.map(timestamp),
            failing_since: standing.failing_since.map(timestamp),
            next_try_at: standing.next_try_at.map(timestamp),
            last_outcome: outcome.into(),
            last_http_status: status.flatten().map_or(0, i32::from),
            waiting: standing.waiting,
            replays: standing.replays,
        }
    }
}

impl From<Called> for SendTestEventResponse {
    fn from(called: Called) -> Self {
        let outcome = CallOutcome::from(called.outcome);
        Self { outcome: outcome.into(), http_status: called.status.map_or(0, i32::from) }
    }
}

impl From<Exception> for Delivery {
    fn from(exception: Exception) -> Self {
        let event = exception.event;
        let (at, changed) = (event.what.position, Status::from_number(i32::from(event.what.to)));
        let state = match (event.state, event.next_try_at) {
            (ExceptionState::GivenUp, _) => DeliveryState::GivenUp,
            (ExceptionState::Waiting, Some(_)) => DeliveryState::Waiting,
            (ExceptionState::Waiting, None) => DeliveryState::Behind,
        };
        let (outcome, status) = event.last.unzip();
        Self {
            event_id: event::id(at.subject, at.version),
            // That of another event is empty.
            message_id: changed.map_or_else(String::new, |_| at.subject.to_string()),
            r#type: EventType::of_number(event.what.to).map_or_else(String::new, |of| of.name().to_owned()),
            state: state.into(),
            tries: i32::try_from(event.tries).unwrap_or(i32::MAX),
            first_tried_at: Some(timestamp(event.first_at)),
            next_try_at: event.next_try_at.map(timestamp),
            last_outcome: outcome.map_or(CallOutcome::Unspecified, Into::into).into(),
            last_http_status: status.flatten().map_or(0, i32::from),
        }
    }
}
