//! A bulk refresh asks the provider no faster than its reader reads, and stops asking when the reader goes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::StreamExt as _;
use messaging::auth::Caller;
use messaging::domain::ids::{OwnerId, ProviderMessageId};
use messaging::domain::outcome::{Acceptance, Outcome};
use messaging::provider::{Provider, ReadError, Snapshot, Submission};
use messaging::service::{
    BulkEvent, BulkRequest, BulkTarget, CreateCampaign, GivenTags, SendSingle, Service, Settings,
};
use tokio::sync::Semaphore;

use crate::support::database::on_both_databases;
use crate::support::settings::{self, ForTests as _};
use crate::support::store::Rig;

const CONCURRENCY: usize = 16;

/// Takes everything; answers a read when the test lets it.
struct Held {
    answers: Semaphore,
    /// What a read comes to instead, if anything.
    refuses: Mutex<Option<ReadError>>,
    begun: AtomicUsize,
    under_way: AtomicUsize,
}

/// Counts a call as under way until it ends or is dropped.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Provider for Held {
    async fn send(&self, message: &Submission) -> Outcome {
        let id = format!("P{}", message.reference);
        Outcome::Accepted(Acceptance {
            provider_message_id: ProviderMessageId::from_provider(&id).unwrap(),
            bulk_id: None,
            raw: serde_json::json!({ "id": id }),
        })
    }

    async fn send_bulk(&self, messages: &[Submission]) -> Result<Vec<Outcome>, Outcome> {
        Ok(futures::future::join_all(messages.iter().map(|m| self.send(m))).await)
    }

    async fn read(&self, id: &ProviderMessageId) -> Result<Snapshot, ReadError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let _under_way = UnderWay(&self.under_way);
        if let Some(refusal) = self.refuses.lock().unwrap().clone() {
            return Err(refusal);
        }
        self.answers.acquire().await.unwrap().forget();
        let delivery_status = Some("Delivered".to_owned());
        Ok(Snapshot { message_id: Some(id.to_string()), delivery_status, ..Snapshot::default() })
    }
}

struct Bench {
    service: Service,
    provider: Arc<Held>,
    caller: Caller,
    campaign: i64,
}

impl Bench {
    /// A campaign of `messages`, all taken by the provider.
    async fn new(rig: &Rig, messages: usize) -> Self {
        let provider = Arc::new(Held {
            answers: Semaphore::new(0),
            refuses: Mutex::new(None),
            begun: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
        });
        let settings = Settings { refresh_concurrency: CONCURRENCY, ..Settings::for_tests() };
        let service = settings::service(&rig.store, &rig.clock, provider.clone(), settings);
        let owner: OwnerId = rig.store.create_user("ann", None).await.unwrap();
        let caller = Caller::new(owner, "messages:send messages:read campaigns");
        let new = CreateCampaign {
            name: "c".to_owned(),
            text: "t".to_owned(),
            sender: None,
            delivery_guarantee: 0,
            scheduled_at: None,
            validity: None,
            tags: GivenTags::default(),
            idempotency_key: String::new(),
        };
        let campaign = service.create_campaign(&caller, new, Vec::new()).await.unwrap().id.0;
        let sends = (0..messages).map(|_| {
            let request = SendSingle {
                destination: "+306900000001".to_owned(),
                text: "Hello".to_owned(),
                sender: None,
                traffic_account_id: None,
                user_id: None,
                campaign_id: Some(campaign),
                idempotency_key: String::new(),
                delivery_guarantee: 0,
                dry_run: false,
                scheduled_at: None,
                validity: None,
                tags: GivenTags::default(),
                supersede_key: String::new(),
            };
            service.send_single(&caller, request, Vec::new(), None)
        });
        for sent in futures::future::join_all(sends).await {
            sent.unwrap();
        }
        Self { service, provider, caller, campaign }
    }

    fn request(&self) -> BulkRequest {
        BulkRequest {
            target: Some(BulkTarget::Campaign(self.campaign)),
            owner_id: None,
            only_pending: false,
            resume_token: String::new(),
            limit: None,
        }
    }
}

/// Waits until a count is reached; a bound, not a measurement.
async fn until(what: &str, reached: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !reached() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::task::yield_now().await;
    }
}

async fn a_reader_that_reads_nothing_more_holds_the_calls_back(rig: Rig) {
    let bench = Bench::new(&rig, 200).await;
    let mut stream = bench.service.refresh_bulk(&bench.caller, bench.request()).await.unwrap();
    bench.provider.answers.add_permits(200);
    for expected in 1..=5 {
        assert_eq!(stream.next().await.unwrap().unwrap().completed, expected);
    }
    until("what is under way ends", || bench.provider.under_way.load(Ordering::SeqCst) == 0).await;
    let begun = bench.provider.begun.load(Ordering::SeqCst);
    // For each call in flight three ids may be in hand, as results that wait for their commit or their reader.
    assert!(begun <= 5 + 3 * CONCURRENCY, "{begun} calls for 5 events");
    let rest: Vec<_> = stream.collect().await;
    assert_eq!(rest.len(), 196);
    assert!(matches!(rest.last().unwrap().as_ref().unwrap().event, BulkEvent::Summary { updated: 200, .. }));
}

async fn a_cancelled_stream_ends_its_calls_at_once_and_begins_no_more(rig: Rig) {
    let bench = Bench::new(&rig, 100).await;
    let mut stream = bench.service.refresh_bulk(&bench.caller, bench.request()).await.unwrap();
    let reader = tokio::spawn(async move { while stream.next().await.is_some() {} });
    let provider = bench.provider.clone();
    until("all slots are taken", || provider.under_way.load(Ordering::SeqCst) == CONCURRENCY).await;
    reader.abort();
    until("no call is under way", || provider.under_way.load(Ordering::SeqCst) == 0).await;
    assert_eq!(provider.begun.load(Ordering::SeqCst), CONCURRENCY);
}

async fn one_slow_id_does_not_hold_the_others_up(rig: Rig) {
    let bench = Bench::new(&rig, 100).await;
    let mut stream = bench.service.refresh_bulk(&bench.caller, bench.request()).await.unwrap();
    // One answer fewer than there are ids: ninety-nine results come all the same.
    bench.provider.answers.add_permits(99);
    for expected in 1..=99 {
        assert_eq!(stream.next().await.unwrap().unwrap().completed, expected);
    }
    bench.provider.answers.add_permits(1);
    assert_eq!(stream.next().await.unwrap().unwrap().completed, 100);
    assert!(matches!(stream.next().await.unwrap().unwrap().event, BulkEvent::Summary { .. }));
    assert!(stream.next().await.is_none());
}

on_both_databases![Rig::on =>
    a_reader_that_reads_nothing_more_holds_the_calls_back,
    a_cancelled_stream_ends_its_calls_at_once_and_begins_no_more,
    one_slow_id_does_not_hold_the_others_up,
];
