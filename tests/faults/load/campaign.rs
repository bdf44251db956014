//! Campaigns, by a client that repeats each step until it is done: it makes one with a key, streams the recipients, the
//! whole stream again if it breaks, and starts it. Half of them at least once, which go out in bulk calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryFutureExt as _};
use messaging::proto::add_recipients_request::Recipient;
use messaging::proto::campaign_service_client::CampaignServiceClient;
use messaging::proto::{
    AddRecipientsRequest, CreateCampaignRequest, DeliveryGuarantee, MessageStatus, StartCampaignRequest,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use super::{Answer, Orders, Running, Told};
use crate::fleet::Fleet;

/// How long one step's call may take.
const CALL: Duration = Duration::from_secs(10);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// How many recipients one message of a stream holds,
const REQUEST: usize = 40;
/// and how long the client takes for each, so that a stream is under way for long enough to be cut.
const FEED: Duration = Duration::from_millis(10);
/// How many recipients a stream names a second time, with another text: the first one counts.
const TWICE: usize = 10;

/// How many campaigns, how large, how far apart, and in which guarantee.
#[derive(Debug, Clone, Copy)]
pub struct Campaigns {
    /// How many at most.
    pub campaigns: u32,
    /// How many recipients each has.
    pub recipients: u32,
    /// Between two.
    pub every: Duration,
    /// Every so many-th is at most once, and goes out one by one.
    pub one_by_one: u32,
}

/// One that is to be sent.
pub(super) struct Wanted {
    pub(super) number: u32,
    pub(super) at_most_once: bool,
    name: String,
    recipients: Vec<Recipient>,
    /// When it is to begin, if not at once.
    pub(super) at: Option<jiff::Timestamp>,
}

impl Wanted {
    pub(super) fn new(number: u32, recipients: u32, fleet: &Fleet) -> Self {
        let recipient = |n: u32| {
            let n = number * recipients + n;
            Recipient {
                // The sandbox has special behaviours for last digits below 1000; the singles have another prefix.
                destination: format!("+30691{:03}{}", n / 9000 % 1000, 1000 + n % 9000),
                variables: [("n".to_owned(), n.to_string())].into(),
                ..Recipient::default()
            }
        };
        Self {
            number,
            at_most_once: number % 2 == 1,
            name: format!("{} campaign {number}", fleet.name),
            recipients: (0..recipients).map(recipient).collect(),
            at: None,
        }
    }

    /// The stream, which names some of them twice.
    fn requests(&self, campaign: i64) -> Vec<AddRecipientsRequest> {
        let again = self.recipients.iter().take(TWICE).map(|recipient| Recipient {
            variables: [("n".to_owned(), "again".to_owned())].into(),
            ..recipient.clone()
        });
        let all: Vec<Recipient> = self.recipients.iter().cloned().chain(again).collect();
        all.chunks(REQUEST)
            .map(|part| AddRecipientsRequest { campaign_id: campaign, recipients: part.to_vec() })
            .collect()
    }

    /// Each recipient, with what the client knows of all.
    pub(super) fn told(
        &self,
        campaign: Option<i64>,
        orders: &Arc<Orders>,
        answer: Option<&Answer>,
        fault: Option<&String>,
    ) -> Vec<Told> {
        let told = |recipient: &Recipient| Told {
            destination: recipient.destination.clone(),
            text: format!("{} {}", self.name, recipient.variables["n"]),
            key: None,
            campaign,
            orders: Some(orders.clone()),
            at_most_once: self.at_most_once,
            answer: answer.cloned(),
            fault: fault.cloned(),
        };
        self.recipients.iter().map(told).collect()
    }
}

impl Campaigns {
    /// Starts the client.
    pub fn start(self, fleet: &Arc<Fleet>) -> Running {
        let (stop, next) = (CancellationToken::new(), Arc::<AtomicU32>::default());
        let work = tokio::spawn(self.send(fleet.clone(), stop.clone(), next.clone()));
        Running { work, stop, begun: next }
    }

    async fn send(self, fleet: Arc<Fleet>, stop: CancellationToken, next: Arc<AtomicU32>) -> Vec<Told> {
        let begun = tokio::time::Instant::now();
        let mut under_way = JoinSet::new();
        for number in 0..self.campaigns {
            tokio::select! {
                () = tokio::time::sleep_until(begun + self.every * number) => {}
                () = stop.cancelled() => break,
            }
            next.fetch_add(1, Ordering::Relaxed);
            let mut wanted = Wanted::new(number, self.recipients, &fleet);
            wanted.at_most_once = number % self.one_by_one == 1;
            let fleet = fleet.clone();
            under_way.spawn(async move { send(&fleet, &wanted).await });
        }
        under_way.join_all().await.into_iter().flatten().collect()
    }
}

async fn send(fleet: &Fleet, wanted: &Wanted) -> Vec<Told> {
    conduct(fleet, wanted, async |_| Ok(Orders::default())).await
}

/// All three steps, and what `then` does with the campaign. A recipient counts as acknowledged when the start is: before
/// it, nobody promised to send anything.
pub(super) async fn conduct(
    fleet: &Fleet,
    wanted: &Wanted,
    then: impl AsyncFnOnce(i64) -> Result<Orders, String>,
) -> Vec<Told> {
    let campaign = match create(fleet, wanted).await {
        Ok(campaign) => campaign,
        Err(fault) => return wanted.told(None, &Arc::default(), None, Some(&fault)),
    };
    let begin = async {
        fill(fleet, wanted, campaign).await?;
        start(fleet, wanted, campaign).await?;
        then(campaign).await
    };
    let answer = Answer { id: None, status: MessageStatus::Queued as i16, provider_id: None };
    match begin.await {
        Ok(orders) => wanted.told(Some(campaign), &Arc::new(orders), Some(&answer), None),
        Err(fault) => wanted.told(Some(campaign), &Arc::default(), None, Some(&fault)),
    }
}

async fn create(fleet: &Fleet, wanted: &Wanted) -> Result<i64, String> {
    let guarantee = if wanted.at_most_once { DeliveryGuarantee::AtMostOnce } else { DeliveryGuarantee::AtLeastOnce };
    let request = CreateCampaignRequest {
        name: wanted.name.clone(),
        text: format!("{} {{{{n}}}}", wanted.name),
        delivery_guarantee: guarantee.into(),
        idempotency_key: wanted.name.clone(),
        scheduled_at: wanted
            .at
            .map(|at| pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }),
        ..CreateCampaignRequest::default()
    };
    let call = |channel| {
        let request = fleet.with_token(request.clone());
        let made = async move { CampaignServiceClient::new(channel).create_campaign(request).await };
        made.map_ok(|made| made.into_inner().campaign.unwrap_or_default().id).boxed()
    };
    until_done(fleet, wanted, "create", call, |_| None).await
}

