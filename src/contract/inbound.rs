//! The RPCs of `messaging.v1.InboundService`.

use futures::stream::BoxStream;

use crate::auth::Caller;
use crate::contract::answers;
use crate::contract::convert::{given_time, timestamp};
use crate::domain::keyword::{Effect, Verdict};
use crate::domain::webhook::event;
use crate::error::Error;
use crate::proto::{
    GetInboundRequest, GetInboundResponse, InboundEffect, InboundMessage, InboundVerdict, ListInboundRequest,
    ListInboundResponse, WatchInboundRequest, WatchInboundResponse,
};
use crate::service::{ListInbound, Received, Service, WatchInbound, Watched};

/// `ListInbound`.
pub async fn list_inbound(
    service: &Service,
    caller: &Caller,
    request: ListInboundRequest,
) -> Result<ListInboundResponse, Error> {
    let mut violations = Vec::new();
    let request = ListInbound {
        received_after: given_time("received_after", request.received_after, &mut violations),
        received_before: given_time("received_before", request.received_before, &mut violations),
        page_size: request.page_size,
        page_token: request.page_token,
        number: request.number,
        verdict: request.verdict,
        owner_id: request.owner_id,
    };
    let page = service.list_inbound(caller, request, violations).await?;
    let messages = page.messages.into_iter().map(Into::into).collect();
    Ok(ListInboundResponse { messages, next_page_token: page.next_page_token })
}

/// `GetInbound`.
pub async fn get_inbound(
    service: &Service,
    caller: &Caller,
    request: GetInboundRequest,
) -> Result<GetInboundResponse, Error> {
    let message = service.inbound(caller, &request.id).await?;
    Ok(GetInboundResponse { message: Some(message.into()) })
}

/// `WatchInbound`: the messages, once what is wrong with the request has been told.
pub async fn watch_inbound(
    service: &Service,
    caller: &Caller,
    request: WatchInboundRequest,
) -> Result<BoxStream<'static, Result<WatchInboundResponse, Error>>, Error> {
    let WatchInboundRequest { number, verdict, resume_token, owner_id } = request;
    let request = WatchInbound { number, verdict, owner_id, resume_token };
    Ok(answers(service.watch_inbound(caller, request).await?))
}

impl From<Watched<Received>> for WatchInboundResponse {
    fn from(watched: Watched<Received>) -> Self {
        // An inbound message is read once.
        let event_id = watched.event.as_ref().map_or_else(String::new, |message| event::id(message.id, 1));
        Self { resume_token: watched.resume_token, message: watched.event.map(Into::into), event_id }
    }
}

impl From<Received> for InboundMessage {
    fn from(message: Received) -> Self {
        Self {
            id: message.id.to_string(),
            owner_id: message.owner.0,
            number: message.number.as_str().to_owned(),
            to: message.to,
            text: message.text,
            verdict: InboundVerdict::from(message.verdict).into(),
            effect: message.effect.map_or(InboundEffect::Unspecified, Into::into).into(),
            in_review: message.in_review,
            received_at: Some(timestamp(message.received_at)),
        }
    }
}

impl From<Verdict> for InboundVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Stop => Self::Stop,
            Verdict::Start => Self::Start,
            Verdict::PerhapsStop => Self::PerhapsStop,
            Verdict::Other => Self::Other,
        }
    }
}

impl From<Effect> for InboundEffect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::OptedOut => Self::OptedOut,
            Effect::AlreadyOptedOut => Self::AlreadyOptedOut,
            Effect::Overtaken => Self::Overtaken,
            Effect::OptedIn => Self::OptedIn,
            Effect::NothingToUndo => Self::NothingToUndo,
        }
    }
}
