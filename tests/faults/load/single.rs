//! `SendSingle`, by clients that repeat a call with its key until they have an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{DeliveryGuarantee, MessageStatus, SendSingleRequest, SendSingleResponse};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Answer, IN_FLIGHT, Running, Told};
use crate::fleet::Fleet;

/// How long a call may take.
const CALL: Duration = Duration::from_secs(5);
/// How long a repeated one may: most of them find their message in the hands of a dead process, and wait for nothing.
const REPEAT: Duration = Duration::from_millis(400);
/// How many clients there are. Most of them may be waiting for a lease to end.
const CLIENTS: usize = 256;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two tries if the message is known to be stored: only a lease's end will help.
const STORED: Duration = Duration::from_secs(1);

/// How many messages, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Singles {
    /// How many at most.
    pub messages: u32,
    /// How many are begun in a second at most.
    pub rate: u32,
}

/// The `number`th message: half at most once, half of each kind a second later through the queue, a third
/// counted in the campaign.
pub(super) struct Wanted {
    pub number: u32,
    pub request: SendSingleRequest,
}

impl Wanted {
    fn new(number: u32, fleet: &Fleet) -> Self {
        let guarantee =
            if number.is_multiple_of(2) { DeliveryGuarantee::AtMostOnce } else { DeliveryGuarantee::AtLeastOnce };
        let request = SendSingleRequest {
            // The sandbox has special behaviours for last digits below 1000.
            destination: format!("+30690{:03}{}", number / 9000 % 1000, 1000 + number % 9000),
            text: format!("{} {number}", fleet.name),
            idempotency_key: format!("{}-{number}", fleet.name),
            delivery_guarantee: guarantee.into(),
            campaign_id: number.is_multiple_of(3).then_some(fleet.campaign),
            scheduled_at: (number % 4 >= 2).then(next_second_but_one),
            ..SendSingleRequest::default()
        };
        Self { number, request }
    }

    fn told(&self, answer: Option<Answer>, fault: Option<String>) -> Told {
        Told {
            destination: self.request.destination.clone(),
            text: self.request.text.clone(),
            key: Some(self.request.idempotency_key.clone()),
            campaign: self.request.campaign_id,
            orders: None,
            at_most_once: self.request.delivery_guarantee == i32::from(DeliveryGuarantee::AtMostOnce),
            answer,
            fault,
        }
    }
}

/// Whole seconds, so that many are due at once and the replicas reach for the same.
fn next_second_but_one() -> pbjson_types::Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    pbjson_types::Timestamp { seconds: i64::try_from(since.as_secs()).unwrap() + 2, nanos: 0 }
}

impl Singles {
    /// Starts the clients.
    pub fn start(self, fleet: &Arc<Fleet>) -> Running {
        let (stop, next) = (CancellationToken::new(), Arc::<AtomicU32>::default());
        let work = tokio::spawn(self.send(fleet.clone(), stop.clone(), next.clone()));
        Running { work, stop, begun: next }
    }

    async fn send(self, fleet: Arc<Fleet>, stop: CancellationToken, next: Arc<AtomicU32>) -> Vec<Told> {
        let begun = tokio::time::Instant::now();
        let mut clients = JoinSet::new();
        let places = Arc::new(Semaphore::new(IN_FLIGHT));
        for _ in 0..CLIENTS {
            let (fleet, stop) = (fleet.clone(), stop.clone());
            let (next, places) = (next.clone(), places.clone());
            clients.spawn(async move {
                let mut told = Vec::new();
                while !stop.is_cancelled() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= self.messages {
                        break;
                    }
                    let at = begun + Duration::from_secs(1) * number / self.rate;
                    tokio::select! {
                        () = tokio::time::sleep_until(at) => {}
                        () = stop.cancelled() => break,
                    }
                    told.push(send(&fleet, &Wanted::new(number, &fleet), &places).await);
                }
                told
            });
        }
        clients.join_all().await.into_iter().flatten().collect()
    }
}

/// A client's reaction to an answer.
enum Heard {
    Answer(Answer),
    /// The message is stored, and in somebody's hands.
    Stored,
    Again,
    Fault(String),
}

/// Calls until there is an answer. Only so many calls that may become a send are made at a time, by all clients; one whose
/// message is known to be stored may not, and waits beside them.
pub(super) async fn send(fleet: &Fleet, wanted: &Wanted, places: &Semaphore) -> Told {
    let begun = Instant::now();
    let mut replica = wanted.number as usize;
    let mut limit = CALL;
    let mut stored = false;
    // Waiting for a place is the harness's doing, and tries nobody's patience.
    let mut waited = Duration::ZERO;
    while begun.elapsed() < fleet.patience + waited {
        if let Some(channel) = fleet.channel(replica) {
            let asked = Instant::now();
            let place = if stored { None } else { places.acquire().await.ok() };
            waited += asked.elapsed();
            let mut request = fleet.with_token(wanted.request.clone());
            request.set_timeout(limit);
            let mut client = MessagingServiceClient::new(channel);
            let heard = match tokio::time::timeout(limit + PAUSE, client.send_single(request)).await {
                Ok(Ok(answer)) => hear(answer.into_inner()),
                Ok(Err(status)) => hear_error(&status),
                Err(_) => Heard::Again,
            };
            drop(place);
            match heard {
                Heard::Answer(answer) => return wanted.told(Some(answer), None),
                Heard::Fault(fault) => return wanted.told(None, Some(fault)),
                Heard::Stored => stored = true,
                Heard::Again => {}
            }
            replica += 1;
            limit = REPEAT;
        }
        tokio::time::sleep(if stored { STORED } else { PAUSE }).await;
    }
    wanted.told(None, None)
}

fn hear(answer: SendSingleResponse) -> Heard {
    let message = answer.message.unwrap_or_default();
    let status = i16::try_from(message.status).unwrap_or_default();
    Heard::Answer(Answer { id: Some(message.id), status, provider_id: message.provider_message_id })
}

/// An answer of our server has details; one without is the connection's fault.
fn hear_error(status: &Status) -> Heard {
    let details = status.get_error_details();
    let Some(info) = details.error_info() else { return Heard::Again };
    match status.code() {
        Code::Aborted => Heard::Stored,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => Heard::Again,
        Code::FailedPrecondition if info.reason == "PROVIDER_REJECTED" => Heard::Answer(Answer {
            id: Some(info.metadata.get("id").cloned().unwrap_or_default()),
            status: MessageStatus::Failed as i16,
            provider_id: None,
        }),
        code => Heard::Fault(format!("{code:?}: {}", status.message())),
    }
}
