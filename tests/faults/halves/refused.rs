//! The database refuses every change of one message, and of one more what its holder knows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::check::own::Own;
use crate::evidence::tables::Tables;
use crate::fleet::Fleet;
use crate::load::{Campaigns, Singles};
use crate::options::Size;
use crate::scenarios::Done;

/// How long everything else may take.
const OTHERS: Duration = Duration::from_secs(60);
const START: Duration = Duration::from_secs(30);

/// A campaign in bulk calls, one that goes out one by one, and single sends, beside them.
pub async fn refused_row(fleet: &Arc<Fleet>, size: Size) -> Done {
    fleet.limit(1, 1).await;
    let load = Singles { messages: u32::MAX, rate: 20 }.start(fleet);
    let campaigns =
        Campaigns { campaigns: 2, recipients: size.recipients, every: Duration::ZERO, one_by_one: 2 }.start(fleet);
    let tables = Tables::open(&fleet.database).await;
    let begun = Instant::now();
    let victims = loop {
        let queued = tables.queued().await;
        if let Some(victims) = queued.first_chunk::<2>().filter(|_| queued.len() > 300) {
            break victims.clone();
        }
        assert!(begun.elapsed() < OTHERS, "a campaign becomes messages");
        sleep(Duration::from_millis(100)).await;
    };
    let [whole, settled] = &victims;
    tables.refuse(whole, false).await;
    tables.refuse(settled, true).await;
    fleet.limit(0, 1).await;
    sleep(Duration::from_secs(3) * size.rounds).await;
    let (mut told, of_campaigns) = tokio::join!(load.stop(), campaigns.stop());
    told.extend(of_campaigns);

    let mut own = Own::default();
    let begun = Instant::now();
    let mut left = tables.unsettled(false).await;
    while left > victims.len() && begun.elapsed() < OTHERS {
        sleep(Duration::from_millis(250)).await;
        left = tables.unsettled(false).await;
    }
    if left > victims.len() {
        own.wrong.push(format!("{left} messages wait beside those that are refused"));
    }
    if left < victims.len() {
        own.wrong.push("what is refused was changed: nothing was tried here".to_owned());
    }
    own.measured.push(format!("all others were through {:.1?} after the last was begun", begun.elapsed()));
    tables.allow(&victims).await;
    // One message's answer was refused for good. Whoever leaves a message out does so for minutes, but only in its memory.
    fleet.count_cut();
    for replica in &fleet.replicas {
        replica.stop().await;
        replica.start(START).await;
    }
    Done { own, ..Done::from(told) }
}
