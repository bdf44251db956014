//! One of two replicas stands still, with whatever it has locked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::{sleep, timeout};

use super::ready;
use crate::check::own::Own;
use crate::fleet::{Fleet, Loss};
use crate::load::{Campaigns, Singles};
use crate::options::Size;
use crate::scenarios::Done;

/// How long it stands still: shorter than a lease, longer than a lock may be held.
const FROZEN: Duration = Duration::from_secs(15);
/// How long the other may be without a message that goes out: five seconds until the server ends the transaction that
/// stands still, and the claim that waited for it.
const GAP: Duration = Duration::from_secs(8);
/// The rate that both share.
const RATE: u32 = 60;
const CALM: Duration = Duration::from_secs(2);
/// The longest wait for a COMMIT.
const TRAP: Duration = Duration::from_secs(30);

/// Every other time it stands still just before a COMMIT, else at any moment.
pub async fn frozen(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Done {
    let (victim, other) = (&fleet.replicas[0], &fleet.replicas[1]);
    let line = fleet.line.as_ref().expect("the harness's own way");
    let arrivals = Fleet::arrivals(other);
    fleet.limit(RATE, 20).await;
    // More than can be sent until the end.
    let campaigns = Campaigns { campaigns: 2 * size.rounds, recipients: 520, every: CALM, one_by_one: 2 }.start(fleet);
    let load = Singles { messages: u32::MAX, rate: 10 }.start(fleet);
    let mut own = Own::default();
    let mut longest = Duration::ZERO;
    let mut sent = 0;
    for round in 0..size.rounds * 2 {
        sleep(CALM.mul_f64(rng.random_range(1.0..2.0))).await;
        if round % 2 == 0 {
            let replica = Arc::downgrade(victim);
            let act = move || replica.upgrade().iter().for_each(|replica| replica.pause());
            let sprung = line.lose(rng.random_range(0..20), Loss::Undelivered, act);
            timeout(TRAP, sprung).await.expect("something is committed").unwrap();
        } else {
            victim.pause();
        }
        fleet.count_cut();
        let begun = Instant::now();
        while begun.elapsed() < FROZEN {
            let (well, sick) = tokio::join!(ready(other), ready(victim));
            if let Err(what) = well {
                own.wrong.push(format!("round {round}: /readyz of the other says {what}"));
            }
            if sick.is_ok() {
                own.wrong.push(format!("round {round}: it stands still, and its /readyz says that it is ready"));
            }
            sleep(Duration::from_millis(500)).await;
        }
        victim.resume();
        let times = arrivals.lock().unwrap().clone();
        let (gap, count) = gap(&times, begun, Instant::now());
        longest = longest.max(gap);
        sent += count;
        if gap > GAP {
            own.wrong.push(format!("round {round}: the other sent nothing for {gap:.1?}"));
        }
    }
    fleet.limit(0, 1).await;
    let (mut told, of_campaigns) = tokio::join!(load.stop(), campaigns.stop());
    told.extend(of_campaigns);
    let rounds = u64::from(size.rounds * 2);
    own.measured.push(format!(
        "{rounds} times still: the other sent {} in a second of {RATE}, the longest gap was {longest:.1?}",
        sent / (rounds * FROZEN.as_secs())
    ));
    Done { own, ..Done::from(told) }
}

/// The longest time without an arrival, and how many there were.
fn gap(times: &[Instant], from: Instant, to: Instant) -> (Duration, u64) {
    let mut longest = Duration::ZERO;
    let (mut last, mut count) = (from, 0);
    for time in times.iter().copied().filter(|time| (from..to).contains(time)) {
        longest = longest.max(time.saturating_duration_since(last));
        (last, count) = (time, count + 1);
    }
    (longest.max(to.saturating_duration_since(last)), count)
}
