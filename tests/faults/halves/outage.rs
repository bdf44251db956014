//! Postgres is away for longer than a lease, while replicas have answers of the provider's in hand.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::check::own::Own;
use crate::fleet::{Fleet, LEASE};
use crate::load::{Campaigns, Singles};
use crate::options::Size;
use crate::scenarios::Done;

/// Load before it and after it.
const CALM: Duration = Duration::from_secs(2);
/// How long answers are held back until Postgres is stopped: everything that is in flight has come to the provider, and no
/// call has been given up.
const FILLED: Duration = Duration::from_millis(1200);
/// How long a replica has until it is killed: for the spool.
const WRITTEN: Duration = Duration::from_secs(4);
/// How long a replica gets to start.
const START: Duration = Duration::from_secs(30);

/// Postgres goes and comes back; with `killed` the replicas do not live to see it, and others read what they have left.
pub async fn outage(fleet: &Arc<Fleet>, size: Size, killed: bool) -> Done {
    let away = if killed || size.rounds == 1 { LEASE + Duration::from_secs(10) } else { LEASE * 4 + WRITTEN };
    let away = size.outage.filter(|_| !killed).unwrap_or(away);
    let load = Singles { messages: u32::MAX, rate: size.rate.max(60) }.start(fleet);
    let campaigns =
        Campaigns { campaigns: 2, recipients: size.recipients, every: Duration::ZERO, one_by_one: 2 }.start(fleet);
    sleep(CALM).await;
    fleet.replicas.iter().for_each(|replica| replica.gateway.mood().hold());
    sleep(FILLED).await;
    let mut held = 0;
    let meanwhile = async {
        held = fleet.replicas.iter().map(|replica| replica.gateway.mood().release()).sum();
        sleep(WRITTEN).await;
        if killed {
            fleet.replicas.iter().for_each(|replica| replica.kill());
        }
        sleep(away.saturating_sub(WRITTEN)).await;
    };
    fleet.database.crash_while(meanwhile).await;
    // Leases have ended, and whoever looks first may believe that answers were lost: until they are told.
    fleet.replicas.iter().for_each(|_| fleet.count_cut());
    for replica in fleet.replicas.iter().filter(|_| killed) {
        replica.start(START).await;
    }
    sleep(CALM).await;
    let (mut told, of_campaigns) = tokio::join!(load.stop(), campaigns.stop());
    told.extend(of_campaigns);
    let measured = vec![format!("{held} calls were answered while Postgres was away for {} s", away.as_secs())];
    let wrong = if held == 0 { vec!["no answer was in hand".to_owned()] } else { Vec::new() };
    let own = Own { measured, wrong, none_unknown: true, once_each: true, ..Own::default() };
    Done { own, ..Done::from(told) }
}