async fn fill(fleet: &Fleet, wanted: &Wanted, campaign: i64) -> Result<(), String> {
    let call = |channel| {
        let fed = |request| async move {
            tokio::time::sleep(FEED).await;
            request
        };
        let stream = futures::stream::iter(wanted.requests(campaign)).then(fed);
        let request = fleet.with_token(stream);
        let added = async move { CampaignServiceClient::new(channel).add_recipients(request).await };
        added.map_ok(Response::into_inner).boxed()
    };
    let added = until_done(fleet, wanted, "add", call, |_| None).await?;
    let given = i64::try_from(wanted.recipients.len() + TWICE).unwrap();
    let twice = i64::try_from(TWICE).unwrap();
    if added.added + added.duplicates != given || added.duplicates < twice || added.invalid_count != 0 {
        return Err(format!("{given} recipients, of which {} were added and {} there", added.added, added.duplicates));
    }
    Ok(())
}

async fn start(fleet: &Fleet, wanted: &Wanted, campaign: i64) -> Result<(), String> {
    let call = |channel| {
        let request =
            fleet.with_token(StartCampaignRequest { campaign_id: campaign, dry_run: false, ..Default::default() });
        async move { CampaignServiceClient::new(channel).start_campaign(request).await }.map_ok(drop).boxed()
    };
    // Started by a call whose answer was lost, it may be over by the next one.
    let over = |status: &Status| {
        let details = status.get_error_details();
        let state = details.error_info().and_then(|info| info.metadata.get("state").cloned());
        (state.as_deref() == Some("COMPLETED")).then_some(())
    };
    until_done(fleet, wanted, "start", call, over).await
}

/// Repeats a call at any replica until it is done; `done` says whether a refusal means that, too. What our server says has
/// details; what has none is the connection's fault.
pub(super) async fn until_done<T>(
    fleet: &Fleet,
    wanted: &Wanted,
    step: &str,
    call: impl Fn(Channel) -> BoxFuture<'static, Result<T, Status>>,
    done: impl Fn(&Status) -> Option<T>,
) -> Result<T, String> {
    let begun = Instant::now();
    let mut replica = wanted.number as usize;
    let mut tries = 0;
    while begun.elapsed() < fleet.patience {
        if let Some(channel) = fleet.channel(replica) {
            match tokio::time::timeout(CALL, call(channel)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) => {
                    if let Some(answer) = done(&status).filter(|_| tries > 0) {
                        return Ok(answer);
                    }
                    let ours = status.get_error_details().error_info().is_some();
                    let again = [Code::Aborted, Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled];
                    if ours && !again.contains(&status.code()) {
                        return Err(format!("{step}: {:?}: {}", status.code(), status.message()));
                    }
                }
                Err(_) => {}
            }
            tries += 1;
            replica += 1;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(format!("{step}: no answer"))
}
