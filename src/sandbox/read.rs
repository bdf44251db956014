//! The read model: `GET /api/v1.1/Messages/{messageId}`, told from the time that has passed since acceptance.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use ulid::Ulid;
use uuid::Uuid;

use super::message::{Message, seven_digits};
use super::problem;
use super::segments::segments;
use super::state::State;

/// One message, or 404. Ids are compared as text: a lower-case one belongs to no message.
pub(super) async fn message(Shared(state): Shared<Arc<State>>, Path(text): Path<String>) -> Response {
    let id = Ulid::from_string(&text).ok().filter(|id| id.to_string() == text);
    let message = id.and_then(|id| state.ledger.get(id));
    message.map_or_else(problem::not_found, |message| Json(view(&state, &message)).into_response())
}

/// The fields that Mitto shows. The destination is not among them, and `messageParts` is null when there is one.
fn view(state: &State, message: &Message) -> Value {
    let delay = state.reports.delay;
    let status = message.status(state.clock.now(), delay);
    let segments = segments(message.text());
    json!({
        "messageId": message.id.to_string(),
        "text": message.text(),
        "mediaUrl": null,
        "sender": { "id": message.sender(), "name": message.sender(), "messagingAppIdentifier": "SMS" },
        "conversation": { "id": Uuid::from_u128(message.id.0).to_string(), "participants": [] },
        "createdAt": seven_digits(message.at()),
        "updatedAt": seven_digits(message.after(status.at, delay)),
        "trafficAccountId": message.account.to_string(),
        "deliveryStatus": status.status.text(),
        "description": status.status.description(),
        "quotedMessageId": null,
        "messageParts": (segments > 1).then_some(segments),
        "requestInfo": { "sms": { "sender": message.sender(), "text": message.text() } },
        "reference": message.reference(),
    })
}
