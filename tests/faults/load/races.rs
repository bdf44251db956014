//! Scheduled sends, each of which its client takes back when it is due, at another replica: by `CancelMessage`, or by a newer message that
//! takes its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{CancelMessageRequest, MessageStatus, SendSingleRequest, Superseded};
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::single::{Wanted, send};
use super::{IN_FLIGHT, Told};
use crate::fleet::Fleet;

/// How many races are under way.
const RUNNERS: usize = 256;
/// When a message is taken back: so long before it is due, and so long after.
const BEFORE: Duration = Duration::from_millis(100);
const AFTER: Duration = Duration::from_millis(100);
/// How long a call may take.
const CALL: Duration = Duration::from_secs(10);

/// One race, and what its client was told of it.
#[derive(Debug, Clone)]
pub struct Raced {
    /// The message that was taken back.
    pub id: String,
    /// The one that took its place, if it was not cancelled.
    pub newer: Option<String>,
    /// Whether it is never sent, or was on its way already; `None` if no answer came.
    pub never_sent: Option<bool>,
}

/// Runs so many: what was told of sends that no other message goes beside, and of the races.
pub async fn race(fleet: &Arc<Fleet>, races: u32, seed: u64) -> (Vec<Told>, Vec<Raced>) {
    let (next, places) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(IN_FLIGHT)));
    let mut runners = JoinSet::new();
    for runner in 0..RUNNERS {
        let (fleet, next, places) = (fleet.clone(), next.clone(), places.clone());
        let mut rng = StdRng::seed_from_u64(seed ^ u64::try_from(runner).unwrap());
        runners.spawn(async move {
            let (mut told, mut raced) = (Vec::new(), Vec::new());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= races {
                    return (told, raced);
                }
                let supersedes = number % 2 == 1;
                let due = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 2;
                let wanted = wanted(&fleet, number, due, supersedes);
                let sent = send(&fleet, &wanted, &places).await;
                let id = sent.answer.as_ref().and_then(|answer| answer.id.clone());
                if !supersedes || id.is_none() {
                    told.push(sent);
                }
                let Some(id) = id else { continue };
                let at = Duration::from_secs(due) - BEFORE + (BEFORE + AFTER).mul_f64(rng.random());
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                tokio::time::sleep(at.saturating_sub(now)).await;
                let place = places.acquire().await.unwrap();
                raced.push(if supersedes {
                    supersede(&fleet, &wanted, id).await
                } else {
                    cancel(&fleet, number, id).await
                });
                drop(place);
            }
        });
    }
    let (mut told, mut raced) = (Vec::new(), Vec::new());
    for (of_one, races) in runners.join_all().await {
        told.extend(of_one);
        raced.extend(races);
    }
    (told, raced)
}

fn wanted(fleet: &Fleet, number: u32, due: u64, supersedes: bool) -> Wanted {
    let request = SendSingleRequest {
        destination: format!("+30695{:03}{}", number / 9000 % 1000, 1000 + number % 9000),
        text: format!("{} race {number}", fleet.name),
        idempotency_key: format!("{}-race-{number}", fleet.name),
        scheduled_at: Some(pbjson_types::Timestamp { seconds: i64::try_from(due).unwrap(), nanos: 0 }),
        supersede_key: supersedes.then(|| "race".to_owned()),
        ..SendSingleRequest::default()
    };
    Wanted { number, request }
}

async fn cancel(fleet: &Fleet, number: u32, id: String) -> Raced {
    let mut raced = Raced { id: id.clone(), newer: None, never_sent: None };
    let Some(channel) = fleet.channel(number as usize + 1) else { return raced };
    let mut request = fleet.with_token(CancelMessageRequest { id, ..Default::default() });
    request.set_timeout(CALL);
    raced.never_sent = match MessagingServiceClient::new(channel).cancel_message(request).await {
        Ok(answer) => Some(answer.into_inner().message.unwrap_or_default().status() == MessageStatus::Cancelled),
        Err(status) if status.code() == Code::FailedPrecondition => {
            let details = status.get_error_details();
            details.error_info().filter(|info| info.reason == "MESSAGE_STATE").map(|_| false)
        }
        Err(_) => None,
    };
    raced
}

/// The newer message goes out at once.
async fn supersede(fleet: &Fleet, older: &Wanted, id: String) -> Raced {
    let mut raced = Raced { id, newer: None, never_sent: None };
    let Some(channel) = fleet.channel(older.number as usize + 1) else { return raced };
    let mut request = fleet.with_token(SendSingleRequest {
        text: format!("{}, newer", older.request.text),
        idempotency_key: format!("{}-newer", older.request.idempotency_key),
        scheduled_at: None,
        ..older.request.clone()
    });
    request.set_timeout(CALL);
    if let Ok(answer) = MessagingServiceClient::new(channel).send_single(request).await {
        let newer = answer.into_inner().message.unwrap_or_default();
        let named = newer.superseded_message_id.as_ref() == Some(&raced.id);
        raced.never_sent = match newer.superseded() {
            Superseded::Cancelled if named => Some(true),
            Superseded::AlreadySent if named => Some(false),
            _ => None,
        };
        raced.newer = Some(newer.id);
    }
    raced
}
