//! Campaigns whose client changes its mind: it pauses, resumes and cancels them while they are being sent, and starts some
//! for later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt as _, TryFutureExt as _};
use jiff::Timestamp;
use messaging::proto::campaign_service_client::CampaignServiceClient;
use messaging::proto::{CancelCampaignRequest, PauseCampaignRequest, ResumeCampaignRequest};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;

use super::campaign::{Wanted, conduct, until_done};
use super::{Orders, Running, Told};
use crate::fleet::Fleet;

/// How long a campaign is sent before the next order.
const SENDING: Duration = Duration::from_millis(1500);
/// How long one is paused.
const PAUSED: Duration = Duration::from_secs(8);
/// How far ahead one is scheduled.
const LATER: Duration = Duration::from_secs(8);
/// How long what was in flight at an order may take to reach the provider: the longest call, and a moment.
const IN_FLIGHT: Duration = Duration::from_secs(4);

/// A client's orders for its campaign.
#[derive(Debug, Clone, Copy)]
enum Course {
    PauseTwice,
    Cancel,
    Later,
    PauseAndCancel,
}

const COURSES: [Course; 4] = [Course::PauseTwice, Course::Cancel, Course::Later, Course::PauseAndCancel];

/// How many campaigns take each course, and how large they are.
#[derive(Debug, Clone, Copy)]
pub struct Steered {
    pub rounds: u32,
    pub recipients: u32,
}

impl Steered {
    /// Starts the clients, all at once.
    pub fn start(self, fleet: &Arc<Fleet>) -> Running {
        let begun = Arc::<AtomicU32>::default();
        let (fleet, counted) = (fleet.clone(), begun.clone());
        let work = async move {
            let mut clients = JoinSet::new();
            // Each course in both guarantees: every other campaign is at most once.
            for number in 0..self.rounds * 8 {
                counted.fetch_add(1, Ordering::Relaxed);
                let fleet = fleet.clone();
                let course = COURSES[number as usize / 2 % COURSES.len()];
                clients.spawn(async move { steer(&fleet, number, self.recipients, course).await });
            }
            clients.join_all().await.into_iter().flatten().collect()
        };
        Running { work: tokio::spawn(work), stop: CancellationToken::new(), begun }
    }
}

async fn steer(fleet: &Fleet, number: u32, recipients: u32, course: Course) -> Vec<Told> {
    let mut wanted = Wanted::new(number, recipients, fleet);
    if let Course::Later = course {
        wanted.at = Some(Timestamp::now() + LATER);
    }
    let orders = async |campaign| {
        let mut orders = Orders::default();
        match course {
            Course::Later => {
                orders.silences.extend(wanted.at.map(|at| (Timestamp::MIN, at, "before its time")));
            }
            Course::PauseTwice => {
                for _ in 0..2 {
                    pause(fleet, &wanted, campaign, &mut orders).await?;
                }
            }
            Course::Cancel => {
                sleep(SENDING).await;
                cancel(fleet, &wanted, campaign, &mut orders).await?;
            }
            Course::PauseAndCancel => {
                pause(fleet, &wanted, campaign, &mut orders).await?;
                cancel(fleet, &wanted, campaign, &mut orders).await?;
            }
        }
        Ok(orders)
    };
    conduct(fleet, &wanted, orders).await
}

/// Lets it be sent for a while, pauses it, and resumes it.
async fn pause(fleet: &Fleet, wanted: &Wanted, campaign_id: i64, orders: &mut Orders) -> Result<(), String> {
    sleep(SENDING).await;
    order(fleet, wanted, "pause", |mut client| {
        let request = fleet.with_token(PauseCampaignRequest { campaign_id });
        async move { client.pause_campaign(request).await }.map_ok(drop).boxed()
    })
    .await?;
    let from = Timestamp::now() + IN_FLIGHT;
    sleep(PAUSED).await;
    orders.silences.push((from, Timestamp::now(), "while it was paused"));
    order(fleet, wanted, "resume", |mut client| {
        let request = fleet.with_token(ResumeCampaignRequest { campaign_id });
        async move { client.resume_campaign(request).await }.map_ok(drop).boxed()
    })
    .await
}

async fn cancel(fleet: &Fleet, wanted: &Wanted, campaign_id: i64, orders: &mut Orders) -> Result<(), String> {
    order(fleet, wanted, "cancel", |mut client| {
        let request = fleet.with_token(CancelCampaignRequest { campaign_id });
        async move { client.cancel_campaign(request).await }.map_ok(drop).boxed()
    })
    .await?;
    orders.cancelled = true;
    orders.silences.push((Timestamp::now() + IN_FLIGHT, Timestamp::MAX, "after it was cancelled"));
    Ok(())
}

async fn order(
    fleet: &Fleet,
    wanted: &Wanted,
    name: &str,
    call: impl Fn(CampaignServiceClient<Channel>) -> BoxFuture<'static, Result<(), Status>>,
) -> Result<(), String> {
    until_done(fleet, wanted, name, |channel| call(CampaignServiceClient::new(channel)), |_| None).await
}
