//! The three sends: check, refuse or accept, and say how the call shall end. The gate makes it end so.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use ulid::Ulid;
use uuid::Uuid;

use super::behaviour::{Behaviour, Call};
use super::config::AnswerShape;
use super::message::Draft;
use super::problem::{Faults, Refusal};
use super::request::{Checked, Many, OneToMany, Single, bad_destination, missing, parse};
use super::state::State;

/// About as many faults are told of a bulk call.
const MOST_FAULTS: usize = 100;

/// Rides on the answer to the gate: what was accepted, and what shall happen to the answer.
#[derive(Clone, Default)]
pub(super) struct Ending {
    pub(super) accepted: Vec<Ulid>,
    /// 0011: the answer is late.
    pub(super) slow: bool,
    /// 0010: the connection is dropped instead.
    pub(super) drop: bool,
    /// 0013: the answer is not JSON.
    pub(super) malformed: bool,
}

/// `POST /api/v1.1/Messages/send`
pub(super) async fn one(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    single(&state, &body).await.unwrap_or_else(|refusal| state.refuse(refusal))
}

/// `POST /api/v1.1/Messages/sendmessagesbulk`
pub(super) async fn many(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    messages(&state, &body).await.unwrap_or_else(|refusal| state.refuse(refusal))
}

/// `POST /api/v1.1/Messages/sendbulk`
pub(super) async fn one_to_many(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    destinations(&state, &body).await.unwrap_or_else(|refusal| state.refuse(refusal))
}

async fn single(state: &State, body: &[u8]) -> Result<Response, Refusal> {
    let request: Single = parse(body)?;
    limit(state, 1)?;
    let mut faults = Faults::default();
    let Some(checked) = request.check("", &mut faults) else { return Err(Refusal::Invalid(faults)) };
    let Checked::Fine(draft) = checked else { return Err(bad_destination()) };
    let ending = accept(state, &[draft], None).await?;
    let id = ending.accepted.first().map(Ulid::to_string);
    let body = match state.settings.get().answer_shape {
        AnswerShape::One => json!({ "messages": [{ "messageId": id, "trafficAccountId": draft.account.to_string() }] }),
        AnswerShape::Two => json!({ "id": id }),
        AnswerShape::Three => json!({ "messageId": id }),
    };
    Ok(answer(body, ending))
}

async fn messages(state: &State, body: &[u8]) -> Result<Response, Refusal> {
    let request: Many = parse(body)?;
    let messages = request.messages;
    limit(state, messages.len())?;
    let mut faults = Faults::default();
    if messages.is_empty() {
        missing("", "Messages", &mut faults);
    }
    let mut checked = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        match message.check("", &mut Faults::default()) {
            Some(fine) => checked.push(fine),
            // Only a faulty element pays for its name, and nobody reads the names of a thousand.
            None if faults.len() < MOST_FAULTS => drop(message.check(&format!("Messages[{index}]."), &mut faults)),
            None => break,
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::Invalid(faults));
    }
    bulk(state, checked).await
}

async fn destinations(state: &State, body: &[u8]) -> Result<Response, Refusal> {
    let request: OneToMany = parse(body)?;
    limit(state, request.destinations.as_ref().map_or(1, Vec::len))?;
    let mut faults = Faults::default();
    match request.check(&mut faults) {
        Some(checked) if faults.is_empty() => bulk(state, checked).await,
        _ => Err(Refusal::Invalid(faults)),
    }
}

/// Accepts what can be accepted; the answer has one element for every message, in their order.
async fn bulk(state: &State, checked: Vec<Checked<'_>>) -> Result<Response, Refusal> {
    let drafts: Vec<_> = checked
        .iter()
        .filter_map(|checked| match checked {
            Checked::Fine(draft) => Some(*draft),
            Checked::BadDestination(_) => None,
        })
        .collect();
    let bulk = state.ledger.bulk_id();
    let ending = accept(state, &drafts, Some(bulk)).await?;
    let mut ids = ending.accepted.iter();
    let elements: Vec<_> = checked
        .iter()
        .map(|checked| match checked {
            Checked::Fine(draft) => {
                json!({ "messageId": ids.next().map(Ulid::to_string), "trafficAccountId": draft.account.to_string() })
            }
            Checked::BadDestination(account) => {
                json!({ "trafficAccountId": account.to_string(), "error": "The Destination field is not a valid phone number." })
            }
        })
        .collect();
    Ok(answer(json!({ "bulkId": bulk.to_string(), "messages": elements }), ending))
}

fn limit(state: &State, sends: usize) -> Result<(), Refusal> {
    let admitted = state.rate.admits(sends.max(1), state.settings.get().rate_limit, state.clock.now());
    if admitted { Ok(()) } else { Err(Refusal::Busy(1)) }
}

/// Accepts all drafts, unless one of them refuses its first try; that refuses the whole call.
async fn accept(state: &State, drafts: &[Draft<'_>], bulk: Option<Uuid>) -> Result<Ending, Refusal> {
    let mut refusal = None;
    for draft in drafts {
        let refused = match Behaviour::of(draft.destination).call {
            Call::BusyFirst => Refusal::Busy(2),
            Call::BrokenFirst => Refusal::Broken,
            _ => continue,
        };
        // Every element of the call has now had its first try, so that one more try is enough for all of them.
        if state.first.is_first(draft) {
            refusal.get_or_insert(refused);
        }
    }
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let accepted = state.ledger.accept(drafts, bulk, state.clock.now()).map_err(|error| {
        tracing::warn!(%error, "the sandbox's ledger file cannot be written; the send is refused");
        Refusal::Broken
    })?;
    let mut ending = Ending::default();
    let mut webhook_works = true;
    for (draft, id) in drafts.iter().zip(&accepted) {
        let call = Behaviour::of(draft.destination).call;
        ending.slow |= call == Call::Slow;
        ending.drop |= call == Call::Drop;
        ending.malformed |= call == Call::Malformed;
        if call == Call::ReportFirst && webhook_works {
            // One post that times out is waited for, not one for each message.
            webhook_works = state.reports.post_all_now(*id).await;
        } else {
            state.reports.schedule(*id);
        }
    }
    ending.accepted = accepted;
    Ok(ending)
}

fn answer(body: Value, ending: Ending) -> Response {
    let mut response = Json(body).into_response();
    response.extensions_mut().insert(ending);
    response
}
