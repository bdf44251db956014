//! Postgres answers, and takes no write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::ready;
use crate::check::own::Own;
use crate::fleet::{Database, Fleet, Replica, connect};
use crate::load::{Campaigns, Singles};
use crate::options::Size;
use crate::scenarios::Done;

const CALM: Duration = Duration::from_secs(2);
/// How long it lasts.
const LASTS: Duration = Duration::from_secs(8);
/// How long it may take until `/readyz` says so, and until it says that it is over.
const NOTICED: Duration = Duration::from_secs(5);

/// Transactions are read-only unless they say otherwise, as on a standby.
pub async fn read_only(fleet: &Arc<Fleet>, size: Size) -> Done {
    let load = Singles { messages: u32::MAX, rate: size.rate }.start(fleet);
    let campaigns = Campaigns { campaigns: 2, recipients: size.recipients, every: CALM, one_by_one: 2 }.start(fleet);
    let mut own = Own { none_unknown: true, once_each: true, ..Own::default() };
    let mut longest = Duration::ZERO;
    for round in 0..size.rounds {
        sleep(CALM).await;
        for (on, lasts) in [(true, LASTS), (false, CALM)] {
            set(fleet, on).await;
            let begun = Instant::now();
            for replica in &fleet.replicas {
                match turns(replica, on).await {
                    Some(took) => longest = longest.max(took),
                    None => own.wrong.push(format!("round {round}: /readyz, read-only {on}, and not said so")),
                }
            }
            while begun.elapsed() < lasts {
                for replica in &fleet.replicas {
                    let said = ready(replica).await;
                    if said.is_err() != on {
                        own.wrong.push(format!("round {round}: read-only {on}, and /readyz says {said:?}"));
                    }
                }
                sleep(Duration::from_millis(500)).await;
            }
        }
    }
    let (mut told, of_campaigns) = tokio::join!(load.stop(), campaigns.stop());
    told.extend(of_campaigns);
    own.measured.push(format!("{} times read-only, /readyz said so after {longest:.1?} at the latest", size.rounds));
    Done { own, ..Done::from(told) }
}

/// How long it takes until `/readyz` says that the database takes no write, or takes them again.
async fn turns(replica: &Replica, read_only: bool) -> Option<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < NOTICED {
        let said = ready(replica).await;
        if said.is_ok() != read_only && said.err().is_none_or(|status| status == "503") {
            return Some(begun.elapsed());
        }
        sleep(Duration::from_millis(50)).await;
    }
    None
}

async fn set(fleet: &Fleet, on: bool) {
    let Database::Postgres { url, .. } = &fleet.database else { return };
    let client = connect(url).await.expect("the server answers");
    let how = if on { "SET default_transaction_read_only = on" } else { "RESET default_transaction_read_only" };
    client.batch_execute(&format!("ALTER SYSTEM {how}")).await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}
