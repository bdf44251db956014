//! The wall clock steps, and nobody is told; or is wrong when the process starts.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::check::own::Own;
use crate::evidence::ledger;
use crate::evidence::tables::Tables;
use crate::fleet::{Database, Fleet};
use crate::load::{LATER, Singles, schedule};
use crate::options::Size;
use crate::scenarios::Done;

const CALM: Duration = Duration::from_secs(2);
/// By how much it steps, and for how long: a minute later it would be followed.
const STEP: i64 = 3 * 86_400;
const STEPPED: Duration = Duration::from_secs(3);
/// How many messages wait for their time.
const WAITING: u32 = 200;
/// How long it takes a process to follow a clock that was wrong when it started: it has to stay for a minute, and is looked at every ten
/// seconds.
const FOLLOWED: Duration = Duration::from_secs(82);
/// How long a process may take to be there again.
const START: Duration = Duration::from_secs(30);
/// The longest wait of those that are scheduled a second ahead.
const QUEUED: Duration = Duration::from_secs(4);

/// It goes days forth and back while messages wait for their time, and others are sent.
pub async fn clock(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Done {
    let clock = fleet.clock.as_ref().expect("a clock that can be set");
    let mut told = schedule(fleet, WAITING).await;
    let later: HashSet<String> = told.iter().map(|told| told.destination.clone()).collect();
    let load = Singles { messages: u32::MAX, rate: size.rate }.start(fleet);
    for step in [STEP, -STEP].repeat(size.rounds as usize) {
        sleep(CALM.mul_f64(rng.random_range(0.5..1.5))).await;
        clock.step(step);
        sleep(STEPPED).await;
        clock.step(0);
    }
    sleep(CALM).await;
    told.extend(load.stop().await);
    sleep(QUEUED).await;
    for step in [STEP, -STEP] {
        begin_wrong(fleet, step).await;
    }

    let mut own = Own { none_unknown: true, once_each: true, ..Own::default() };
    let early = ledger::read(&fleet.ledger_url()).await;
    let early = early.iter().filter(|entry| later.contains(&entry.destination)).count();
    let tables = Tables::open(&fleet.database).await;
    let waiting = tables.scheduled().await;
    if early > 0 || waiting != WAITING as usize {
        own.wrong.push(format!("{early} sent before their time, {waiting} of {WAITING} wait for it"));
    }
    let steps = 2 * size.rounds;
    own.measured.push(format!("{steps} steps of three days and 2 starts, {waiting} messages waited for their time"));
    // Their time comes.
    tables.bring_forward(LATER).await;
    Done { own, ..Done::from(told) }
}

/// A process is killed and starts while the clock is off, which is put right some seconds later. On Postgres its server's clock is
/// right all the time, and there is nothing to follow.
async fn begin_wrong(fleet: &Fleet, step: i64) {
    let clock = fleet.clock.as_ref().expect("a clock that can be set");
    let replica = &fleet.replicas[0];
    replica.kill();
    clock.step(step);
    replica.start(START).await;
    sleep(STEPPED).await;
    clock.step(0);
    let followed = if matches!(fleet.database, Database::Postgres { .. }) { CALM } else { FOLLOWED };
    sleep(followed).await;
}
