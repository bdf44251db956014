//! Many read long lists, while others send.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{ListMessagesRequest, MessageStatus};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::check::own::Own;
use crate::evidence::tables::Tables;
use crate::fleet::Fleet;
use crate::load::{Campaigns, probe};
use crate::options::Size;
use crate::scenarios::Done;

/// How many read at a time.
const READERS: usize = 40;
/// How many messages there are to be read.
const MESSAGES: u32 = 10_000;
/// How long it lasts for each round.
const LASTS: Duration = Duration::from_secs(8);
/// The slowest send that is put up with, of a debug build on a busy machine.
const SLOWEST: Duration = Duration::from_secs(2);
/// How long the messages may take to be there.
const FILLED: Duration = Duration::from_mins(3);

/// Everybody reads the one campaign, by a status that it has and by one that it has not.
pub async fn readers(fleet: &Arc<Fleet>, size: Size) -> Done {
    let filling = Campaigns { campaigns: 1, recipients: MESSAGES, every: Duration::ZERO, one_by_one: 2 }.start(fleet);
    let told = filling.finish().await;
    let campaign = told.first().and_then(|told| told.campaign).expect("a campaign");
    let tables = Tables::open(&fleet.database).await;
    let begun = Instant::now();
    while tables.unsettled(false).await + tables.alive(false).await > 0 && begun.elapsed() < FILLED {
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let (stop, pages) = (CancellationToken::new(), Arc::<AtomicU32>::default());
    let mut reading = JoinSet::new();
    for reader in 0..READERS {
        let read = read(fleet.clone(), reader, campaign, pages.clone());
        reading.spawn(stop.clone().run_until_cancelled_owned(read));
    }
    let mut own = Own::default();
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < LASTS * size.rounds {
        let replica = &fleet.replicas[times.len() % fleet.replicas.len()];
        times.push(probe(fleet, replica, LASTS).await.unwrap_or(LASTS));
    }
    stop.cancel();
    reading.join_all().await;
    times.sort_unstable();
    let (count, slowest) = (times.len(), times.last().copied().unwrap_or_default());
    if slowest > SLOWEST {
        own.wrong.push(format!("a send took {slowest:.1?} beside {READERS} readers"));
    }
    let pages = pages.load(Ordering::Relaxed);
    own.measured.push(format!(
        "{pages} pages read by {READERS}; {count} sends beside them, half within {:.0?}, all within {slowest:.0?}",
        times[count / 2]
    ));
    if pages == 0 {
        own.wrong.push("nothing was read".to_owned());
    }
    Done { own, ..Done::from(told) }
}

/// One page after the other.
async fn read(fleet: Arc<Fleet>, reader: usize, campaign: i64, pages: Arc<AtomicU32>) {
    let status = if reader.is_multiple_of(2) { MessageStatus::Sent } else { MessageStatus::Failed };
    loop {
        let Some(channel) = fleet.channel(reader) else { return };
        let request = ListMessagesRequest {
            page_size: 100,
            campaign_id: Some(campaign),
            status: status.into(),
            ..ListMessagesRequest::default()
        };
        let mut client = MessagingServiceClient::new(channel).max_decoding_message_size(64 << 20);
        if client.list_messages(fleet.with_token(request)).await.is_ok() {
            pages.fetch_add(1, Ordering::Relaxed);
        }
    }
}
