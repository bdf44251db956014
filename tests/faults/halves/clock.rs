//! The wall clock steps, and nobody is told.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::check::own::Own;
use crate::evidence::ledger;
use crate::evidence::tables::Tables;
use crate::fleet::Fleet;
use crate::load::{LATER, Singles, schedule};
use crate::options::Size;
use crate::scenarios::Done;

const CALM: Duration = Duration::from_secs(2);
/// By how much it steps, and for how long: a minute later it would be followed.
const STEP: i64 = 3 * 86_400;
const STEPPED: Duration = Duration::from_secs(3);
/// How many messages wait for their time.
const WAITING: u32 = 200;
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

    let mut own = Own { none_unknown: true, once_each: true, ..Own::default() };
    let early = ledger::read(&fleet.ledger_url()).await;
    let early = early.iter().filter(|entry| later.contains(&entry.destination)).count();
    let tables = Tables::open(&fleet.database).await;
    let waiting = tables.scheduled().await;
    if early > 0 || waiting != WAITING as usize {
        own.wrong.push(format!("{early} sent before their time, {waiting} of {WAITING} wait for it"));
    }
    own.measured.push(format!("{} steps of three days, {waiting} messages waited for their time", 2 * size.rounds));
    // Their time comes.
    tables.bring_forward(LATER).await;
    Done { own, ..Done::from(told) }
}
