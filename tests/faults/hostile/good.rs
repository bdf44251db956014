//! The owner who does nothing wrong: sends, reads, refreshes, watches, and the provider's reports on its messages. Each call is
//! made once, and has to be answered well.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{
    DeliveryGuarantee, GetMessageRequest, ListMessagesRequest, RefreshStatusRequest, SendSingleRequest,
    WatchMessagesRequest,
};
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::fleet::{ACCOUNT, Fleet};
use crate::load::{Answer, Told};
use crate::reports::SECRET;

/// Between two sends: each is begun at its time, whatever became of the one before.
const EVERY: Duration = Duration::from_millis(100);
/// How long a call may take.
const CALL: Duration = Duration::from_secs(5);

/// How the calls went.
#[derive(Default)]
pub struct Manners {
    pub told: Vec<Told>,
    pub calls: usize,
    pub failed: Vec<String>,
    /// Of the sends, sorted.
    times: Vec<Duration>,
}

impl Manners {
    /// 99 of 100 sends took no longer.
    pub fn p99(&self) -> Duration {
        self.part(99)
    }

    fn part(&self, percent: usize) -> Duration {
        let place = (self.times.len() * percent).div_ceil(100).saturating_sub(1);
        self.times.get(place).copied().unwrap_or(CALL)
    }
}

impl fmt::Display for Manners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calls, failed, sends) = (self.calls, self.failed.len(), self.times.len());
        let [half, most, all] = [50, 99, 100].map(|percent| self.part(percent));
        write!(f, "{calls} calls, {failed} failed; {sends} sends, 50 % {half:.0?}, 99 % {most:.0?}, all {all:.0?}")
    }
}

/// Good calls that go on until they are stopped.
pub struct Good {
    work: JoinHandle<()>,
    stop: CancellationToken,
    manners: Arc<Mutex<Manners>>,
}

impl Good {
    /// Begins.
    pub fn start(fleet: &Arc<Fleet>) -> Self {
        let (stop, manners) = (CancellationToken::new(), Arc::<Mutex<Manners>>::default());
        let one = One {
            fleet: fleet.clone(),
            manners: manners.clone(),
            web: reqwest::Client::builder().no_proxy().timeout(CALL).build().unwrap(),
        };
        let work = tokio::spawn(call(one, stop.clone()));
        Self { work, stop, manners }
    }

    /// Begins nothing new, and waits for the answers.
    pub async fn finish(self) -> Manners {
        self.stop.cancel();
        self.work.await.unwrap();
        let mut manners = std::mem::take(&mut *self.manners.lock().unwrap());
        manners.times.sort_unstable();
        manners
    }
}

async fn call(one: One, stop: CancellationToken) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mut every = tokio::time::interval(EVERY);
    let mut calls = JoinSet::new();
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        let (one, number) = (one.clone(), NUMBER.fetch_add(1, Ordering::Relaxed));
        calls.spawn(async move { one.goes_its_way(number).await });
    }
    calls.join_all().await;
}

/// One client of the owner's.
#[derive(Clone)]
struct One {
    fleet: Arc<Fleet>,
    manners: Arc<Mutex<Manners>>,
    web: reqwest::Client,
}

impl One {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = self.fleet.with_token(message);
        request.set_timeout(CALL);
        request
    }

    fn client(&self) -> MessagingServiceClient<tonic::transport::Channel> {
        MessagingServiceClient::new(self.fleet.channel(0).expect("it is up"))
    }

    /// Notes a call. What it answered, if that was well.
    fn note<T>(&self, what: &str, answer: Result<T, String>) -> Option<T> {
        let mut manners = self.manners.lock().unwrap();
        manners.calls += 1;
        answer.map_err(|why| manners.failed.push(format!("{what}: {why}"))).ok()
    }

    /// A message, from its send to its delivery.
    async fn goes_its_way(self, number: u32) {
        let Some((id, provider_id)) = self.send(number).await else { return };
        let read = GetMessageRequest { id: id.clone(), ..GetMessageRequest::default() };
        self.note("read", said(self.client().get_message(self.request(read)).await));
        match number % 4 {
            0 => {
                let list = ListMessagesRequest { page_size: 20, ..ListMessagesRequest::default() };
                self.note("list", said(self.client().list_messages(self.request(list)).await));
            }
            1 => {
                let refresh =
                    RefreshStatusRequest { provider_message_id: provider_id, ..RefreshStatusRequest::default() };
                self.note("refresh", said(self.client().refresh_status(self.request(refresh)).await));
            }
            2 => {
                let watch = WatchMessagesRequest::default();
                self.note("watch", said(self.client().watch_messages(self.request(watch)).await));
            }
            _ => {
                let report = json!({ "messageId": provider_id, "deliveryStatus": "Delivered" });
                let post = self.web.post(self.url("/webhooks/mitto/dlr")).json(&report);
                self.note("report", status(post.header("x-webhook-token", SECRET).send().await, 202));
                let get = self.web.get(self.url(&format!("/api/v1/messages/{id}"))).bearer_auth(&self.fleet.token);
                self.note("read over HTTP", status(get.send().await, 200));
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.fleet.replicas[0].web().expect("it is up"))
    }

    async fn send(&self, number: u32) -> Option<(String, String)> {
        let wanted = SendSingleRequest {
            destination: format!("+30695{:03}{}", number / 9000 % 1000, 1000 + number % 9000),
            text: format!("{} good {number}", self.fleet.name),
            idempotency_key: format!("{}-good-{number}", self.fleet.name),
            delivery_guarantee: DeliveryGuarantee::AtMostOnce.into(),
            traffic_account_id: Some(ACCOUNT.to_owned()),
            ..SendSingleRequest::default()
        };
        let begun = Instant::now();
        let answer = said(self.client().send_single(self.request(wanted.clone())).await);
        let took = begun.elapsed();
        let answer = answer.map(|answer| answer.into_inner().message.unwrap_or_default());
        let answer = answer.and_then(|message| match &message.provider_message_id {
            Some(id) => Ok((message.id.clone(), id.clone(), message.status)),
            None => Err(format!("it is not sent, status {}", message.status)),
        });
        let (id, provider_id, status) = self.note("send", answer)?;
        let mut manners = self.manners.lock().unwrap();
        manners.times.push(took);
        manners.told.push(Told {
            destination: wanted.destination,
            text: wanted.text,
            key: Some(wanted.idempotency_key),
            campaign: None,
            orders: None,
            at_most_once: true,
            answer: Some(Answer {
                id: Some(id.clone()),
                status: i16::try_from(status).unwrap_or_default(),
                provider_id: Some(provider_id.clone()),
            }),
            fault: None,
        });
        Some((id, provider_id))
    }
}

fn said<T>(answer: Result<T, Status>) -> Result<T, String> {
    answer.map_err(|status| format!("{:?}: {}", status.code(), status.message()))
}

fn status(answer: reqwest::Result<reqwest::Response>, wanted: u16) -> Result<(), String> {
    let status = answer.map_err(|e| format!("{e:?}"))?.status();
    if status == wanted { Ok(()) } else { Err(status.to_string()) }
}
