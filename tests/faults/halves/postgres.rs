//! The way to Postgres falls silent, or loses an answer.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::{sleep, timeout};

use super::ready;
use crate::check::own::Own;
use crate::fleet::{Fleet, Loss, Replica};
use crate::load::{Calling, Campaigns, Singles, probe};
use crate::options::Size;
use crate::scenarios::Done;

/// Load before the first disturbance and after the last.
const CALM: Duration = Duration::from_secs(1);
/// How long a send may take that is begun when every connection has just fallen silent: eight seconds until the first one
/// is given up, and a new one.
const GOES_ON: Duration = Duration::from_secs(12);
/// How long the next ones may take: less than giving up one more connection does.
const AT_ONCE: Duration = Duration::from_secs(6);
/// A send that takes longer has `/readyz` say so meanwhile.
const SAID_SO: Duration = Duration::from_secs(4);
/// The longest wait for a COMMIT.
const TRAP: Duration = Duration::from_secs(30);
/// How many COMMITs are lost in a round.
const LOSSES: u32 = 10;
/// How many COMMITs pass before one is lost, at most.
const PASSING: u32 = 40;

/// All connections that are open fall silent; new ones work.
pub async fn swallowed(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Done {
    let line = fleet.line.as_ref().expect("the harness's own way");
    let load = Singles { messages: u32::MAX, rate: size.rate }.start(fleet);
    let mut own = Own { none_unknown: true, ..Own::default() };
    sleep(CALM).await;
    let mut longest = Duration::ZERO;
    for round in 0..size.rounds {
        sleep(CALM.mul_f64(rng.random_range(0.0..2.0))).await;
        let silent = line.swallow();
        let replica = &fleet.replicas[0];
        let said = timeout(GOES_ON, until_unready(replica));
        let (took, said) = tokio::join!(probe(fleet, replica, GOES_ON), said);
        if took.is_none_or(|took| took > SAID_SO) && said.is_err() {
            own.wrong.push(format!("round {round}: no send for {took:?}, and /readyz says that one could be accepted"));
        }
        match took {
            Some(took) => longest = longest.max(took),
            None => own.wrong.push(format!("round {round}: no send within {GOES_ON:?}, {silent} connections silent")),
        }
        // And then at once: what is still open is not tried one after the other.
        for _ in 0..3 {
            let took = probe(fleet, &fleet.replicas[0], GOES_ON).await.unwrap_or(GOES_ON);
            if took > AT_ONCE {
                own.wrong.push(format!("round {round}: {took:?} for a send after one that went through"));
            }
        }
    }
    own.measured.push(format!("{} times silent, the slowest first send after it took {longest:.1?}", size.rounds));
    sleep(CALM).await;
    let told = load.stop().await;
    Done { own, ..Done::from(told) }
}

/// Ends when `/readyz` says, or gives no answer that says otherwise, that no send could be accepted.
async fn until_unready(replica: &Replica) {
    while ready(replica).await.is_ok() {
        sleep(CALM / 5).await;
    }
}

/// The answers to COMMITs are lost, one at a time, whoever asked for them.
pub async fn commit_lost(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Done {
    let line = fleet.line.as_ref().expect("the harness's own way");
    let load = Singles { messages: u32::MAX, rate: size.rate }.start(fleet);
    let every = Duration::from_secs(4);
    let campaigns = 2 * size.rounds;
    let campaigns = Campaigns { campaigns, recipients: size.recipients, every, one_by_one: 2 }.start(fleet);
    let calling = Calling::start(fleet);
    sleep(CALM).await;
    let mut lost = [0; 3];
    for _ in 0..size.rounds * LOSSES {
        let kind = rng.random_range(0..3);
        let loss = [Loss::Closed, Loss::Silent, Loss::Undelivered][kind];
        let sprung = line.lose(rng.random_range(0..PASSING), loss, || ());
        timeout(TRAP, sprung).await.expect("something is committed").unwrap();
        lost[kind] += 1;
        sleep(CALM.mul_f64(rng.random_range(0.0..0.6))).await;
    }
    sleep(CALM).await;
    let (mut told, of_campaigns, unkeyed) = tokio::join!(load.stop(), campaigns.stop(), calling.stop());
    told.extend(of_campaigns);
    let refused = unkeyed.iter().filter(|call| call.told == Some(false)).count();
    let measured = vec![format!(
        "COMMITs lost: {} closed, {} silent, {} undelivered; {} calls without a key, {refused} refused",
        lost[0],
        lost[1],
        lost[2],
        unkeyed.len()
    )];
    Done { own: Own { none_unknown: true, measured, unkeyed, ..Own::default() }, ..Done::from(told) }
}
