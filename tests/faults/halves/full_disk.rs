//! The disk that the database is on is full, while answers of the provider's are on their way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use messaging::proto::SendSingleRequest;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use tokio::time::sleep;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{ready, unready};
use crate::check::own::Own;
use crate::fleet::{Fleet, Replica};
use crate::load::{Campaigns, Singles};
use crate::options::Size;
use crate::scenarios::Done;

/// Load before it and after it.
const CALM: Duration = Duration::from_secs(2);
/// How long answers are held back before the disk is filled, as in `outage-long`.
const FILLED: Duration = Duration::from_millis(1200);
/// How long it lasts.
const LASTS: Duration = Duration::from_secs(15);
/// How long it may take until `/readyz` says so: rows find room for a while in pages that were there; and until all is well.
const NOTICED: Duration = Duration::from_secs(15);
/// The reason.
const FULL: &str = "STORAGE_FULL";

/// Fills it, and makes room again.
pub async fn full_disk(fleet: &Arc<Fleet>, size: Size) -> Done {
    let disk = fleet.disk.as_ref().expect("the scenario has one");
    let load = Singles { messages: u32::MAX, rate: size.rate }.start(fleet);
    let campaigns = Campaigns { campaigns: 2, recipients: size.recipients, every: CALM, one_by_one: 2 }.start(fleet);
    let mut asked = 0;
    let mut own = Own { none_unknown: true, once_each: true, ..Own::default() };
    for round in 0..size.rounds.min(3) {
        sleep(CALM).await;
        fleet.replicas.iter().for_each(|replica| replica.gateway.mood().hold());
        sleep(FILLED).await;
        let taken = disk.fill();
        let begun = Instant::now();
        let held = fleet.replicas.iter().map(|replica| replica.gateway.mood().release()).sum::<u32>();
        let (mut refused, mut otherwise) = (0, Vec::new());
        let mut unready_after = None;
        while begun.elapsed() < NOTICED + LASTS && unready_after.is_none_or(|after| begun.elapsed() < after + LASTS) {
            for replica in &fleet.replicas {
                asked += 1;
                match told(fleet, replica, asked).await {
                    Some(reason) if reason == FULL => refused += 1,
                    Some(reason) => otherwise.push(reason),
                    None => {}
                }
            }
            let all = futures::future::join_all(fleet.replicas.iter().map(|replica| unready(replica))).await;
            if unready_after.is_none() && all.iter().all(|said| said.as_deref() == Some(FULL)) {
                unready_after = Some(begun.elapsed());
            }
            // What the database has given back meanwhile.
            disk.fill();
            sleep(Duration::from_millis(250)).await;
        }
        disk.clear();
        // Leases have ended meanwhile, as in an outage.
        fleet.replicas.iter().for_each(|_| fleet.count_cut());
        let cleared = Instant::now();
        while cleared.elapsed() < NOTICED && !all_ready(fleet).await {
            sleep(Duration::from_millis(50)).await;
        }
        if unready_after.is_none() {
            own.wrong.push(format!("round {round}: full, and /readyz does not say so"));
        }
        if refused == 0 || !otherwise.is_empty() {
            own.wrong.push(format!("round {round}: {refused} calls heard {FULL}, others {otherwise:?}"));
        }
        if !all_ready(fleet).await {
            own.wrong.push(format!("round {round}: there is room again, and /readyz says something else"));
        }
        own.measured.push(format!(
            "{} KB full, {held} answers in hand: /readyz said so after {unready_after:.1?}, {refused} calls heard it; all well {:.1?} after there \
             was room",
            taken / 1024,
            cleared.elapsed()
        ));
    }
    sleep(CALM).await;
    let (mut told, of_campaigns) = tokio::join!(load.stop(), campaigns.stop());
    told.extend(of_campaigns);
    Done { own, ..Done::from(told) }
}

async fn all_ready(fleet: &Fleet) -> bool {
    let all = futures::future::join_all(fleet.replicas.iter().map(|replica| ready(replica))).await;
    all.into_iter().all(|ready| ready.is_ok())
}

/// The reason that a send hears that is refused; nothing of one that finds room, or whose answer takes too long.
async fn told(fleet: &Fleet, replica: &Arc<Replica>, number: u32) -> Option<String> {
    let wanted = SendSingleRequest {
        destination: format!("+30694{:03}{}", number / 9000 % 1000, 1000 + number % 9000),
        text: "Is there room?".to_owned(),
        ..SendSingleRequest::default()
    };
    let mut request = fleet.with_token(wanted);
    request.set_timeout(Duration::from_secs(5));
    let refused = MessagingServiceClient::new(replica.channel()?).send_single(request).await.err()?;
    let reason = refused.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    let timed_out = matches!(refused.code(), Code::DeadlineExceeded | Code::Cancelled);
    (!timed_out).then_some(reason)
}
